"""The second line, at answer time: a text that still looks as if it held an identifier does not leave.

The first line, at publish, should have caught it, so each find is counted and shown as an incident by the caller. Shapes only: dates as
words of a code's name, numbers with units and the like must pass, so kinds that clinical words often resemble are left to the first line.
"""

from collections.abc import Sequence
from typing import Any

from policies.redaction.redactor import find

_SURE = frozenset({"SSN", "EMAIL", "URL", "IP", "PHONE", "MRN"})


class SecondLine:
    """Withholds texts; keeps nothing but a memory of texts already found clean."""

    def __init__(self, most_remembered: int = 50_000) -> None:
        self._clean: set[str] = set()
        self._most = most_remembered

    def withheld(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[list[tuple[Any, ...]], int]:
        """The rows with suspicious texts as None, and how many those are."""
        places = [place for place, type_ in enumerate(types) if type_ == "VARCHAR"]
        if not places:
            return [tuple(row) for row in rows], 0
        found, shown = 0, []
        for row in rows:
            bad = [place for place in places if isinstance(row[place], str) and not self._passes(row[place])]
            found += len(bad)
            shown.append(
                tuple(None if place in bad else value for place, value in enumerate(row)) if bad else tuple(row)
            )
        return shown, found

    def _passes(self, text: str) -> bool:
        if text in self._clean:
            return True
        if _SURE & find([text]).keys():
            return False
        if len(self._clean) >= self._most:
            self._clean.clear()
        self._clean.add(text)
        return True
