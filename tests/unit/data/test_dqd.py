"""The dashboard's checks: each kind finds exactly what was planted, and what cannot be judged is said to be so, not passed."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.catalogue.model import catalogue
from data.validate.dqd import DqdCheck, DqdResult, definitions, run, summary
from data.validate.dqd.carry import HERE, carry
from data.validate.dqd.definitions import read

pytestmark = pytest.mark.unit
TODAY = date(2020, 6, 1)
# Tables and columns some kinds of check need, whether or not this version of the catalogue holds them.
MORE = (
    "CREATE TABLE IF NOT EXISTS cdm.condition_era (condition_era_id BIGINT, person_id BIGINT, condition_concept_id BIGINT)",
    "CREATE TABLE IF NOT EXISTS cdm.drug_era (drug_era_id BIGINT, person_id BIGINT, drug_concept_id BIGINT)",
    "CREATE TABLE IF NOT EXISTS cdm.concept_ancestor (ancestor_concept_id BIGINT, descendant_concept_id BIGINT)",
    "ALTER TABLE cdm.concept ADD COLUMN IF NOT EXISTS concept_class_id VARCHAR",
    "ALTER TABLE cdm.concept ADD COLUMN IF NOT EXISTS invalid_reason VARCHAR",
)
PERSONS = (
    {"person_id": 1, "gender_concept_id": 8507, "year_of_birth": 1980, "month_of_birth": 1, "day_of_birth": 1},
    {"person_id": 2, "gender_concept_id": 8532, "year_of_birth": 1990, "birth_datetime": "1990-05-05"},
    {"person_id": 3, "gender_concept_id": 8532, "year_of_birth": 1700},
    {"person_id": 4, "gender_concept_id": 8507, "year_of_birth": 2022, "month_of_birth": 13},
)
CONCEPTS = (
    (0, "Metadata", None, "Undefined", None),
    (100, "Observation", "S", "Disorder", None),
    (101, "Condition", "C", "Disorder", None),
    (102, "Drug", "S", "Ingredient", None),
    (103, "Drug", "S", "Clinical Drug", None),
    (141917, "Condition", "S", "Disorder", "D"),
)
# id, person, concept, start, end, type, source value, source concept, visit
CONDITIONS = (
    (1, 1, 141917, "2000-01-01", "2000-01-02", 5, "a", 0, 1),
    (2, 2, 141917, "2000-01-01", None, 5, "b", 0, 1),
    (3, 1, 0, "1940-01-01", "1939-12-31", 5, "a", None, None),
    (3, 9, 101, "2021-01-01", None, None, None, None, None),
    (5, 2, 100, "2010-06-01", "2010-06-02", 5, "c", None, 1),
    (6, 2, 200, "2000-01-05", None, 5, "c", None, 1),
)
# person, concept, unit, value, unit as sent
MEASUREMENTS = (
    (1, 3006315, 8784, 1, "x"),
    (1, 3006315, 8840, 2, "x"),
    (1, 3006315, None, 3, "x"),
    (1, 3006315, 8840, None, "x"),
    (4, 3006315, 8840, 5, None),
    (4, 7, 0, 6, "x"),
    (4, 7, 0, None, "x"),
)
OBSERVATIONS = ((37392176, 8840, "0.05"), (37392176, 8840, 6), (37392176, 8840, 1), (37392176, 8749, 5))
# name, table, field, concept, unit, rows that break it, rows looked at
CASES = (
    ("cdmTable", "note", "", None, None, 1, 1),
    ("cdmTable", "person", "", None, None, 0, 1),
    ("measurePersonCompleteness", "condition_occurrence", "", None, None, 2, 4),
    ("measureConditionEraCompleteness", "condition_era", "", None, None, 2, 3),
    ("measureObservationPeriodOverlap", "observation_period", "", None, None, 1, 3),
    ("cdmField", "provider", "dea", None, None, 1, 1),
    ("isRequired", "condition_occurrence", "condition_type_concept_id", None, None, 1, 6),
    ("cdmDatatype", "care_site", "location_id", None, None, 1, 2),
    ("cdmDatatype", "care_site", "care_site_id", None, None, 0, 2),
    ("isPrimaryKey", "condition_occurrence", "condition_occurrence_id", None, None, 2, 6),
    ("isForeignKey", "condition_occurrence", "person_id", None, None, 1, 6),
    ("isForeignKey", "condition_occurrence", "condition_concept_id", None, None, 1, 6),
    ("fkDomain", "condition_occurrence", "condition_concept_id", None, None, 1, 6),
    ("fkClass", "drug_era", "drug_concept_id", None, None, 1, 2),
    ("isStandardValidConcept", "condition_occurrence", "condition_concept_id", None, None, 3, 6),
    ("measureValueCompleteness", "condition_occurrence", "condition_source_value", None, None, 1, 6),
    ("standardConceptRecordCompleteness", "condition_occurrence", "condition_concept_id", None, None, 1, 6),
    ("standardConceptRecordCompleteness", "measurement", "unit_concept_id", None, None, 1, 5),
    ("sourceConceptRecordCompleteness", "condition_occurrence", "condition_source_concept_id", None, None, 2, 6),
    ("sourceValueCompleteness", "condition_occurrence", "condition_source_value", None, None, 1, 4),
    ("plausibleValueLow", "condition_occurrence", "condition_start_date", None, None, 1, 6),
    ("plausibleValueHigh", "condition_occurrence", "condition_start_date", None, None, 1, 6),
    ("plausibleValueLow", "person", "year_of_birth", None, None, 1, 4),
    ("plausibleValueHigh", "person", "year_of_birth", None, None, 1, 4),
    ("plausibleValueHigh", "person", "month_of_birth", None, None, 1, 2),
    ("plausibleTemporalAfter", "condition_occurrence", "condition_start_date", None, None, 1, 6),
    ("plausibleTemporalAfter", "condition_occurrence", "condition_end_date", None, None, 1, 6),
    ("plausibleDuringLife", "condition_occurrence", "condition_end_date", None, None, 1, 3),
    ("plausibleBeforeDeath", "condition_occurrence", "condition_end_date", None, None, 1, 1),
    ("withinVisitDates", "condition_occurrence", "condition_start_date", None, None, 1, 4),
    ("plausibleAfterBirth", "condition_occurrence", "condition_start_date", None, None, 1, 6),
    ("plausibleStartBeforeEnd", "condition_occurrence", "condition_start_date", None, None, 1, 3),
    ("plausibleGender", "condition_occurrence", "condition_concept_id", 141917, None, 1, 2),
    ("plausibleGenderUseDescendants", "condition_occurrence", "condition_concept_id", 4090861, None, 1, 2),
    ("plausibleUnitConceptIds", "measurement", "measurement_concept_id", 3006315, None, 1, 3),
    ("plausibleValueLow", "observation", "observation_concept_id", 37392176, 8840, 1, 3),
    ("plausibleValueHigh", "observation", "observation_concept_id", 37392176, 8840, 1, 3),
    ("plausibleValueLow", "observation", "observation_concept_id", 37392176, 8749, 1, 1),
)
Key = tuple[str, str, str, int | None, int | None]
Results = dict[Key, DqdResult]


def key(check: DqdCheck) -> Key:
    return check.name, check.table, check.field, check.concept_id, check.unit_concept_id


def empty_build() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 2})
    con.execute("CREATE SCHEMA cdm; CREATE SCHEMA operations")
    for table in catalogue().values():
        name = table.name if "." in table.name else f"cdm.{table.name}"
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{column.name} {column.type}' for column in table.columns)})")
    for statement in MORE:
        con.execute(statement)
    return con


def insert(con: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        con.execute(
            f"INSERT INTO cdm.{table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )


def many(con: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Any) -> None:
    insert(con, table, *(dict(zip(columns.split(), row, strict=True)) for row in rows))


@pytest.fixture(scope="module")
def planted() -> duckdb.DuckDBPyConnection:
    """A build with violations of every kind."""
    con = empty_build()
    insert(con, "person", *PERSONS)
    many(con, "concept", "concept_id domain_id standard_concept concept_class_id invalid_reason", CONCEPTS)
    condition = "start_date end_date type_concept_id source_value source_concept_id"
    names = " ".join(f"condition_{name}" for name in ["occurrence_id", "concept_id", *condition.split()])
    first, second, *rest = names.split()
    columns = " ".join([first, "person_id", second, *rest, "visit_occurrence_id"])
    many(con, "condition_occurrence", columns, CONDITIONS)
    columns = "person_id measurement_concept_id unit_concept_id value_as_number unit_source_value"
    many(con, "measurement", columns, MEASUREMENTS)
    con.execute("UPDATE cdm.measurement SET measurement_date = DATE '2010-01-01'")
    many(con, "observation", "observation_concept_id unit_concept_id value_as_number", OBSERVATIONS)
    visit = {"visit_occurrence_id": 1, "visit_start_date": "2000-01-01", "visit_end_date": "2000-01-03"}
    insert(con, "visit_occurrence", visit)
    insert(con, "death", {"person_id": 2, "death_date": "2010-01-01"})
    insert(con, "condition_era", {"person_id": 1})
    many(con, "drug_era", "drug_era_id drug_concept_id", ((1, 102), (2, 103)))
    many(con, "concept_ancestor", "ancestor_concept_id descendant_concept_id", ((4090861, 200), (4090861, 101)))
    period = "observation_period_id person_id observation_period_start_date observation_period_end_date"
    touching = ((1, 1, "2000-01-01", "2000-12-31"), (2, 1, "2001-01-01", "2001-12-31"))
    apart = ((3, 2, "2000-01-01", "2000-12-31"), (4, 2, "2001-01-02", "2001-12-31"), (5, 3, "2000-01-01", "2001-01-01"))
    many(con, "observation_period", period, (*touching, *apart))
    con.execute("DROP TABLE cdm.note; ALTER TABLE cdm.provider DROP COLUMN dea")
    con.execute("ALTER TABLE cdm.care_site ALTER location_id TYPE VARCHAR")
    many(con, "care_site", "care_site_id location_id", ((1, "secret"), (2, None)))
    return con


@pytest.fixture(scope="module")
def results(planted: duckdb.DuckDBPyConnection) -> Results:
    return {key(result.check): result for result in run(planted, today=TODAY)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(part) for part in case[:5] if part))
def test_a_check_counts_what_was_planted(case: Any, results: Results) -> None:
    *place, violated, total = case
    result = results[tuple(place)]
    assert (result.violated, result.total) == (violated, total)
    allowed = result.percent <= result.check.threshold if result.check.threshold else not violated
    assert result.status == ("passed" if allowed else "failed")


def test_every_kind_of_check_is_tried() -> None:
    levels = {key(check): check.level for check in definitions()}
    tried = {(levels[case[:5]], case[0]) for case in CASES}
    assert tried == {(check.level, check.name) for check in definitions()}
    assert {row["name"] for row in read("checks.tsv")} == {name for _, name in tried}


def test_checks_are_told_apart_by_their_place() -> None:
    assert len({key(check) for check in definitions()}) == len(definitions()) == 2553


def test_results_come_in_a_fixed_order(results: Results) -> None:
    checks = [result.check for result in results.values()]
    assert checks == list(definitions())
    assert [check.order for check in checks] == sorted(check.order for check in checks)


def test_one_bad_column_costs_only_its_own_check(results: Results) -> None:
    """Text in a key cannot be compared with a number; what the text is must not reach the report."""
    broken = [result for result in results.values() if result.status == "error"]
    assert [key(result.check)[:3] for result in broken] == [("isForeignKey", "care_site", "location_id")]
    assert broken[0].reason == "could not be run (ConversionException)"
    assert not any("secret" in result.reason for result in results.values())
    assert results["isPrimaryKey", "care_site", "care_site_id", None, None].status == "passed"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (("cdmTable", "cost", "", None, None), "the table is not held here"),
        (("isRequired", "cost", "cost_id", None, None), "the table is not held here"),
        (("cdmField", "note", "note_id", None, None), "the table is not held here"),
        (("measureValueCompleteness", "provider", "dea", None, None), "the field is not held here"),
        (
            ("isForeignKey", "condition_occurrence", "visit_detail_id", None, None),
            "visit_detail is not held here",
        ),
        (("isRequired", "procedure_occurrence", "procedure_date", None, None), "the table is empty"),
        (("isRequired", "measurement", "measurement_id", None, None), "the field is not populated"),
        (
            ("plausibleUnitConceptIds", "measurement", "measurement_concept_id", 3004410, None),
            "the table has no such rows of this concept",
        ),
    ],
)
def test_what_cannot_be_judged_is_not_passed(place: Key, reason: str, results: Results) -> None:
    assert (results[place].status, results[place].reason) == ("not applicable", reason)


def test_a_field_without_values_fails_completeness(results: Results) -> None:
    result = results["measureValueCompleteness", "measurement", "measurement_id", None, None]
    assert (result.status, result.percent) == ("failed", 100)


def test_an_empty_build_neither_fails_nor_errs() -> None:
    found = run(empty_build())
    assert {result.status for result in found} == {"passed", "not applicable"}
    # What passes says that tables and fields are there, and that no person is missing from them.
    passed = {result.check.name for result in found if result.status == "passed"}
    assert passed == {"cdmTable", "cdmField", "measurePersonCompleteness"}


def test_without_invalid_reason_the_rest_is_judged() -> None:
    con = empty_build()
    con.execute("ALTER TABLE cdm.concept DROP COLUMN invalid_reason")
    many(con, "concept", "concept_id standard_concept", ((101, "C"), (100, "S")))
    many(con, "condition_occurrence", "condition_concept_id", ((100,), (101,)))
    found = {key(result.check): result for result in run(con)}
    result = found["isStandardValidConcept", "condition_occurrence", "condition_concept_id", None, None]
    assert (result.violated, result.total) == (1, 2)
    assert "invalid_reason" in result.reason


def test_many_measurements_are_checked_in_few_queries() -> None:
    """One in a hundred may break a bound of one percent; one row more fails it."""
    con = empty_build()
    con.execute(
        "INSERT INTO cdm.measurement (measurement_id, person_id, measurement_concept_id, measurement_date, measurement_datetime) "
        "SELECT i, i % 1000, 3006315, CASE WHEN i < 2000 THEN DATE '1949-01-01' ELSE DATE '2010-01-01' END, "
        "CASE WHEN i < 2001 THEN TIMESTAMP '1949-01-01' ELSE TIMESTAMP '2010-01-01' END FROM range(200000) t(i)"
    )
    steps: list[tuple[int, int | None]] = []
    found = {key(result.check): result for result in run(con, lambda _, done, total: steps.append((done, total)))}
    dates = found["plausibleValueLow", "measurement", "measurement_date", None, None]
    times = found["plausibleValueLow", "measurement", "measurement_datetime", None, None]
    assert (dates.violated, dates.total, dates.status) == (2000, 200_000, "passed")
    assert (times.violated, times.total, times.status) == (2001, 200_000, "failed")
    assert steps[-1][0] == steps[-1][1] == len(steps)
    assert len(steps) < 150


def test_the_summary_adds_up(results: Results) -> None:
    table = summary(results.values())
    whole = table["total"]["total"]
    assert whole["total"] == len(results) == sum(table[name]["total"]["total"] for name in table if name != "total")
    assert whole["failed"] == sum(result.status == "failed" for result in results.values())
    assert whole["error"] == 1
    assert set(table) == {"conformance", "completeness", "plausibility", "total"}
    assert set(table["completeness"]) == {"verification", "validation", "total"}


@pytest.mark.shared
def test_the_definitions_are_those_of_the_dashboard(shared: Path) -> None:
    texts = carry(shared / "omop" / "dqd")
    assert sorted(texts) == sorted(path.name for path in HERE.glob("*.tsv"))
    for name, text in texts.items():
        assert (HERE / name).read_bytes() == text.encode(), f"{name} is stale: run data.validate.dqd.carry"
