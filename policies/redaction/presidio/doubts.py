"""The pass that decides doubts: sentences with words that may be names are shown to Presidio, and its word is weighed with the first one.

Most sentences have no doubt, so the language model, which is slow beside everything else here, reads few of them; and none in which nothing
it could say would change what is struck out.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from policies.redaction.names import kind_of, model
from policies.redaction.names.chain import bucket
from policies.redaction.presidio.entities import ENTITIES
from policies.redaction.spans import Doubt, Span, Text

STRUCK_FROM = 0.3  # of likelihood; a name left is worse than a word too many
_ANSWERS = ("none", *ENTITIES)
_BATCH = 64
_LONGEST = 2_000  # characters of a sentence; longer ones are cut, since a model's time grows with them


class Found(NamedTuple):
    """An entity of Presidio's in a sentence."""

    start: int
    stop: int
    entity: str


class Doubts:
    """See the module. It must come after the names pass."""

    name = "presidio"

    def __init__(self, struck_from: float = STRUCK_FROM) -> None:
        from policies.redaction.presidio.engine import model_version  # noqa: PLC0415 - spaCy is loaded only where it is used

        self._struck_from = struck_from
        self.version = f"1-{model_version()}-{struck_from}"

    def find(self, texts: list[Text]) -> list[list[Span]]:
        """For each text the doubtful words that are struck out."""
        told = self._asked(
            sorted({_cut(text.raw, doubt) for text in texts for doubt in text.doubts if self._open(text.raw, doubt)})
        )
        return [
            [
                span
                for doubt in text.doubts
                for span in self._decide(text.raw, doubt, told.get(_cut(text.raw, doubt), ()))
            ]
            for text in texts
        ]

    def _open(self, raw: str, doubt: Doubt) -> bool:
        """Whether an answer could change what is struck out of the sentence, or as what."""
        return any(len({self._kind(raw, word, answer) for answer in _ANSWERS}) > 1 for word in doubt.words)

    @staticmethod
    def _asked(sentences: list[str]) -> dict[str, list[Found]]:
        if not sentences:
            return {}
        from policies.redaction.presidio.engine import batch_analyzer  # noqa: PLC0415

        results = batch_analyzer().analyze_iterator(sentences, language="en", batch_size=_BATCH)
        return {
            sentence: [Found(one.start, one.end, one.entity_type) for one in found]
            for sentence, found in zip(sentences, results, strict=True)
        }

    def _decide(self, raw: str, doubt: Doubt, found: Iterable[Found]) -> Iterator[Span]:
        for word in doubt.words:
            at = word[0] - doubt.start
            entity = next((one.entity for one in found if one.start <= at < one.stop), "none")
            kind = self._kind(raw, word, entity)
            if kind is not None:
                yield Span(word[0], word[1], kind)

    def _kind(self, raw: str, word: tuple[int, int, float, float], entity: str) -> str | None:
        """As what the word is struck out if Presidio says so; None where it stays."""
        start, stop, name, place = word
        more_name, more_place = _weighed(bucket(name + place), entity)
        if more_name + more_place < self._struck_from:
            return None
        return kind_of(raw[start:stop], name + more_name * 0.5, place + more_place * 0.5)


def _cut(raw: str, doubt: Doubt) -> str:
    return raw[doubt.start : doubt.stop][:_LONGEST]


@cache
def _weighed(likely: str, entity: str) -> tuple[float, float]:
    return model.weigh(features(likely, entity), model.read_weights()[2])


def features(likely: str, entity: str) -> Iterator[str]:
    """The features of a doubtful word: how likely it was (its `bucket`), and what Presidio took it for."""
    yield "doubt"
    yield f"likely={likely}"
    yield f"entity={entity}"
