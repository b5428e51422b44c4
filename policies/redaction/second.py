"""The second line, at answer time: a text that still looks as if it held an identifier does not leave.

The first line, at publish, should have caught it, so each find is counted and shown as an incident by the caller. Shapes only: dates as
words of a code's name, numbers with units and the like must pass, so kinds that clinical words often resemble are left to the first line.
Every column is looked at but those of numbers and dates, and into lists, structs, maps and bytes; what holds a find is withheld whole.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from policies.redaction.redactor import find

_SURE = frozenset({"SSN", "EMAIL", "URL", "IP", "PHONE", "MRN"})
_NO_TEXT = re.compile(
    r"NULL|BOOLEAN|(BIG|SMALL|TINY)INT|INTEGER|U?INT\d*|(HALF)?FLOAT|DOUBLE|DECIMAL\d*\([\d, ]+\)|DATE(32|64)?(\[\w+\])?"
    r"|(TIME(STAMP)?|DURATION)(32|64)?(\[[\w, =]+\])?|MONTH_DAY_NANO_INTERVAL"
)


class SecondLine:
    """Withholds texts; keeps nothing but a memory of texts already found clean."""

    def __init__(self, most_remembered: int = 50_000) -> None:
        self._clean: set[str] = set()
        self._most = most_remembered

    def withheld(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[list[tuple[Any, ...]], int]:
        """The rows with suspicious values as None, and how many those are."""
        places = [(place, self._look(type_)) for place, type_ in enumerate(types) if not _NO_TEXT.fullmatch(type_)]
        if not places:
            return [tuple(row) for row in rows], 0
        found, shown = 0, []
        for row in rows:
            bad = [place for place, passes in places if row[place] is not None and not passes(row[place])]
            found += len(bad)
            shown.append(
                tuple(None if place in bad else value for place, value in enumerate(row)) if bad else tuple(row)
            )
        return shown, found

    def _look(self, type_: str) -> Callable[[Any], bool]:
        if type_ == "BINARY":
            return self._bytes_pass
        return self._both_pass if "BINARY" in type_ else self._texts_pass

    def _texts_pass(self, value: Any) -> bool:
        return self._clear(value) if isinstance(value, str) else all(map(self._clear, _texts(value)))

    def _bytes_pass(self, value: Any) -> bool:
        return all(self._clear(_bytes_as_text(one)) for one in _texts(value))

    def _both_pass(self, value: Any) -> bool:
        return self._texts_pass(value) and self._bytes_pass(value)

    def _clear(self, text: str) -> bool:
        if text in self._clean:
            return True
        if _SURE & find([text]).keys():
            return False
        if len(self._clean) >= self._most:
            self._clean.clear()
        self._clean.add(text)
        return True


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
