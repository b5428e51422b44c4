"""The pass for what the vault knows: one Aho-Corasick run over the folded text for words, and a look at each number.

Whole words only. Names written with a blank after each letter, and those cut by a hyphen at a line's end, are put together and looked up.
"""

import re
from collections.abc import Iterator

import ahocorasick

from policies.redaction.known.known import Known
from policies.redaction.known.numbers import Numbers
from policies.redaction.spans import NAME, Span, Text

_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ .][^\W\d_]){2,}(?![^\W_])")
_CUT = re.compile(r"([^\W\d_]{2,})-\s{0,3}\n\s{0,3}([^\W\d_]{2,})")


class Vault:
    """Finds what is in `known`."""

    name = "known"

    def __init__(self, known: Known) -> None:
        self.version = f"2-{known.digest()}"
        self._words = known.words
        self._numbers = Numbers(known.numbers)
        self._automaton = _automaton(known.words)

    def find(self, texts: list[Text]) -> list[list[Span]]:
        """For each text all places where something known stands."""
        return [list(self._find(text)) for text in texts]

    def _find(self, text: Text) -> Iterator[Span]:
        folded = text.folded
        yield from self._numbers.find(folded)
        if self._automaton is not None:
            yield from _whole_words(self._automaton, folded)
            for match in _SPACED.finditer(folded):
                yield from self._spaced(match)
            if "-" in folded and "\n" in text.raw:
                yield from (
                    Span(*match.span(), NAME)
                    for match in _CUT.finditer(text.raw)
                    if self._is_name("".join(match.groups()))
                )

    def _spaced(self, match: re.Match[str]) -> Iterator[Span]:
        """Letters with blanks between: any stretch of them that is a name; the longest first."""
        letters = [place for place in range(match.start(), match.end()) if match.string[place].isalpha()]
        at = 0
        while at < len(letters):
            for stop in range(min(len(letters), at + 24), at + 2, -1):
                if self._words.get("".join(match.string[place] for place in letters[at:stop])) == NAME:
                    yield Span(letters[at], letters[stop - 1] + 1, NAME)
                    at = stop - 1
                    break
            at += 1

    def _is_name(self, word: str) -> bool:
        return self._words.get(Text(word).folded) == NAME


def _whole_words(automaton: ahocorasick.Automaton, folded: str) -> Iterator[Span]:
    last = len(folded) - 1
    for end, (length, kind) in automaton.iter(folded):
        start = end - length + 1
        if (start == 0 or not folded[start - 1].isalnum()) and (end == last or not folded[end + 1].isalnum()):
            yield Span(start, end + 1, kind)


def _automaton(words: dict[str, str]) -> ahocorasick.Automaton | None:
    if not words:
        return None
    automaton = ahocorasick.Automaton()
    for form, kind in words.items():
        automaton.add_word(form, (len(form), kind))
    automaton.make_automaton()
    return automaton
