"""What finds identifiers: a list of passes, one after the other, over the same texts."""

import hashlib
from collections.abc import Sequence

from policies.redaction.spans import Pass, Span, Text, join, merge, numbers_beside
from policies.redaction.views import View


class Finder:
    """Finds with all of its passes and joins what they found."""

    def __init__(self, passes: Sequence[Pass]) -> None:
        self.passes = tuple(passes)
        told = "\n".join(f"{one.name} {one.version}" for one in self.passes)
        self.version = hashlib.sha256(told.encode()).hexdigest()[:12]

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text the identifiers in it, in order and without overlap."""
        views = [View(one) for one in texts]
        held = [Text(one.plain) for one in views]
        found: list[list[Span]] = [[] for _ in held]
        for one in self.passes:
            for into, more in zip(found, one.find(held), strict=True):
                into.extend(more)
        return [
            [view.back(span) for span in _joined(text.raw, one)]
            for view, text, one in zip(views, held, found, strict=True)
        ]


def _joined(text: str, found: list[Span]) -> list[Span]:
    spans = join(text, merge(found))
    beside = numbers_beside(text, spans)
    return merge((*spans, *beside)) if beside else spans
