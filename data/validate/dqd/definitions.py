"""The checks as data, read once from the TSV files beside this one. Says nothing about how a check is run."""

import csv
from functools import cache
from importlib import resources

from data.validate.dqd.model import LEVELS, DqdCheck, Level

# What the parameter of a kind of check is called in `DqdCheck.parameters`.
_PARAMETERS = {
    "isForeignKey": "key",
    "fkDomain": "domain",
    "fkClass": "class",
    "sourceValueCompleteness": "standard_field",
    "plausibleValueLow": "low",
    "plausibleValueHigh": "high",
    "plausibleTemporalAfter": "after",
    "plausibleStartBeforeEnd": "end",
    "plausibleGender": "gender",
    "plausibleGenderUseDescendants": "gender",
    "plausibleUnitConceptIds": "units",
}


def read(name: str) -> list[dict[str, str]]:
    """The rows of one of the TSV files."""
    with resources.files("data.validate.dqd").joinpath(name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def definitions() -> tuple[DqdCheck, ...]:
    """All checks, in the order of the results."""
    kinds = {row["name"]: row for row in read("checks.tsv")}
    found = [_check(row, level, kinds[row["check"]]) for level in LEVELS for row in read(f"{level}s.tsv")]
    return tuple(sorted(found, key=lambda check: check.order))


def _check(row: dict[str, str], level: Level, kind: dict[str, str]) -> DqdCheck:
    concepts, unit = row.get("concept", ""), row.get("unit", "")
    parameters = {_PARAMETERS[row["check"]]: row["parameter"]} if row["parameter"] else {}
    if row["check"] == "plausibleGenderUseDescendants":
        parameters["ancestors"] = concepts
    return DqdCheck(
        name=row["check"],
        level=level,
        table=row["table"],
        field=row.get("field", ""),
        concept_id=int(concepts.split(",")[0]) if concepts else None,
        unit_concept_id=int(unit) if unit else None,
        category=kind["category"],
        subcategory=kind["subcategory"],
        context=kind["context"],
        threshold=float(row["threshold"]),
        parameters=parameters,
    )
