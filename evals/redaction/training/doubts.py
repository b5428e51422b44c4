"""Samples for the third weighing: words in doubt, with what Presidio says of them in their sentence."""

from collections.abc import Sequence

from evals.redaction.training.documents import Document
from evals.redaction.training.generate import UNSAID
from policies.redaction.names import SURE, UNLIKELY
from policies.redaction.names.chain import bucket
from policies.redaction.presidio.doubts import features
from policies.redaction.presidio.engine import batch_analyzer


def doubtful(documents: Sequence[Document]) -> list[tuple[list[str], int, float]]:
    """(features, label, weight) of the doubtful words of the documents."""
    asked: list[tuple[Document, int, int]] = []
    for document in documents:
        begins = [at for at, word in enumerate(document.words) if at == 0 or word.token.begins]
        for first, last in zip(begins, [*begins[1:], len(document.words)], strict=True):
            if any(_is_doubtful(document, at) for at in range(first, last)):
                asked.append((document, first, last))
    sentences = []
    for document, first, last in asked:
        end = document.words[last - 1].token
        sentences.append(document.labelled.text[document.words[first].token.start : end.start + len(end.text)])
    made = []
    for (document, first, last), found in zip(
        asked, batch_analyzer().analyze_iterator(sentences, language="en", batch_size=64), strict=True
    ):
        offset = document.words[first].token.start
        for at in range(first, last):
            if _is_doubtful(document, at) and document.labels[at] != UNSAID:
                place = document.words[at].token.start - offset
                entity = next((one.entity_type for one in found if one.start <= place < one.end), "none")
                made.append(
                    (list(features(bucket(sum(document.final[at])), entity)), document.labels[at], document.weight)
                )
    return made


def _is_doubtful(document: Document, at: int) -> bool:
    return UNLIKELY < sum(document.final[at]) < SURE
