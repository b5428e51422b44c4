"""Runs the benchmarks: makes a room in a temporary directory, measures both servers call by call in turn, prints ratios, writes JSON."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from rich.console import Console
from rich.table import Table

from evals.bench import data, evidence, permissions, redaction
from evals.bench.shared import run
from evals.client import server_command

SELF_JOIN = (
    "SELECT a.measurement_concept_id, count(*) AS n, avg(b.value_as_number) AS mean FROM measurement a "
    "JOIN measurement b ON a.measurement_concept_id = b.measurement_concept_id AND a.value_as_number < b.value_as_number "
    "WHERE a.measurement_concept_id = 3004249 AND a.value_as_number > 120 GROUP BY 1 ORDER BY 1"
)
WIDE = (
    "SELECT measurement_id, person_id, measurement_concept_id, value_as_number, unit_concept_id, measurement_source_value "
    "FROM measurement LIMIT 1000"
)
# name, SQL, repetitions, goal in words
CASES = (
    ("trivial", "SELECT 1 AS one", 200, "at most +2 ms"),
    ("1,000 rows", WIDE, 60, "at most 1.5x"),
    (">= 100 ms", SELF_JOIN, 12, "at most 1.10x"),
)


def main() -> None:
    """Makes the room, measures, reports."""
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="readingroom-bench-") as directory:
        room = Path(directory) / "room"
        ingest = _fill(room, out)
        measured = anyio.run(_measure, room)
        share = _ledger_share(room)
        proven = evidence.measure(out, room)
    report = {
        "ingest": ingest,
        "calls": measured,
        "ledger_share_of_call": share,
        "evidence": proven,
        "data": data.measure(out),
        "permissions": permissions.measure(out),
        "redaction": redaction.measure(out),
    }
    _show(out, report)
    target = Path("bench")
    target.mkdir(exist_ok=True)
    (target / "bench.json").write_text(json.dumps(report, indent=1) + "\n")
    out.print(f"Written: {target / 'bench.json'}")


_command = partial(run, "server.cli")


def _fill(room: Path, out: Console) -> dict[str, float]:
    """Seconds and resources a second from sources to a published snapshot."""
    out.print("Making a sample hospital of 2,000 persons ...")
    _command("init", str(room))
    _command("sample", str(room / "hospital"), "--persons", "2000", "--seed", "7")
    truth = json.loads((room / "hospital" / "truth.json").read_text())
    records = sum(count for place, count in truth["received"].items() if "sdtm" not in place)
    begun = time.perf_counter()
    _command("ingest", "--room", str(room))
    ingested = time.perf_counter()
    _command("publish", "--room", str(room))
    published = time.perf_counter()
    _command("ingest", "--room", str(room))
    _command("publish", "--room", str(room))
    again = time.perf_counter()
    whole = published - begun
    return {
        "records": records,
        "ingest_seconds": round(ingested - begun, 2),
        "publish_seconds": round(published - ingested, 2),
        "records_per_second": round(records / whole),
        "second_run_share": round((again - published) / whole, 3),
    }


async def _measure(room: Path) -> list[dict[str, Any]]:
    identity = (room / "current").read_text().strip()
    serving = room / "snapshots" / identity / "releases" / "identified" / "serving.duckdb"
    bare = StdioServerParameters(command=sys.executable, args=["-m", "evals.bench.bare", str(serving)])
    rows = []
    async with Client(server_command(room, "clinician", "TREAT")) as governed, Client(bare) as plain:
        for name, sql, times, goal in CASES:
            rows.append({"case": name, "goal": goal, **await _paired(governed, plain, sql, times)})
    async with Client(server_command(room, "researcher", "HRESCH")) as governed, Client(bare) as plain:
        sql = "SELECT measurement_concept_id, count(DISTINCT person_id) AS n, avg(value_as_number) AS mean FROM measurement GROUP BY 1"
        rows.append(
            {"case": "disclosure control", "goal": "see Disclosure control", **await _paired(governed, plain, sql, 40)}
        )
    return rows


async def _paired(governed: Client, plain: Client, sql: str, times: int) -> dict[str, float]:
    """Median milliseconds of both, call by call in turn, and the median of the pairs' ratios."""
    pairs = []
    for number in range(times + 3):
        one = await _timed(lambda: governed.call_tool("query", {"sql": sql}))
        other = await _timed(lambda: plain.call_tool("query", {"sql": sql}))
        if number >= 3:
            pairs.append((one, other))
    return {
        "governed_ms": round(statistics.median(one for one, _ in pairs), 2),
        "bare_ms": round(statistics.median(other for _, other in pairs), 2),
        "ratio": round(statistics.median(one / other for one, other in pairs), 3),
        "difference_ms": round(statistics.median(one - other for one, other in pairs), 2),
    }


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    begun = time.perf_counter()
    result = await call()
    taken = (time.perf_counter() - begun) * 1000
    if result.is_error:
        raise RuntimeError("a benchmark's call was refused")
    return taken


def _ledger_share(room: Path) -> float:
    """Median share of a call's time spent recording its intent, over calls of 50 ms and more."""
    shares = []
    shown = json.loads(_command("audit", "show", "--room", str(room), "--limit", "1000", "--json"))
    for call in shown:
        steps = call.get("microseconds") or {}
        whole = sum(steps.values())
        if whole >= 50_000:
            shares.append(2 * steps.get("record_intent", 0) / (whole + steps.get("record_intent", 0)))
    return round(statistics.median(shares), 4) if shares else float("nan")


def _show(out: Console, report: dict[str, Any]) -> None:
    table = Table(
        "case",
        "governed ms",
        "bare ms",
        "ratio",
        "difference ms",
        "goal",
        title="A governed call against a bare MCP tool",
    )
    for row in report["calls"]:
        figures = (str(row[name]) for name in ("governed_ms", "bare_ms", "ratio", "difference_ms"))
        table.add_row(row["case"], *figures, row["goal"])
    out.print(table)
    ingest = report["ingest"]
    out.print(
        f"Sources to snapshot: {ingest['records']} records, {ingest['records_per_second']} a second "
        f"(ingest {ingest['ingest_seconds']} s, publish {ingest['publish_seconds']} s); second run {ingest['second_run_share']:.1%} of it."
    )
    out.print(f"Ledger's share of calls of 50 ms and more: {report['ledger_share_of_call']:.1%} (goal 5%).")


if __name__ == "__main__":
    main()
