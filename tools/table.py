"""How rows are shown: the output schema that `query` and `count_cohort` share, its text, and the footnotes.

A withheld cell is null, its row is listed, and a footnote says why: nothing vanishes unsaid.
"""

from typing import Any

from pydantic import BaseModel, Field

from tools.base import Answer, Desk, Json, Plan, Result


class Column(BaseModel):
    """One column of a result."""

    name: str
    type: str = Field(description="DuckDB type name")


class Table(BaseModel):
    """Rows that answer a question, with what was withheld and why."""

    columns: list[Column]
    rows: list[list[Any]]
    row_count: int
    truncated: bool = Field(description="true when there were more rows than are shown")
    cells_hidden: int = Field(description="cells withheld because they rest on too few persons; they are null in rows")
    hidden_rows: list[int] = Field(description="places (from 0) of rows with a cell withheld")
    notes: list[str]
    snapshot: str
    release: str
    verdict: dict[str, Any]


def render_table(plan: Plan, result: Result | None, desk: Desk) -> Answer:
    """The answer of a tool whose plan was SQL."""
    if result is None:
        raise ValueError("a plan with SQL must come with a result")
    notes = [*plan.notes, *result.notes, *_footnotes(result, desk)]
    structured: Json = {
        "columns": [{"name": name, "type": type_} for name, type_ in zip(result.columns, result.types, strict=True)],
        "rows": [list(row) for row in result.rows],
        "row_count": len(result.rows),
        "truncated": result.truncated,
        "cells_hidden": result.cells_hidden,
        "hidden_rows": list(result.hidden_rows),
        "notes": notes,
        "snapshot": desk.snapshot,
        "release": desk.release,
        "verdict": {"allowed": True, "mode": desk.mode, "role": desk.role, "purpose": desk.purpose, "rules": []},
    }
    return Answer(structured, _text(result, notes))


def _footnotes(result: Result, desk: Desk) -> list[str]:
    notes = []
    if result.cells_hidden or result.hidden_rows:
        few = f"fewer than {desk.hide_below} persons"
        notes.append(
            f"{result.cells_hidden} cells withheld: they rest on {few}, or would let such a number be derived."
        )
    if result.redacted:
        notes.append(
            f"{result.redacted} texts withheld: they held what looks like an identifier. This is recorded as an incident."
        )
    if result.truncated:
        notes.append(f"Only the first {len(result.rows)} rows are shown; narrow the question to see others.")
    return notes


def _text(result: Result, notes: list[str]) -> str:
    hidden = set(result.hidden_rows)
    lines = [",".join(result.columns)]
    for place, row in enumerate(result.rows):
        empty = "withheld" if place in hidden else ""
        lines.append(",".join(empty if value is None else _cell(value) for value in row))
    return "\n".join([*lines, *(f"Note: {note}" for note in notes)])


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return '"' + text.replace('"', '""') + '"' if "," in text or "\n" in text or '"' in text else text
