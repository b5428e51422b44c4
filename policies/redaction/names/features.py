"""What speaks for and against a word being part of a name or place: short readable features, weighed in `weights.tsv`.

A feature is a text such as `lex=cap.N.- before=title`. Only candidates have any: words that are not plainly ordinary, and numbers beside
capitalised words. The features of a word depend on three tokens to either side and on whether its sentence has both cases.
"""

from collections.abc import Iterator, Sequence

from policies.redaction.names.cues import cues
from policies.redaction.names.lexicon import (
    ABBREVIATION,
    CLINICAL,
    COUNTRY,
    EPONYM,
    FAMILY,
    GIVEN,
    HEAD,
    KEPT,
    MONTH,
    NEVER,
    ORDINARY,
    PARTICLE,
    PLACE,
    TITLE,
)  # fmt: skip
from policies.redaction.names.words import Word, is_common, is_credential

_NAMED, _PLACED, _SPEAKS, _STREET = (cues()[name] for name in ("named", "placed", "speaks", "street"))
_LONGEST = 60  # letters of a word that may be a name
_SUFFIX = cues()["credentials"] | {"jr", "sr", "ii", "iii", "iv"}


def lex(word: Word) -> str:
    """The word's way of writing and what lists hold it, as a feature."""
    flags = word.flags
    name = "G" if flags & GIVEN else ""
    name += "F" if flags & FAMILY else ""
    name += "P" if flags & PLACE else ""
    name += "C" if flags & COUNTRY else ""
    plain = "w" if flags & ORDINARY else ""
    plain += "c" if flags & CLINICAL else ""
    plain += "k" if flags & KEPT else "e" if flags & EPONYM else ""
    plain += "a" if flags & ABBREVIATION else ""
    plain += "m" if flags & MONTH else ""
    return f"{word.shape}.{name}.{plain}"


def kind(word: Word | None) -> str:
    """The word as it looks from beside it: coarse."""
    if word is None:
        return "none"
    if word.shape in {"mark", "num"}:
        return word.token.text if word.shape == "mark" else f"num{min(len(word.low), 6)}"
    flags, low = word.flags, word.low
    if flags & TITLE:
        return "title"
    if low in _SUFFIX:
        return "suffix"
    if low in _STREET and word.shape != "low":
        return "street"
    if word.shape == "one":
        return "initial"
    return _kind_of_low(word) if word.shape in {"low", "flat", "caps"} else _kind_of_cap(flags)


def _kind_of_cap(flags: int) -> str:
    if flags & KEPT:
        return "Clinical"
    if not flags & ORDINARY:
        if flags & (GIVEN | FAMILY):
            return "Name"
        if flags & PLACE:
            return "Place"
    if flags & (CLINICAL | KEPT | HEAD | ABBREVIATION | MONTH):
        return "Clinical"
    if flags & ORDINARY:
        return "Namelike" if flags & (GIVEN | FAMILY) else "Ordinary"
    return "Unknown"


def _kind_of_low(word: Word) -> str:
    if word.flags & PARTICLE:
        return "particle"
    if word.flags & HEAD:
        return "head"
    low = word.low
    if low in _NAMED:
        return "placed-named" if low in _PLACED else "named"
    if low in _PLACED:
        return "placed"
    if low in _SPEAKS:
        return "speaks"
    if word.flags & (ORDINARY | CLINICAL):
        return "low"
    return "lowname" if word.flags & (GIVEN | FAMILY | PLACE) else "lowunknown"


def features(words: Sequence[Word], at: int) -> Iterator[str]:
    """The features of the word at a place."""

    def near(offset: int) -> Word | None:
        place = at + offset
        return words[place] if 0 <= place < len(words) else None

    word = words[at]
    own = lex(word) if word.shape != "num" else f"num{min(len(word.low), 6)}"
    before, after, before2, after2 = kind(near(-1)), kind(near(1)), kind(near(-2)), kind(near(2))
    begins = "^" if word.token.begins else ""
    yield "bias"
    yield f"lex={own}{begins}"
    yield f"before={before} {word.shape}"
    yield f"after={after} {word.shape}"
    yield f"lex={own} before={before}"
    yield f"lex={own} after={after}"
    yield f"before2={before2} before={before} {word.shape}"
    yield f"after={after} after2={after2} {word.shape}"
    yield f"around={before} {word.shape}{begins} {after}"
    if word.token.line:
        yield f"line {word.shape}"
    if word.shape in {"up", "cap", "mix", "caps"} and len(word.low) <= 5:
        yield f"short {word.shape} {len(word.low)}"
    if "'" in word.low[:-2]:
        yield "inner '"
    if not word.low.isascii():
        yield "accent"


_PLAIN = ORDINARY | CLINICAL | KEPT | HEAD | ABBREVIATION | MONTH | PARTICLE | TITLE
_LISTED = GIVEN | FAMILY | PLACE


def is_candidate(words: Sequence[Word], at: int) -> bool:
    """Whether a word is worth weighing by itself."""
    word = words[at]
    flags, shape = word.flags, word.shape
    if shape == "mark" or len(word.low) > _LONGEST or flags & (TITLE | NEVER) or is_credential(word) or is_common(word):
        return False
    if shape == "num":
        near = (at - 2, at - 1, at + 1, at + 2)
        return any(0 <= place < len(words) and words[place].shape in {"cap", "up", "mix", "caps"} for place in near)
    if shape not in {"low", "flat", "caps"}:
        return True
    if not flags & _PLAIN:
        return len(word.low) > 1
    return bool(flags & _LISTED) and at > 0 and (shape != "low" or _cued(words, at))


def _cued(words: Sequence[Word], at: int) -> bool:
    before = words[at - 1]
    if before.low == "." and at > 1:
        before = words[at - 2]
    return bool(before.flags & TITLE) or before.low in _NAMED
