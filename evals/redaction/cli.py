"""`readingroom eval redaction`: how good redaction is on labelled texts, with stock Presidio beside it.

Only the options stand here, since every command of `readingroom` loads this file; what it does is in `command`, which loads lists and models.
"""

import json
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

out, err = Console(highlight=False), Console(stderr=True, highlight=False)


class Chosen(StrEnum):
    """The built-in sets."""

    presidio = "presidio"
    aci = "aci"
    hospital = "hospital"
    all = "all"


class Part(StrEnum):
    """Which half of a set."""

    tune = "tune"
    held_out = "held-out"
    all = "all"


def redaction(  # noqa: PLR0913, PLR0917 - the options of a command
    gold: Annotated[
        list[Path] | None,
        typer.Option(
            "--gold", help="Labelled texts of your own: JSON or JSON lines, .gz or not; as often as you like."
        ),
    ] = None,
    chosen: Annotated[
        list[Chosen] | None, typer.Option("--set", help="A built-in set; default: hospital, unless --gold is given.")
    ] = None,
    stock: Annotated[bool, typer.Option("--stock/--no-stock", help="Count stock Presidio in the same run.")] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Every label is an identifier, whatever HIPAA says.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Print no word of the texts, only where words stand.")
    ] = False,
    room: Annotated[
        Path | None, typer.Option("--room", help="A room whose policy's settings are used, and for --gold its vault.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Directory for a report in Markdown, HTML and JSON.")
    ] = None,
    shared: Annotated[
        Path | None,
        typer.Option("--shared", help="Folder of the data of the sets presidio and aci, which are not shipped."),
    ] = None,
    part: Annotated[Part, typer.Option("--part", help="Which half of the built-in sets.")] = Part.all,
    worst: Annotated[int, typer.Option("--worst", min=0, help="So many of the worst misses.")] = 25,
) -> None:
    """Precision, recall and F1 of redaction on labelled texts. Exit code 1 where a goal is missed, 2 where the input is wrong."""
    command, show = import_module("evals.redaction.command"), import_module("evals.redaction.show")
    asked = command.Asked(
        tuple(gold or ()), tuple(dict.fromkeys(chosen or ())), stock, strict, room, shared, part.value
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        results = command.evaluate(asked, lambda line: err.print(line, markup=False, soft_wrap=True), _Bars(bars))
    told = import_module("evals.redaction.machine").machine(results, strict, not no_text)
    if as_json:
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        for one in results:
            show.show(out, one, not no_text, worst)
    if report is not None:
        written = import_module("evals.redaction.report").write_report(report, results, strict)
        err.print(f"Reports: {', '.join(map(str, written))}", soft_wrap=True)
    if not told["met"]:
        raise typer.Exit(1)


class _Bars:
    """A bar for each task, as `data.types.Progress`. A new run of the same name begins a bar of its own."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, task: str, done: int, total: int | None) -> None:
        known = self._tasks.get(task)
        if known is None or done < self._bars.tasks[known].completed:
            known = self._tasks[task] = self._bars.add_task(task, total=total)
        self._bars.update(known, completed=done, total=total)
