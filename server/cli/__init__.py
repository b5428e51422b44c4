"""The command `readingroom`. Each group of commands is a file here; commands of higher floors join by entry point.

Exit codes: 0 done, 1 refused or failed, 2 the command or its input is wrong.
"""

import sys
from importlib.metadata import entry_points

import typer

from data.errors import ReadingRoomError, exit_code
from server.cli import (
    alerts,
    ask,
    audit,
    bundling,
    console,
    demo,
    disclosing,
    doctor,
    exporting,
    listen,
    policy,
    rehearse,
    releases,
    replaying,
    retaining,
    rooms,
    serve,
    steward,
)
from server.cli.show import show_error
from server.logs import configure_logs, kind, unexpected

_REPORT = "The line above says where; report it. The words of the error are withheld, since they may quote data."

app = typer.Typer(
    name="readingroom",
    help="Gives language models a small, policy-checked, recorded set of tools over clinical data.",
    epilog="Exit codes: 0 done, 1 refused or failed, 2 the command or its input is wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
rooms.add(app)
serve.add(app)
console.add(app)
ask.add(app)
audit.add(app)
replaying.add(app)
disclosing.add(audit.audit)
exporting.add(audit.audit)
bundling.add(audit.audit)
retaining.add(audit.audit)
alerts.add(audit.audit)
rehearse.add(app)
doctor.add(app)
steward.add(app)
policy.add(app)
releases.add(app)
listen.add(app)
demo.add(app)
for _point in entry_points(group="readingroom.commands"):
    app.add_typer(_point.load(), name=_point.name)


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
