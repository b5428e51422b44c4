"""Whether a value of a column of codes and labels holds an identity: looked for are shapes and what the vault knows, never weighed names.

Many codes look like somebody's number, and wards, insurers and diseases are called like people. So "yes" is only what is plainly an
identity: mail, a social security number, a telephone or labelled number within words, a known long number, a known name in full. A known
name or shorter number alone is "maybe", and so is what has the shape of an address, a link or a number and may be a code; publishing then
asks how many persons share it. "no" are known numbers of fewer than six digits without letters, known towns, names that are words of
English or medicine, and codes that look like a number but are nobody's.
"""

import re
from collections.abc import Sequence

from data.types import Holds
from policies.redaction.finder import Finder
from policies.redaction.folding import fold
from policies.redaction.known.forms import bare
from policies.redaction.patterns import Patterns
from policies.redaction.patterns.numbers import is_code
from policies.redaction.patterns.rules import Views
from policies.redaction.protected import Protected, ordinary
from policies.redaction.spans import ADDRESS, EMAIL, IP, MRN, NAME, PHONE, PLACE, SSN, URL, Span
from policies.redaction.surrogates import INVENTED
from policies.redaction.words import ORDINARY, PARTICLES, TITLES

_WORD, _BETWEEN = re.compile(r"[^\W\d_]+"), re.compile(r"[\W_]{0,3}")
_ALWAYS, _NUMBERS, _AT_MOST = frozenset({SSN, EMAIL}), frozenset({PHONE, MRN}), frozenset({URL, IP, ADDRESS})
_PUBLIC = re.compile(
    r"\d{4,5}-\d{3,4}-\d{1,2}|a?nda\d{6}|bla\d{6}", re.IGNORECASE
)  # of medicines: NDC, FDA applications
_TITLES = frozenset(title.rstrip(".") for title in TITLES)
# Beside one of these a name is that of a house: George Washington University Hospital, Grace Hall.
_HOUSES = frozenset(
    """
    building campus care center centre clinic clinics college department dept floor foundation group hall health healthcare hospice
    hospital house infirmary institute insurance lab laboratory medical memorial nursing office pavilion pharmacy plan practice
    radiology school services suite surgery unit university ward wing
    """.split()  # noqa: SIM905 - a column of words is read more easily
)


class Values:
    """Tells of values what they hold. `known` finds what the vault knows; `protected` are the words that no name is taken from."""

    def __init__(self, known: Finder, protected: Protected) -> None:
        self._known, self._shapes, self._protected = known, Finder([Patterns()]), protected

    def holds(self, values: Sequence[str]) -> list[Holds]:
        """For each value whether an identity is in it."""
        found = zip(values, self._known.find(values), self._shapes.find(values), strict=True)
        return [self._holds(value, known, shapes) for value, known, shapes in found]

    def _holds(self, value: str, known: Sequence[Span], shapes: Sequence[Span]) -> Holds:
        told = {_of_shape(value, span) for span in shapes} | {
            self._of_known(value, span) for span in _joined(value, known)
        }
        return "yes" if "yes" in told else "maybe" if "maybe" in told else "no"

    def _of_known(self, value: str, span: Span) -> Holds:
        written = value[span.start : span.stop]
        if span.kind == PLACE:
            return "no"
        if span.kind == EMAIL:
            return "yes"
        if span.kind == NAME:
            return self._of_name(value, span)
        if span.kind == ADDRESS:
            return "yes" if any(map(str.isdigit, written)) and not _of_house(value) else "maybe"
        digits = sum(map(str.isdigit, written))
        if bare(written).isdecimal():
            return "yes" if digits >= 9 else "maybe" if digits >= 6 else "no"
        return "yes" if digits >= 6 else "maybe"

    def _of_name(self, value: str, span: Span) -> Holds:
        words = [word for word in _WORD.findall(value[span.start : span.stop]) if len(word) > 1]
        telling = [word for word in words if fold(word) not in _TITLES and not self._clinical(word, value)]
        if telling and len(words) > 1 and fold(words[0]) in _TITLES:
            return "yes"
        rare = [word for word in telling if fold(word) not in ORDINARY and not ordinary(fold(word))]
        if len(telling) > 1:
            return "yes" if rare and not _of_house(value) else "maybe"
        return "maybe" if rare else "no"

    def _clinical(self, word: str, value: str) -> bool:
        folded = fold(word)
        if folded in PARTICLES or (word.isupper() and folded in self._protected.abbreviations):
            return True
        return self._protected.keeps(folded, set(_WORD.findall(fold(value))) - {folded})


def _joined(value: str, spans: Sequence[Span]) -> list[Span]:
    """Names with no more than signs between them as one: they are one person's ("Young, Anna")."""
    joined: list[Span] = []
    for span in spans:
        before = joined[-1] if joined else None
        if before and before.kind == span.kind == NAME and _BETWEEN.fullmatch(value, before.stop, span.start):
            joined[-1] = Span(before.start, span.stop, NAME)
        else:
            joined.append(span)
    return joined


def _of_shape(value: str, span: Span) -> Holds:
    if INVENTED.fullmatch(value, span.start, span.stop):
        return "no"
    if span.kind in _ALWAYS:
        return "yes"
    if span.kind in _NUMBERS:
        return _of_number(value, span)
    return "maybe" if span.kind in _AT_MOST else "no"


def _of_number(value: str, span: Span) -> Holds:
    """A number nobody is known by. With letters it is most often a code, and so is what is the whole value, unless one can call it."""
    written = value[span.start : span.stop]
    if _PUBLIC.fullmatch(written):
        return "no"
    if bare(written) == bare(value):
        return "maybe" if span.kind == PHONE else "no"
    coded = not bare(written).isdecimal() or "." in written or is_code(Views(value), span.start)
    return "maybe" if coded and span.kind == MRN else "yes"


def _of_house(value: str) -> bool:
    return not _HOUSES.isdisjoint(_WORD.findall(fold(value)))
