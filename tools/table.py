"""How rows are shown: the output schema that `query` and `count_cohort` share, its text, and the footnotes.

A withheld cell is null, its row is listed, and a footnote says why: nothing vanishes unsaid.
"""

import csv
import io
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from tools.base import Answer, Desk, Json, Plan, Result

# Said without the shape of a row: clients check every cell against the schema, which for 1,000 rows costs more than the answer.
Rows = Annotated[
    list[list[Any]], WithJsonSchema({"type": "array", "title": "Rows, each a list of cells in the order of columns"})
]


class Column(BaseModel):
    """One column of a result."""

    name: str
    type: str = Field(description="DuckDB type name")


class Advice(BaseModel):
    """Something that may be wrong with the question although it was allowed."""

    rule: str
    text: str


class Utility(BaseModel):
    """What disclosure control took from the answer. Of the persons behind withheld cells nothing is told: that would tell of the cells."""

    cells: int = Field(description="cells of the answer, those withheld among them")
    cells_hidden: int
    share_hidden: float = Field(description="cells_hidden / cells; 0 where there are none")


class Table(BaseModel):
    """Rows that answer a question, with what was withheld and why."""

    columns: list[Column]
    rows: Rows
    row_count: int
    truncated: bool = Field(description="true when there were more rows than are shown")
    cells_hidden: int = Field(description="cells withheld because they rest on too few persons; they are null in rows")
    hidden_rows: list[int] = Field(description="places (from 0) of rows with a cell withheld")
    utility: Utility
    advice: list[Advice] = Field(description="what may make the answer wrong; to be looked at before it is relied on")
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
        "utility": _utility(result),
        "advice": [{"rule": rule, "text": text} for rule, text in result.advice],
        "notes": notes,
        "snapshot": desk.snapshot,
        "release": desk.release,
        "verdict": {"allowed": True, "mode": desk.mode, "role": desk.role, "purpose": desk.purpose, "rules": []},
    }
    return Answer(structured, _text(result, notes))


def _utility(result: Result) -> Json:
    cells = len(result.rows) * len(result.columns)
    share = round(result.cells_hidden / cells, 4) if cells else 0.0
    return {"cells": cells, "cells_hidden": result.cells_hidden, "share_hidden": share}


def _footnotes(result: Result, desk: Desk) -> list[str]:
    notes = []
    if result.cells_hidden or result.hidden_rows:
        few = f"fewer than {desk.hide_below} persons"
        notes.append(
            f"{result.cells_hidden} of {_utility(result)['cells']} cells withheld: they rest on {few}, or would let such a number be derived."
        )
    if result.redacted:
        notes.append(
            f"{result.redacted} texts withheld: they held what looks like an identifier. This is recorded as an incident."
        )
    if result.truncated:
        notes.append(f"Only the first {len(result.rows)} rows are shown; narrow the question to see others.")
    return notes


def _text(result: Result, notes: list[str]) -> str:
    """The rows as CSV, withheld cells named as such, and the footnotes."""
    hidden = set(result.hidden_rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(result.columns)
    if hidden:
        shown = (
            ["withheld" if cell is None else cell for cell in row] if place in hidden else row
            for place, row in enumerate(result.rows)
        )
        writer.writerows(shown)
    else:
        writer.writerows(result.rows)
    advice = "".join(f"Advice ({rule}): {text}\n" for rule, text in result.advice)
    return out.getvalue() + advice + "".join(f"Note: {note}\n" for note in notes)
