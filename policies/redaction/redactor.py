"""The redactor: one pass for known identifiers, one for shapes, then each place becomes a word such as [NAME].

Where places overlap they are struck out together and the longest names the kind, so no piece of an identifier is left
standing. Same text, same result, in any order and batch. It returns texts and counts, and never says what it found.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

import ahocorasick
import duckdb

from policies.redaction.known import Known, fold, read_known
from policies.redaction.patterns import VERSION, Span, spans


class KnownIdentifiers:
    """A `Redactor` for the identifiers in `known` and the shapes of patterns.py."""

    def __init__(self, known: Known) -> None:
        self.version = f"known-1-{VERSION}-{_digest(known)}"
        self._automaton = _automaton(known)

    def __call__(self, texts: list[str]) -> list[str]:
        return [self._redact(text) for text in texts]

    def find(self, texts: Iterable[str]) -> dict[str, int]:
        """How many identifiers of each kind stand in the texts."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(kind for _, _, kind in merge(self._places(text)))
        return dict(sorted(counts.items()))

    def _places(self, text: str) -> Iterator[Span]:
        folded = fold(text)
        if self._automaton is not None:
            yield from _known_spans(self._automaton, folded)
        yield from spans(text, folded)

    def _redact(self, text: str) -> str:
        pieces, end = [], 0
        for start, stop, kind in merge(self._places(text)):
            pieces += [text[end:start], f"[{kind}]"]
            end = stop
        return "".join((*pieces, text[end:])) if pieces else text


def make_redactor(con: duckdb.DuckDBPyConnection) -> KnownIdentifiers:
    """The redactor that knows whom this build knows; what `publish` is given."""
    return KnownIdentifiers(read_known(con))


@cache
def _shapes_only() -> KnownIdentifiers:
    return KnownIdentifiers(Known({}))


def find(texts: Iterable[str], redactor: KnownIdentifiers | None = None) -> dict[str, int]:
    """Second line of the pipeline: counts by kind of what looks like an identifier, with the known list if at hand."""
    return (redactor or _shapes_only()).find(texts)


def merge(places: Iterable[Span]) -> list[Span]:
    """Places in order without overlap; overlapping ones are joined and take the kind of the longest."""
    merged: list[Span] = []
    longest = 0
    for start, stop, kind in sorted(set(places), key=lambda span: (span[0], -span[1], span[2])):
        if merged and start < merged[-1][1]:
            before = merged[-1]
            if stop - start > longest:
                longest, before = stop - start, (before[0], before[1], kind)
            merged[-1] = (before[0], max(before[1], stop), before[2])
        else:
            merged.append((start, stop, kind))
            longest = stop - start
    return merged


def _digest(known: Known) -> str:
    lines = "\n".join(f"{kind}\t{form}" for form, kind in sorted(known.forms.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def _automaton(known: Known) -> ahocorasick.Automaton | None:
    if not known.forms:
        return None
    automaton = ahocorasick.Automaton()
    for form, kind in known.forms.items():
        automaton.add_word(form, (len(form), kind))
    automaton.make_automaton()
    return automaton


def _known_spans(automaton: ahocorasick.Automaton, folded: str) -> Iterator[Span]:
    """Whole words only: neither side of a match may be a letter or digit."""
    last = len(folded) - 1
    for end, (length, kind) in automaton.iter(folded):
        start = end - length + 1
        if (start == 0 or not folded[start - 1].isalnum()) and (end == last or not folded[end + 1].isalnum()):
            yield (start, end + 1, kind)
