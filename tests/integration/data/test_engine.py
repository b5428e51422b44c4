"""The sandboxed worker, wall by wall: each tried with the guard absent, Landlock with DuckDB's own wall down too."""

import json
import os
import signal
import threading
import time
import traceback

import duckdb
import pyarrow as pa
import pytest
from pydantic_core import to_json

from data.engines import DuckDBEngine
from data.engines.canonical import canonical, digest, to_python
from data.engines.pool import _ENVIRONMENT
from data.engines.worker import Watchdog
from data.engines.worker import _answered as answered
from data.errors import BadRequest, OutOfBounds, ReadingRoomError
from data.types import Limits

pytestmark = pytest.mark.integration
SMALL = Limits(seconds=5, memory_mb=512)


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    for name in ("own", "other"):
        (root / name).mkdir()
        with duckdb.connect(str(root / name / "serving.duckdb")) as con:
            con.execute(f"CREATE TABLE t AS SELECT i, i / 7.0 AS x, '{name}' AS who FROM range(200000) r(i)")
    return root / "own" / "serving.duckdb"


@pytest.fixture
def engine():
    made = DuckDBEngine(workers=2)
    yield made
    made.close()


def rows(engine, serving, sql, limits=SMALL, **params):
    return engine.run(serving, sql, params, limits).table.to_pylist()


def workers(engine):
    return [worker for pool in engine._pools.values() for worker in pool._idle]


def test_answers_with_parameters(engine, serving):
    assert rows(engine, serving, "SELECT count(*) AS n FROM t WHERE i < $most", most=10) == [{"n": 10}]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')", "FROM read_blob('/proc/self/environ')", "SELECT getenv('PATH')",
        "SELECT 1) AS q; ATTACH '/tmp/x.db'; SELECT * FROM (SELECT 1", "SELECT 1) TO '/tmp/x'; --",
    ],
)  # fmt: skip
def test_hostile_sql_reaches_nothing(engine, serving, sql):
    with pytest.raises((BadRequest, OutOfBounds)):
        rows(engine, serving, sql)


@pytest.mark.skipif(not DuckDBEngine(workers=1).sandbox().landlock, reason="this kernel has no Landlock")
@pytest.mark.parametrize("place", ["/etc/passwd", "../other/serving.duckdb", "/proc/self/environ"])
def test_landlock_stands_alone(serving, place):
    """With DuckDB's own wall down, another release's file still cannot be opened."""
    engine = DuckDBEngine(workers=1, unsafe_skip=("enable_external_access",))
    path = os.path.normpath(serving.parent / place)
    try:
        assert rows(engine, serving, f"SELECT octet_length(content) > 0 AS there FROM read_blob('{serving}')") == [
            {"there": True}
        ]
        with pytest.raises(BadRequest):
            rows(engine, serving, f"SELECT count(content) FROM read_blob(['{path}', '{path}', '{path}', '{path}'])")
    finally:
        engine.close()


def test_time_is_bounded_and_the_worker_lives(engine, serving):
    begun = time.monotonic()
    with pytest.raises(OutOfBounds, match="longer than"):
        rows(engine, serving, "SELECT count(*) FROM t a, t b WHERE a.x + b.x > 3", Limits(seconds=0.4, memory_mb=512))
    assert time.monotonic() - begun < 4
    assert rows(engine, serving, "SELECT 1 AS one") == [{"one": 1}]


def test_memory_is_bounded(engine, serving):
    with pytest.raises((OutOfBounds, BadRequest)):
        rows(
            engine,
            serving,
            "SELECT list(i::VARCHAR || repeat('x', 5000)) AS l FROM t",
            Limits(seconds=20, memory_mb=128),
        )
    assert rows(engine, serving, "SELECT 1 AS one") == [{"one": 1}]


def test_rows_and_bytes_are_bounded(engine, serving):
    few = engine.run(serving, "SELECT i FROM t ORDER BY i", {}, Limits(rows=5, memory_mb=512))
    assert (few.table.num_rows, few.truncated) == (5, True)
    small = engine.run(
        serving, "SELECT repeat('x', 1000) AS s FROM t", {}, Limits(rows=1000, bytes=50_000, memory_mb=512)
    )
    assert small.truncated
    assert 0 < small.table.nbytes < 60_000


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_lost_worker_costs_one_call(engine, serving, sign):
    engine.warm(serving, SMALL)
    worker = workers(engine)[0]
    threading.Timer(0.2, os.kill, (worker.process.pid, sign)).start()
    with pytest.raises(OutOfBounds):
        rows(
            engine,
            serving,
            "SELECT count(*) FROM t a, t b WHERE a.x + b.x > 3",
            Limits(seconds=1, memory_mb=512) if sign == signal.SIGSTOP else SMALL,
        )
    assert rows(engine, serving, "SELECT 1 AS one") == [{"one": 1}]


def test_many_callers_share_two_workers(engine, serving):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(rows(engine, serving, "SELECT sum(i) AS s FROM t")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[{"s": 19999900000}]] * 8


def test_busy_workers_are_said(serving):
    engine = DuckDBEngine(workers=1)
    slow = threading.Thread(
        target=lambda: pytest.raises(
            OutOfBounds,
            rows,
            engine,
            serving,
            "SELECT count(*) FROM t a, t b WHERE a.x + b.x > 3",
            Limits(2, memory_mb=512),
        )
    )
    engine.warm(serving, Limits(2, memory_mb=512))
    slow.start()
    time.sleep(0.3)
    with pytest.raises(OutOfBounds, match="busy"):
        rows(engine, serving, "SELECT 1", Limits(0.3, memory_mb=512))
    slow.join()
    engine.close()


def test_results_are_the_same_on_any_number_of_threads(engine, serving):
    sql = "SELECT i % 50 AS g, avg(x) AS a, stddev(x) AS s, corr(x, i * x) AS c FROM t GROUP BY 1 ORDER BY 1"
    digests = {
        digest(*to_python(canonical(engine.run(serving, sql, {}, Limits(memory_mb=512, threads=n)).table)))
        for n in (1, 2, 4)
    }
    assert len(digests) == 1


def test_canonical_numbers_are_ready_for_json():
    from decimal import Decimal

    table = pa.table({"f": [0.1 + 0.2, -0.0, float("nan")], "d": [Decimal("76.330000"), None, Decimal("140.000000")]})
    assert to_python(canonical(table))[2] == [(0.3, 76.33), (0.0, None), (None, 140.0)]


SECOND = Limits(seconds=1, memory_mb=512)
ENDLESS = {
    "cross join": "SELECT count(*) FROM range(1000000000) a, range(1000) b WHERE a.range % 7 = b.range",
    "sort": "SELECT md5(range::VARCHAR) AS h FROM range(100000000) ORDER BY h OFFSET 90000000",
    "distinct": "SELECT count(DISTINCT a.range::VARCHAR || b.range) FROM range(100000) a, range(100000) b",
    "many patterns": "SELECT count(*) FROM t WHERE regexp_matches(repeat('ab' || i, 20000), '(a|b|ab)*(a?b?){20}c$')",
    "one pattern": "SELECT regexp_replace(repeat('ab', 40000000), '(a|b|ab)', 'xx', 'g')",  # never looks up: the worker is given up
    "one comparison": "SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))",  # nor does this
    "recursion": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "recursion of the same": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
}


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_stopped(engine, serving, sql):
    engine.warm(serving, SECOND)
    begun = time.monotonic()
    with pytest.raises(OutOfBounds):
        rows(engine, serving, sql, SECOND)
    assert time.monotonic() - begun < SECOND.seconds + 2
    assert rows(engine, serving, "SELECT 1 AS one", SECOND) == [{"one": 1}]


LARGE = {
    "list": "SELECT list(i::VARCHAR || repeat('x', 5000)) AS l FROM t",
    "text": "SELECT string_agg(repeat(i::VARCHAR, 500), ',') FROM t",
    "range": "SELECT list_sum(range(400000000))",
    "groups": "SELECT s, count(*) FROM (SELECT repeat(i::VARCHAR, 500) AS s FROM t) GROUP BY s",
    "sort": "SELECT i, row_number() OVER (ORDER BY s) FROM (SELECT i, repeat(i::VARCHAR, 500) AS s FROM t)",
    "join": "SELECT i FROM (SELECT i, repeat(i::VARCHAR, 500) AS s FROM t) JOIN (SELECT repeat(i::VARCHAR, 500) AS s FROM t) USING (s)",
}


@pytest.mark.parametrize("sql", LARGE.values(), ids=LARGE)
def test_what_needs_too_much_memory_is_stopped(engine, serving, sql):
    """Nothing may be spilt to disk, so each ends at the bound."""
    limits = Limits(seconds=10, memory_mb=128)
    with pytest.raises(OutOfBounds, match="more than 128 MiB of memory"):
        rows(engine, serving, sql, limits)
    assert rows(engine, serving, "SELECT 1 AS one", limits) == [{"one": 1}]


def test_who_breaks_out_of_the_frame_gets_no_more(engine, serving):
    sql = "SELECT 1) AS q UNION ALL SELECT * FROM (SELECT i FROM t) AS r UNION ALL SELECT * FROM (SELECT 2"
    found = engine.run(serving, sql, {}, Limits(rows=5, memory_mb=512))
    assert (found.table.num_rows, found.truncated) == (5, True)


def test_one_row_may_be_too_large(engine, serving):
    with pytest.raises(OutOfBounds, match="more than 50000 bytes"):
        rows(engine, serving, "SELECT repeat('x', 60000) AS s", Limits(bytes=50_000, memory_mb=512))
    uneven = "SELECT repeat('x', CASE WHEN i = 3 THEN 45000 ELSE 1000 END) AS s FROM range(50) r(i) ORDER BY i"
    cut = engine.run(serving, uneven, {}, Limits(bytes=46_000, memory_mb=512))
    assert (cut.table.num_rows, cut.truncated) == (3, True)


# The text that cannot be cast, the divisor and the rest come from a table: DuckDB's message would quote most of them.
FAILING = {
    "cast": "SELECT CAST('MARKER' || who AS INTEGER) FROM t",
    "date": "SELECT CAST('MARKER' || who AS DATE) FROM t",
    "strptime": "SELECT strptime('MARKER' || who, '%Y-%m-%d') FROM t",
    "make_date": "SELECT make_date(2020, i::INTEGER, 1) FROM t",
    "division": "SELECT 1 // (i - 77) FROM t",
    "out of range": "SELECT 9223372036854775807 + i FROM t",
    "narrow": "SELECT i::TINYINT FROM t",
    "scalar subquery": "SELECT (SELECT i FROM t)",
    "pattern": "SELECT regexp_matches('x', who || '(MARKER') FROM t",
    "json": "SELECT CAST('MARKER' || who AS JSON) FROM t",
    "error": "SELECT error('MARKER' || who) FROM t",
    "field of a date": "SELECT date_part('MARKER' || who, DATE '2020-01-01') FROM t",
    "time zone": "SELECT timezone('MARKER' || who, TIMESTAMP '2020-01-01') FROM t",
    "escape": "SELECT 'x' LIKE 'x' ESCAPE ('MARKER' || who) FROM t",
    "step of a range": "SELECT * FROM range(1, 10, (SELECT min(i) FROM t))",  # a BinderException, while running
    "limit": "SELECT i FROM t LIMIT (SELECT min(i) - 7 FROM t)",
    "key": "SELECT map([who, who], [1, 2]) FROM t",
    "seed": "SELECT setseed(i) FROM t",
}


@pytest.mark.parametrize("sql", FAILING.values(), ids=FAILING)
def test_every_failure_that_data_cause_reads_the_same(engine, serving, sql, caplog, capfd):
    with pytest.raises(BadRequest) as error:
        rows(engine, serving, sql)
    assert (error.value.message, error.value.advice) == (
        "The query failed while running.",
        "Check types, casts, divisions and parameters. The database's own words are withheld: they may hold data.",
    )
    told = "".join(traceback.format_exception(error.value))
    assert "Exception: " not in told  # nor does DuckDB's own come along as a cause
    assert caplog.text + "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT sum(who) FROM t", "BinderException"), ("SELECT no_such_column FROM t", "BinderException"),
        ("SELECT strptime(who, who) FROM t", "BinderException"), ("SELECT * FROM no_such_table", "CatalogException"),
        ("SELECT no_such_function(who) FROM t", "CatalogException"),
    ],
)  # fmt: skip
def test_what_the_words_alone_make_fail_is_named(engine, serving, sql, kind):
    with pytest.raises(BadRequest, match=rf"as it is written \({kind}\)"):
        rows(engine, serving, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "", "-- nothing", "SELECT 1; SELECT 2", "EXPLAIN SELECT 1", "SET threads = 1", "BEGIN; COMMIT", "PRAGMA a = 1", "CALL pragma_version()",
        "CREATE TEMP TABLE kept AS SELECT 1", "COPY t TO '/tmp/x'", "PIVOT t ON who", "SELECT 1 /* open", "SELECT 'open", "SELECT 1) AS q --",
    ],
)  # fmt: skip
def test_one_select_is_asked(engine, serving, sql):
    with pytest.raises(BadRequest, match="not one SELECT"):
        rows(engine, serving, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS one -- so",
        "/* so */ (SELECT 1 AS one)",
        "WITH a AS (SELECT 1 AS one) FROM a",
        "FROM t SELECT 1 AS one LIMIT 1",
    ],
)
def test_one_select_has_many_forms(engine, serving, sql):
    assert rows(engine, serving, sql) == [{"one": 1}]


def test_every_thread_is_behind_landlock(engine, serving):
    """None was there before the wall but the one that asked for it; the others were started after."""
    engine.warm(serving, SMALL)
    [worker] = workers(engine)
    assert worker.facts["ready"]
    assert worker.facts["unbound"] == 0
    assert worker.facts["landlock"] == engine.sandbox().abi
    threads = "SELECT current_setting('threads') AS threads, current_setting('async_threads') AS async"
    assert rows(engine, serving, threads) == [{"threads": 2, "async": 0}]


def test_each_question_has_the_settings_of_the_worker(engine, serving):
    found = rows(
        engine, serving, "SELECT name, value FROM duckdb_settings() WHERE list_contains($names, name)",
        names=["TimeZone", "enable_external_access", "lock_configuration", "python_enable_replacements", "temp_directory"],
    )  # fmt: skip
    assert {one["name"]: one["value"] for one in found} == {
        "TimeZone": "UTC", "enable_external_access": "false", "lock_configuration": "true",
        "python_enable_replacements": "false", "temp_directory": "",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["InternalException", "FatalException"])
def test_a_broken_worker_costs_one_call(engine, serving, name, monkeypatch):
    """After such an error DuckDB answers nothing more, so the worker is given up."""
    engine.warm(serving, SMALL)
    [worker] = workers(engine)
    request = {"seconds": 1, "rows": 1, "sql": "SELECT 1", "params": {}}
    header, _ = answered(Broken(getattr(duckdb, name)("MARKER")), Watchdog(), request)
    monkeypatch.setattr(worker, "ask", lambda *_: (header, b""))
    with pytest.raises(OutOfBounds) as error:
        rows(engine, serving, "SELECT 1")
    assert "MARKER" not in str(error.value)
    assert not worker.alive
    assert rows(engine, serving, "SELECT 1 AS one") == [{"one": 1}]


class Broken:
    """A connection that raises."""

    def __init__(self, error):
        self.extract_statements = lambda _: [type("Statement", (), {"type": duckdb.StatementType.SELECT})]
        self.error = error

    def execute(self, *_):
        raise self.error


def test_a_worker_with_a_thread_outside_its_walls_does_not_serve(serving, monkeypatch):
    engine = DuckDBEngine(workers=1)
    if not engine.sandbox().landlock:
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setitem(_ENVIRONMENT, "JE_ARROW_MALLOC_CONF", "background_thread:true")
    with pytest.raises(ReadingRoomError, match="1 threads that its sandbox does not bind"):
        engine.warm(serving, SMALL)
    engine.close()


@pytest.mark.parametrize("number", range(3))
def test_values_beyond_python_have_one_text(engine, serving, number):
    """ISO 8601, whatever stands beside them."""
    sql = (
        "SELECT d::DATE AS d, d AS t, d::TIMESTAMPTZ AS z, [d::DATE] AS l, {'d': d} AS s, MAP {d: 1} AS m FROM (VALUES "
        "('infinity'::TIMESTAMP), ('-infinity'), ('12020-01-01 10:00:00.5'), ('44-03-15 (BC) 10:00:00'), "
        "('2020-01-01 10:00:00.25')) v(d) OFFSET $number"
    )
    texts = [("infinity", "infinity"), ("-infinity", "-infinity"), ("+12020-01-01", "+12020-01-01T10:00:00.500000"),
             ("-0043-03-15", "-0043-03-15T10:00:00"), ("2020-01-01", "2020-01-01T10:00:00.250000")]  # fmt: skip
    wanted = []
    for day, moment in texts[number:]:
        zoned = moment if "inf" in moment else f"{moment}+00:00"
        wanted.append((day, moment, zoned, [day], {"d": moment}, [[moment, 1]]))
    table = engine.run(serving, sql, {"number": number}, SMALL).table
    assert to_python(canonical(table))[2] == wanted
    assert json.loads(to_json(to_python(canonical(table))[2]))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("TIME '24:00:00'", "24:00:00"), ("TIME '10:00:00.25'", "10:00:00.250000"), ("'10:00:00.123456789'::TIME_NS", "10:00:00.123456789"),
        ("'2020-01-01 10:00:00.123456789'::TIMESTAMP_NS", "2020-01-01T10:00:00.123456789"), ("'infinity'::TIMESTAMP_S", "infinity"),
        ("'2020-01-01 10:00:00.5'::TIMESTAMP_MS", "2020-01-01T10:00:00.500000"), ("[NULL, TIME '24:00:00']", [None, "24:00:00"]),
        ("'x'::ENUM('x')", "x"), ("union_value(a := 'infinity'::DATE)", "infinity"), ("'abc'::BLOB", "616263"), ("INTERVAL 3 MONTH", [3, 0, 0]),
        ("[1, 2]::INT[2]", [1, 2]), ("['infinity'::DATE, NULL]::DATE[2]", ["infinity", None]), ("['nan'::DOUBLE]", [None]),
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
    ],
)  # fmt: skip
def test_every_type_has_a_form(engine, serving, value, shown):
    assert to_python(canonical(engine.run(serving, f"SELECT {value} AS v", {}, SMALL).table))[2] == [(shown,)]
