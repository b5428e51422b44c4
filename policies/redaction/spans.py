"""Places in a text, and the one rule by which places that overlap are joined.

The rule: overlapping places are struck out together, so that no piece of an identifier is left standing; the longest of them names the
kind, and of equally long ones the one that was found by the earlier pass. Then the words of one name, and the pieces of one address, are
joined over the blanks, dots and commas between them. Other places that only touch stay apart.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from policies.redaction.folding import fold

NAME, DATE, AGE, PLACE, ADDRESS, ZIP = "NAME", "DATE", "AGE", "PLACE", "ADDRESS", "ZIP"
PHONE, FAX, EMAIL, URL, IP = "PHONE", "FAX", "EMAIL", "URL", "IP"
SSN, MRN, ACCOUNT, LICENSE, VEHICLE, DEVICE, BIOMETRIC, NPI, ID = (
    "SSN", "MRN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOMETRIC", "NPI", "ID",
)  # fmt: skip

# Each kind and the letter of the Safe Harbor identifier it stands for (45 CFR 164.514(b)(2)(i)); R is "any other unique number".
KINDS: dict[str, str] = {
    NAME: "A", PLACE: "B", ADDRESS: "B", ZIP: "B", DATE: "C", AGE: "C", PHONE: "D", FAX: "E", EMAIL: "F", SSN: "G", MRN: "H",
    ACCOUNT: "J", LICENSE: "K", NPI: "K", VEHICLE: "L", DEVICE: "M", URL: "N", IP: "O", BIOMETRIC: "P", ID: "R",
}  # fmt: skip


class Span(NamedTuple):
    """Characters `start` to `stop` (not included) of a text are an identifier of a kind. `whom`: whose, where the vault knows."""

    start: int
    stop: int
    kind: str
    whom: str = ""


class Doubt(NamedTuple):
    """A sentence in which some words may be names: characters `start` to `stop`, and of each such word (start, stop, likelihood of being a
    name, likelihood of being a place).
    """

    start: int
    stop: int
    words: tuple[tuple[int, int, float, float], ...]


@dataclass
class Text:
    """A text under search, with what several passes need of it made once. `doubts` is what a pass leaves for a later one to decide."""

    raw: str
    doubts: list[Doubt] = field(default_factory=list)

    @cached_property
    def folded(self) -> str:
        """Lower case, without accents; each character stands at the same place as in `raw`."""
        return fold(self.raw)


class Pass(Protocol):
    """One way of finding identifiers. The same text gives the same places in any batch; `version` changes with anything that decides."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def find(self, texts: list[Text]) -> list[list[Span]]:
        """For each text its places, in any order."""
        ...


def merge(places: Iterable[Span]) -> list[Span]:
    """Places in order, without overlap. See the module for the rule; `places` come in the order of the passes."""
    merged: list[Span] = []
    longest = 0
    for span in sorted(places, key=lambda one: (one.start, -one.stop)):  # a stable sort: earlier passes first
        if merged and span.start < merged[-1].stop:
            before = merged[-1]
            if span.stop - span.start > longest:
                longest, before = span.stop - span.start, Span(before.start, before.stop, span.kind, span.whom)
            merged[-1] = Span(before.start, max(before.stop, span.stop), before.kind, before.whom)
        elif span.start < span.stop:
            merged.append(span)
            longest = span.stop - span.start
    return merged


_WITHIN_NAME = re.compile(r"[ \u00a0]{1,2}|-|['\u2019]")
_AFTER_INITIAL = re.compile(r"\. ?")
_WITHIN_ADDRESS = re.compile(r"[\s,.#/-]{1,6}")
_WHERE = frozenset({PLACE, ADDRESS, ZIP})


def join(text: str, spans: list[Span]) -> list[Span]:
    """Merged places with those of one name, and those of one address, made one. Two people whom the vault knows apart stay apart."""
    joined: list[Span] = []
    for span in spans:
        if joined and (kind := _together(text, joined[-1], span)):
            before = joined.pop()
            joined.append(Span(before.start, span.stop, kind, before.whom or span.whom))
        else:
            joined.append(span)
    return joined


_NUMBER_BESIDE = re.compile(r"(?:[ ,;|/#\[(-]|\bno\.?|\bid){1,4}(\d{6,10}|\d{2,4}-\d{2,3}-\d{2,4})(?![\w/.-])")


def numbers_beside(text: str, spans: list[Span]) -> list[Span]:
    """Numbers that stand right behind a name, "SMITH, ANN (4521187)": a heading's record number without a label."""
    return [
        Span(match.start(1), match.end(1), MRN)
        for one in spans
        if one.kind == NAME and (match := _NUMBER_BESIDE.match(text, one.stop))
    ]


def _together(text: str, one: Span, other: Span) -> str:
    """The kind of the two as one, or nothing."""
    between = text[one.stop : other.start]
    if one.kind == other.kind == NAME:
        same = not one.whom or not other.whom or one.whom == other.whom
        initial = one.stop - one.start == 1 or not text[one.stop - 2].isalpha()
        beside = not between or _WITHIN_NAME.fullmatch(between) or (initial and _AFTER_INITIAL.fullmatch(between))
        return NAME if same and beside else ""
    if one.kind in _WHERE and other.kind in _WHERE and (not between or _WITHIN_ADDRESS.fullmatch(between)):
        return PLACE if one.kind == other.kind == PLACE and "," not in between else ADDRESS
    return ""
