"""Gives a command of `readingroom` in this process, where what it needs is loaded already."""

import sys
from collections.abc import Callable
from unittest.mock import patch

from server.cli import main


def exit_code(words: list[str], command: Callable[[], None] = main) -> int:
    """How it ended: by `main` or another command that takes its words as a process does."""
    with patch.object(sys, "argv", ["readingroom", *words]):
        try:
            command()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
    return 0
