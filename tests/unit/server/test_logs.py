"""What the log may hold: nothing of a question."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from server.mcp_app import trace_of

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


def said(code: str) -> list[dict[str, object]]:
    """What a process with logs set up writes to standard error, line by line; every secret of it is MARKER."""
    told = subprocess.run([sys.executable, "-c", f"{_SET_UP}{code}"], capture_output=True, text=True, check=True)
    assert told.stdout == ""
    assert "MARKER" not in told.stderr
    return [json.loads(line) for line in told.stderr.splitlines()]


_SET_UP = """
import logging, threading, warnings
from server.logs import configure_logs
configure_logs()
"""


def test_a_library_is_told_by_its_place_alone():
    """Its words may quote a header, a frame or a value; the place says which statement it was."""
    (line,) = said("logging.getLogger('mcp.server').warning(f'Invalid Host header: {chr(77)}ARKER %s', 'MARKER')")
    assert {name: line[name] for name in ("level", "logger")} == {"level": "warning", "logger": "mcp.server"}
    assert line["place"] == "<string>:5"
    assert "words" not in line


def test_our_own_words_are_told():
    (line,) = said("logging.getLogger('data.snapshots.marks').warning('File %s is set aside.', 'x.duckdb')")
    assert line["words"] == "File x.duckdb is set aside."
    (line,) = said("logging.getLogger('data.snapshots.marks').warning('%d files', 'no number')")
    assert line["words"] == "%d files"


def test_exceptions_are_told_by_type_and_place():
    code = """
def breaks():
    raise ExceptionGroup('MARKER', [ValueError('MARKER'), KeyError('MARKER')])
try:
    breaks()
except ExceptionGroup:
    logging.getLogger('asyncio').exception('Task %s was never retrieved', 'MARKER')
thread = threading.Thread(target=breaks)
thread.start()
thread.join()
class Bad:
    def __del__(self):
        raise OSError('MARKER')
Bad()
"""
    library, thread, garbage = said(code)
    assert library["error"] == thread["error"] == "ExceptionGroup(ValueError, KeyError)"
    assert thread["places"][-1] == "<string>:7 breaks"
    assert (garbage["event"], garbage["error"]) == ("object.crashed", "OSError")


def test_warnings_are_told_by_kind_and_place():
    (line,) = said("warnings.warn('the value MARKER is too long', UserWarning)")
    assert (line["event"], line["kind"], line["place"]) == ("library.warning", "UserWarning", "<string>:5")


def test_a_command_that_breaks_quotes_nothing():
    code = """
import sys
import server.cli
def breaks():
    raise ValueError("could not convert MARKER")
server.cli.app = breaks
server.cli.main()
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 1
    assert "The command failed unexpectedly (ValueError)." in told.stderr
    assert "MARKER" not in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("Karl Ricci", False),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 Karl Ricci", False),
        ("", False),
        (7, False),
    ],
)
def test_only_a_trace_context_is_written_down(sent, kept):
    assert trace_of(SimpleNamespace(meta={"traceparent": sent})) == (sent if kept else "")
