"""How the command line shows things: answers as tables, errors in words, long work as progress bars on standard error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from data.errors import ReadingRoomError, Refused
from data.types import Progress as Told

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

RoomOption = Annotated[Path | None, typer.Option("--room", help="Directory of the room; default: the one you are in.")]
RoleOption = Annotated[str | None, typer.Option("--role", help="Role to ask as; default: the room's local profile.")]
PurposeOption = Annotated[
    str | None, typer.Option("--purpose", help="HL7 purpose of use, e.g. HRESCH, HOPERAT, TREAT.")
]
BreakGlassOption = Annotated[
    str,
    typer.Option("--break-glass", metavar="REASON", help="It is an emergency: why. Recorded, sealed, raises an alert."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the structured answer as JSON, for scripts.")]


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_error(error: ReadingRoomError) -> None:
    """What happened, which rule, what instead, whom to ask; on standard error."""
    rule = f" [dim](rule {escape(error.rule)})[/dim]" if isinstance(error, Refused) and error.rule else ""
    err.print(
        f"[bold red]{'Refused' if isinstance(error, Refused) else 'Error'}:[/bold red] {escape(error.message)}{rule}",
        soft_wrap=True,
    )
    for line in (error.advice, getattr(error, "allowed", "")):
        if line:
            err.print(f"  {escape(line)}", soft_wrap=True)
    if ask := getattr(error, "ask", ""):
        err.print(f"  Whom to ask: {escape(ask)}", soft_wrap=True)


def show_rows(answer: dict[str, Any], console: Console = out, most: int = 50) -> None:
    """A table answer: rows, withheld cells marked, footnotes below."""
    table = Table(show_header=True, header_style="bold")
    for column in answer["columns"]:
        table.add_column(column["name"], overflow="fold")
    hidden = set(answer["hidden_rows"])
    for place, row in enumerate(answer["rows"][:most]):
        empty = "[yellow]withheld[/yellow]" if place in hidden else "[dim]-[/dim]"
        table.add_row(*(empty if value is None else escape(str(value)) for value in row))
    console.print(table)
    if len(answer["rows"]) > most:
        console.print(f"[dim]{len(answer['rows']) - most} more rows; use --json for all.[/dim]")
    for advice in answer["advice"]:
        console.print(f"[yellow]{advice['rule']}[/yellow]: {escape(advice['text'])}")
    for note in answer["notes"]:
        console.print(f"[dim]{escape(note)}[/dim]")


@contextmanager
def progress() -> Iterator[Told]:
    """A `Progress` that draws one bar a task on standard error; plain terminals and files get nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def told(task: str, done: int, total: int | None) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done, total=total)

        yield told
