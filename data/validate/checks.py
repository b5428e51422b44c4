"""Checks on the normalised tables, each a named count of rows that break it. After the categories of Kahn et al. (2016).

A hard check that fails stops the publish: keys that repeat, required columns without values, events of nobody. Soft ones are counted and
kept in the quality report.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from data.catalogue.model import recorded

Category = Literal["conformance", "completeness", "plausibility"]


@dataclass(frozen=True)
class Check:
    """A check: `sql` counts the rows that break it."""

    name: str
    table: str
    category: Category
    hard: bool
    sql: str


def checks() -> Iterator[Check]:
    """All checks."""
    for table in recorded().values():
        name = table.name if "." in table.name else f"cdm.{table.name}"
        yield Check(
            "key-unique",
            table.name,
            "conformance",
            True,
            f"SELECT count(*) - count(DISTINCT ({table.key})) FROM {name}",
        )
        for column in table.columns:
            if column.required and not column.name.endswith("source_value"):
                sql = f"SELECT count(*) FROM {name} WHERE {column.name} IS NULL"
                hard = column.tags <= {"person_key", "record_key", "date"} and table.name not in ("person", "concept")
                yield Check(f"required-{column.name}", table.name, "completeness", hard, sql)
        if table.unit == "person" and table.name != "person":
            sql = f"SELECT count(*) FROM {name} t LEFT JOIN cdm.person p USING (person_id) WHERE p.person_id IS NULL"
            yield Check("person-exists", table.name, "conformance", True, sql)
        for column in table.columns:
            if (
                column.name.endswith("_concept_id")
                and "source" not in column.name
                and column.required
                and table.name != "concept"
            ):
                yield Check(
                    f"mapped-{column.name}",
                    table.name,
                    "completeness",
                    False,
                    f"SELECT count(*) FROM {name} WHERE {column.name} = 0",
                )
    yield from _plausible()


def _plausible() -> Iterator[Check]:
    visit = "SELECT count(*) FROM cdm.visit_occurrence WHERE visit_end_date < visit_start_date"
    yield Check("end-after-start", "visit_occurrence", "plausibility", False, visit)
    events = "SELECT count(*) FROM cdm.{0} e JOIN cdm.death d USING (person_id) WHERE e.{1} > d.death_date + 60"
    for table, day in (
        ("condition_occurrence", "condition_start_date"),
        ("measurement", "measurement_date"),
        ("drug_exposure", "drug_exposure_start_date"),
    ):
        yield Check("before-death", table, "plausibility", False, events.format(table, day))
    ranges = {
        "2345-7": (10, 2000),
        "4548-4": (2, 25),
        "2160-0": (0.05, 40),
        "8480-6": (30, 320),
        "8462-4": (10, 220),
        "29463-7": (0.2, 500),
    }
    for code, (low, high) in ranges.items():
        sql = f"SELECT count(*) FROM cdm.measurement WHERE measurement_source_value = '{code}' AND value_as_number NOT BETWEEN {low} AND {high}"
        yield Check(f"range-{code}", "measurement", "plausibility", False, sql)
