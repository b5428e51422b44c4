"""Normalisation held against the sample hospital's key: nothing lost, planted cases end where the key says."""

import duckdb
import pytest

from data import normalise
from data.catalogue.model import recorded
from data.types import Stored
from data.validate import validate

pytestmark = pytest.mark.unit


def one(con, sql, *values):
    return con.execute(sql, list(values)).fetchone()[0]


def test_books_of_every_source_balance(build):
    books = normalise.balance(build)
    assert len(books) == 6
    assert [book for book in books if not book.holds] == []


def test_received_is_what_was_written(build, truth):
    written = sum(count for where, count in truth["received"].items() if "sdtm" not in where)
    assert sum(book.received for book in normalise.balance(build)) == written


def test_planted_broken_records_are_quarantined(build, truth):
    planted = [case for case in truth["planted"] if case["becomes"] == "quarantined"]
    wanted = sorted(case["rule"] for case in planted)
    found = sorted(row[0] for row in build.execute("SELECT rule FROM quarantine.record").fetchall())
    assert found == wanted


def test_quarantine_holds_reasons_not_values(build):
    """A reason is one of our sentences, so no value of a patient can stand in it."""
    reasons = {row[0] for row in build.execute("SELECT DISTINCT reason FROM quarantine.record").fetchall()}
    assert all(
        reason
        and not any(
            char.isdigit() for char in reason.replace("1880", "").replace("(0010,0020)", "").replace("PID-3", "")
        )
        for reason in reasons
    )


def test_persons_are_linked_across_systems(build, truth):
    persons = one(build, "SELECT count(*) FROM cdm.person")
    alone = one(build, "SELECT count(*) FROM vault.patient_index WHERE rule = 'alone'")
    assert truth["persons"] <= persons <= truth["persons"] + alone
    assert one(build, "SELECT count(DISTINCT source) FROM vault.patient_index") == 6


def test_namesakes_are_never_guessed(build):
    """Two persons of one name and birth date: the laboratory's numbers of them go to review, linked to neither."""
    assert one(build, "SELECT count(*) FROM vault.review WHERE rule = 'several-alike'") >= 2


def test_cohorts_are_those_of_the_key(build, truth):
    sql = "SELECT count(DISTINCT person_id) FROM cdm.condition_occurrence WHERE condition_source_value = ?"
    for name, count in truth["cohorts"].items():
        kind, code, *sex = name.split()
        if kind == "condition" and not sex:
            assert one(build, sql, code) == count, code


def test_corrections_replace_what_they_correct(build, truth):
    corrected = [case for case in truth["planted"] if case["case"] == "correction"]
    assert corrected
    sql = "SELECT sum(value) FROM quality.metric WHERE name = 'superseded' AND table_name = 'event'"
    assert one(build, sql) >= len(corrected)


def test_units_are_converted_and_sources_kept(build):
    sql = (
        "SELECT count(*), min(value_as_number), max(value_as_number), count(value_source_value) FROM cdm.measurement "
        "WHERE measurement_source_value = '2345-7' AND unit_source_value = 'mmol/L'"
    )
    count, low, high, sources = build.execute(sql).fetchone()
    assert count == sources > 0
    assert low > 40
    assert high < 400


def test_tables_are_the_catalogues(build):
    for table in recorded().values():
        name = table.name if "." in table.name else f"cdm.{table.name}"
        found = [(row[0], row[1]) for row in build.execute(f"DESCRIBE {name}").fetchall()]
        assert found == [(column.name, column.type) for column in table.columns]


def test_validation_passes_and_reports(build):
    report = validate(build).as_json()
    assert [check for check in report["checks"] if check["hard"] and check["broken"]] == []
    assert {check["category"] for check in report["checks"]} == {"conformance", "completeness", "plausibility"}


def staged(tmp_path, name, media, content):
    path = tmp_path / name
    path.write_bytes(content)
    con = duckdb.connect()
    normalise.extract(con, [Stored(1, "one", "laboratory", "x", name, media, "d" * 64, len(content), path)])
    return con


def test_good_lines_beside_broken_ones_stay(tmp_path):
    patient = b'{"resourceType":"Patient","id":"%d","birthDate":"1980-01-01"}\n'
    content = patient % 1 + b"\xff\xfe broken\n" + b'{"id": 3}\n' + b"{" * 5000 + b"\n" + patient % 5
    con = staged(tmp_path, "Patient.ndjson", "fhir+ndjson", content)
    assert one(con, "SELECT count(*) FROM staging.patient") == 2
    rejected = con.execute("SELECT line, rule FROM staging.reject ORDER BY line").fetchall()
    assert rejected == [(2, "not-utf8"), (3, "no-type"), (4, "broken-json")]


def test_truncated_gzip_keeps_what_came_before(tmp_path):
    import gzip

    lines = b"".join(b'{"resourceType":"Patient","id":"%d"}\n' % number for number in range(5000))
    con = staged(tmp_path, "Patient.ndjson.gz", "fhir+ndjson", gzip.compress(lines)[:-3000])
    assert one(con, "SELECT count(*) FROM staging.patient") > 100
    assert one(con, "SELECT count(*) FROM staging.reject WHERE rule = 'damaged-file'") == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"MSH", b"MSH|^~\\&|\r", b"PID|1\r", b"\x00\x01\x02", b"MSH|^~\\&|||||||ORU^R01\rPID|1||X\rOBX\r"],
)
def test_odd_messages_never_crash(tmp_path, content):
    con = staged(tmp_path, "x.hl7", "hl7v2", content)
    normalise.normalise(con)
    assert all(book.holds for book in normalise.balance(con))


@pytest.mark.shared
def test_real_hl7_samples_are_accounted_for(shared):
    con = duckdb.connect()
    files = sorted((shared / "hl7v2/fhir_converter").glob("*.hl7"))
    normalise.extract(
        con,
        [
            Stored(n, "hl7", "laboratory", "hl7v2", path.name, "hl7v2", f"{n:064d}", 1, path)
            for n, path in enumerate(files, 1)
        ],
    )
    normalise.normalise(con)
    assert len(files) == 139
    assert all(book.holds for book in normalise.balance(con))


@pytest.mark.shared
def test_real_fhir_observations_are_all_accounted_for(shared):
    con = duckdb.connect()
    files = sorted((shared / "fhir/synthea_r4_bulk").glob("*.ndjson.gz"))
    wanted = [path for path in files if path.name.split(".")[0] in ("Patient", "Encounter", "Observation", "Condition")]
    normalise.extract(
        con,
        [
            Stored(n, "ehr", "ehr", "fhir-ndjson", path.name, "fhir+ndjson", f"{n:064d}", 1, path)
            for n, path in enumerate(wanted, 1)
        ],
    )
    normalise.normalise(con)
    assert one(con, "SELECT sum(records) FROM staging.received WHERE name LIKE 'Observation%'") == 29126
    assert one(con, "SELECT count(*) FROM cdm.person") == 200
    assert all(book.holds for book in normalise.balance(con))


def test_every_row_of_every_table_has_its_records(build):
    """Only concepts have none: they are of the vocabulary."""
    for table in recorded().values():
        if table.name in ("concept", "concept_ancestor", "patient_identity"):
            continue
        name = table.name if "." in table.name else f"cdm.{table.name}"
        orphans = f"SELECT count(*) FROM {name} WHERE {table.key} NOT IN (SELECT row_id FROM vault.lineage WHERE table_name = '{table.name}')"
        assert one(build, orphans) == 0, table.name
    known = (
        "SELECT count(*) FROM vault.lineage WHERE (source, blob) NOT IN (SELECT (source, blob) FROM staging.received)"
    )
    assert one(build, known) == 0
