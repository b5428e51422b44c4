"""Counts what a finder struck out against what people labelled: tokens, spans, documents, and words wrongly removed.

A token is a run of letters and digits, cut where a label begins or ends. A labelled token is found when struck places cover it wholly, whatever
kind they were given; an unlabelled token is wrongly struck when any of its characters is, and counts against the kind that struck it. Tokens of
neutral parts (see `neutral`) count neither way. Precision of a kind: its found tokens, of these and those wrongly struck as it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evals.redaction.gold import Document
from evals.redaction.kinds import kind_of, plain
from evals.redaction.neutral import neutral_parts
from policies.redaction.folding import fold
from policies.redaction.spans import Span

_TOKEN = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_AROUND, _EXAMPLES = 40, 3
Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.int32]
Key = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """A token missed or wrongly struck: in which document, where, what stands there and around it."""

    document: str
    start: int
    stop: int
    word: str
    around: str


@dataclass
class Noted:
    """Missed (or wrongly struck) tokens of the same kind and word: how often, and the first places."""

    count: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass
class Tally:
    """Counts by unit of alike documents, by (what, kind); and the words missed and wrongly struck, by (kind, word)."""

    units: dict[str, Counter[Key]] = field(default_factory=dict)
    missed: dict[Key, Noted] = field(default_factory=dict)
    wrong: dict[Key, Noted] = field(default_factory=dict)

    def total(self, what: str, kinds: Iterable[str] | None = None) -> int:
        """Sum over all units of a count, of some kinds or of all."""
        wanted = None if kinds is None else set(kinds)
        return sum(
            count
            for unit in self.units.values()
            for (name, kind), count in unit.items()
            if name == what and (wanted is None or kind in wanted)
        )


def tally(documents: Sequence[Document], found: Sequence[Sequence[Span]], strict: bool = False) -> Tally:
    """Counts for documents and what was struck in each. `strict`: every label is an identifier, neutral or not."""
    into = Tally()
    for document, struck in zip(documents, found, strict=True):
        count(into, document, struck, strict)
    return into


def count(into: Tally, document: Document, struck: Sequence[Span], strict: bool = False) -> None:
    """Adds one document to a tally."""
    counts = into.units.setdefault(document.unit, Counter())
    text = document.text
    counts["documents", ""] += 1
    if not text:
        counts["documents complete", ""] += 1
        counts["documents clean", ""] += 1
        return
    labels = _Labels(document, strict)
    hit = _painted(len(text), [(one.start, one.stop, place) for place, one in enumerate(struck, 1)], longest_last=True)
    starts, stops = labels.starts, labels.stops
    running = np.concatenate((np.zeros(1, np.int32), np.cumsum(hit > 0, dtype=np.int32)))
    covered = running[stops] - running[starts]
    whole, some = covered == stops - starts, covered > 0
    identifier, unlabelled = labels.kinds > 0, labels.kinds == 0
    for place in np.flatnonzero(identifier):
        kind, label = labels.names[labels.kinds[place] - 1]
        counts["gold", kind] += 1
        counts["label", label] += 1
        if whole[place]:
            counts["found", kind] += 1
            counts["label found", label] += 1
        else:
            _note(into.missed, kind, document, int(starts[place]), int(stops[place]))
    false = np.flatnonzero(unlabelled & some)
    for place in false:
        kind = struck[hit[starts[place] : stops[place]].max() - 1].kind
        counts["false", kind] += 1
        _note(into.wrong, kind, document, int(starts[place]), int(stops[place]))
    counts["words", ""] += int((labels.words & unlabelled).sum())
    counts["words struck", ""] += int((labels.words & unlabelled & some).sum())
    counts["documents complete", ""] += int(not (identifier & ~whole).any())
    counts["documents clean", ""] += int(not len(false))
    labels.count_spans(counts, whole)


class _Labels:
    """The tokens of a document and what each is labelled: `kinds` is 0 for no label, -1 for neutral, else 1 + place in `names`."""

    def __init__(self, document: Document, strict: bool) -> None:
        text = document.text
        self.names: list[Key] = []
        identifiers, neutrals = [], []
        for one in document.labels:
            parts = [] if strict else neutral_parts(one.label, text[one.start : one.stop])
            neutrals += [(one.start + start, one.start + stop, -1) for start, stop in parts]
            self.names.append((kind_of(one.label), plain(one.label)))
            identifiers += [(start, stop, len(self.names)) for start, stop in _left(one.start, one.stop, parts)]
        self._spans = identifiers
        painted = _painted(len(text), neutrals, longest_last=False)
        named = _painted(len(text), identifiers, longest_last=False)
        painted[named > 0] = named[named > 0]
        borders = sorted({place for start, stop, _ in (*identifiers, *neutrals) for place in (start, stop)})
        self.starts, self.stops, self.words = _tokens(text, borders)
        self.kinds = painted[self.starts]

    def count_spans(self, counts: Counter[Key], whole: npt.NDArray[np.bool_]) -> None:
        """Labelled spans, those found whole, and those found in part; a span without tokens is left out."""
        by_name: dict[int, list[tuple[int, int]]] = {}
        for start, stop, name in self._spans:
            low, high = np.searchsorted(self.starts, start), np.searchsorted(self.starts, stop)
            by_name.setdefault(name, []).append((int(whole[low:high].sum()), int(high - low)))
        for name, parts in by_name.items():
            kind = self.names[name - 1][0]
            got, all_ = sum(one for one, _ in parts), sum(one for _, one in parts)
            if all_:
                counts["spans", kind] += 1
                counts["spans whole", kind] += int(got == all_)
                counts["spans partly", kind] += int(0 < got < all_)


def _left(start: int, stop: int, parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a span, where its neutral parts are taken out. Those are counted from the span's start."""
    left, at = [], start
    for low, high in sorted(parts):
        left.append((at, start + low))
        at = start + high
    left.append((at, stop))
    return [(low, high) for low, high in left if low < high]


def _painted(size: int, places: Iterable[tuple[int, int, int]], longest_last: bool) -> Marks:
    """For each character the number of the place over it, 0 where there is none; where places overlap the last painted stays."""
    painted = np.zeros(size, np.int32)  # a text may be of 50 MB
    for start, stop, number in sorted(places, key=lambda one: one[1] - one[0], reverse=not longest_last):
        painted[start:stop] = number
    return painted


def _tokens(text: str, borders: Sequence[int]) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Starts and stops of the tokens, and whether each has a letter. A border within a token cuts it."""
    spans = np.fromiter((place for match in _TOKEN.finditer(text) for place in match.span()), np.int64).reshape(-1, 2)
    cuts = np.asarray(borders, np.int64)
    at = np.searchsorted(spans[:, 0], cuts, side="left") - 1  # the token that begins before the cut
    inside = cuts[(at >= 0) & (cuts < spans[:, 1][at])] if len(spans) else cuts[:0]
    starts = np.sort(np.concatenate((spans[:, 0], inside)))
    stops = np.sort(np.concatenate((spans[:, 1], inside)))
    words = np.fromiter(
        (bool(_LETTER.search(text, start, stop)) for start, stop in zip(starts, stops, strict=True)),
        np.bool_,
        len(starts),
    )
    return starts, stops, words


def _note(into: dict[Key, Noted], kind: str, document: Document, start: int, stop: int) -> None:
    text = document.text
    noted = into.setdefault((kind, fold(text[start:stop])), Noted())
    noted.count += 1
    if len(noted.places) < _EXAMPLES:
        around = " ".join(_printable(text[max(0, start - _AROUND) : stop + _AROUND]).split())
        noted.places.append(Place(document.name, start, stop, text[start:stop], around))


def _printable(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)
