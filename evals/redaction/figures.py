"""The figures of a tally: recall, precision, F1 and shares, each with its 95% interval.

Intervals are percentile bootstraps over units of alike documents (seeded, 1,000 resamples; Efron 1979, Ann Stat 7:1). Where all or none was
found a bootstrap sees no spread, so there it is Wilson's score interval with the units as trials (of ordinary words, the words);
shares of documents are Wilson's, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.redaction.measure import Ints, Tally


@dataclass(frozen=True)
class Rate:
    """A share with its 95% interval; `how` is bootstrap or wilson. None where there was nothing to count."""

    value: float | None
    low: float | None = None
    high: float | None = None
    how: str = ""


@dataclass(frozen=True)
class Row:
    """Figures of one kind or group: labelled tokens, those found, tokens wrongly struck as it; spans, found whole, found in part."""

    name: str
    gold: int
    found: int
    false: int
    spans: int
    whole: int
    partly: int
    recall: Rate
    precision: Rate
    f1: Rate


@dataclass(frozen=True)
class Shares:
    """Shares over documents and words: documents with nothing missed, with nothing wrongly removed; ordinary words removed."""

    documents: int
    complete: Rate
    clean: Rate
    words: int
    words_struck: int
    removed: Rate


class Figures:
    """Figures of a tally. Intervals: 95%, percentile bootstrap over units (seeded, 1,000 resamples); Wilson where all or none was found."""

    def __init__(self, counts: Tally, seed: int = 5, resamples: int = 1000) -> None:
        self._keys = sorted({key for unit in counts.units.values() for key in unit})
        column = {key: place for place, key in enumerate(self._keys)}
        self._counts = np.zeros((len(counts.units), len(self._keys)), np.int64)
        for row, name in enumerate(sorted(counts.units)):
            for key, value in counts.units[name].items():
                self._counts[row, column[key]] = value
        self._drawn = _resampled(self._counts, seed, resamples)

    def row(self, name: str, kinds: Sequence[str] | None = None) -> Row:
        """Figures of the kinds together; of all where none are given."""
        gold, found, false, spans, whole, partly = (
            int(self._sum(self._counts, what, kinds).sum())
            for what in ("gold", "found", "false", "spans", "spans whole", "spans partly")
        )
        recall = self._rate(("found",), ("gold",), kinds)
        precision = self._rate(("found",), ("found", "false"), kinds)
        return Row(
            name, gold, found, false, spans, whole, partly, recall, precision, self._f1(recall, precision, kinds)
        )

    def labels(self) -> list[tuple[str, int, int, Rate]]:
        """(label as written, tokens, found, recall) of each label."""
        names = [kind for what, kind in self._keys if what == "label"]
        return [
            (
                one,
                self._all("label", one),
                self._all("label found", one),
                self._rate(("label found",), ("label",), [one]),
            )
            for one in names
        ]

    def shares(self) -> Shares:
        """Shares over documents (Wilson) and words."""
        documents, words = self._all("documents"), self._all("words")
        return Shares(
            documents,
            wilson(self._all("documents complete"), documents),
            wilson(self._all("documents clean"), documents),
            words,
            self._all("words struck"),
            self._rate(("words struck",), ("words",), None, by_units=False),
        )

    def _all(self, what: str, kind: str | None = None) -> int:
        return int(self._sum(self._counts, what, None if kind is None else [kind]).sum())

    def _sum(self, counts: Ints, what: str, kinds: Sequence[str] | None) -> Ints:
        places = [
            place for place, (name, kind) in enumerate(self._keys) if name == what and (kinds is None or kind in kinds)
        ]
        summed: Ints = counts[:, places].sum(axis=1)
        return summed

    def _sums(self, counts: Ints, whats: Sequence[str], kinds: Sequence[str] | None) -> Any:
        return sum((self._sum(counts, what, kinds) for what in whats), np.zeros(len(counts), np.int64))

    def _rate(
        self, over: Sequence[str], under: Sequence[str], kinds: Sequence[str] | None, by_units: bool = True
    ) -> Rate:
        got, of = self._sums(self._counts, over, kinds), self._sums(self._counts, under, kinds)
        if not of.sum():
            return Rate(None)
        if got.sum() in (0, of.sum()):  # a bootstrap sees no spread here; the units are what was tried
            tried = int((of > 0).sum() if by_units else of.sum())
            edge = wilson(tried if got.sum() else 0, tried)
            return Rate(float(got.sum() / of.sum()), edge.low, edge.high, "wilson")
        with np.errstate(invalid="ignore"):
            drawn = self._sums(self._drawn, over, kinds) / self._sums(self._drawn, under, kinds)
        return Rate(float(got.sum() / of.sum()), *_middle(drawn), "bootstrap")

    def _f1(self, recall: Rate, precision: Rate, kinds: Sequence[str] | None) -> Rate:
        if recall.value is None:
            return Rate(None)
        value = float(_harmonic(np.array([recall.value]), np.array([precision.value or 0.0]))[0])
        if recall.how == precision.how == "wilson":
            ends = _harmonic(np.array([recall.low, recall.high]), np.array([precision.low, precision.high]))
            return Rate(value, float(ends[0]), float(ends[1]), "wilson")
        with np.errstate(invalid="ignore", divide="ignore"):
            recalls = self._sums(self._drawn, ("found",), kinds) / self._sums(self._drawn, ("gold",), kinds)
            struck = self._sums(self._drawn, ("found", "false"), kinds)
            precisions = np.where(struck > 0, self._sums(self._drawn, ("found",), kinds) / struck, 0.0)
        return Rate(value, *_middle(_harmonic(recalls, precisions)), "bootstrap")


def _harmonic(recall: Any, precision: Any) -> Any:
    """F1; not a number where the recall is none, since a draw then held nothing labelled."""
    both = recall + precision
    return np.where(both == 0, 0.0, 2 * recall * precision / np.where(both == 0, 1.0, both))


def _middle(drawn: Any) -> tuple[float | None, float | None]:
    kept = drawn[~np.isnan(drawn)]
    return (float(np.quantile(kept, 0.025)), float(np.quantile(kept, 0.975))) if len(kept) else (None, None)


def _resampled(counts: Ints, seed: int, resamples: int) -> Ints:
    """Column sums of so many draws of units with replacement."""
    units = len(counts)
    if not units:
        return np.zeros((resamples, counts.shape[1]), np.int64)
    draw = np.random.default_rng(seed)
    at_once = max(1, 10_000_000 // units)
    drawn = []
    for first in range(0, resamples, at_once):
        times = draw.multinomial(units, np.full(units, 1 / units), size=min(at_once, resamples - first))
        drawn.append(times @ counts)
    return np.concatenate(drawn)


def wilson(got: int, of: int, z: float = 1.959964) -> Rate:
    """A share of independent trials with Wilson's score interval (Wilson 1927, J Am Stat Assoc 22:209)."""
    if not of:
        return Rate(None)
    share = got / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * ((share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5) / (1 + z * z / of)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half), "wilson")
