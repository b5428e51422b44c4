"""Benchmarks of the permission boundary: the guard alone, and governed aggregates against the same SQL ungoverned.

Part of `make bench`; alone: `python -m evals.bench.permissions [--rows N]`. The aggregates run on one table of measurements in the sandboxed
worker, governed and plain in turn, so that the ratio holds on a noisy machine. A person has at most a hundred rows of it.
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from data.catalogue.model import catalogue
from data.engines import DuckDBEngine
from data.types import Limits
from evals.bench.shared import said
from policies.decide import Judge, decide
from policies.disclosure.overlap import answered, isolates
from policies.disclosure.profile import Sizes
from policies.guard.parse import understood
from policies.guard.resolve import resolve
from policies.model import Grant, granted_schema, parse_policy

POLICY = """
version: 1
contact: the benchmark
grants:
  - {role: researcher, purpose: HRESCH, release: deidentified, mode: aggregate, tables: ["*"],
     tags: [person_key, record_key, quasi_identifier, date, clinical, operational]}
"""
ROWS, PERSONS = 20_000_000, 200_000
_TIMES = 9
_MOST = ROWS // PERSONS
# Aggregates: name, SQL. The goal of 1.25 holds where the plain one takes 80 ms and more.
AGGREGATES = (
    ("mean, 20 groups", "SELECT unit_concept_id AS g, avg(value_as_number) AS mean FROM measurement GROUP BY 1"),
    (
        "mean, 3,001 groups",
        "SELECT measurement_concept_id AS g, avg(value_as_number) AS mean FROM measurement GROUP BY 1",
    ),
    (
        "four aggregates, 20 groups",
        (
            "SELECT unit_concept_id AS g, count(*) AS n, avg(value_as_number) AS mean, stddev(value_as_number) AS sd, "
            "max(value_as_number) AS most FROM measurement GROUP BY 1"
        ),
    ),
    (
        "four aggregates, 3,001 groups",
        (
            "SELECT measurement_concept_id AS g, count(*) AS n, avg(value_as_number) AS mean, stddev(value_as_number) AS sd, "
            "max(value_as_number) AS most FROM measurement GROUP BY 1"
        ),
    ),
    ("persons, 20 groups", "SELECT unit_concept_id AS g, count(DISTINCT person_id) AS n FROM measurement GROUP BY 1"),
    (
        "persons, 3,001 groups",
        "SELECT measurement_concept_id AS g, count(DISTINCT person_id) AS n FROM measurement GROUP BY 1",
    ),
    (
        "joined with persons, 40 groups",
        (
            "SELECT p.gender_concept_id AS s, m.unit_concept_id AS g, avg(m.value_as_number) AS mean FROM measurement m "
            "JOIN person p ON p.person_id = m.person_id GROUP BY 1, 2"
        ),
    ),
)


def main() -> None:
    """Measures, prints, and writes bench/permissions.json."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench.permissions", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the table of measurements")
    report = measure(Console(highlight=False), parser.parse_args().rows)
    target = Path("bench")
    target.mkdir(exist_ok=True)
    (target / "permissions.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(out: Console, rows: int = ROWS) -> dict[str, Any]:
    """What was measured: of the guard, in milliseconds of processor time, and of the aggregates, as ratios."""
    held = {
        name: {column.name: column.type for column in table.columns if "identifier" not in column.tags}
        for name, table in catalogue().items()
        if name != "patient_identity"
    }
    judge = Judge(parse_policy(POLICY))
    grant = judge.policy.grants[0]
    gc.collect()
    gc.freeze()  # as `readingroom serve` does
    guard = _guard(judge, grant, held)
    gc.unfreeze()
    with tempfile.TemporaryDirectory(prefix="readingroom-bench-") as directory:
        serving = Path(directory) / "release" / "serving.duckdb"
        out.print(f"Making a table of {rows:,} measurements ...")
        _fill(serving, rows)
        aggregates = _aggregates(serving, grant, held, rows)
    _show(out, guard, aggregates)
    return {"guard": guard, "aggregates": aggregates}


# --- the guard ------------------------------------------------------------------------------------------------------------


def long_question(lines: int = 200) -> str:
    """A study of many parts in about so many lines."""
    part = (
        "c{0} AS (\n  SELECT\n    o.person_id,\n    min(o.condition_start_date) AS first_day,\n    count(*) AS events\n"
        "  FROM condition_occurrence o\n  WHERE o.condition_concept_id IN (201826, {0})\n"
        "    AND o.condition_start_date >= DATE '2010-01-01'\n  GROUP BY\n    o.person_id\n)"
    )
    number = max(1, (lines - 12) // 12)
    parts = ",\n".join(part.format(one) for one in range(number))
    joins = "\n".join(f"LEFT JOIN c{one} ON c{one}.person_id = p.person_id" for one in range(number))
    outputs = "SELECT\n  p.gender_concept_id,\n  count(DISTINCT p.person_id) AS persons,\n  avg(c0.events) AS events\nFROM person p"
    return f"WITH\n{parts}\n{outputs}\n{joins}\nWHERE p.year_of_birth > 1950\nGROUP BY\n  p.gender_concept_id"


def _guard(judge: Judge, grant: Grant, held: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    sql = long_question()
    granted = granted_schema(grant, held, catalogue())
    lines = sql.count("\n") + 1
    judge.judge(sql, grant, held, "one")

    def cached() -> None:
        for _ in range(100):
            judge.judge(sql, grant, held, "one")

    return [
        _timed(f"guard, {lines} lines", lambda: resolve(understood(sql, granted), granted, held), 5.0),
        _timed(f"verdict with suppression, {lines} lines", lambda: decide(sql, grant, held, 11), None),
        _timed("the same question again", cached, 0.2, 100),
    ]


def _timed(what: str, do: Callable[[], object], goal: float | None, times: int = 1) -> dict[str, Any]:
    taken = []
    for _ in range(80):
        begun = time.process_time()
        do()
        taken.append((time.process_time() - begun) * 1000 / times)
    taken = sorted(taken[5:])
    p95 = taken[int(len(taken) * 0.95)]
    reached = None if goal is None else p95 < goal
    return {
        "what": what,
        "median_ms": round(taken[len(taken) // 2], 4),
        "p95_ms": round(p95, 4),
        "goal_ms": goal,
        "reached": reached,
    }


# --- aggregates -----------------------------------------------------------------------------------------------------------


def _fill(serving: Path, rows: int) -> None:
    """Persons and measurements under random keys, sorted by them as a release is; the same on every machine."""
    serving.parent.mkdir(parents=True)
    key = "(hash({0}) % 9007199254740991)::BIGINT"
    with duckdb.connect(str(serving)) as con:
        con.execute("CREATE SCHEMA operations")
        con.execute(
            f"CREATE TABLE person AS SELECT {key.format('i')} AS person_id, CASE WHEN i % 2 = 0 THEN 8507 ELSE 8532 END::BIGINT "
            f"AS gender_concept_id FROM range({PERSONS}) t(i) ORDER BY 1"
        )
        con.execute(
            f"CREATE TABLE measurement AS SELECT {key.format('i + 1000000000')} AS measurement_id, {key.format(f'i % {PERSONS}')} AS person_id, "
            "(3000000 + (pow(hash(i * 31) % 1000003 / 1000003.0, 2) * 3000)::INT)::BIGINT AS measurement_concept_id, "
            "((hash(i * 17) % 20)::INT)::BIGINT AS unit_concept_id, (hash(i * 7) % 100000 / 100.0)::DECIMAL(18, 6) AS value_as_number "
            f"FROM range({rows}) t(i) ORDER BY 1"
        )


def _aggregates(serving: Path, grant: Grant, held: dict[str, dict[str, str]], rows: int) -> list[dict[str, Any]]:
    engine = DuckDBEngine(workers=1)
    limits = Limits(seconds=120, rows=100_000, bytes=100_000_000, memory_mb=4096, threads=2)
    sizes = Sizes({"measurement": rows, "person": PERSONS}, {"measurement": max(1, rows // PERSONS), "person": 1})
    found = []
    try:
        for name, sql in AGGREGATES:
            judged = decide(sql, grant, held, 11, sizes)
            pairs = [
                (_taken(engine, serving, judged.sql, limits), _taken(engine, serving, sql, limits))
                for _ in range(_TIMES)
            ][2:]
            plain = statistics.median(one for _, one in pairs)
            ratio = statistics.median(governed / bare for governed, bare in pairs)
            found.append({"what": name, "plain_ms": round(plain, 1), "ratio": round(ratio, 3),
                          "reached": ratio <= 1.25 if plain >= 80 else None})  # fmt: skip
        found.append(_beside_an_earlier_one(engine, serving, grant, held, sizes))
    finally:
        engine.close()
    return found


def _taken(engine: DuckDBEngine, serving: Path, sql: str, limits: Limits) -> float:
    begun = time.perf_counter()
    engine.run(serving, sql, {}, limits)
    return (time.perf_counter() - begun) * 1000


def _beside_an_earlier_one(
    engine: DuckDBEngine, serving: Path, grant: Grant, held: dict[str, dict[str, str]], sizes: Sizes
) -> dict[str, Any]:
    """What it takes, once, to hold a new question against an earlier one: whom each of their cells counts, and the comparison."""
    limits = Limits(seconds=300, rows=40_000_000, bytes=2_000_000_000, memory_mb=8192, threads=2)
    begun = time.perf_counter()
    cells = []
    for _, sql in (AGGREGATES[0], AGGREGATES[4]):
        one = decide(sql, grant, held, 11, sizes).witnesses[0]
        raw = engine.run(serving, one.sql, {}, limits)
        cells.append(answered(raw.table, one.told, one.tables, 11, one.one_level, one.mixed))
    isolates(cells[1:], cells[:1], 11)
    return {"what": "a new question beside an earlier one, once", "plain_ms": round((time.perf_counter() - begun) * 1000),
            "ratio": None, "reached": None}  # fmt: skip


def _show(out: Console, guard: list[dict[str, Any]], aggregates: list[dict[str, Any]]) -> None:
    table = Table("what", "median ms", "p95 ms", "goal (p95)", "reached", title="The guard, processor time")
    for one in guard:
        goal = "" if one["goal_ms"] is None else f"< {one['goal_ms']}"
        table.add_row(one["what"], str(one["median_ms"]), str(one["p95_ms"]), goal, said(one["reached"]))
    out.print(table)
    table = Table("what", "plain ms", "governed / plain", "at most 1.25 from 80 ms on", title="Disclosure control")
    for one in aggregates:
        table.add_row(one["what"], str(one["plain_ms"]), str(one["ratio"] or ""), said(one["reached"]))
    out.print(table)


if __name__ == "__main__":
    main()
