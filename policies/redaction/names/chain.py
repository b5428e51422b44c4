"""The second weighing: a word beside words that are surely names or places is more likely one itself.

What the first weighing said of a word and of those around it are the features here (stacked learning: Cohen and Carvalho, "Stacked sequential
learning", IJCAI 2005), so house numbers, initials, particles and codes within an address or a name go with it.
"""

from collections.abc import Iterator, Sequence

from policies.redaction.names.features import kind
from policies.redaction.names.lexicon import NEVER
from policies.redaction.names.words import Word, is_common, is_credential

LIKELY = 0.5
_REACH = 2
_NEVER = frozenset({"low", "named", "placed", "placed-named", "speaks", "head", "title"})


def bucket(share: float) -> str:
    """A likelihood, coarse."""
    for number, bound in enumerate((0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)):
        if share < bound:
            return str(number)
    return "7"


def beside(words: Sequence[Word], at: int, step: int, told: Sequence[float]) -> tuple[str, str]:
    """What stands next to a word in a direction, marks passed over: its likelihood and the mark between, `-` for none."""
    mark, place, passed = "-", at + step, 0
    while 0 <= place < len(words) and words[place].shape == "mark" and passed < _REACH:
        mark, place, passed = words[place].low if passed == 0 else mark, place + step, passed + 1
    return (bucket(told[place]) if 0 <= place < len(words) else "none"), mark


def features(words: Sequence[Word], at: int, told: Sequence[float], places: Sequence[float]) -> Iterator[str]:
    """The features of the word at a place; `told` is how likely each word is part of a name or place, `places` of a place."""
    word = words[at]
    own = bucket(told[at])
    before, mark = beside(words, at, -1, told)
    after, mark2 = beside(words, at, 1, told)
    look = kind(word) if word.shape in {"low", "flat", "caps", "num", "one"} else word.shape
    where = bucket(places[at])
    yield "chain"
    yield f"own={own} {where}"
    yield f"own={own} {look}"
    yield f"before={before} {own}"
    yield f"after={after} {own}"
    yield f"both={before} {own} {after}"
    yield f"look={look} {before} {mark}"
    yield f"look={look} {after} {mark2}"
    yield f"places={beside(words, at, -1, places)[0]} {look} {beside(words, at, 1, places)[0]}"


def is_beside(words: Sequence[Word], at: int, told: Sequence[float]) -> bool:
    """Whether a word that was not weighed stands near a likely one."""
    word = words[at]
    if word.shape == "mark" or kind(word) in _NEVER or is_credential(word) or is_common(word) or word.flags & NEVER:
        return False
    near = (at - 3, at - 2, at - 1, at + 1, at + 2, at + 3)
    return any(0 <= place < len(words) and told[place] >= LIKELY for place in near)
