"""Benchmarks of the evidence: the ledger, who-saw, and the console's pages on a million entries. Part of `make bench`.

The house measures itself, in a process of its own (`python -m server.bench`); here its figures are held against the goals.
"""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from evals.bench.shared import run, said

_PAIRS, _VERIFIED, _WHO_SAW, _PAGE = 2_000, 100_000, 1.0, 200


def measure(out: Console, room: Path) -> dict[str, Any]:
    """What was measured beside that published room. Takes some minutes: a million entries are written."""
    out.print("Writing a ledger of a million entries, and reading it ...")
    report: dict[str, Any] = json.loads(run("server.bench", str(room)))
    _show(out, report)
    return report


def _show(out: Console, report: dict[str, Any]) -> None:
    table = Table("what", "measured", "goal", "reached", title="Evidence")
    slowest = max(report["pages_ms"], key=report["pages_ms"].get)
    table.add_row("one caller, ms a durable pair", f"{report['one_caller_ms_a_pair']}", "", "")
    pairs, verified = report["pairs_a_second_64"], report["verified_a_second"]
    _goal(table, "64 writers, durable pairs a second", f"{pairs:,}", f"at least {_PAIRS:,}", pairs >= _PAIRS)
    told = f"{report['entries']:,} entries verified, a second"
    _goal(table, told, f"{verified:,}", f"at least {_VERIFIED:,}", verified >= _VERIFIED)
    told, seconds = f"who saw a person, {report['lists_of_persons']:,} lists, s", report["who_saw_seconds"]
    _goal(table, told, f"{seconds}", f"at most {_WHO_SAW}", seconds <= _WHO_SAW)
    page = report["pages_ms"][slowest]
    _goal(table, f"slowest console page ({slowest}), ms", f"{page}", f"at most {_PAGE}", page <= _PAGE)
    out.print(table)


def _goal(table: Table, what: str, measured: str, goal: str, reached: bool) -> None:
    table.add_row(what, measured, goal, said(reached))
