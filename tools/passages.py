"""The passage of a note that best fits what was searched for, with the words found marked, and whether they are negated.

Pure: text in, text out. `search_notes.py` calls it on the text a note's row came back with, which was looked over before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from data.snapshots.note_index import words_of
from tools.negation import Negation
from tools.note_words import Sought

Negated = Literal["show", "leave out", "only"]
LENGTH = 200  # characters of a passage, about
_TOGETHER = 160  # within which words count as one passage


@dataclass(frozen=True)
class Match:
    """Where something sought stands, which of the sought it is, and whether it is negated."""

    start: int
    stop: int
    sought: int
    negated: bool


@dataclass(frozen=True)
class Passage:
    """A piece of a text on one line, with ** around what was found. `negated`: what it was chosen for is; None: nothing was found."""

    text: str
    negated: bool | None


def best_passage(
    text: str, wanted: Sequence[Sought], negated: Negated, match: Literal["all", "any"] = "all"
) -> Passage | None:
    """The passage that has most of what is wanted, closest together; None where `negated` lets none pass.

    A note denies what is looked for where it has a part of it in negations only; of `any`, where all that it has of it. Such are left out
    or alone shown. Where both kinds are shown, words that are not negated come before equal ones that are.
    """
    found = list(_matches(text, wanted))
    if negated != "show" and (not found or _denied(found, match) != (negated == "only")):
        return None
    looked_for = [one for one in found if negated == "show" or one.negated == (negated == "only")]
    if not looked_for:
        return Passage(_cut(text, [], 0, 0), None)
    best = max((_together(looked_for, first) for first in range(len(looked_for))), key=_worth)
    snippet = _cut(text, _apart(found), best[0].start, max(one.stop for one in best))
    return Passage(snippet, _all_negated(best))


def _denied(found: Sequence[Match], match: Literal["all", "any"]) -> bool:
    """Whether of some part of what is wanted, or of `any` of each, all is negated."""
    parts = {one.sought for one in found}
    affirmed = {one.sought for one in found if not one.negated}
    return not affirmed if match == "any" else affirmed < parts


def _worth(group: Sequence[Match]) -> tuple[int, int, bool, int]:
    """More of what is wanted, then with less between, then not negated, then earlier."""
    between = max(one.stop for one in group) - group[0].start - sum(one.stop - one.start for one in group)
    return len(group), -between, not _all_negated(group), -group[0].start


def _all_negated(group: Sequence[Match]) -> bool:
    return all(one.negated for one in group)


def _together(matches: Sequence[Match], first: int) -> list[Match]:
    """A match and the nearest after it of each other part of what is wanted, within reach."""
    group = {matches[first].sought: matches[first]}
    for one in matches[first + 1 :]:
        if one.stop <= matches[first].start + _TOGETHER:
            group.setdefault(one.sought, one)
    return list(group.values())


def _matches(text: str, wanted: Sequence[Sought]) -> Iterator[Match]:
    """All places, in order."""
    words = list(words_of(text))
    negation = Negation(text)
    for place, (_, start, _) in enumerate(words):
        for number, one in enumerate(wanted):
            last = place + one.words[-1][1]
            if last < len(words) and all(_fits(words[place + far][0], word, one) for word, far in one.words):
                stop = words[last][2]
                yield Match(start, stop, number, negation.covers(start, stop))


def _fits(found: str, word: str, sought: Sought) -> bool:
    return found.startswith(word) if sought.beginning else found == word


def _apart(matches: Sequence[Match]) -> list[Match]:
    """The matches without overlap: those that meet are one."""
    apart: list[Match] = []
    for one in matches:
        if apart and one.start < apart[-1].stop:
            apart[-1] = replace(apart[-1], stop=max(apart[-1].stop, one.stop))
        else:
            apart.append(one)
    return apart


def _cut(text: str, marked: Sequence[Match], start: int, stop: int) -> str:
    """About LENGTH characters around `start` to `stop`, cut between words, white space as one blank."""
    room = max(0, LENGTH - (stop - start))
    begin, end = max(0, start - room // 2), min(len(text), max(stop + room - room // 2, LENGTH))
    begin = _word_begin(text, begin, start) if begin else 0
    end = _word_end(text, stop, end) if end < len(text) else end
    pieces, place = [], begin
    for one in marked:
        if one.start >= begin and one.stop <= end:
            pieces += [text[place : one.start], "**", text[one.start : one.stop], "**"]
            place = one.stop
    whole = " ".join("".join([*pieces, text[place:end]]).split())
    return f"{'… ' if begin else ''}{whole}{' …' if end < len(text) else ''}"


def _word_begin(text: str, begin: int, start: int) -> int:
    """The first place from `begin` on, and before `start`, where a word begins; `begin` itself within one long word."""
    for place in range(begin, start):
        if text[place - 1].isspace():
            return place
    return start if start - begin < LENGTH // 2 else begin


def _word_end(text: str, stop: int, end: int) -> int:
    for place in range(end, stop, -1):
        if text[place].isspace():
            return place
    return stop if stop > end - LENGTH // 2 else end
