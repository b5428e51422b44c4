"""The command `readingroom`. Each group of commands is a file here; commands of higher floors join by entry point.

Exit codes: 0 done, 1 refused or failed, 2 the command or its input is wrong.
"""

import sys
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

import typer

from data.errors import ReadingRoomError, exit_code
from server.cli.lazy import Adds, lazy_group
from server.cli.show import show_error
from server.logs import configure_logs, kind, unexpected

_REPORT = "The line above says where; report it. The words of the error are withheld, since they may quote data."
# Commands in the order of the help text, and the files here that add them.
_FILES = {
    **dict.fromkeys(("init", "sample", "ingest", "publish", "snapshots", "token"), ("rooms",)),
    "serve": ("serve",),
    "console": ("console",),
    **dict.fromkeys(("query", "explain"), ("ask",)),
    "audit": ("audit", "disclosing", "exporting", "bundling", "retaining", "alerts"),
    "replay": ("replaying",),
    "rehearse": ("rehearse",),
    "doctor": ("doctor",),
    **dict.fromkeys(("sources", "quality", "lineage", "quarantine", "persons"), ("steward",)),
    "policy": ("policy",),
    "releases": ("releases",),
    "listen": ("listen",),
    "demo": ("demo",),
}


def _own(first: str, *others: str) -> Adds:
    """What the first of those files adds; the others add to its group."""
    module = import_module(f"server.cli.{first}")

    def add(app: typer.Typer) -> None:
        module.add(app)
        for name in others:
            import_module(f"server.cli.{name}").add(getattr(module, first))

    return add


def _joined(point: EntryPoint) -> Adds:
    return lambda app: app.add_typer(point.load(), name=point.name)


app = typer.Typer(
    name="readingroom",
    cls=lazy_group(
        {
            **{name: partial(_own, *files) for name, files in _FILES.items()},
            **{point.name: partial(_joined, point) for point in entry_points(group="readingroom.commands")},
        }
    ),
    help="Gives language models a small, policy-checked, recorded set of tools over clinical data.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 the command or its input is wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(lambda: None)


def main() -> None:
    """Runs the command line; turns errors for people into their words and exit code."""
    configure_logs()
    try:
        app()
    except ReadingRoomError as error:
        show_error(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - a bug: what Python would print of it may hold a value from the data
        unexpected("command.crashed", error)
        show_error(ReadingRoomError(f"The command failed unexpectedly ({kind(error)}).", _REPORT))
        sys.exit(1)
