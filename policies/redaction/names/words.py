"""Words of a text as the names pass sees them: what lists hold them, how they are written, whether they belong to a clinical term."""

from collections.abc import Sequence
from typing import NamedTuple

from policies.redaction.folding import fold
from policies.redaction.names.cues import cues
from policies.redaction.names.lexicon import EPONYM, KEPT, Lexicon
from policies.redaction.names.tokens import Token, tokens_of

_COMMON, _CREDENTIALS = cues()["common"], cues()["credentials"]


class Word(NamedTuple):
    """A token with its lower form, flags, and the way it is written.

    `shape`: "cap", "up", "mix" (Mc...), "odd", "one" (a single capital), "low", "num", "mark"; and where its sentence has one case only, so
    that the case says nothing: "flat" for what would be "low", "caps" for what would be "up".
    """

    token: Token
    low: str
    flags: int
    shape: str


_CASED = frozenset({"cap", "up", "mix", "caps", "one"})


def words_of(text: str, lexicon: Lexicon) -> list[Word]:
    """The words of a text with what the lexicon says of them."""
    tokens = tokens_of(text)
    flags = lexicon.flags
    made = []
    for token, shape in zip(tokens, _shapes(tokens), strict=True):
        word = token.text
        made.append(
            Word(token, word, 0, shape) if shape in {"mark", "num"} else Word(token, word.lower(), flags(word), shape)
        )
    for at in _kept(text, made, lexicon):
        made[at] = made[at]._replace(flags=made[at].flags | KEPT)
    return made


def _kept(text: str, words: Sequence[Word], lexicon: Lexicon) -> set[int]:
    """Places of words that belong to a clinical term: an eponym beside its noun, a word of a phrase."""
    protected, found = lexicon.protected, set()
    for at, word in enumerate(words):
        if word.flags & EPONYM:
            near = [fold(words[place].low) for place in range(max(0, at - 4), min(len(words), at + 5)) if place != at]
            if protected.keeps(fold(word.low), near):
                found.add(at)
    if phrases := protected.phrases.find(fold(text)):
        inside = {place for start, stop in phrases for place in range(start, stop)}
        found.update(at for at, word in enumerate(words) if word.token.start in inside)
    return found


def _shapes(tokens: Sequence[Token]) -> list[str]:
    shapes: list[str] = []
    begin = 0
    for place, token in enumerate(tokens):
        if token.begins and place > begin:
            _level(shapes, begin)
            begin = place
        shapes.append(_shape(token.text))
    _level(shapes, begin)
    return shapes


def _level(shapes: list[str], begin: int) -> None:
    """Within a sentence of one case only, its shapes are made to say so."""
    part = shapes[begin:]
    small = any(one in {"low", "cap", "mix", "odd"} for one in part)
    if small and not any(one in _CASED for one in part):
        shapes[begin:] = ["flat" if one == "low" else one for one in part]
    elif not small and part.count("up") > 1:
        shapes[begin:] = ["caps" if one == "up" else one for one in part]


def _shape(text: str) -> str:
    first = text[0]
    if not first.isalpha():
        return "num" if first.isdigit() else "mark"
    if text.islower():
        return "low"
    if len(text) == 1:
        return "one"
    if text.isupper():
        return "up"
    bare = text[:-2] if text[-2] in {"'", "\u2019"} else text
    if not first.isupper():
        return "odd"
    return "cap" if bare[1:].islower() or "-" in bare else "up" if bare.isupper() else "mix"


def is_common(word: Word) -> bool:
    """One of the words that hold sentences together, not written as a name would be."""
    if word.low.partition("'")[0] not in _COMMON:
        return False
    return word.low == "i" or word.token.begins or word.shape in {"low", "flat", "caps"}


def is_credential(word: Word) -> bool:
    """MD, RN and the like, written in capitals: they follow a name and are none."""
    return word.low in _CREDENTIALS and word.shape in {"up", "caps", "mix"}
