"""What a policy means, written a second time: the verdict on every column, for every kind of use, by default deny.

It reads the policy's words and the catalogue's tags and knows nothing of the guard: no SQL is parsed here, and neither the granted schema nor
the compiled releases are asked. `test_matrix.py` holds it against the judge; where the two differ, one of them is wrong.
"""

import re
from dataclasses import dataclass
from datetime import date

from data.catalogue.model import Column, Table, catalogue
from policies.model import Grant, Policy

# How a column may be used. {c} is the column, {t} its table, {v} a value of its type.
OPERATIONS = {
    "select": "SELECT a.{c} AS v FROM {t} AS a",
    "count": "SELECT count(a.{c}) AS n FROM {t} AS a",
    "extremes": "SELECT min(a.{c}) AS low, max(a.{c}) AS high FROM {t} AS a",
    "where": "SELECT count(*) AS n FROM {t} AS a WHERE a.{c} = {v}",
    "filter": "SELECT count(*) FILTER (WHERE a.{c} > {v}) AS n FROM {t} AS a",
    "group": "SELECT a.{c} AS v, count(*) AS n FROM {t} AS a GROUP BY a.{c}",
    "order": "SELECT a.{c} AS v FROM {t} AS a ORDER BY a.{c} LIMIT 3",
    "distinct": "SELECT DISTINCT a.{c} AS v FROM {t} AS a",
    "join": "SELECT count(*) AS n FROM {t} AS a JOIN {t} AS b ON a.{c} = b.{c}",
    "window": "SELECT row_number() OVER (PARTITION BY a.{c} ORDER BY a.{c}) AS n FROM {t} AS a",
    "with": "WITH part AS (SELECT a.{c} AS v FROM {t} AS a) SELECT count(*) AS n FROM part",
    "union": "SELECT a.{c} AS v FROM {t} AS a UNION ALL SELECT b.{c} FROM {t} AS b",
    "subquery": "SELECT count(*) AS n FROM {t} AS a WHERE a.{c} IN (SELECT b.{c} FROM {t} AS b)",
}
ALLOWED = "allowed"
UNRESOLVED = (
    "unresolved"  # a name other granted tables have, and this one has not for the asker: an error, like any slip
)

# Records many persons share: a key that names one of them singles out nobody.
_SHARED = ("care_site_id", "provider_id", "location_id", "concept_id")
_VALUES = {"BIGINT": "7", "DECIMAL": "7", "VARCHAR": "'x'", "DATE": "DATE '2020-01-01'", "TIMESTAMP": "TIMESTAMP '2020-01-01'"}  # fmt: skip
_LARGEST_GROUPS = ("gender", "race", "ethnicity", "state")


@dataclass(frozen=True)
class Use:
    """One cell of the matrix: a column of a table and what is done with it."""

    table: str
    column: str
    operation: str

    @property
    def sql(self) -> str:
        """The question that uses the column so."""
        tagged = tags_and_type(self.table, self.column)[1]
        value = _VALUES[tagged.split("(")[0]]
        return OPERATIONS[self.operation].format(c=self.column, t=self.table, v=value)


def uses(policy: Policy, release: str) -> list[Use]:
    """All cells of a grant: each column of the catalogue, and those a release makes of one, in each operation."""
    made = [(table, column) for table, names in held(policy, release).items() for column in names]
    plain = [(table.name, column.name) for table in catalogue().values() for column in table.columns]
    return [Use(table, column, one) for table, column in dict.fromkeys([*plain, *made]) for one in OPERATIONS]


def tags_and_type(table: str, column: str) -> tuple[frozenset[str], str]:
    """Tags of a column, or of the date that a year or an offset was made of, and its type."""
    known = {one.name: one for one in catalogue()[table].columns}
    if column in known:
        return known[column].tags, known[column].type
    return known[re.sub("_(year|offset)$", "", column)].tags, "BIGINT"


# --- what a release holds -------------------------------------------------------------------------------------------------


def held(policy: Policy, release: str) -> dict[str, list[str]]:
    """Columns by table of a release, from what the releases promise in words."""
    custom = policy.releases.get(release)
    base = custom.base if custom is not None else release
    tables = {
        table.name: [name for column in table.columns for name in _kept(base, table, column)]
        for table in catalogue().values()
        if not table.made_of
    }
    if base != "identified":
        del tables["patient_identity"]
    dropped = custom.drop if custom is not None else ()
    left = {
        table: kept
        for table, names in tables.items()
        if not _fits(table, dropped) and (kept := [one for one in names if not _fits(f"{table}.{one}", dropped)])
    }
    return left | _indexes(left, dropped)


def _indexes(left: dict[str, list[str]], dropped: tuple[str, ...]) -> dict[str, list[str]]:
    """Tables made of a text are there where the text is, with the keys of its rows; whole or not at all."""
    found = {}
    for table in catalogue().values():
        text, _, column = table.made_of.partition(".")
        names = [one.name for one in table.columns]
        whole = not any(_fits(one, dropped) for one in (table.name, *(f"{table.name}.{name}" for name in names)))
        if table.made_of and whole and {column, f"{text}_id", "person_id"} <= set(left.get(text, ())):
            found[table.name] = names
    return found


def _kept(release: str, table: Table, column: Column) -> list[str]:
    """Names under which a built-in release holds a column: its own, none, or those of a year and a count of days."""
    if release == "identified":
        return [column.name]
    if "identifier" in column.tags:
        return []
    if release == "limited":
        return [column.name]
    if column.name == "measurement_time" or (release == "safe_harbor" and "free_text" in column.tags):
        return []
    if "quasi_identifier" in column.tags:
        broad = column.name.split("_")[0] in _LARGEST_GROUPS or column.name in ("zip", "year_of_birth")
        return [column.name] if broad else []
    if "date" in column.tags:
        if table.unit != "person":
            return []
        return [column.name] if release == "deidentified" else [f"{column.name}_year", f"{column.name}_offset"]
    return [column.name]


def granted_at(policy: Policy, role: str, purpose: str, day: date, break_glass: bool) -> Grant | str:
    """The grant that serves a role and purpose on a day, or the rule that must refuse. A reason opens emergencies, and closes nothing."""
    own = [one for one in policy.grants if one.role == role and one.purpose == purpose]
    usable = sorted((one for one in own if break_glass or not one.break_glass), key=lambda one: not one.break_glass)
    if not usable:
        return "break-glass" if own else "default-deny"
    first, last = usable[0].valid_from or date.min, usable[0].valid_until or date.max
    return usable[0] if first <= day <= last else "grant-expired"


def _is_category(use: Use) -> bool:
    """A code or a word many share, of clinical or operational kind, or sex: which there are may be listed, as a GROUP BY does."""
    tags, kind = tags_and_type(use.table, use.column)
    plain = tags <= {"clinical", "operational"} or use.column in ("gender_concept_id", "gender_source_value")
    return plain and (use.column.endswith("concept_id") or kind == "VARCHAR")


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(re.escape(one).replace(r"\*", ".*").replace(r"\?", "."), name) for one in patterns)


# --- what a grant allows ------------------------------------------------------------------------------------------------


class Oracle:
    """The meaning of one grant of a policy."""

    def __init__(self, policy: Policy, grant: Grant) -> None:
        self.grant = grant
        self.threshold = policy.threshold(grant)
        self.held = held(policy, grant.release)
        self.granted = {table: {one for one in names if self._grants(table, one)} for table, names in self.held.items()}
        self.free = {one for names in self.granted.values() for one in names}
        self.somewhere = {one for names in self.held.values() for one in names}

    def _grants(self, table: str, column: str) -> bool:
        tags = tags_and_type(table, column)[0]
        if (made_of := catalogue()[table].made_of) and not self._grants(*made_of.split(".")):
            return False  # who may not see a text may not see its words
        own = {
            f"{table}.{column}",
            f"{table}.{re.sub('_(year|offset)$', '', column)}",
        }  # a hidden date hides what is made of it
        return _fits(table, self.grant.tables) and tags.issubset(self.grant.tags) and not own & set(self.grant.hide)

    def verdict(self, use: Use) -> str:
        """`allowed`, or the rule that must refuse."""
        if use.table not in self.held:
            return "table-not-in-release"
        if not self.granted[use.table]:
            return "table-not-granted"
        if use.column not in self.granted[use.table]:
            return self._not_granted(use)
        return ALLOWED if self.grant.mode == "record" else self._of_persons(use)

    def _not_granted(self, use: Use) -> str:
        if use.column in self.free:
            return UNRESOLVED
        if use.column not in {one.name for table in catalogue().values() for one in table.columns}:
            return UNRESOLVED
        return "column-not-granted" if use.column in self.somewhere else "column-not-in-release"

    def _of_persons(self, use: Use) -> str:
        """Aggregate mode: rows about persons come out as aggregates only, and no key is asked about for its own sake."""
        unit = catalogue()[use.table].unit
        if unit == "reference":
            return ALLOWED
        if unit == "linked":
            return "linked-table"
        tags = tags_and_type(use.table, use.column)[0]
        person = "person_key" in tags
        key = person or ("record_key" in tags and use.column not in _SHARED)
        # The least name or text is one person's whatever the threshold.
        written = bool(tags & {"free_text", "identifier"}) and tags_and_type(use.table, use.column)[1] == "VARCHAR"
        extreme = "extreme" if self.threshold.extremes == "hide" or written else ALLOWED
        of_key = "key-compared" if key else ALLOWED
        return {
            "select": "aggregate-only",
            "union": "aggregate-only",
            "count": ALLOWED,
            "with": ALLOWED,
            "group": "aggregate-only" if person else ALLOWED,  # a group for each person is a row for each person
            "order": "limit-per-person",
            "distinct": "aggregate-only" if person else ALLOWED if _is_category(use) else "limit-per-person",
            "window": "aggregate-only" if person else "window-per-person",
            "where": of_key,
            "filter": of_key,
            "extremes": of_key if key else extreme,
            "join": ALLOWED if key else "join-on-person",
            "subquery": ALLOWED if person else "subquery-on-person",
        }[use.operation]
