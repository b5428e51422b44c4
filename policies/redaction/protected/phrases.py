"""Terms of several words ("new york heart association"), found in one look at a text."""

from collections.abc import Iterable

import ahocorasick


class Phrases:
    """Finds its phrases where they stand as whole words."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self.all = frozenset(phrases)
        self._automaton = ahocorasick.Automaton()
        for phrase in self.all:
            self._automaton.add_word(phrase, len(phrase))
        if self.all:
            self._automaton.make_automaton()

    def find(self, folded: str) -> list[tuple[int, int]]:
        """Start and stop (not included) of each phrase in a folded text, in the order in which they end. Words are parted by one blank."""
        if not self.all:
            return []
        places = ((last + 1 - size, last + 1) for last, size in self._automaton.iter(folded))
        return [(start, stop) for start, stop in places if _whole(folded, start, stop)]


def _whole(text: str, start: int, stop: int) -> bool:
    return not text[start - 1 : start].isalnum() and not text[stop : stop + 1].isalnum()
