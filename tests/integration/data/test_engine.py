"""The sandboxed worker, wall by wall: each tried with the guard absent, Landlock with DuckDB's own wall down too."""

import os
import signal
import threading
import time

import duckdb
import pyarrow as pa
import pytest

from data.engines import DuckDBEngine
from data.engines.canonical import canonical, digest, to_python
from data.errors import BadRequest, OutOfBounds
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


def test_errors_never_carry_a_value(engine, serving):
    """DuckDB's message would quote the text that cannot be cast."""
    with pytest.raises(BadRequest) as error:
        rows(engine, serving, "SELECT CAST('MARKER' || who AS INTEGER) FROM t")
    assert "MARKER" not in str(error.value)


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
