"""Labelled texts as the names pass sees them: words with features, and what each word truly is."""

import random
from collections.abc import Iterable, Iterator

from evals.redaction.training.generate import NAME, NEITHER, PLACE, UNSAID, Labelled
from policies.redaction.names import chain, features, model
from policies.redaction.names.lexicon import COUNTRY, FAMILY, GIVEN, Lexicon
from policies.redaction.names.lexicon import PLACE as LISTED_PLACE
from policies.redaction.names.words import Word, words_of

_LISTED = ~(GIVEN | FAMILY | LISTED_PLACE)
FORGOTTEN = 0.4  # of names in generated texts: these are all on the lists, and real ones often are not
Weights = model.Weights
Features = list[str] | None


class Document:
    """A labelled text. `told` and `places` are what the first weighing says of each word; `final` the second."""

    def __init__(
        self, labelled: Labelled, lexicon: Lexicon, forget: random.Random | None = None, weight: float = 1.0
    ) -> None:
        self.labelled, self.weight = labelled, weight
        words = words_of(labelled.text, lexicon)
        self.labels = [self._label(word) for word in words]
        self.words = [self._forgetting(word, label, forget) for word, label in zip(words, self.labels, strict=True)]
        self.first: list[Features] = [
            list(features.features(self.words, at)) if features.is_candidate(self.words, at) else None
            for at in range(len(words))
        ]
        self.told = self.places = [0.0] * len(words)
        self.final: list[tuple[float, float]] = [(0.0, 0.0)] * len(words)

    def _label(self, word: Word) -> int:
        if word.shape == "mark":
            return UNSAID
        label = NEITHER
        for start, stop, given in self.labelled.spans:
            if start <= word.token.start < stop:
                label = given
        return UNSAID if label == PLACE and word.flags & COUNTRY else label

    @staticmethod
    def _forgetting(word: Word, label: int, forget: random.Random | None) -> Word:
        known = forget is None or label not in {NAME, PLACE} or forget.random() >= FORGOTTEN
        return word if known else word._replace(flags=word.flags & _LISTED)

    def second(self) -> list[Features]:
        """Features of the second weighing; call `weigh_first` before."""
        return [
            list(chain.features(self.words, at, self.told, self.places))
            if one is not None or chain.is_beside(self.words, at, self.told)
            else None
            for at, one in enumerate(self.first)
        ]

    def weigh_first(self, weights: Weights) -> None:
        """Fills `told` and `places`."""
        pairs = [model.weigh(one, weights) if one is not None else (0.0, 0.0) for one in self.first]
        self.told, self.places = [name + place for name, place in pairs], [place for _, place in pairs]

    def weigh_second(self, weights: Weights) -> None:
        """Fills `final`."""
        self.final = [model.weigh(one, weights) if one is not None else (0.0, 0.0) for one in self.second()]


def samples(documents: Iterable[Document], which: str) -> Iterator[tuple[list[str], int, float]]:
    """(features, label, weight) of each word that is weighed and has a label."""
    for document in documents:
        rows = document.first if which == "first" else document.second()
        for one, label in zip(rows, document.labels, strict=True):
            if one is not None and label != UNSAID:
                yield one, label, document.weight
