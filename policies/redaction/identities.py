"""Whose a name is, as far as the record and the text tell: so that "John Smith", "Mr. Smith" and "SMITH, J" have one surrogate.

A name that shares a word with the record's own person is that person's; else with a relative's, that relative's; else it is told by its
family word. A single word that is part of a fuller name in the same text goes with that one.
"""

import re
from collections.abc import Iterator, Sequence

from policies.redaction.folding import fold
from policies.redaction.known.reading import Named
from policies.redaction.protected import Protected
from policies.redaction.spans import NAME, Span

_WORD = re.compile(r"[^\W\d_]+")
_TITLED = re.compile(r"\b(?:mr|mrs|ms|miss|dr|prof)\.? $", re.IGNORECASE)
_MONTHS = frozenset({"may", "april", "june", "march", "august", "jan"})


def identity_of(span: Span, text: str, named: Sequence[Named], seen: dict[str, str]) -> str:
    """The identity of a span. `seen`: word -> identity of the names that came before in the text; it is added to."""
    written = text[span.start : span.stop]
    if span.kind != NAME:
        return fold(re.sub(r"[\W_]+", "", written))
    words = _WORD.findall(fold(written))
    whole = [word for word in words if len(word) > 1]
    found = next((f"\x1f{one.who}" for one in named if not one.words.isdisjoint(whole)), None)
    if found is None:
        found = next((seen[word] for word in reversed(whole) if word in seen), None)
    if found is None:
        found = (whole[0] if "," in written or "^" in written else whole[-1]) if whole else "".join(words)
    if len(whole) > 1:
        seen.update((word, found) for word in whole)
    return found


def own_names(text: str, named: Sequence[Named], protected: Protected) -> Iterator[Span]:
    """Names of the record's people that are also ordinary words ("Grace", "Young"), where they are written as names.

    In somebody else's text such words are left, or nothing could be said in plain words; in the record of Grace Young they are struck out:
    with a capital within a sentence or in capitals beside other names, unless a clinical word makes an eponym of them ("Parkinson disease").
    """
    words = {word for one in named for word in one.words if len(word) > 2 or one.who == "own"}
    if not words:
        return
    for match in _WORD.finditer(text):
        word = fold(match[0])
        if word not in words or not match[0][0].isupper() or len(word) < 2:
            continue
        if word in _MONTHS and not _TITLED.search(text, max(0, match.start() - 6), match.start()):
            continue
        near = _WORD.findall(fold(text[max(0, match.start() - 40) : match.start()]))[-2:]
        near += _WORD.findall(fold(text[match.end() : match.end() + 40]))[:3]
        if word in protected.companions and protected.keeps(word, near):
            continue
        yield Span(match.start(), match.end(), NAME)
