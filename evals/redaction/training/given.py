"""The tuning halves of the labelled sets, as further texts to learn from. What is held out is never read here."""

from collections.abc import Iterator
from pathlib import Path

from evals.redaction.gold import TUNE
from evals.redaction.kinds import kind_of
from evals.redaction.sets import shared_set
from evals.redaction.training.generate import NAME, PLACE, UNSAID, Labelled

_NAMES = ("presidio", "aci")
WEIGHT = 2.0


def given_texts(shared: Path) -> Iterator[tuple[Labelled, float]]:
    """(text, weight) of the tuning halves under a directory of sample data."""
    for name in _NAMES:
        for document in shared_set(name, shared).documents:
            if document.part == TUNE:
                yield (
                    Labelled(document.text, tuple((one.start, one.stop, _label(one.label)) for one in document.labels)),
                    WEIGHT,
                )


def _label(label: str) -> int:
    kind = kind_of(label)
    return NAME if kind == "NAME" else PLACE if kind in {"PLACE", "ADDRESS"} else UNSAID
