"""Compiles one release: for each column of the catalogue, left out or an SQL expression.

What no rule names is left out, so a new kind of column stays hidden until someone decides. The SQL reads schemas `cdm`
and `operations`, and what the publisher makes: vault.person_key (person_id, pseudonym, shift_days), vault.redacted_text
(digest, text), vault.snapshot_day (day) and the macro rr_pseudonym, which alone holds the key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data.catalogue.model import Catalogue, Column, Table
from data.errors import BadRequest
from policies.releases.zip3 import zip3_sql, zip5_sql

Rule = Callable[[Table, Column], str | None]

GROUNDS: Mapping[str, str] = {
    "deidentified": (
        "HIPAA expert determination, 45 CFR 164.514(b)(1): dates are shifted per person rather than removed, so this "
        "is not Safe Harbor, and an expert of the institution must have judged the risk to be very small."
    ),
    "limited": (
        "HIPAA limited data set, 45 CFR 164.514(e): real dates, city, state and ZIP code without direct identifiers, "
        "for research, public health or health care operations under a data use agreement."
    ),
    "identified": "HIPAA treatment, 45 CFR 164.506: direct identifiers are shown to those who care for the patient.",
}
RELEASES = tuple(GROUNDS)

# Quasi-identifiers kept as they are in the de-identified release: broad groups, and the state (164.514(b)(2) lets it).
_BROAD = frozenset({"gender", "race", "ethnicity", "state"})


@dataclass(frozen=True)
class CompiledRelease:
    """A `Release` as plain data: columns and SQL by table; a table not in `tables` is left out."""

    name: str
    ground: str
    tables: Mapping[str, tuple[tuple[str, ...], str]]

    def columns(self, table: str) -> tuple[str, ...]:
        return self.tables[table][0] if table in self.tables else ()

    def select(self, table: str) -> str:
        if table not in self.tables:
            raise BadRequest(f"Release {self.name} holds no table {table}.", "Ask `columns` first.")
        return self.tables[table][1]


def compile_release(name: str, catalogue: Catalogue) -> CompiledRelease:
    """The release of that name over the catalogue: one of `RELEASES`."""
    if name not in _RULES:
        raise BadRequest(f"There is no release {name!r}.", f"The releases are {', '.join(RELEASES)}.")
    rule = _RULES[name]
    tables = {}
    for table in catalogue.values():
        if name != "identified" and table.name == "patient_identity":
            continue
        if compiled := _compile_table(table, rule):
            tables[table.name] = compiled
    return CompiledRelease(name, GROUNDS[name], tables)


def _compile_table(table: Table, rule: Rule) -> tuple[tuple[str, ...], str] | None:
    made = {column.name: sql for column in table.columns if (sql := rule(table, column)) is not None}
    if not made:
        return None
    items = ", ".join(
        f"CAST({sql} AS {table.column(name).type}) AS {name}" if sql != f"src.{name}" else f"src.{name}"
        for name, sql in made.items()
    )
    return tuple(made), f"SELECT {items} FROM {_source(table)}{_joins(made)}"


def _source(table: Table) -> str:
    return f"{table.name if '.' in table.name else f'cdm.{table.name}'} AS src"


def _joins(made: Mapping[str, str]) -> str:
    sql = "\n".join(made.values())
    joins = ""
    if "pk." in sql:
        joins += " JOIN vault.person_key AS pk ON pk.person_id = src.person_id"
    for name in made:
        if f"text_{name}." in sql:
            joins += f" LEFT JOIN vault.redacted_text AS text_{name} ON text_{name}.digest = sha256(src.{name})"
    return joins


# --- rules by release: the SQL of one column, or None where it is left out ------------------------------------------


def _identified(_table: Table, column: Column) -> str | None:
    return f"src.{column.name}"


def _limited(_table: Table, column: Column) -> str | None:
    if "identifier" in column.tags:
        return None
    if "zip" in column.name:
        return zip5_sql(f"src.{column.name}")
    if column.tags & {"date", "quasi_identifier"}:
        return f"src.{column.name}"
    return _keyed(column) or _plain(column)


def _deidentified(table: Table, column: Column) -> str | None:
    if "identifier" in column.tags or column.name == "measurement_time":  # a time of day cannot be shifted
        return None
    if "quasi_identifier" in column.tags:
        return _quasi(table, column)
    if "date" in column.tags:
        return _shifted(table, column)
    return _keyed(column) or _plain(column)


def _keyed(column: Column) -> str | None:
    """Keys become pseudonyms and text is redacted; the same key has the same pseudonym in every table."""
    if "person_key" in column.tags:
        return "pk.pseudonym"
    if "record_key" in column.tags and not column.name.endswith("concept_id"):
        return f"rr_pseudonym(src.{column.name})"
    if "free_text" in column.tags:
        return f"text_{column.name}.text"
    return None


def _plain(column: Column) -> str | None:
    kept = column.tags & {"clinical", "operational"} or column.name.endswith("concept_id")
    return f"src.{column.name}" if kept else None


def _shifted(table: Table, column: Column) -> str | None:
    if table.unit != "person":
        return None  # without a person there is no shift, and a real date would undo the shift of those it touches
    if column.type == "DATE":
        return f"src.{column.name} + pk.shift_days"
    return f"src.{column.name} + to_days(pk.shift_days)"


def _quasi(table: Table, column: Column) -> str | None:
    if column.name.split("_")[0] in _BROAD:
        return f"src.{column.name}"
    if column.name == "zip":
        return zip3_sql("src.zip")
    return _birth_year() if (table.name, column.name) == ("person", "year_of_birth") else None


def _birth_year() -> str:
    """The year of the shifted birth date; every age over 89 on the snapshot's day, real or shifted, becomes 90."""
    parts = "src.year_of_birth || '-' || coalesce(src.month_of_birth, 7) || '-' || coalesce(src.day_of_birth, 1)"
    shifted = f"coalesce(year(try_cast({parts} AS DATE) + pk.shift_days), src.year_of_birth)"
    oldest = "(SELECT year(day) - 90 FROM vault.snapshot_day)"
    return (
        f"CASE WHEN src.year_of_birth IS NULL THEN NULL "
        f"WHEN least(src.year_of_birth, {shifted}) <= {oldest} THEN {oldest} ELSE {shifted} END"
    )


_RULES: Mapping[str, Rule] = {"deidentified": _deidentified, "limited": _limited, "identified": _identified}
