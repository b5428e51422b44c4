"""The second line, at answer time: a text that still looks as if it held an identifier does not leave.

The first line, at publish, should have caught it, so each find is counted and shown as an incident by the caller. Looked for are shapes, but
for those that clinical words often resemble (dates as words of a code's name, numbers with units), and what is known of the persons whose
rows these are. Every column is looked at but those of numbers and dates, and into lists, structs, maps and bytes; what holds a find is
withheld whole. What a realistic surrogate looks like passes.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from policies.redaction.finder import Finder
from policies.redaction.known import Known, Vault
from policies.redaction.patterns import Patterns
from policies.redaction.spans import MRN, Span
from policies.redaction.surrogates import INVENTED

_SURE = frozenset({"SSN", "EMAIL", "URL", "IP", "PHONE"})
_LABEL = re.compile(r"\[[A-Z]+(?:-[A-Z0-9+]+)?\]")  # the first line's own
_APPROVED = re.compile(r"A?NDA\d+|BLA\d+", re.IGNORECASE)
_NO_TEXT = re.compile(
    r"NULL|BOOLEAN|(BIG|SMALL|TINY)INT|INTEGER|U?INT\d*|(HALF)?FLOAT|DOUBLE|DECIMAL\d*\([\d, ]+\)|DATE(32|64)?(\[\w+\])?"
    r"|(TIME(STAMP)?|DURATION)(32|64)?(\[[\w, =]+\])?|MONTH_DAY_NANO_INTERVAL"
)
Passes = Callable[[str], bool]


class SecondLine:
    """Withholds texts; keeps nothing but a memory of texts whose shapes were already found clean."""

    def __init__(self, most_remembered: int = 50_000) -> None:
        self._clean: set[str] = set()
        self._most = most_remembered
        self._patterns = Finder([Patterns()])

    def withheld(
        self, types: Sequence[str], rows: Sequence[Sequence[Any]], known: Known | None = None
    ) -> tuple[list[tuple[Any, ...]], int]:
        """The rows with suspicious values as None, and how many those are. `known`: what is known of those whose rows these are."""
        places = [(place, type_) for place, type_ in enumerate(types) if not _NO_TEXT.fullmatch(type_)]
        if not places:
            return [tuple(row) for row in rows], 0
        clear = self._clear if known is None else _also(self._clear, Finder([Vault(known)]))
        looks = [(place, _look(type_, clear)) for place, type_ in places]
        found, shown = 0, []
        for row in rows:
            bad = [place for place, passes in looks if row[place] is not None and not passes(row[place])]
            found += len(bad)
            shown.append(
                tuple(None if place in bad else value for place, value in enumerate(row)) if bad else tuple(row)
            )
        return shown, found

    def _clear(self, text: str) -> bool:
        if text in self._clean:
            return True
        plain = _LABEL.sub("; ", text)
        spans = self._patterns.find([plain])[0]
        if any(_is_sure(plain, one) for one in spans):
            return False
        if len(self._clean) >= self._most:
            self._clean.clear()
        self._clean.add(text)
        return True


def _is_sure(text: str, span: Span) -> bool:
    """Whether a shape is an identifier beyond doubt: not a surrogate of ours, and no number under which a drug was approved."""
    if span.kind == MRN:
        return not _APPROVED.fullmatch(text, span.start, span.stop)
    return span.kind in _SURE and not INVENTED.fullmatch(text, span.start, span.stop)


def _also(clear: Passes, known: Finder) -> Passes:
    return lambda text: clear(text) and not known.find([text])[0]


def _look(type_: str, clear: Passes) -> Callable[[Any], bool]:
    def texts(value: Any) -> bool:
        return clear(value) if isinstance(value, str) else all(map(clear, _texts(value)))

    def blobs(value: Any) -> bool:
        return all(clear(_bytes_as_text(one)) for one in _texts(value))

    if type_ == "BINARY":
        return blobs
    return (lambda value: texts(value) and blobs(value)) if "BINARY" in type_ else texts


def _texts(value: Any) -> Iterator[str]:
    """All texts within a value, names of parts too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | dict):
        for one in chain(value, value.values()) if isinstance(value, dict) else value:
            yield from _texts(one)


def _bytes_as_text(shown: str) -> str:
    """Bytes are shown in hexadecimal; this is the text they may hold."""
    try:
        return bytes.fromhex(shown).decode("utf-8", "replace")
    except ValueError:
        return ""
