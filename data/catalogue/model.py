"""What tables and columns exist, their types and tags. Read once from the two TSV files beside this one.

Clinical tables and their types follow the OMOP CDM v5.4 field list (OHDSI CommonDataModel), image_occurrence the OMOP
medical imaging extension; the tags and meanings are this project's. Nothing here says who may see what.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

Unit = Literal["person", "linked", "reference"]
TAGS = frozenset(
    {"person_key", "record_key", "identifier", "quasi_identifier", "date", "free_text", "clinical", "operational"}
)


@dataclass(frozen=True)
class Column:
    """One column: DuckDB type name, whether the CDM requires it, its tags, one sentence of meaning."""

    name: str
    type: str
    required: bool
    tags: frozenset[str]
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table. `unit`: rows are about one person, linked to persons through a key, or reference data.

    `key` names the column that tells its rows apart, or several with commas between. `made_of` is empty, or the table.column of a text:
    then no source has such rows and no build, but each release that shows the text makes them of it.
    """

    name: str
    unit: Unit
    key: str
    meaning: str
    columns: tuple[Column, ...]
    made_of: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the key."""
        return tuple(self.key.split(","))

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return {column.name: column for column in self.columns}[name]


Catalogue = dict[str, Table]


def _read(name: str) -> list[dict[str, str]]:
    with resources.files("data.catalogue").joinpath(name).open(encoding="utf-8") as file:
        return [{key: value or "" for key, value in row.items()} for row in csv.DictReader(file, delimiter="\t")]


# What a column means by the CDM's naming conventions, first ending that fits; columns.tsv may say more.
_CONVENTIONS = (
    ("person_id", "The person; tables about persons are joined on it."),
    ("_source_concept_id", "OMOP concept of the code the source sent, 0 where unmapped."),
    ("concept_id", "OMOP concept, 0 where unmapped; join concept on concept_id for its name."),
    ("_source_value", "The code or value as the source sent it."),
    ("_datetime", "Date and time of the event."),
    ("_date", "Day of the event."),
    ("_at", "Date and time of the event."),
    ("value_as_number", "The measured number, in the unit of unit_concept_id."),
    ("range_low", "Lower end of the normal range."),
    ("range_high", "Upper end of the normal range."),
    ("_id", "Key of the record it names; the same key in other tables means the same record."),
)


def _meaning(column: str) -> str:
    return next(
        (meaning for ending, meaning in _CONVENTIONS if column.endswith(ending)),
        f"{column.replace('_', ' ').capitalize()}.",
    )


@cache
def catalogue() -> Catalogue:
    """All tables by name (`person`, `operations.claim`, ...), in the order of tables.tsv."""
    columns: dict[str, list[Column]] = {}
    for row in _read("columns.tsv"):
        tags = frozenset(row["tags"].split(","))
        if unknown := tags - TAGS:
            raise ValueError(f"columns.tsv: {row['table']}.{row['column']} has unknown tags {sorted(unknown)}")
        column = Column(
            row["column"], row["type"], row["required"] == "yes", tags, row["meaning"] or _meaning(row["column"])
        )
        columns.setdefault(row["table"], []).append(column)
    tables: Catalogue = {}
    for row in _read("tables.tsv"):
        unit: Unit = row["unit"]  # type: ignore[assignment]  # the file is ours; a test checks the words
        name = row["table"]
        tables[name] = Table(name, unit, row["key"], row["meaning"], tuple(columns[name]), row["made_of"])
    return tables


@cache
def recorded() -> Catalogue:
    """The tables a build holds: all but those that releases make of a text."""
    return {name: table for name, table in catalogue().items() if not table.made_of}
