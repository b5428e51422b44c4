"""`python -m evals.redaction` is `readingroom eval redaction`, with the same options and exit codes."""

import sys

import typer

from data.errors import ReadingRoomError, exit_code
from evals.redaction.cli import err, redaction


def main() -> None:
    """Runs the command."""
    try:
        typer.run(redaction)
    except ReadingRoomError as error:
        err.print(str(error), markup=False, soft_wrap=True)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
