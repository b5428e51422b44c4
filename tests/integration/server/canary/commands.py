"""Gives many commands of `readingroom` in one process, as `main` takes them, and tells as JSON what each printed and how it ended.

    python -m tests.integration.server.canary.commands < COMMANDS.json > TOLD.json

A process for each would spend most of the test's time on starting. Standard error is the process's own throughout: loggers keep the stream
they were first given. Beside those of `readingroom` there are `crash ROOM SECRET`, see `crash.py`, and `move FROM TO`: a delivery comes.
"""

import io
import json
import shutil
import sys
from contextlib import redirect_stdout

from server.cli import main
from tests.commands import exit_code
from tests.integration.server.canary import crash


def move() -> None:
    """Moves a file."""
    shutil.move(sys.argv[2], sys.argv[3])


_COMMANDS = {"crash": crash.main, "move": move}


def given(words: list[str]) -> dict[str, object]:
    """What one command printed, and its exit code."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = exit_code(words, _COMMANDS.get(words[0], main))
    return {"words": words, "stdout": out.getvalue(), "code": code}


if __name__ == "__main__":
    json.dump([given(words) for words in json.load(sys.stdin)], sys.stdout)
