"""Asked SQL beside judged SQL, laid out alike, with what only one of them has marked as <del> and <ins>."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

import sqlglot
from markupsafe import Markup, escape
from sqlglot.errors import SqlglotError

_PIECES = re.compile(r""" "(?:[^"]|"")*" | '(?:[^']|'')*' | \w+ | \s+ | . """, re.DOTALL | re.VERBOSE)
LONGEST = 50_000  # characters; beyond, differences are not marked


def laid_out(sql: str) -> str:
    """SQL in the one layout; as it was written where it cannot be read."""
    try:
        return sqlglot.transpile(sql, read="duckdb", write="duckdb", pretty=True, identify=True)[0]
    except (SqlglotError, RecursionError, IndexError):
        return sql


def marked(old: str, new: str) -> tuple[Markup, Markup]:
    """Both texts as HTML; what the other lacks stands in <del> in the first and in <ins> in the second."""
    if len(old) + len(new) > LONGEST:
        return escape(old), escape(new)
    one, other = _PIECES.findall(old), _PIECES.findall(new)
    changes = SequenceMatcher(str.isspace, one, other, autojunk=False).get_opcodes()
    left = Markup("").join(_side(one[a:b], tag != "equal", "del") for tag, a, b, _, _ in changes)
    right = Markup("").join(_side(other[c:d], tag != "equal", "ins") for tag, _, _, c, d in changes)
    return left, right


def lines_changed(old: str, new: str) -> Iterator[tuple[str, Markup]]:
    """Lines of two texts as (kind, HTML): same, gone, new."""
    one, other = old.splitlines(), new.splitlines()
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (("same", escape(line)) for line in one[a:b])
        else:
            yield from (("gone", escape(line)) for line in one[a:b])
            yield from (("new", escape(line)) for line in other[c:d])


def _side(pieces: list[str], changed: bool, element: str) -> Markup:
    text = "".join(pieces)
    if not changed:
        return escape(text)
    mark = Markup("{}<del>{}</del>") if element == "del" else Markup("{}<ins>{}</ins>")
    lines = []
    for line in text.split("\n"):
        words = line.lstrip()  # what only moves a line to the right is not marked
        lines.append(mark.format(line[: len(line) - len(words)], words) if words else escape(line))
    return Markup("\n").join(lines)
