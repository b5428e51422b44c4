"""Commands of the evals: `readingroom eval run SUITE`, `eval list`, `eval redaction`. They join the command line by entry point."""

from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.progress import Progress

from evals.redaction.cli import redaction
from evals.report import summary, write_report
from evals.suite import load_suite, run_suite, suites

app = typer.Typer(
    help="Run evaluation suites against a room's server, as an MCP client; measure redaction.", no_args_is_help=True
)
app.command("redaction")(redaction)
out, err = Console(highlight=False), Console(stderr=True, highlight=False)


@app.command("list")
def list_suites() -> None:
    """List the suites."""
    for name in suites():
        out.print(f"{name}: {load_suite(name)['about']}")


@app.command("run")
def run(
    suite: Annotated[str, typer.Argument(help="Name of the suite, e.g. smoke.")],
    room: Annotated[Path, typer.Option("--room", help="Directory of the room.")] = Path(),
    report: Annotated[
        Path | None, typer.Option("--report", help="Where to write the report; default: ROOM/evals.")
    ] = None,
) -> None:
    """Ask every question of a suite, grade by numbers, write a Markdown and a JSON report. Exit code 1 when one is wrong."""
    loaded = load_suite(suite)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task("asking", total=len(loaded["questions"]))
        graded = anyio.run(
            run_suite, room.resolve(), loaded, lambda _, done, total: bars.update(task, completed=done, total=total)
        )
    markdown, machine = write_report(report or room / "evals", suite, graded)
    figures = summary(graded)
    for one in (one for one in graded if not one.right):
        out.print(f"wrong: {one.number}. {one.question} ({one.why})", markup=False)
    answers, refusals = figures["answer"], figures["refusal"]
    out.print(
        f"{answers['right']} of {answers['asked']} answers right, {refusals['right']} of {refusals['asked']} refusals right."
    )
    out.print(f"Reports: {markdown}, {machine}", soft_wrap=True)
    if not all(one.right for one in graded):
        raise typer.Exit(1)
