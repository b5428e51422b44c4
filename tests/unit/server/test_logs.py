"""What the log may hold: nothing of a question."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit


def test_sqlglot_is_silent_where_logs_are_set_up():
    """In a process of its own: another test may have imported what silences it."""
    said = subprocess.run(
        [sys.executable, "-c", _ASKED], capture_output=True, text=True, check=True, env={"READINGROOM_LOG": "debug"}
    )
    assert said.stdout == "Refused\n"
    assert said.stderr == ""


_ASKED = """
import logging
logging.basicConfig(level=0)
from server.logs import configure_logs
configure_logs()
from policies.guard.parse import understood
try:
    understood("CALL secret_of('Karl Ricci')")
except Exception as error:
    print(type(error).__name__)
"""
