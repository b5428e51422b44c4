"""The claims on a published release as SQL that counts what breaks them: one question for each table and group of claims.

It reads the build (schemas cdm, operations, vault), the release's serving file as `made`, and two tables it first makes:
rr_persons (original, shown, shift_days, first_day, birth_year) and rr_changed (keys of texts as they came in which something was
struck out). The publisher runs it; nothing here does.
"""

from collections.abc import Callable, Iterator

from data.catalogue.model import Catalogue, Table
from data.snapshots import Check
from data.snapshots.text import source_of
from policies.releases import ways
from policies.releases.claims import COARSE, Claim, claims_of
from policies.releases.compile import CompiledRelease
from policies.releases.fates import expression_of, fates
from policies.releases.zip3 import RESTRICTED_ZIP3

Make = Callable[[Table, list[Claim]], Check]


def checks(release: CompiledRelease, catalogue: Catalogue) -> Iterator[Check]:
    """All that is to be counted of a release: one question for each table and group of claims."""
    for table, claims, make, askable in _groups(release, catalogue):
        if askable:
            yield make(table, claims)


def unproved(release: CompiledRelease, catalogue: Catalogue) -> list[str]:
    """Columns (table.column) of which something is claimed that cannot be counted, since their rows lead to no person."""
    found = [
        f"{table.name}.{one.column}"
        for table, claims, _, askable in _groups(release, catalogue)
        for one in claims
        if not askable
    ]
    return list(dict.fromkeys(found))


def _groups(release: CompiledRelease, catalogue: Catalogue) -> Iterator[tuple[Table, list[Claim], Make, bool]]:
    """Claims by table and by how they are counted, and whether they can be."""
    claimed: dict[str, list[Claim]] = {}
    person_key = person_key_sql(release, catalogue) is not None
    for table, column, _, parts in fates(release, catalogue):
        claimed.setdefault(table.name, []).extend(claims_of(release.base, table, column, parts))
    for name, claims in claimed.items():
        table = catalogue[name]
        person = person_key and table.unit == "person" and "person_id" in release.columns(name)
        for told, make, needs_person in _MAKERS:
            if mine := [one for one in claims if one.name in told]:
                yield table, mine, make, person or not needs_person


def person_key_sql(release: CompiledRelease, catalogue: Catalogue) -> str | None:
    """The release's own SQL for person_id, as it stands in any of its tables; None where it shows none."""
    for table in catalogue.values():
        if table.unit == "person" and "person_id" in release.columns(table.name):
            return expression_of(release, table, "person_id")
    return None


def prepare(release: CompiledRelease, catalogue: Catalogue) -> tuple[str, ...]:
    """What is made before the questions: who is who, and which texts were changed."""
    key = person_key_sql(release, catalogue)
    persons = (
        f"CREATE OR REPLACE TEMP TABLE rr_persons AS SELECT src.person_id AS original, {key} AS shown, "
        f"pk.shift_days, pf.first_day, greatest(pf.birth_year, {ways.OLDEST}) AS birth_year FROM cdm.person AS src "
        "JOIN vault.person_key AS pk USING (person_id) JOIN vault.person_first AS pf USING (person_id)"
    )
    # What was written for somebody may be, letter for letter, what stood elsewhere: a moved date is a date. That tells nothing.
    written = f"rr_text_key({'dated_text' if release.base == 'limited' else 'text'})"
    changed = (
        f"CREATE OR REPLACE TEMP TABLE rr_changed AS SELECT key FROM vault.person_text WHERE {written} IS DISTINCT FROM key "
        f"EXCEPT SELECT {written} FROM vault.person_text"
    )
    return ((persons,) if key is not None else ()) + (changed,)


def made(table: str) -> str:
    """A table in the release's serving file."""
    return f"made.{table}" if "." in table else f"made.main.{table}"


# --- the questions ----------------------------------------------------------------------------------------------------


Counts = tuple[str, str]  # SQL of how many were looked at, and of how many break the claim


def _check(table: Table, claims: list[Claim], make: Callable[[Claim], Counts], source: str = "") -> Check:
    items = ", ".join(sql for one in claims for sql in make(one))
    subjects = tuple((one.name, one.column) for one in claims)
    return Check(table.name, subjects, f"SELECT {items}{f' FROM {source}' if source else ''}")


def _absent(table: Table, claims: list[Claim]) -> Check:
    schema, _, name = table.name.rpartition(".")
    where = f"schema_name = '{schema or 'main'}' AND table_name = '{name}'"
    columns = f"(SELECT column_name FROM duckdb_columns() WHERE database_name = 'made' AND {where})"
    return _check(table, claims, lambda one: ("1", f"count(*) FILTER (column_name = '{one.column}')"), columns)


def _keys(table: Table, claims: list[Claim]) -> Check:
    """Keys are numbers of 52 or 53 bits; among very many a few may be equal by chance, and ten times as many are let pass."""

    def counts(one: Claim) -> Counts:
        shown = f"(SELECT DISTINCT {one.column} AS v FROM {made(table.name)} WHERE {one.column} IS NOT NULL)"
        kept = f"(SELECT DISTINCT {one.of.name} AS v FROM {_build(table)} WHERE {one.of.name} IS NOT NULL)"
        n = f"(SELECT count(*) FROM {shown})"
        equal = f"(SELECT count(*) FROM {shown} SEMI JOIN {kept} USING (v))"
        chance = f"{n}::DOUBLE * (SELECT count(*) FROM {kept}) / {2**52}"
        allowed = f"CASE WHEN {chance} > 1e-6 THEN ceil(10 * {chance}) ELSE 0 END"
        return n, f"CASE WHEN {equal} > {allowed} THEN {equal} ELSE 0 END"

    return _check(table, claims, counts)


def _rows(table: Table, claims: list[Claim]) -> Check:
    """Claims on single values."""

    def counts(one: Claim) -> Counts:
        c = one.column
        broken = {
            "empty": "TRUE",
            "oldest": f"{c} < {ways.OLDEST}",
            "zip3": f"NOT regexp_matches({c}, '^[0-9]{{3}}$') OR {c} IN ({', '.join(map(repr, RESTRICTED_ZIP3))}) "
            f"OR ({c} <> '000' AND {c} NOT IN (SELECT v FROM ({ways.common_zip3()}) AS t(v) WHERE v IS NOT NULL))",
            "zip5": f"NOT regexp_matches({c}, '^[0-9]{{5}}$')",
            "withheld": f"{c} IN (SELECT value FROM vault.withheld_value WHERE source = '{source_of(table, one.of)}')",
            "redacted": f"rr_text_key({c}) IN (SELECT key FROM rr_changed)",
        }
        wrong = broken.get(one.name) or COARSE[one.way].format(c=c)
        return f"count({c})", f"count(*) FILTER ({c} IS NOT NULL AND ({wrong}))"

    return _check(table, claims, counts, made(table.name))


def _rare(table: Table, claims: list[Claim]) -> Check:
    """Distinct values but 0 that fewer than RARE persons have; male and female always stay."""

    def counts(one: Claim) -> Counts:
        c, where = one.column, f"{one.column} IS NOT NULL"
        if c.endswith("concept_id"):
            where += f" AND {c} <> 0"
        if c.startswith("gender"):
            where += f" AND {c} NOT IN (SELECT {c} FROM cdm.person WHERE gender_concept_id IN (8507, 8532) AND {c} IS NOT NULL)"
        shown = f"(SELECT DISTINCT {c} AS v FROM {made(table.name)} WHERE {where})"
        common = f"(SELECT v FROM ({ways.common_values(table, one.of.name)}) AS t(v) WHERE v IS NOT NULL)"
        return f"(SELECT count(*) FROM {shown})", f"(SELECT count(*) FROM {shown} WHERE v NOT IN {common})"

    return _check(table, claims, counts)


def _years(table: Table, claims: list[Claim]) -> Check:
    def counts(one: Claim) -> Counts:
        year, days = f"m.{one.column}", f"m.{one.of.name}_offset"
        wrong = f"{year} - p.birth_year > 89"
        if one.name == "year":
            wrong = f"NOT ({ways.year_holds('p.first_day', year, days)})"
        return f"count({year})", f"count(*) FILTER ({year} IS NOT NULL AND (p.shown IS NULL OR {wrong}))"

    source = f"{made(table.name)} AS m LEFT JOIN rr_persons AS p ON p.shown = m.person_id"
    return _check(table, claims, counts, source)


def _texts(table: Table, claims: list[Claim]) -> Check:
    """A number is looked for where it is six characters or longer; shorter ones stand in every text by chance.

    A row of a person nobody knows breaks the claim, here and in `_years`: what cannot be looked at is not proved.
    """

    def counts(one: Claim) -> Counts:
        found = " OR ".join(f"contains(m.{one.column}, i.{name})" for name in ("number", "phone"))
        return (
            f"count(m.{one.column})",
            f"count(*) FILTER (m.{one.column} IS NOT NULL AND (p.shown IS NULL OR {found}))",
        )

    numbers = ", ".join(
        f"any_value({name}) FILTER (length({name}) >= 6) AS {short}"
        for name, short in (("medical_record_number", "number"), ("phone", "phone"))
    )
    source = (
        f"{made(table.name)} AS m LEFT JOIN rr_persons AS p ON p.shown = m.person_id "
        f"LEFT JOIN (SELECT person_id, {numbers} FROM cdm.patient_identity GROUP BY 1) AS i ON i.person_id = p.original"
    )
    return _check(table, claims, counts, source)


def _moves(table: Table, claims: list[Claim]) -> Check:
    """First, last and sum of the days of each person, before and after, say whether all moved alike: no row need be paired."""
    columns = list(dict.fromkeys((one.column, one.of) for one in claims))
    before = _spans(_build(table), [_number(of.name, of.type, days=shown != of.name) for shown, of in columns])
    after = _spans(made(table.name), [_number(c, "BIGINT" if c != of.name else of.type) for c, of in columns])
    place = {shown: number for number, (shown, _) in enumerate(columns)}

    def counts(one: Claim) -> Counts:
        n = place[one.column]
        low, high, total, rows = (f"{word}{n}" for word in ("low", "high", "total", "rows"))
        move = "-(p.first_day - DATE '1970-01-01')"
        if one.column == one.of.name:
            move = "p.shift_days" if one.of.type == "DATE" else "p.shift_days::HUGEINT * 86400000000"
        if one.name == "shifted":
            wrong = f"a.{low} = b.{low} AND a.{high} = b.{high} AND a.{total} = b.{total}"
        else:
            alike = (
                f"a.{rows} = b.{rows} AND a.{low} - b.{low} = {move} AND a.{high} - b.{high} = {move} "
                f"AND a.{total} - b.{total} = b.{rows} * ({move})"
            )
            wrong = f"({alike}) IS DISTINCT FROM TRUE"
        return f"count(*) FILTER (b.{rows} > 0)", f"count(*) FILTER (b.{rows} > 0 AND {wrong})"

    source = f"{before} AS b JOIN rr_persons AS p ON p.original = b.person_id LEFT JOIN {after} AS a ON a.person_id = p.shown"
    return _check(table, claims, counts, source)


def _number(column: str, type_: str, *, days: bool = False) -> str:
    if type_ == "BIGINT":
        return column
    return f"({column}::DATE - DATE '1970-01-01')" if type_ == "DATE" or days else f"epoch_us({column})"


def _spans(source: str, numbers: list[str]) -> str:
    inner = ", ".join(f"{number} AS n{place}" for place, number in enumerate(numbers))
    items = ", ".join(
        f"min(n{place}) AS low{place}, max(n{place}) AS high{place}, sum(n{place}) AS total{place}, count(n{place}) AS rows{place}"
        for place in range(len(numbers))
    )
    return f"(SELECT person_id, {items} FROM (SELECT person_id, {inner} FROM {source}) GROUP BY 1)"


def _build(table: Table) -> str:
    """Where the build has the rows of a table, or those of which a release makes it."""
    name = table.made_of.partition(".")[0] or table.name
    return name if "." in name else f"cdm.{name}"


_MAKERS: tuple[tuple[frozenset[str], Make, bool], ...] = (
    (frozenset({"absent"}), _absent, False),
    (frozenset({"pseudonym"}), _keys, False),
    (frozenset({"empty", "oldest", "zip3", "zip5", "redacted", "withheld", "coarse"}), _rows, False),
    (frozenset({"rare"}), _rare, False),
    (frozenset({"shifted", "intervals"}), _moves, True),
    (frozenset({"year", "age"}), _years, True),
    (frozenset({"own number"}), _texts, True),
)
