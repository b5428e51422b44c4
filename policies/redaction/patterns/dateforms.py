"""The written forms of dates, as expressions with named parts. Finding (datefinds.py) and shifting (dates.py) both read by them.

Parts: `y` year, `m` month as a number, `mon` as a name, `d` day, `o` its suffix, `w` the day in words, `a` and `b` two numbers of which
one is the month, `s` what stands between; `d2`, `o2` and `r` the second day of "3-5 May" and what stands between.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from policies.redaction.patterns import months
from policies.redaction.patterns.months import MONTH, MONTH_ABROAD, NTH, WEEKDAY

Order = Literal["mdy", "dmy"]

YEAR = r"(?:1[89]|2[0-2])\d\d"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_MON = r"(?:1[0-2]|0?[1-9])"
_ORD = r"(?:st|nd|rd|th)"
_TO = r"(?: ?- ?| (?:to|through|thru|and|&) (?:the )?)"
_ENDS = r"(?!\w)"
# No more numbers of the same row after it, but for a second date after a dash.
_ALONE = r"(?![\d]|[/.]\d|-\d(?!\d?[/.-]\d))"


@dataclass(frozen=True)
class Form:
    """One written form. `padded`: whether a day of one digit is written 03 where the text itself does not tell."""

    name: str
    shape: re.Pattern[str]
    padded: bool = True


def _form(name: str, shape: str, *, padded: bool = True) -> Form:
    return Form(name, re.compile(shape), padded)


# Begin with a digit; the first that fits counts.
NUMERIC: tuple[Form, ...] = (
    _form("iso", rf"(?P<y>{YEAR})(?P<s> ?[-/.] ?)(?P<m>{_MON})(?P=s)(?P<d>{_DAY})(?!\d)"),
    _form("named-iso", rf"(?P<y>{YEAR})(?P<s>[-/. ]|, )(?P<mon>{MONTH})\.?(?P=s)(?P<d>{_DAY}){_ENDS}"),
    _form("cjk", rf"(?P<y>{YEAR}) ?\u5e74 ?(?P<m>{_MON}) ?\u6708 ?(?P<d>{_DAY}) ?\u65e5", padded=False),
    _form("numbers", rf"(?P<a>{_DAY})(?P<s> ?[-/.] ?)(?P<b>{_DAY})(?P=s)'?(?P<y>{YEAR}|\d\d){_ALONE}"),
    _form("compact", r"(?P<y>(?:1[89]|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])"
                     r"(?:[0-2]\d[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?(?:[+-][01]\d[0-5]\d)?)?(?=[t_]|(?!\w))"),
    _form("day-first", rf"(?P<d>{_DAY})(?P<o>{_ORD})?(?:(?P<r>{_TO})(?P<d2>{_DAY})(?P<o2>{_ORD})?)?"
                       rf"(?:\.? of |,? day of |[-/., ]{{0,2}})(?P<mon>{MONTH})\.?"
                       rf"(?:(?:,? of |[-/., ]{{0,2}})(?P<y>{YEAR}){_ENDS}|(?:[-/]| ?')(?P<y2>\d\d){_ENDS}|(?![\w/]))"),
    _form("day-first-short", rf"(?P<d>{_DAY})[- ](?P<mon>{MONTH})\.?[ ](?P<y>\d\d)(?![\w.,/%:-]|[ ](?:{MONTH}|\w{{2,}}))"),
    _form("abroad", rf"(?P<d>{_DAY})(?:\.|er|o|\u00ba)?(?: de | di | ?)(?P<mon>{MONTH_ABROAD})"
                    rf"\.?,? (?:de |del |di )?(?P<y>{YEAR}){_ENDS}", padded=False),
    _form("abroad", rf"(?P<d>{_DAY})(?:er|o|\u00ba)? d[ei] (?P<mon>{MONTH_ABROAD}){_ENDS}", padded=False),
    _form("roman", rf"(?P<d>{_DAY})(?P<s>[-/. ])(?P<rom>x(?:ii?)?|ix|iv|v(?:i{{1,3}})?|i{{1,3}})(?P=s)(?P<y>{YEAR}){_ENDS}", padded=False),
    _form("month-year", rf"(?P<m>{_MON})(?P<s>/)(?P<y>{YEAR})(?![\w/-]|\.\d)"),
    _form("month-year", rf"(?P<m>0[1-9]|1[0-2])(?P<s>[-.])(?P<y>{YEAR})(?![\w/-]|\.\d)"),
    _form("year-month", rf"(?P<y>{YEAR})(?P<s>[-/])(?P<m>0[1-9]|1[0-2])(?![\w/-]|\.\d)"),
)  # fmt: skip
# Begin with a month's name.
NAMED: tuple[Form, ...] = (
    _form("month-first", rf"(?P<mon>{MONTH})\.?(?:[-/. ]{{0,2}}|, ?|  ?the )(?P<d>{_DAY})(?P<o>{_ORD})?"
                         rf"(?:(?P<r> ?- ?| (?:to|through|thru) (?:the )?)(?P<d2>{_DAY})(?P<o2>{_ORD})?)?"
                         rf"(?:(?: ?,? ?(?:of )?|[-/.])(?P<y>{YEAR}){_ENDS}|(?: ?,? ?'|-)(?P<y2>\d\d){_ENDS}|(?![\w/%]|[.,:]\d|-\d))",
          padded=False),
    _form("name-year", rf"(?P<mon>{MONTH})\.?(?:,? (?:of )?|[-/.,]|)(?P<y>{YEAR}){_ENDS}"),
    _form("name-year", rf"(?P<mon>{MONTH})\.?(?: ?'|-)(?P<y>\d\d){_ENDS}"),
    _form("in-words", rf"(?P<mon>{MONTH})\.? (?:the )?(?P<w>{NTH})(?:,? (?P<y>{YEAR})|){_ENDS}", padded=False),
)  # fmt: skip
# Begin with a day in words, "third of May".
WORDED = _form(
    "in-words", rf"(?P<w>{NTH})(?: day)?,? of (?P<mon>{MONTH})(?:,? (?:of )?(?P<y>{YEAR})|){_ENDS}", padded=False
)
# Read as dates only where something else says that they are.
TOLD: tuple[Form, ...] = (
    _form("day-month", rf"(?P<a>{_DAY})(?P<s>/)(?P<b>{_DAY})(?![\w/])"),
    _form("spaced", rf"(?P<a>0[1-9]|[12]\d|3[01])(?P<s> )(?P<b>0[1-9]|[12]\d|3[01]) (?P<y>{YEAR}){_ENDS}"),
    _form("compact-month", rf"(?P<y>(?:1[89]|20)\d\d)(?P<m>0[1-9]|1[0-2]){_ENDS}"),
    _form("name-year", rf"(?P<mon>{MONTH_ABROAD}) (?:de |del |di )?(?P<y>{YEAR}){_ENDS}"),
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")

_TIME = r"(?:[0-2]?\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?: ?[ap]\.?m\b\.?)?|(?:1[0-2]|0?[1-9]) ?[ap]\.?m\b\.?)"
_ZONE = r"(?: ?(?:z|utc|gmt|[ecmp][sd]t|cest|cet|bst|hrs|hours|h)\b| ?[+-][01]\d:?[0-5]\d)?"
# A time of day after a date belongs to it, and one before.
CLOCK = re.compile(
    rf"(?:t[0-2]\d[0-5]\d(?:[0-5]\d(?:\.\d{{1,6}})?)?(?!\d)|t?{_TIME}|(?:,? at | ?@ ?|, ?| - |  ?)(?:{_TIME}"
    rf"|[0-2]\d[0-5]\d(?=(?: ?h(?:rs|ours)?)\b)|(?<=at )[0-2]\d[0-5]\d(?![\w.])))"
    rf"{_ZONE}(?: ?(?:-|to) ?{_TIME}{_ZONE})?"
)
CLOCK_BEFORE = re.compile(rf"(?<![\w:.]){_TIME}{_ZONE},?(?: on| of)? (?:the )?$")
WEEKDAY_BEFORE = re.compile(rf"(?<!\w){WEEKDAY}\.?,? ?(?:the |den |el |le )?$")
WEEKDAY_AFTER = re.compile(rf",? ?\(?(?:{WEEKDAY})\.?\)?(?!\w)")
RANGE = r"(?: ?- ?| ?/ ?| (?:to|through|thru|until|till|and|&) )"


@dataclass(frozen=True)
class Read:
    """What was read: a month, and a day and a year where they are written."""

    year: int | None
    month: int
    day: int | None
    day_first: bool = False
    """Of two numbers, whether the first was read as the day."""


def read(match: re.Match[str], order: Order = "mdy") -> Read | None:
    """The date of a match of any form, or None where its numbers are none.

    Two numbers of which either may be the month are read in `order`, with dots day first (so Europe writes), and the other way about where
    that gives no date.
    """
    part = match.groupdict()
    year = _year(part.get("y") or part.get("y2"))
    if part.get("a"):
        first, second = int(part["a"]), int(part["b"])
        dotted = "." in part["s"]
        ways = [(first, second, False), (second, first, True)]  # month, day, whether the day stands first
        for month, day, day_first in ways[::-1] if order == "dmy" or dotted else ways:
            if exists(year, month, day):
                return Read(year, month, day, day_first)
        return None
    named = part.get("mon") or part.get("rom")
    month = int(part["m"]) if named is None else months.month(named) if part.get("mon") else _ROMAN.index(named) + 1
    told = int(part["d"]) if part.get("d") else months.day_in_words(part["w"]) if part.get("w") else None
    return Read(year, month, told) if told is None or exists(year, month, told) else None


def exists(year: int | None, month: int, day: int) -> bool:
    """Whether there is such a day; without a year, in some year."""
    try:
        date(2000 if year is None else year, month, day)
    except ValueError:
        return False
    return True


def _year(written: str | None) -> int | None:
    """Two digits are of 1950 to 2049; the century only matters for the 29 February of 1900."""
    if written is None:
        return None
    year = int(written)
    return year if year > 99 else year + (2000 if year < 50 else 1900)


def roman(month: int) -> str:
    """The month as some countries write it between day and year."""
    return _ROMAN[month - 1]
