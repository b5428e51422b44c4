"""Words of a text with what stands around them, for the names pass.

A token is a run of letters (with apostrophes and hyphens within), a run of digits, or one other mark. White space is kept only as "a new
line began before this token", since addresses and headings run over lines.
"""

import re
from typing import NamedTuple

from policies.redaction.names.cues import cues

TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019\u2010-][^\W\d_]+)*|\d+|[^\w\s]|_")

_NO_END = cues()["no-end"]


class Token(NamedTuple):
    """`text` as written, where it stands, and whether a sentence or a line begins with it."""

    text: str
    start: int
    begins: bool
    line: bool


def tokens_of(text: str) -> list[Token]:
    """All tokens of a text, in order."""
    made: list[Token] = []
    end, stopped, before = 0, True, ""
    for match in TOKEN.finditer(text):
        start, word = match.start(), match[0]
        line = end == 0 or (start > end and "\n" in text[end:start])
        made.append(Token(word, start, stopped or line, line))
        if word in ".!?":
            stopped = len(before) > 1 and before.lower() not in _NO_END
        elif word not in "\"'\u201d)]*-\u2022:" or word == ":":
            stopped = False
        end, before = match.end(), word
    return made
