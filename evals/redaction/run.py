"""Runs finders over sets of labelled texts, a batch at a time, and keeps the counts and the time of each."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from data.types import Progress, no_progress
from evals.redaction.figures import Figures
from evals.redaction.gold import HELD_OUT, Document
from evals.redaction.measure import Tally, count
from evals.redaction.sets import Set
from policies.redaction.spans import Span

OURS, STOCK = "Reading Room", "stock Presidio"
_BATCH = 64
_WARM = "Mr. John Smith of Boston was seen on 03/04/2021; call 617-555-0123 or write to a@example.org."


class Finds(Protocol):
    """What is measured: gives for each text the places it would strike out."""

    def find(self, texts: Sequence[str]) -> list[list[Span]]: ...


@dataclass
class Run:
    """One finder on one set: counts of all documents and of both halves, seconds, kilobytes."""

    finder: str
    all: Tally = field(default_factory=Tally)
    held_out: Tally = field(default_factory=Tally)
    tuning: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    kilobytes: float = 0.0
    speed_of_two: float = 0.0  # kB/s of two processes, where it was measured
    _made: dict[bool, Figures] = field(default_factory=dict)

    def figures(self, held_out: bool) -> Figures:
        """Figures of the held-out documents or of all. They are made once, so ask when the run is over."""
        if held_out not in self._made:
            self._made[held_out] = Figures(self.held_out if held_out else self.all)
        return self._made[held_out]

    @property
    def counting(self) -> Figures:
        """The figures that count: of the held-out documents, where there are any."""
        return self.figures(held_out=bool(self.held_out.units))

    @property
    def shown(self) -> Tally:
        """Whose misses are shown: those of the tuning half, where there is one. What is held out is not to be looked at."""
        return self.tuning if self.tuning.units else self.all

    @property
    def speed(self) -> float:
        """Kilobytes a second of text in UTF-8."""
        return self.kilobytes / self.seconds if self.seconds else 0.0


def run(
    name: str, finder: Finds, documents: Sequence[Document], strict: bool = False, progress: Progress = no_progress
) -> Run:
    """Finds in all documents and counts. Loading of models and lists is not in the time."""
    made = Run(name)
    finder.find([_WARM, *(one.text for one in documents[:_BATCH])])
    for start in range(0, len(documents), _BATCH):
        batch = documents[start : start + _BATCH]
        begun = time.perf_counter()
        found = finder.find([one.text for one in batch])
        made.seconds += time.perf_counter() - begun
        for document, struck in zip(batch, found, strict=True):
            made.kilobytes += len(document.text.encode("utf-8", "replace")) / 1000
            count(made.all, document, struck, strict)
            count(made.held_out if document.part == HELD_OUT else made.tuning, document, struck, strict)
        progress(name, min(start + _BATCH, len(documents)), len(documents))
    return made


def speed_of(finder: Finds, texts: Sequence[str]) -> float:
    """Kilobytes a second of all the texts at once. They are searched twice and the second time counts: processes start in the first."""
    finder.find(texts)
    begun = time.perf_counter()
    finder.find(texts)
    return sum(len(one.encode("utf-8", "replace")) for one in texts) / 1000 / (time.perf_counter() - begun)


@dataclass(frozen=True)
class Result:
    """All runs on one set; of how many documents the text is not in English."""

    set: Set
    runs: tuple[Run, ...]
    not_english: int = 0
