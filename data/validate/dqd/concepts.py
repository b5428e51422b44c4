"""The SQL of concept checks: all checks of one kind on one table in one grouped query, joined to the list of what is expected."""

from collections.abc import Iterable

import duckdb

from data.validate.dqd.model import DqdCheck

_SEX = {"Male": 8507, "Female": 8532}
Counts = dict[DqdCheck, tuple[int, int]]


def kind(check: DqdCheck) -> tuple[str, str, str]:
    """What checks are asked together: same table, field and kind; bounds of both sides are one kind."""
    return check.table, check.field, "value" if check.name.startswith("plausibleValue") else check.name


def needs(check: DqdCheck) -> Iterable[tuple[str, str]]:
    """Tables and columns that a check reads besides its own field."""
    table = check.table
    if not check.name.startswith("plausibleGender"):
        more = ("value_as_number", "unit_concept_id", "unit_source_value")
        return [(table, column) for column in more[: 3 if check.name == "plausibleUnitConceptIds" else 2]]
    found = [(table, "person_id"), ("person", "person_id"), ("person", "gender_concept_id")]
    if check.name == "plausibleGenderUseDescendants":
        found += [("concept_ancestor", column) for column in ("ancestor_concept_id", "descendant_concept_id")]
    return found


def count(con: duckdb.DuckDBPyConnection, checks: list[DqdCheck]) -> Counts:
    """For checks of one `kind`: rows that break each, and rows looked at."""
    ask = {"plausibleGender": _gender, "plausibleGenderUseDescendants": _descendants, "plausibleUnitConceptIds": _units}
    sql, parameters = ask.get(checks[0].name, _values)(checks)
    found = {int(i): (int(violated), int(total)) for i, violated, total in con.execute(sql, parameters).fetchall()}
    return {check: found.get(i, (0, 0)) for i, check in enumerate(checks)}


Question = tuple[str, dict[str, list[object]]]


def _gender(checks: list[DqdCheck]) -> Question:
    table, field = checks[0].table, checks[0].field
    sql = (
        "SELECT w.i, count(*) FILTER (WHERE p.gender_concept_id <> w.sex), count(*) "
        f'FROM cdm."{table}" AS t JOIN (SELECT unnest($i) AS i, unnest($concept) AS concept, unnest($sex) AS sex) AS w '
        f'ON w.concept = t."{field}" LEFT JOIN cdm.person AS p ON p.person_id = t.person_id GROUP BY w.i'
    )
    return sql, {
        "i": list(range(len(checks))),
        "concept": [check.concept_id for check in checks],
        "sex": [_SEX[check.parameters["gender"]] for check in checks],
    }


def _descendants(checks: list[DqdCheck]) -> Question:
    table, field = checks[0].table, checks[0].field
    pairs = [(i, int(of), check) for i, check in enumerate(checks) for of in check.parameters["ancestors"].split(",")]
    # A row below two of the ancestors counts twice, in both counts, as it does in the dashboard.
    sql = (
        "SELECT w.i, count(*) FILTER (WHERE p.gender_concept_id <> w.sex), count(*) "
        "FROM (SELECT unnest($i) AS i, unnest($ancestor) AS ancestor, unnest($sex) AS sex) AS w "
        "JOIN cdm.concept_ancestor AS a ON a.ancestor_concept_id = w.ancestor "
        f'JOIN cdm."{table}" AS t ON t."{field}" = a.descendant_concept_id '
        "LEFT JOIN cdm.person AS p ON p.person_id = t.person_id GROUP BY w.i"
    )
    return sql, {
        "i": [i for i, _, _ in pairs],
        "ancestor": [ancestor for _, ancestor, _ in pairs],
        "sex": [_SEX[check.parameters["gender"]] for _, _, check in pairs],
    }


def _units(checks: list[DqdCheck]) -> Question:
    table, field = checks[0].table, checks[0].field
    # An absent unit breaks nothing here; -1 in the list stands for "none", so that any unit is wrong.
    sql = (
        "SELECT w.i, count(*) FILTER (WHERE t.unit_concept_id IS NOT NULL AND NOT list_contains(w.units, t.unit_concept_id)), count(*) "
        f'FROM cdm."{table}" AS t JOIN (SELECT unnest($i) AS i, unnest($concept) AS concept, unnest($units::BIGINT[][]) AS units) AS w '
        f'ON w.concept = t."{field}" WHERE t.value_as_number IS NOT NULL AND t.unit_source_value IS NOT NULL GROUP BY w.i'
    )
    return sql, {
        "i": list(range(len(checks))),
        "concept": [check.concept_id for check in checks],
        "units": [[int(unit) for unit in check.parameters["units"].split(",")] for check in checks],
    }


def _values(checks: list[DqdCheck]) -> Question:
    table, field = checks[0].table, checks[0].field
    sql = (
        "SELECT w.i, count(*) FILTER (WHERE t.value_as_number < w.low OR t.value_as_number > w.high), count(*) "
        f'FROM cdm."{table}" AS t JOIN (SELECT unnest($i) AS i, unnest($concept) AS concept, unnest($unit) AS unit, '
        "unnest($low::DECIMAL(18,6)[]) AS low, unnest($high::DECIMAL(18,6)[]) AS high) AS w "
        f'ON w.concept = t."{field}" AND w.unit = t.unit_concept_id WHERE t.value_as_number IS NOT NULL GROUP BY w.i'
    )
    return sql, {
        "i": list(range(len(checks))),
        "concept": [check.concept_id for check in checks],
        "unit": [check.unit_concept_id for check in checks],
        "low": [check.parameters.get("low") for check in checks],
        "high": [check.parameters.get("high") for check in checks],
    }
