"""Measures a finished release at publish, and keeps what was found in the snapshot: counts, never values.

What is asked is handed in by the floor that made the release; this one runs it against the build and the release's
serving file. What was found lies beside the releases, not in them, so no query worker can open it.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from data.errors import Damaged, ReadingRoomError
from data.snapshots.digest import quoted
from data.snapshots.model import Check, Measures
from data.snapshots.release import SERVING

RISK = "risk"
Found = dict[str, Any]


def risk_name(release: str) -> str:
    """Where a snapshot keeps what was measured of a release, from its own folder."""
    return f"{RISK}/{release}.json"


def write_risk(con: duckdb.DuckDBPyConnection, snapshot: Path, release: str, measures: Measures) -> None:
    """Measure the release of a snapshot under way, and write its file."""
    con.execute(f"ATTACH {quoted(str(snapshot / 'releases' / release / SERVING))} AS made (READ_ONLY)")
    try:
        found = measured(con, measures)
    finally:
        con.execute("DETACH made")
    path = snapshot / risk_name(release)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def measured(con: duckdb.DuckDBPyConnection, measures: Measures) -> Found:
    """What the questions find, on a connection that has the build and, as `made`, the release."""
    for statement in measures.prepare:
        con.execute(statement)
    proofs = [proof for check in measures.checks for proof in _proofs(con, check)]
    figures = {name: _numbers(con, sql) for name, sql in measures.figures.items()}
    return {"about": dict(measures.about), "proofs": proofs, "figures": figures}


def read_risk(snapshot: Path, release: str) -> Found | None:
    """What was measured of a release; None where the snapshot was published before anything was."""
    path = snapshot / risk_name(release)
    try:
        found: Found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Damaged(f"File {path} cannot be read.", "Publish again, or restore the folder from a copy.") from error
    return found


def _proofs(con: duckdb.DuckDBPyConnection, check: Check) -> list[Mapping[str, object]]:
    row = con.execute(check.sql).fetchall()[0]
    pairs = zip(row[::2], row[1::2], strict=True)
    return [
        {"claim": claim, "table": check.table, "column": column, "checked": int(looked), "broken": int(broken)}
        for (claim, column), (looked, broken) in zip(check.subjects, pairs, strict=True)
    ]


def _numbers(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, int | float | None]]:
    """Rows of numbers by column. Anything else could be a value of the data, and stops the publish."""
    answer = con.execute(sql)
    names = [str(column[0]) for column in answer.description or ()]
    return [{name: _number(cell) for name, cell in zip(names, row, strict=True)} for row in answer.fetchall()]


def _number(cell: object) -> int | float | None:
    if cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)):
        return cell
    if isinstance(cell, Decimal):
        return float(cell)
    raise ReadingRoomError("A figure of a release is no number, and is not kept.", "Mend the question it answers.")
