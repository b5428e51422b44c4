"""The names pass: people and places that no system knows, by lists of words and by what stands around.

Each word that is not plainly ordinary is weighed (`features`, `model`, `chain`). What is surely a name is struck out, what is surely none is
left; sentences with words in between are left as doubts to the next pass, which asks a language model of its own (`presidio.py`).
"""

import re
from collections.abc import Iterator

from policies.redaction.names import model
from policies.redaction.names.lexicon import CLINICAL, ORDINARY, Lexicon
from policies.redaction.names.weighing import Weighed, weigh
from policies.redaction.spans import ADDRESS, NAME, PLACE, Doubt, Span, Text

SURE, UNLIKELY = 0.9, 0.08
_PIECE = 8_000  # characters weighed at once, so that a text of any length takes little memory
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?: [^\W\d_]){3,}(?![^\W_])")  # S M I T H, as scanned headings have it
_POSSESSIVE = re.compile(r"['\u2019][sS]$")


class Names:
    """See the module. `sure`: the likelihood from which a word is struck out; `unlikely`: that up to which it is left."""

    name = "names"

    def __init__(self, lexicon: Lexicon, sure: float = SURE, unlikely: float = UNLIKELY) -> None:
        self._lexicon, self._sure, self._unlikely = lexicon, sure, unlikely
        self.version = f"1-{lexicon.version}-{model.version()}-{sure}-{unlikely}"

    def find(self, texts: list[Text]) -> list[list[Span]]:
        """For each text the words that are surely of names or places; its `doubts` are filled."""
        return [list(self._find(text)) for text in texts]

    def _find(self, text: Text) -> Iterator[Span]:
        for start, stop in pieces(text.raw, _PIECE):
            weighed = weigh(text.raw[start:stop], self._lexicon)
            for first, last in weighed.sentences():
                yield from self._sentence(text, weighed, start, first, last)
        for match in _SPACED.finditer(text.raw):
            if not self._lexicon.flags(match[0].replace(" ", "")) & (ORDINARY | CLINICAL):
                yield Span(*match.span(), NAME)

    def _sentence(self, text: Text, weighed: Weighed, offset: int, first: int, last: int) -> Iterator[Span]:
        doubtful = []
        for at in range(first, last):
            name, place = weighed.names[at], weighed.places[at]
            likely = name + place
            if likely <= self._unlikely:
                continue
            token = weighed.words[at].token
            start = offset + token.start
            stop = start + len(_POSSESSIVE.sub("", token.text))
            if likely >= self._sure:
                yield Span(start, stop, kind_of(token.text, name, place))
            else:
                doubtful.append((start, stop, name, place))
        if doubtful:
            begin, end = weighed.words[first].token, weighed.words[last - 1].token
            text.doubts.append(Doubt(offset + begin.start, offset + end.start + len(end.text), tuple(doubtful)))


def kind_of(word: str, name: float, place: float) -> str:
    """NAME, PLACE or, of a number, ADDRESS."""
    if name >= place:
        return NAME
    return ADDRESS if word.isdigit() else PLACE


def pieces(text: str, size: int) -> Iterator[tuple[int, int]]:
    """A text cut into pieces of at most `size` characters, at line ends where there are any, else at blanks."""
    start = 0
    while len(text) - start > size:
        cut = max(text.rfind("\n", start + size // 2, start + size), text.rfind(". ", start + size // 2, start + size))
        if cut < 0:
            cut = text.rfind(" ", start + size // 2, start + size)
        stop = cut + 1 if cut >= 0 else start + size
        yield start, stop
        start = stop
    yield start, len(text)
