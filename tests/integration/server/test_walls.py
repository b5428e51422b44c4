"""Each wall alone, with those before it taken down: attacks that pass one must still find nothing behind the next."""

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from data.catalogue.model import TAGS, catalogue
from data.engines import DuckDBEngine
from data.engines.pool import _ENVIRONMENT
from data.errors import OutOfBounds, ReadingRoomError
from data.snapshots import open_current
from data.types import Limits
from policies.decide import decide
from policies.workbench.questions import blocks

pytestmark = pytest.mark.integration
FIXTURES = Path(__file__).parents[2] / "fixtures" / "refused"
MARKER = "MARKER-617-of-another-folder"
SHORT = Limits(seconds=2, rows=50, memory_mb=512)
READING = ("files", "catalogues", "reading", "clock_and_chance")
WRITING = ("statements", "hidden_statements", "smuggling")
TRANSACTION = re.compile(r"(?i)begin|commit|rollback|start|abort")  # takes nothing, writes nothing
SINGLING_OUT = ("singling_out", "keys", "joins", "others", "picking", "packing", "gathering", "addresses", "whole_rows")
OUTWARD = {  # what DuckDB's own wall keeps off, and Landlock alone must
    "enable_external_access": "allows files, extensions and other databases",
    "lock_configuration": "allows settings to be changed",
    "autoinstall_known_extensions": "allows extensions to be fetched",
    "autoload_known_extensions": "allows extensions to be loaded",
}


def corpus(*names: str) -> list[str]:
    return [block.sql for name in names for block in blocks(FIXTURES / f"{name}.sql")]


@pytest.fixture(scope="module")
def serving(published_room) -> Path:
    """The file the researcher's questions run on."""
    return open_current(published_room.snapshots_path).serving("deidentified")


@pytest.fixture(scope="module")
def planted(serving, tmp_path_factory):
    """Files that hold the marker: outside the room, in another release of the snapshot and in its vault."""
    outside = tmp_path_factory.mktemp("outside")
    snapshot = serving.parents[2]
    places = [
        outside / "secrets.csv",
        serving.parents[1] / "limited" / "secrets.csv",
        snapshot / "vault" / "secrets.csv",
    ]
    for place in places:
        place.write_text(f"secret\n{MARKER}\n")
    yield places
    for place in places:
        place.unlink()


@pytest.fixture(scope="module")
def engine():
    """The engine as it serves: the guard alone is absent."""
    made = DuckDBEngine(workers=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def open_engine():
    """The engine with DuckDB's own wall down as well."""
    made = DuckDBEngine(workers=1, unsafe_skip=tuple(OUTWARD))
    if not made.sandbox().landlock:
        pytest.skip("this kernel has no Landlock")
    yield made
    made.close()


def given(engine, serving, sql: str) -> str:
    """What comes back of a question asked without the guard, as text; of a failure its words."""
    try:
        return str(engine.run(serving, sql, {}, SHORT).table.to_pylist())
    except ReadingRoomError as error:
        return f"{error.message} {error.advice}"


def tells(engine, serving, sql: str) -> bool:
    """Whether the marker, or the name of the file that holds it, stands anywhere in what comes back."""
    try:
        table = engine.run(serving, sql, {}, SHORT).table
    except ReadingRoomError as error:
        return MARKER in f"{error.message} {error.advice}"
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return any(one.encode() in bytes(sink.getvalue()) for one in (MARKER, "secrets.csv"))


def broken_out(sql: str) -> str:
    """The attack behind a bracket that closes the frame in which the worker runs a question."""
    return f"SELECT 1) AS q; {sql.strip().rstrip(';')}\n; SELECT * FROM (SELECT 1 AS one"


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


# --- the guard taken down ---------------------------------------------------------------------------------------------


def test_without_the_guard_no_file_is_read(engine, serving, planted):
    attacks = corpus(*READING)
    for place in planted:
        attacks += [frame.format(place) for frame in READERS]
        attacks += [f"SELECT * FROM glob('{place.parent}/*')"]
    assert [sql for sql in attacks if tells(engine, serving, sql)] == []


READERS = (
    "SELECT * FROM '{}'", "SELECT * FROM read_csv('{}')", "SELECT * FROM read_text('{}')", "SELECT * FROM read_blob('{}')",
    "SELECT * FROM sniff_csv('{}')", "SELECT * FROM read_json('{}')", "SELECT * FROM query('FROM read_text(''{}'')')",
    "SELECT * FROM query_table('{}')", "SELECT * FROM parquet_metadata('{}')", "SELECT (SELECT content FROM read_text('{}'))",
)  # fmt: skip


def test_without_the_guard_nothing_is_written_attached_or_set(engine, serving, planted):
    folder, before = serving.parents[2], state(serving.parents[2])
    settings = given(engine, serving, _LOCKED)
    assert "'false'" in settings
    for sql in corpus(*WRITING):
        assert not tells(engine, serving, sql)
        if not TRANSACTION.match(sql):
            assert not tells(engine, serving, broken_out(sql))
    for text in [_COPY.format(place.with_suffix(".out")) for place in planted]:
        given(engine, serving, broken_out(text))
    assert given(engine, serving, _LOCKED) == settings
    assert given(engine, serving, _HELD) == _held(serving)
    assert state(folder) == before
    assert not planted[0].with_suffix(".out").exists()


_COPY = "COPY (SELECT 1) TO '{}'"
_LOCKED = (
    "SELECT name, value FROM duckdb_settings() WHERE name IN ('enable_external_access', 'lock_configuration', 'memory_limit', "
    "'autoload_known_extensions', 'autoinstall_known_extensions', 'allow_community_extensions', 'threads', 'TimeZone') ORDER BY name"
)
_HELD = "SELECT count(*) AS tables FROM duckdb_tables() WHERE NOT temporary AND database_name = 'serving'"


def _held(serving: Path) -> str:
    with duckdb.connect(str(serving), read_only=True) as con:
        return str([{"tables": con.execute("SELECT count(*) FROM duckdb_tables()").fetchone()[0]}])


def test_without_the_guard_no_other_database_is_attached(engine, serving, planted):
    databases = "SELECT database_name FROM duckdb_databases() WHERE NOT internal ORDER BY 1"
    other = serving.parents[1] / "limited" / "serving.duckdb"
    for sql in (f"ATTACH '{other}' AS other (READ_ONLY)", f"ATTACH '{planted[0].parent}/new.duckdb' AS other"):
        given(engine, serving, broken_out(sql))
    assert given(engine, serving, databases) == "[{'database_name': 'serving'}]"
    assert not (planted[0].parent / "new.duckdb").exists()


def test_without_the_guard_a_bomb_costs_one_call(engine, serving):
    with pytest.raises(ReadingRoomError):
        engine.run(
            serving, "SELECT count(*) FROM range(1000000000) a, range(1000) b WHERE a.range % 7 = b.range", {}, _HALF
        )
    with pytest.raises((OutOfBounds, ReadingRoomError)):
        engine.run(serving, "SELECT list(repeat('x', 1000000)) FROM range(100000)", {}, SHORT)
    assert given(engine, serving, "SELECT 1 AS one") == "[{'one': 1}]"


_HALF = Limits(seconds=0.5, memory_mb=512)


@pytest.mark.parametrize(
    ("sql", "then"),
    [
        ("BEGIN; SELECT error('x')", "SELECT 1 AS one"),
        ("CREATE TEMP VIEW person AS SELECT 42 AS person_id", "SELECT count(*) > 1 AS one FROM main.person"),
        (
            "CREATE TEMP TABLE kept AS SELECT 1 AS one",
            "SELECT count(*) = 0 AS one FROM duckdb_tables() WHERE temporary",
        ),
        ("SET VARIABLE kept = 7", "SELECT getvariable('kept') IS NULL AS one"),
        ("PREPARE kept AS SELECT 1", "SELECT count(*) = 0 AS one FROM duckdb_prepared_statements()"),
    ],
)
def test_without_the_guard_a_question_is_one_statement(sql, then, serving):
    """Nothing of one question is left for the next, which another asker may have put."""
    engine = DuckDBEngine(workers=1)
    try:
        for text in (broken_out(sql), sql):
            assert "not one SELECT" in given(engine, serving, text)
            assert given(engine, serving, then) in ("[{'one': 1}]", "[{'one': True}]")
    finally:
        engine.close()


def test_without_the_guard_no_chance_is_handed_on(serving):
    """A seed that one asker sets does not tell him what another draws."""
    engine = DuckDBEngine(workers=1)
    try:
        drawn = set()
        for _ in range(2):
            given(engine, serving, "SELECT setseed(0.5)")
            drawn.add(given(engine, serving, "SELECT random() AS one"))
        assert len(drawn) == 2
    finally:
        engine.close()


@pytest.mark.parametrize(
    "sql",
    [
        "WITH a AS (COPY (SELECT 1) TO '{}') SELECT * FROM a",
        "WITH a AS (INSERT INTO person (person_id) VALUES (1) RETURNING person_id) SELECT * FROM a",
        "WITH a AS (DELETE FROM person RETURNING person_id) SELECT * FROM a",
    ],
)
def test_without_the_guard_no_with_writes(sql, open_engine, serving):
    """DuckDB counts these among its SELECTs; within the frame of the worker they are none."""
    place = serving.parent / "written.csv"
    assert "as it is written" in given(open_engine, serving, sql.format(place))
    assert not place.exists()


def test_without_the_guard_no_variable_of_the_worker_is_a_table(open_engine, serving):
    for name in ("connection", "cursor", "request", "settings", "sock", "_LOCKED"):
        assert "CatalogException" in given(open_engine, serving, f"SELECT * FROM {name}")


# --- the guard and DuckDB's own wall taken down -------------------------------------------------------------------------


def test_landlock_alone_lists_and_reads_nothing_outside(open_engine, serving, planted):
    assert "serving" in given(
        open_engine, serving, f"SELECT * FROM glob('{serving.parent}/*')"
    )  # its own folder, it may
    for place in planted:
        texts = [frame.format(place) for frame in READERS] + [f"SELECT * FROM glob('{place.parent}/*')"]
        assert [text for text in texts if tells(open_engine, serving, text.replace("secrets.csv", "*.csv"))] == []
        assert [text for text in texts if tells(open_engine, serving, text)] == []
        assert given(open_engine, serving, f"SELECT count(*) AS n FROM glob('{place.parent}/*')") == "[{'n': 0}]"


def test_landlock_alone_follows_no_link_out(open_engine, serving, planted):
    link = serving.parent / "inside.csv"
    link.symlink_to(planted[0])
    try:
        assert MARKER not in given(open_engine, serving, f"SELECT * FROM read_text('{link}')")
    finally:
        link.unlink()


def test_landlock_alone_attaches_no_other_release(open_engine, serving):
    other = serving.parents[1] / "identified" / "serving.duckdb"
    assert other.exists()
    given(open_engine, serving, broken_out(f"ATTACH '{other}' AS other (READ_ONLY)"))
    found = given(open_engine, serving, "SELECT count(*) AS n FROM duckdb_tables() WHERE database_name = 'other'")
    assert found == "[{'n': 0}]"


def test_landlock_alone_lets_nothing_be_written(open_engine, serving, planted):
    """Tried often: a thread that was started before the wall would take only some of them."""
    before = state(serving.parents[2])
    for folder in (serving.parent, planted[0].parent):
        for number in range(40):
            given(open_engine, serving, broken_out(f"COPY (SELECT 1) TO '{folder}/new{number}.csv'"))
        for sql in (
            f"ATTACH '{folder}/new.duckdb' AS fresh", f"EXPORT DATABASE '{folder}/new'", f"SET temp_directory = '{folder}/new'",
            f"INSTALL httpfs FROM '{folder}'", f"LOAD '{folder}/secrets.csv'",
        ):  # fmt: skip
            given(open_engine, serving, broken_out(sql))
        assert [path for path in folder.iterdir() if path.name.startswith("new")] == []
    assert state(serving.parents[2]) == before


def test_landlock_alone_holds_each_statement_that_would_write(serving, planted, tmp_path):
    """As above, with the frame and the one SELECT taken down too: DuckDB is told to write, from all of its threads."""
    settings = {"serving": str(serving), "memory_mb": 512, "threads": 2, "unsafe_skip": list(OUTWARD)}
    if not DuckDBEngine(workers=1).sandbox().landlock:
        pytest.skip("this kernel has no Landlock")
    told = subprocess.run(
        [sys.executable, "-c", _WRITER, json.dumps(settings), str(tmp_path), str(serving.parent), str(planted[0].parent)],
        env={**_ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[3])}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert json.loads(told) == {"threads": 1, "written": [], "refused": 240}
    assert list(tmp_path.iterdir()) == []


_WRITER = """
import json, sys
from pathlib import Path
from data.engines import sandbox, worker
settings = json.loads(sys.argv[1])
connection = worker._opened(Path(settings["serving"]), settings)
threads = sandbox.threads()
sandbox.confine(Path(settings["serving"]).parent, settings["memory_mb"])
worker._lock(connection, settings)
written, refused = [], 0
for folder in sys.argv[2:]:
    for number in range(40):
        for form in ("CSV", "PARQUET"):
            try:
                connection.execute(f"COPY (SELECT i FROM range(200000) r(i)) TO '{folder}/new{number}.{form}' (FORMAT {form})")
                written.append(folder)
            except Exception:
                refused += 1
print(json.dumps({"threads": threads, "written": written, "refused": refused}))
"""


# --- the columns a policy names taken down ------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["deidentified", "safe_harbor", "limited"])
def test_a_release_without_identities_holds_none(release, serving, build):
    """Every text of every column is searched for every full name, number, telephone and street that the vault knows."""
    known = known_identifiers(serving.parents[2] / "vault" / "patient_identity.parquet")
    known |= {one for row in build.execute(_OF_SOURCES).fetchall() for one in row if one and len(one) > 6}
    assert len(known) > 500
    with duckdb.connect(str(serving.parents[1] / release / "serving.duckdb"), read_only=True) as con:
        texts = texts_of(con)
        con.execute("CREATE TEMP TABLE known AS SELECT unnest($known) AS value", {"known": sorted(known)})
        con.execute("CREATE TEMP TABLE texts AS SELECT unnest($texts) AS text", {"texts": sorted(texts)})
        found = con.execute("SELECT count(*) FROM known JOIN texts ON contains(text, lower(value))").fetchone()
    assert len(texts) > 500
    assert found == (0,)


_OF_SOURCES = "SELECT mrn, phone, street FROM staging.patient"


def known_identifiers(vault: Path) -> set[str]:
    rows = duckdb.execute(
        "SELECT medical_record_number, given_name || ' ' || family_name, family_name || ', ' || given_name, "
        "family_name || '^' || given_name, phone, split_part(address, ',', 1) FROM read_parquet($vault)",
        {"vault": str(vault)},
    ).fetchall()
    return {one for row in rows for one in row if one and len(one) > 6}


def texts_of(con: duckdb.DuckDBPyConnection) -> set[str]:
    """All distinct texts of a database in small letters, those within lists and structs too."""
    found: set[str] = set()
    columns = con.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE data_type LIKE '%VARCHAR%'"
    ).fetchall()
    for schema, table, column in columns:
        text = f'SELECT DISTINCT lower("{column}"::VARCHAR) FROM "{schema}"."{table}"'
        found |= {one for (one,) in con.execute(text).fetchall() if one}
    return found


@pytest.mark.parametrize("release", ["deidentified", "safe_harbor", "limited"])
def test_a_release_without_identities_has_no_column_for_them(release, serving):
    identifying = {
        (name.rpartition(".")[2], column.name)
        for name, table in catalogue().items()
        for column in table.columns
        if "identifier" in column.tags
    }
    with duckdb.connect(str(serving.parents[1] / release / "serving.duckdb"), read_only=True) as con:
        held = set(con.execute("SELECT table_name, column_name FROM information_schema.columns").fetchall())
    assert held
    assert held & identifying == set()


# --- the columns and tables of a grant taken down: disclosure control alone ---------------------------------------------


@pytest.fixture(scope="module")
def everything() -> dict[str, dict[str, str]]:
    return {name: {one.name: one.type for one in table.columns} for name, table in catalogue().items()}


@pytest.fixture(scope="module")
def widest(grants):
    """A grant of every table and tag, names included, in aggregate mode."""
    return grants["researcher"].model_copy(update={"tables": ("*",), "tags": tuple(TAGS), "hide": ()})


def test_with_everything_granted_nobody_is_singled_out(widest, everything):
    allowed = []
    for sql in corpus(*SINGLING_OUT):
        try:
            decide(sql, widest, everything, 11)
            allowed.append(sql)
        except ReadingRoomError:
            continue
    assert allowed == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT family_name FROM patient_identity",
        "SELECT family_name, count(*) FROM patient_identity GROUP BY person_id, family_name",
        "SELECT note_text FROM note",
        "SELECT address_1 FROM location",
        "SELECT count(*) FROM person p JOIN patient_identity i ON i.family_name = p.gender_source_value",
        "SELECT string_agg(family_name, ',') FROM patient_identity",
    ],
)
def test_with_everything_granted_names_are_not_listed(sql, widest, everything):
    with pytest.raises(ReadingRoomError):
        decide(sql, widest, everything, 11)


def test_with_everything_granted_a_name_with_few_persons_is_withheld(widest, everything):
    judged = decide("SELECT family_name, count(*) AS n FROM patient_identity GROUP BY 1", widest, everything, 11)
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE patient_identity AS SELECT i AS person_id, 'F' || i % 12 AS family_name FROM range(100) r(i)"
        )
        rows = con.execute(judged.sql).fetchall()
    assert {row[:2] for row in rows} == {(None, None)}
