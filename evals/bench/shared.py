"""What the benchmarks have in common."""

import subprocess
import sys


def run(module: str, *words: str) -> str:
    """What a module prints that is run in a process of its own. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def said(reached: bool | None) -> str:
    """Whether a goal was reached, in a word; none where there is no goal."""
    return {True: "yes", False: "NO", None: ""}[reached]
