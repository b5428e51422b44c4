"""The report of a suite: Markdown for people, JSON for machines, side by side in one directory."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.suite import Graded


def summary(graded: Sequence[Graded]) -> dict[str, Any]:
    """The figures: right and asked, of answers and of refusals."""
    kinds = ("answer", "refusal")
    return {
        kind: {
            "right": sum(one.right for one in graded if one.kind == kind),
            "asked": sum(one.kind == kind for one in graded),
        }
        for kind in kinds
    }


def write_report(directory: Path, suite: str, graded: Sequence[Graded]) -> tuple[Path, Path]:
    """Writes SUITE.md and SUITE.json; gives their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    figures = summary(graded)
    lines = [f"# Suite {suite}", ""]
    lines += [f"- {kind}s right: {one['right']} of {one['asked']}" for kind, one in figures.items()]
    lines += ["", "| | question | kind | grade | why |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.number} | {one.question} | {one.kind} | {'right' if one.right else '**wrong**'} | {one.why} |"
        for one in graded
    ]
    markdown, machine = directory / f"{suite}.md", directory / f"{suite}.json"
    markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    machine.write_text(
        json.dumps({"suite": suite, **figures, "questions": [vars(one) for one in graded]}, indent=1) + "\n",
        encoding="utf-8",
    )
    return markdown, machine
