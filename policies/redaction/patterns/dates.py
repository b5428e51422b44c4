"""A date moved by days and written as it was: the same separators, names, case, digits, suffix, weekday and time of day."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from policies.redaction.patterns import months
from policies.redaction.patterns.dateforms import (
    CLOCK,
    NAMED,
    NUMERIC,
    TOLD,
    WORDED,
    Form,
    Order,
    Read,
    exists,
    read,
    roman,
)
from policies.redaction.patterns.months import WEEKDAY
from policies.redaction.patterns.rules import Views

Found = tuple[re.Match[str], Form]

_FORMS = (*NUMERIC, *NAMED, WORDED, *TOLD)
# All that may stand beside the dates of a written one.
_BESIDE = re.compile(
    rf"(?:[\s,;:()'.&/@-]|{WEEKDAY}\.?(?![a-z])|(?:to|through|thru|until|till|and|at|on|the|from|of|week|between|den|el|le)(?![a-z]))*"
)
_WEEKDAY = re.compile(rf"(?<![^\W\d_]){WEEKDAY}(?![^\W\d_])")


def shifted(written: str, days: int, order: Order = "mdy") -> str | None:
    """The date `written`, moved by `days`, in the same written form; None where it cannot be read as a date.

    `order` says which of two numbers is the month where either may be; where only one can be it, that counts (13/05/2021). A month with a
    year is moved from its 15th, a day without a year as in 2001. Both ends of a range are moved. Where the text does not tell whether
    days below ten have a zero, forms of numbers get one and forms with names get none.
    """
    low = Views(written).low
    found = list(_dates(low))
    if not found or not _rest_is_fine(low, [match for match, _ in found]):
        return None
    reads = [read(match, order) for match, _ in found]
    pieces, end, new = [], 0, ""
    try:
        for (match, form), old in zip(found, reads, strict=True):
            if old is None:
                return None
            new = _moved(written, match, form, old, days, _year_of(old, reads))
            pieces += [_weekdays(written[end : match.start()], days), new]
            end = match.end()
    except (OverflowError, ValueError):
        return None
    return "".join((*pieces, _weekdays(written[end:], days)))


def _year_of(one: Read, reads: list[Read | None]) -> int | None:
    """The year that another end of the range names; the one before it in "Dec 30 - Jan 2, 2021"."""
    named = next((other for other in reads if other and other.year), None)
    if named is None or named.year is None:
        return None
    return named.year - ((one.month, one.day or 15) > (named.month, named.day or 15))


def _dates(low: str) -> Iterator[Found]:
    """The dates in a written one, from left to right; times of day between them are passed over."""
    place = 0
    while place < len(low):
        if (place == 0 or not low[place - 1].isalnum()) and (low[place].isalnum()):
            found = next(
                ((match, form) for form in _FORMS if (match := form.shape.match(low, place)) and read(match)), None
            )
            if found and found[0].end() > place:
                yield found
                place = found[0].end()
                clock = CLOCK.match(low, place)
                place = clock.end() if clock else place
                continue
        place += 1


def _rest_is_fine(low: str, matches: list[re.Match[str]]) -> bool:
    """Whether nothing stands beside the dates but weekdays, times and words of ranges."""
    edges = [0, *(edge for match in matches for edge in match.span()), len(low)]
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        rest = low[start:stop]
        clock = CLOCK.match(low, start) if start else None
        if clock and clock.end() <= stop:
            rest = low[clock.end() : stop]
        if not _BESIDE.fullmatch(_CLOCKS.sub("", rest)):
            return False
    return True


_CLOCKS = re.compile(
    r"(?<!\w)\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\b\.?)?(?: ?(?:hrs|hours|h)\b)?|(?<!\w)\d{1,2} ?[ap]\.?m\b\.?"
)


def _weekdays(written: str, days: int) -> str:
    """The weekdays in a piece, each moved as the dates are."""
    low = Views(written).low
    pieces, end = [], 0
    for match in _WEEKDAY.finditer(low):
        pieces += [written[end : match.start()], months.weekday_like(days, written[match.start() : match.end()])]
        end = match.end()
    return "".join((*pieces, written[end:]))


def _moved(written: str, match: re.Match[str], form: Form, old: Read, days: int, year: int | None) -> str:
    """One date moved. `year`: the one that the other end of a range names, where this one has none."""
    text = written[match.start() : match.end()]
    if match.groupdict().get("d2"):
        return _moved_days(text, match, form, days)
    new = _shift(old, days, year)
    return _written(text, match, form, old, new)


def _shift(old: Read, days: int, year: int | None = None) -> date:
    around = old.year or year or 2001
    day = old.day or 15
    if not exists(around, old.month, day):
        around = 2000  # a 29 February without a year
    return date(around, old.month, day) + timedelta(days)


def _written(text: str, match: re.Match[str], form: Form, old: Read, new: date) -> str:
    """The text with each part of the date replaced by that of the new one."""
    pieces, end = [], 0
    for start, stop, value in sorted(_parts(text, match, form, old, new)):
        pieces += [text[end:start], value]
        end = stop
    return "".join((*pieces, text[end:]))


def _parts(text: str, match: re.Match[str], form: Form, old: Read, new: date) -> Iterator[tuple[int, int, str]]:
    padded, base = _is_padded(match, form), match.start()
    for name, value in match.groupdict().items():
        if value is None or name in {"s", "r", "d2", "o2"}:
            continue
        start, stop = match.start(name) - base, match.end(name) - base
        was = text[start:stop]
        if name in {"y", "y2"}:
            told = f"{new.year:04d}" if len(was) == 4 else f"{new.year % 100:02d}"
        elif name == "mon":
            told = months.month_like(
                new.month, was, short=form.padded and form.name.startswith("day-first") and not _SPACES.search(text)
            )
        elif name == "rom":
            told = roman(new.month).upper() if was.isupper() else roman(new.month)
        elif name == "o":
            told = months.suffix(new.day).upper() if was.isupper() else months.suffix(new.day)
        elif name == "w":
            told = months.in_words(new.day, was)
        else:
            number = new.month if name in {"m", "b" if old.day_first else "a"} else new.day
            told = f"{number:02d}" if padded else str(number)
        yield start, stop, told


_SPACES = re.compile(r"\s")


def _is_padded(match: re.Match[str], form: Form) -> bool:
    """Whether numbers below ten are written with a zero: as the text shows, or as the form usually has it."""
    numbers = [value for name, value in match.groupdict().items() if name in {"m", "d", "a", "b", "d2"} and value]
    if any(number[0] == "0" for number in numbers):
        return True
    if any(len(number) == 1 for number in numbers):
        return False
    named = "mon" in match.groupdict() and match["mon"] and _SPACES.search(match[0])
    return form.padded and not named  # 3 May, but 03-May


def _moved_days(text: str, match: re.Match[str], form: Form, days: int) -> str:
    """Two days of one month, "3-5 May 2021". If they come to lie in two months, both are written: "29 May-1 June 2021"."""
    base = match.start()
    cut, on = match.start("r") - base, match.end("r") - base
    stop = (match.end("o2") if match["o2"] else match.end("d2")) - base
    day_first = match.start("d") < match.start("mon")
    lead, tail = ("" if day_first else text[: match.start("d") - base]), text[stop:]
    one, one_read, first = _single(text[:cut] + tail, form, days)
    two, two_read, last = _single(lead + text[on:stop] + tail, form, days)
    same_year, same_month = first.year == last.year, (first.year, first.month) == (last.year, last.month)
    one_day = one[: one_read.end("o") if one_read["o"] else one_read.end("d")]
    if day_first:
        head = one_day if same_month else one[: one_read.end("mon")] if same_year else one
        return head + text[cut:on] + two
    return (one_day if same_year else one) + text[cut:on] + (two[two_read.start("d") :] if same_month else two)


def _single(text: str, form: Form, days: int) -> tuple[str, re.Match[str], date]:
    """One date of a form, moved: as written, as read again, and as a date."""
    match = form.shape.match(Views(text).low)
    old = read(match) if match else None
    if match is None or old is None:
        raise ValueError("a range whose ends are no dates")
    new = _shift(old, days)
    moved = _written(text, match, form, old, new)
    again = form.shape.match(Views(moved).low)
    if again is None:
        raise ValueError("a range whose ends are no dates")
    return moved, again, new
