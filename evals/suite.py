"""Suites: questions in plain words, how a scripted assistant asks them, and the gold SQL or the rule that must refuse them.

A question is right when the numbers the assistant got are those the gold SQL gets, as the same role. A refusal is right when the rule is
the one named. Nothing is graded by wording.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from data.errors import BadRequest
from data.types import Progress, no_progress
from evals.client import ask, connected


@dataclass(frozen=True)
class Graded:
    """One question's grade: right or not, and why."""

    number: int
    question: str
    kind: str
    right: bool
    why: str


def suites() -> list[str]:
    """Names of the suites shipped."""
    folder = resources.files("evals").joinpath("suites")
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))


def load_suite(name: str) -> dict[str, Any]:
    """The suite of that name. Raises BadRequest where there is none."""
    if name not in suites():
        raise BadRequest(f"There is no suite '{name}'.", f"There are: {', '.join(suites())}.")
    suite: dict[str, Any] = yaml.safe_load(
        resources.files("evals").joinpath(f"suites/{name}.yaml").read_text(encoding="utf-8")
    )
    return suite


async def run_suite(room: Path, suite: dict[str, Any], progress: Progress = no_progress) -> list[Graded]:
    """Asks and grades every question of the suite."""
    questions = suite["questions"]
    graded: list[Graded] = []
    roles = sorted({(one.get("role", "researcher"), one.get("purpose", "HRESCH")) for one in questions})
    for role, purpose in roles:
        async with connected(room, role, purpose) as client:
            for number, one in enumerate(questions, 1):
                if (one.get("role", "researcher"), one.get("purpose", "HRESCH")) == (role, purpose):
                    graded.append(await _graded(client, number, one))
                    progress("asking", len(graded), len(questions))
    return sorted(graded, key=lambda one: one.number)


async def _graded(client: Any, number: int, one: dict[str, Any]) -> Graded:
    tool, arguments = one.get("tool", "query"), one["arguments"] if "arguments" in one else {"sql": one["sql"]}
    answered, got = await ask(client, tool, arguments)
    if "refused" in one:
        rule = "" if answered else got["error"]["rule"] or got["error"]["code"]
        right = rule == one["refused"]
        return Graded(number, one["ask"], "refusal", right, f"refused by {rule}" if rule else "it was answered")
    if not answered:
        return Graded(number, one["ask"], "answer", False, f"refused by {got['error']['rule'] or got['error']['code']}")
    _, gold = await ask(client, "query", {"sql": one["gold"]})
    if "error" in gold:
        return Graded(number, one["ask"], "answer", False, "the gold SQL was refused")
    right = numbers(got["rows"]) == numbers(gold["rows"])
    return Graded(number, one["ask"], "answer", right, "same numbers" if right else "other numbers than the gold SQL")


def numbers(rows: list[list[Any]]) -> list[tuple[float | None, ...]]:
    """The numbers of an answer, row by row, sorted; text is left aside, a withheld cell counts as one."""
    kept = [
        tuple(None if cell is None else float(cell) for cell in row if cell is None or _is_number(cell)) for row in rows
    ]
    return sorted(kept, key=lambda row: [(cell is not None, cell or 0.0) for cell in row])


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
