"""What a rule is, and the two views of a text that rules read.

Both views have the text's own length, so a place in one is a place in the text. A rule's expression should begin with a small set of
characters (a digit, `@`): the engine then skips to those without a step for every character, which is what makes the pass fast. What
stands before is looked at afterwards, by a lookbehind or by the rule's check. Every repetition is bounded, so no text takes long.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from policies.redaction.folding import fold
from policies.redaction.spans import Span

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_PLAIN: dict[int, str] = {
    **{code: str(unicodedata.decimal(chr(code))) for code in (*range(0x80, 0x10000), *range(0x1D7CE, 0x1D800)) if chr(code).isdecimal()},
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},  # fullwidth forms of ASCII
    **{ord(one): "-" for one in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"},
    **{ord(one): " " for one in "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u3000"},
    **{ord(one): "'" for one in "\u2018\u2019\u02bc\u00b4`"},
    0x2116: "#",  # the numero sign
}  # fmt: skip
# A fraction such as one half is no digit: folded to "1" it would run together with the number before it.
_LOW: dict[int, str] = {
    code: fold(chr(code)) for code in range(0x80, 0x2100) if code not in _PLAIN and not chr(code).isnumeric()
}

# What makes the number before it an amount. Followed by the end of a word.
UNIT = (
    r"(?:mc?g|ug|g|gm|m?l|dl|units?|iu|meq|mmol|mosm|mm|cm|m|kg|lbs?|tabs?|tablets?|caps?|capsules?|pills?|puffs?|drops?|doses?|days?|d|weeks?|wks?"
    r"|months?|mos?|hours?|hrs?|hr|h|min|mins|minutes?|sec|seconds?|times?|x|years?|yrs?|y|yo|y/o|percent|bpm|mmhg|degrees?|miles?|feet|ft|inch|inches"
    r"|french|gauge|packs?|am|pm|a\.m|p\.m)"
)


class Views:
    """A text as rules read it: `plain` has ASCII digits, dashes and blanks, `low` is that in lower case without accents."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self._ascii = raw.isascii()

    @cached_property
    def plain(self) -> str:
        return self.raw if self._ascii else _NOT_ASCII.sub(lambda run: run[0].translate(_PLAIN), self.raw)

    @cached_property
    def low(self) -> str:
        if self._ascii:
            return self.raw.lower()
        return _NOT_ASCII.sub(lambda run: run[0].translate(_LOW), self.plain).lower()


Check = Callable[[re.Match[str], Views], "Span | None"]


@dataclass(frozen=True)
class Rule:
    """A kind and its shape, looked for in `low` (in `plain` where `cased`).

    The group `x`, where there is one, is the part struck out. `hints`: one of them must be in the text, or the shape is not looked
    for. `check` has the last word: the place to strike out, or None.
    """

    kind: str
    shape: re.Pattern[str]
    hints: tuple[str, ...] = ()
    cased: bool = False
    check: Check | None = None

    def find(self, views: Views) -> Iterator[Span]:
        """All places in the text where the rule holds."""
        if self.hints and not any(hint in views.low for hint in self.hints):
            return
        for match in self.shape.finditer(views.plain if self.cased else views.low):
            if span := self.told(match, views):
                yield span

    def told(self, match: re.Match[str], views: Views) -> Span | None:
        """The place to strike out for a match of the shape."""
        if self.check is not None:
            return self.check(match, views)
        part = "x" if "x" in self.shape.groupindex else 0
        return Span(match.start(part), match.end(part), self.kind)


@dataclass(frozen=True)
class Led:
    """Rules that all begin in the same manner: `first` finds the places, and each rule is tried only there. One search instead of many."""

    first: re.Pattern[str]
    rules: tuple[Rule, ...]
    cased: bool = False

    def find(self, views: Views) -> Iterator[Span]:
        """All places in the text where one of the rules holds."""
        text = views.plain if self.cased else views.low
        for place in self.first.finditer(text):
            for one in self.rules:
                if (match := one.shape.match(text, place.start())) and (span := one.told(match, views)):
                    yield span


def rule(kind: str, shape: str, *hints: str, cased: bool = False, check: Check | None = None) -> Rule:
    """A rule from the text of its expression."""
    return Rule(kind, re.compile(shape), hints, cased, check)


def when(kind: str, holds: Callable[[str], bool]) -> Check:
    """A check on the written form alone, given without blanks, dots and dashes: a sum that must come out."""

    def check(match: re.Match[str], _views: Views) -> Span | None:
        part = "x" if "x" in match.re.groupindex else 0
        return Span(match.start(part), match.end(part), kind) if holds(bare(match[part])) else None

    return check


def bare(written: str) -> str:
    """Letters and digits only."""
    return _OTHER.sub("", written)


_OTHER = re.compile(r"[\W_]+")


def words(items: Iterable[str], gap: str = r"[\s_-]?") -> str:
    """An expression for any of the words, the longest that fits. As a tree of letters: many words cost as little as few.

    A blank in a word stands for `gap`.
    """
    tree: dict[str, object] = {}
    for item in items:
        node = tree
        for letter in item:
            node = node.setdefault(letter, {})  # type: ignore[assignment]
        node[""] = {}
    return _written(tree, gap)


def _written(node: dict[str, object], gap: str) -> str:
    branches = [
        (gap if letter == " " else re.escape(letter)) + _written(below, gap)  # type: ignore[arg-type]
        for letter, below in sorted(node.items(), key=lambda item: (item[0] == " ", item[0]))
        if letter
    ]
    if not branches:
        return ""
    if len(branches) == 1 and "" not in node:
        return branches[0]
    return f"(?:{'|'.join(branches)})" + ("?" if "" in node else "")


def before(views: Views, start: int, length: int) -> str:
    """What stands in lower case in the line before a place."""
    return views.low[max(0, start - length) : start].rpartition("\n")[2]
