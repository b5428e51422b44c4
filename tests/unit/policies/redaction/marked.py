"""Texts with the places in them marked: "Call {PHONE:555-123-4567} now" is a text and what must be found in it."""

import re

from policies.redaction.patterns import Patterns
from policies.redaction.spans import Span, Text, merge

_MARK = re.compile(r"\{([A-Z]+):(.*?)\}", re.DOTALL)
_PASS = Patterns()

Found = list[tuple[str, str]]


def read(written: str) -> tuple[str, Found]:
    """The text without its marks, and each marked place as (kind, text), in order."""
    return _MARK.sub(r"\2", written), [(mark[1], mark[2]) for mark in _MARK.finditer(written)]


def found(text: str) -> Found:
    """What the pass of patterns finds in a text: (kind, text), in order, overlaps joined."""
    return [(span.kind, text[span.start : span.stop]) for span in spans(text)]


def spans(text: str) -> list[Span]:
    return merge(_PASS.find([Text(text)])[0])


def cases(table: str) -> list[str]:
    """The lines of a table, a case each; `⏎` is a line break within one."""
    return [line.replace("⏎", "\n") for line in table.strip("\n").split("\n")]
