"""Compiles one release: for each column of the catalogue, left out or an SQL expression.

What no rule names is left out, so a new kind of column stays hidden until someone decides. The SQL reads schemas `cdm` and `operations`, and
what the publisher makes: vault.person_key (person_id, pseudonym, shift_days), vault.redacted_text (source, key, text) and vault.person_text
(source, key, person_id, text, dated_text) with the macro rr_text_key, vault.withheld_value (source, value), vault.snapshot_day (day),
vault.person_first (person_id, first_day, birth_year) and the macros rr_pseudonym and rr_hmac, which alone hold the key.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from data.catalogue.model import Catalogue, Column, Table
from data.errors import BadRequest
from data.snapshots.note_index import NEEDED, index_sql, index_tables
from data.snapshots.text import person_of, source_of
from data.snapshots.values import WITHHELD, looked_through
from policies.releases import ways
from policies.releases.custom import CustomRelease
from policies.releases.zip3 import zip5_sql

Made = Mapping[str, tuple[str, str]]  # column of the release -> SQL, type
Rule = Callable[[Table, Column], str | Made | None]

GROUNDS: Mapping[str, str] = {
    "deidentified": (
        "HIPAA expert determination, 45 CFR 164.514(b)(1): dates are shifted per person rather than removed, so this "
        "is not Safe Harbor, and an expert of the institution must have judged the risk to be very small."
    ),
    "safe_harbor": (
        "HIPAA Safe Harbor, 45 CFR 164.514(b)(2): the eighteen identifiers are removed; of dates only a year is kept, counted in whole "
        "years from the year of the person's first record, with days since that record beside it. Keys are HMAC codes of internal "
        "numbers under a key that is not disclosed, 164.514(c); whether such a code, and the day counts, are fit for the institution "
        "is its privacy officer's to confirm."
    ),
    "limited": (
        "HIPAA limited data set, 45 CFR 164.514(e): real dates, city, state and ZIP code without direct identifiers, "
        "for research, public health or health care operations under a data use agreement."
    ),
    "identified": "HIPAA treatment, 45 CFR 164.506: direct identifiers are shown to those who care for the patient.",
}
RELEASES = tuple(GROUNDS)

# Quasi-identifiers kept in the de-identified releases unless rare: broad groups, and the state (164.514(b)(2) lets it).
_BROAD = frozenset({"gender", "race", "ethnicity", "state"})


@dataclass(frozen=True)
class CompiledRelease:
    """A `Release` as plain data: columns and SQL by table; a table not in `tables` is left out. `base` is its built-in release."""

    name: str
    ground: str
    tables: Mapping[str, tuple[tuple[str, ...], str]]
    base: str = ""

    def columns(self, table: str) -> tuple[str, ...]:
        return self.tables[table][0] if table in self.tables else ()

    def select(self, table: str) -> str:
        if table not in self.tables:
            raise BadRequest(f"Release {self.name} holds no table {table}.", "Ask `columns` first.")
        return self.tables[table][1]


def compile_release(name: str, catalogue: Catalogue, custom: CustomRelease | None = None) -> CompiledRelease:
    """The release of that name over the catalogue: one of `RELEASES`, or a custom one, which takes away from its base."""
    base = custom.base if custom is not None else name
    if base not in _RULES:
        raise BadRequest(f"There is no release {name!r}.", f"The releases are {', '.join(RELEASES)}.")
    tables = {}
    for table in catalogue.values():
        if table.made_of or (base != "identified" and table.name == "patient_identity"):
            continue
        made = _made(table, _RULES[base])
        if custom is not None:
            made = custom.cut(table.name, made)
        if made:
            tables[table.name] = (tuple(made), _select(table, made))
    tables.update(_index(catalogue, tables.get("note", ((), "")), custom))
    return CompiledRelease(name, custom.ground if custom is not None else GROUNDS[name], tables, base)


def releases_of(customs: Mapping[str, CustomRelease], catalogue: Catalogue) -> list[CompiledRelease]:
    """All releases of a policy: the built-in ones, then its own. Raises BadRequest where a name is taken."""
    if taken := sorted(set(customs) & set(RELEASES)):
        raise BadRequest(f"The release name {taken[0]!r} is a built-in one.", "Give yours another name.")
    built_in = [compile_release(name, catalogue) for name in RELEASES]
    return built_in + [compile_release(name, catalogue, customs[name]) for name in sorted(customs)]


def base_column(table: Table, name: str) -> Column | None:
    """The catalogue's column behind one of a release: itself, or the date that `x_year` and `x_offset` stand for."""
    columns = {column.name: column for column in table.columns}
    return columns.get(name) or columns.get(name.removesuffix("_year")) or columns.get(name.removesuffix("_offset"))


def _index(
    catalogue: Catalogue, note: tuple[tuple[str, ...], str], custom: CustomRelease | None
) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """The index of the notes, of the text the release shows and no other. Where a policy takes something of it away, there is none."""
    columns, notes = note
    for table in index_tables(catalogue) if set(NEEDED) <= set(columns) else ():
        made = {column.name: ("", column.type) for column in table.columns}
        if custom is None or custom.cut(table.name, made) == made:
            yield table.name, (tuple(made), index_sql(table.name, f"({notes})"))


def _made(table: Table, rule: Rule) -> dict[str, tuple[str, str]]:
    made: dict[str, tuple[str, str]] = {}
    for column in table.columns:
        told = rule(table, column)
        if isinstance(told, str):
            made[column.name] = (told, column.type)
        elif told is not None:
            made.update(told)
    return made


def _select(table: Table, made: Made) -> str:
    items = ", ".join(
        f"CAST({sql} AS {type_}) AS {name}" if sql != f"src.{name}" else sql for name, (sql, type_) in made.items()
    )
    return f"SELECT {items} FROM {_source(table)}{_joins(table, {name: sql for name, (sql, _) in made.items()})}"


def _source(table: Table) -> str:
    return f"{table.name if '.' in table.name else f'cdm.{table.name}'} AS src"


def _joins(table: Table, made: Mapping[str, str]) -> str:
    sql = "\n".join(made.values())
    joins = ""
    if "pk." in sql:
        joins += " JOIN vault.person_key AS pk ON pk.person_id = src.person_id"
    if "pf." in sql:
        joins += " JOIN vault.person_first AS pf ON pf.person_id = src.person_id"
    for name in made:
        if f" text_{name}." in sql:
            joins += text_joins(table, table.column(name))
    return joins


def text_sql(column: Column, *, dated: bool) -> str:
    """A text as it was rewritten for its row's person, or as it is for everyone; NULL, never the text itself, where it is in neither table.

    `dated`: its dates stay. Beside real dates they must, since moved ones would tell the shift that hides the day elsewhere.
    """
    return f"coalesce(own_{column.name}.{'dated_text' if dated else 'text'}, text_{column.name}.text)"


def text_joins(table: Table, column: Column) -> str:
    """The joins that `text_sql` reads from. A table of no person has the texts that were rewritten for nobody."""
    name, source = column.name, source_of(table, column)
    same, own = (
        f"{one}_{name}.source = '{source}' AND {one}_{name}.key = rr_text_key(src.{name})" for one in ("text", "own")
    )
    return (
        f" LEFT JOIN vault.redacted_text AS text_{name} ON {same}"
        f" LEFT JOIN vault.person_text AS own_{name} ON {own} AND own_{name}.person_id IS NOT DISTINCT FROM {person_of(table)}"
    )


def withheld_sql(table: Table, column: Column) -> str:
    """A value as the source sent it, or WITHHELD where an identifier was found in it. NULL stays NULL."""
    held = f"SELECT w.value FROM vault.withheld_value AS w WHERE w.source = '{source_of(table, column)}'"
    return f"CASE WHEN src.{column.name} IN ({held}) THEN '{WITHHELD}' ELSE src.{column.name} END"


# --- rules by release: the SQL of one column, or None where it is left out ------------------------------------------


def _identified(_table: Table, column: Column) -> str | None:
    return f"src.{column.name}"


def _limited(table: Table, column: Column) -> str | None:
    if "identifier" in column.tags:
        return None
    if "zip" in column.name:
        return zip5_sql(f"src.{column.name}")
    if column.tags & {"date", "quasi_identifier"}:
        return _as_sent(table, column)
    return _keyed(column, dated=True) or _plain(table, column)


def _deidentified(table: Table, column: Column) -> str | None:
    if "identifier" in column.tags or column.name == "measurement_time":  # a time of day cannot be shifted
        return None
    if "quasi_identifier" in column.tags:
        return _quasi(table, column)
    if "date" in column.tags:
        return _shifted(table, column)
    return _keyed(column) or _plain(table, column)


def _keyed(column: Column, *, dated: bool = False) -> str | None:
    """Keys become pseudonyms and text is redacted; the same key has the same pseudonym in every table."""
    if "person_key" in column.tags:
        return "pk.pseudonym"
    if "record_key" in column.tags and not column.name.endswith("concept_id"):
        return f"rr_pseudonym(src.{column.name})"
    if "free_text" in column.tags:
        return text_sql(column, dated=dated)
    return None


def _plain(table: Table, column: Column) -> str | None:
    kept = column.tags & {"clinical", "operational"} or column.name.endswith("concept_id")
    return _as_sent(table, column) if kept else None


def _as_sent(table: Table, column: Column) -> str:
    return withheld_sql(table, column) if looked_through(column) else f"src.{column.name}"


def _shifted(table: Table, column: Column) -> str | None:
    if table.unit != "person":
        return None  # without a person there is no shift, and a real date would undo the shift of those it touches
    if column.type == "DATE":
        return f"src.{column.name} + pk.shift_days"
    return f"src.{column.name} + to_days(pk.shift_days)"


def _quasi(table: Table, column: Column) -> str | None:
    if column.name.split("_")[0] in _BROAD:
        return ways.unless_rare(table, column.name)
    if column.name == "zip":
        return ways.zip3_unless_rare()
    return ways.shifted_birth_year() if (table.name, column.name) == ("person", "year_of_birth") else None


# --- Safe Harbor ------------------------------------------------------------------------------------------------------


def _safe_harbor(table: Table, column: Column) -> str | Made | None:
    if "identifier" in column.tags or "free_text" in column.tags or column.name == "measurement_time":
        return None
    if "quasi_identifier" in column.tags:
        if (table.name, column.name) == ("person", "year_of_birth"):
            return ways.capped_birth_year()
        return _quasi(table, column) if column.name != "birth_datetime" else None
    if "date" in column.tags:
        return _year_and_offset(table, column)
    if "person_key" in column.tags:
        return "('0x' || left(rr_hmac('safe_harbor:person:' || src.person_id), 13))::BIGINT"
    if "record_key" in column.tags and not column.name.endswith("concept_id"):
        return f"rr_pseudonym('safe_harbor:' || src.{column.name})"
    return _plain(table, column)


def _year_and_offset(table: Table, column: Column) -> Made | None:
    """A year, and days since the person's first record; see `ways` for why it is not simply the year of the date."""
    if table.unit != "person":
        return None
    return {
        f"{column.name}_year": (ways.year_since_first(column.name), "BIGINT"),
        f"{column.name}_offset": (ways.offset(column.name), "BIGINT"),
    }


_RULES: Mapping[str, Rule] = {
    "deidentified": _deidentified,
    "safe_harbor": _safe_harbor,
    "limited": _limited,
    "identified": _identified,
}
