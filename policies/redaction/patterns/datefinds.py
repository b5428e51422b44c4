"""Where dates stand in a text. A year alone, a weekday alone and a time alone are none (45 CFR 164.514(b)(2)(i)(C)).

Two numbers and a stroke are a date only after a word such as "on" or "since", and then not where they are a score, a pressure or a part:
"pain from 8/10 to 4/10", "on 1/2 tablet". May and March are months only with a capital and no verb after them.
"""

import re
from collections.abc import Iterator

from policies.redaction.patterns.dateforms import (
    CLOCK,
    CLOCK_BEFORE,
    NAMED,
    NUMERIC,
    RANGE,
    TOLD,
    WEEKDAY_AFTER,
    WEEKDAY_BEFORE,
    WORDED,
    read,
)  # fmt: skip
from policies.redaction.patterns.months import MONTH, MONTH_ABROAD, WEEKDAY
from policies.redaction.patterns.rules import UNIT, Views, before
from policies.redaction.spans import DATE, Span

Place = tuple[int, int]

_NAMES = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|gen|ene|fev|mai|mag|giu|lug|ago|set|out|okt|ott|dez|dic|abr|avr|jui|aou|maa|mei)"
_DIGITS = re.compile(
    rf"\d(?<![^\W_]\d)(?<!\d[./]\d)\d{{0,3}}(?=(?: ?[-/.] ?\d{{1,2}}){{2}}|[-/]\d{{4}}|-[01]\d(?!\d)|\d{{4}}"
    rf"|(?:(?:st|nd|rd|th|\.|er|o|\u00ba)?(?: day)?,? ?(?:of |de |di |- ?|[-/.])?|, ){_NAMES}|[-/. ][ivx]{{1,4}}[-/. ]"
    rf"|(?:st|nd|rd|th)? ?(?:-|to|through|thru|and|&) ?(?:the )?\d| ?\u5e74)"
)
_MONTHS = re.compile(
    r"(?:j(?<!\wj)(?:an|u[nl])|f(?<!\wf)eb|m(?<!\wm)a[ry]|a(?<!\wa)(?:pr|ug)|s(?<!\ws)ep|o(?<!\wo)ct|n(?<!\wn)ov|d(?<!\wd)ec)[a-z]{0,6}(?![a-z])"
)
_MONTH = re.compile(MONTH)
_WORDED_BEFORE = re.compile(r"[a-z]{5,9}(?:[ -][a-z]{5,7})?(?: day)?,? of $")
_ORDINAL_BEFORE = re.compile(rf"(?:{WEEKDAY}),? (?:the )?$")

# "May" and "march" as verbs: no capital, or a word after that only follows a verb.
_VERB = re.compile(
    r"[ ,]{1,2}(?:be|have|not|need|also|cause|require|take|use|return|resume|continue|increase|decrease|repeat|start|benefit|consider|give|see"
    r"|go|try|well|want|contribute|represent|reflect|indicate|help|shower|drive|eat|bear|still|in place)\b"
)
_AMOUNT = re.compile(rf" ?(?:{UNIT}\b|%|/\d)")
_OFTEN_WORDS = frozenset({"may", "mar", "march", "dec", "sep", "jan", "aug"})
_VERSIONS = re.compile(
    r"\b(?:v|ver|version|section|sec|chapter|step|item|fig|figure|table|release|rev|paragraph|software|grade|stage)[\s.:#]{0,3}$"
)
_TITRE = re.compile(
    r"\b(?:titer|titre|titers|titres|dilut\w*|ratio|ana|rpr|vdrl|odds|risk|chance|incidence|prevalence)\b[^.;\n]{0,24}$"
)

_SEASONS = (
    r"(?:spring|summer|autumn|winter|christmas(?: day| eve)?|xmas|easter(?: sunday| monday)?|thanksgiving(?: day)?|new year'?s?(?: day| eve)?"
    r"|halloween|labor day|memorial day|independence day|fourth of july|mother'?s day|father'?s day|valentine'?s day|mlk day|veterans'? day"
    r"|presidents'? day|columbus day|good friday|ash wednesday|ramadan|passover|hanukkah|diwali|boxing day|st\.? patrick'?s day"
    r"|(?:q[1-4]|[1-4]q|(?:first|second|third|fourth|1st|2nd|3rd|4th) quarter)|(?:beginning|start|end|middle) of|(?:week|wk|kw) \d{1,2}(?: of)?)"
)
_SEASON_BEFORE = re.compile(
    rf"(?<!\w)(?:(?P<season>{_SEASONS}|fall(?= of))|(?:in|in the|since|last|this|early|late) (?P<fall>fall))"
    r"(?:,? of|,? in|,)?(?: the year)? '?$"
)
_NAMED_BEFORE = re.compile(rf"(?<!\w)(?:{MONTH_ABROAD})(?: de| del| di)? $")
_BORN = re.compile(r"\b(?:born|birth|dob|birthyear|year of birth|b\.)\b[\s:,.]{0,3}(?:in |is |year |the year ){0,2}$")

# Words after which two numbers and a stroke are a date.
_TOLD = re.compile(
    rf"\b(?:on|since|until|till|dated?|from|by|due|before|after|as of|through|thru|start(?:ing|ed)?|beginning|effective|admitted|discharged"
    r"|seen|appt|appointment|surgery|labs?|week of|w/o|dob|d\.o\.b|born|birth|onset|lmp|edd|edc|collected|drawn|received|performed|scheduled"
    r"|follow-?up|f/u|d/c'?d?|next|last|dos|expires?|exp|date of [a-z]{3,12}|day of|visit|between|and|to)\b\.?"
    rf"(?: (?:on|is|was|of|for|for the)\b)?[\s:]{{1,2}}(?:the )?(?:{WEEKDAY}\.?,? )?$"
)
_LOOSE = re.compile(r"\b(?:and|to|between|from|by|after|before|through|thru|last|next)\b[^\n]{0,6}$")
_SCORES = re.compile(
    r"\b(?:pain|strength|rat(?:e|ed|es|ing)|scor\w*|scale|power|motor|gleason|murmur|grade|apgar|gcs|phq|severity|intensity|vision|acuity|va|reflex\w*|dtrs?"
    r"|pulses?|discomfort|headache|extremit\w*|flexion|extension|grip)\b[^\n]{0,50}$"
)
_SCORED = re.compile(
    r"(?: ?%|[^.\n]{0,20}\b(?:strength|pain|murmur|scale|power|systolic|severity|intensity|in severity|at rest)\b| to \d{1,2}/(?:5|10)\b)"
)
_PART = re.compile(rf" ?(?:of|the|an?|tablets?|tabs?|pills?|doses?|cups?|packs?|way|strength|normal|ns|{UNIT})\b")
_HALVES = frozenset({"1/2", "1/3", "2/3", "1/4", "3/4", "24/7"})
_TOLD_DATE = re.compile(
    r"(?:date|dob|d\.o\.b|birth|born|lmp|edd|edc|period|month|on|since|admitted|discharged)[\s.:#=]{1,4}(?:is |was |of |in )?$"
)


def find(views: Views) -> Iterator[Span]:
    """All dates, each with its weekday and time of day; two that make a range are one place."""
    places = sorted({*_by_digits(views), *_by_names(views), *_by_years(views), *_by_words(views)})
    joined: list[Place] = []
    for start, stop in (_grown(views, place) for place in places):
        if joined and (start <= joined[-1][1] or _RANGED.fullmatch(views.low, joined[-1][1], start)):
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    for start, stop in joined:
        yield Span(start, stop, DATE)


_RANGED = re.compile(RANGE)
_OPEN_RANGE = re.compile(r"(?<![\w./-])(?:0?[1-9]|1[0-2])/(?:3[01]|[12]\d|0?[1-9])(?: ?- ?| (?:to|through|thru) )$")


def _grown(views: Views, place: Place) -> Place:
    """With the weekday, the time of day and the open first half of a range ("5/3-5/9/21") that stand beside it."""
    low, (start, stop) = views.low, place
    for shape in (WEEKDAY_AFTER, CLOCK, WEEKDAY_AFTER):
        if more := shape.match(low, stop):
            stop = more.end()
    for shape in (_OPEN_RANGE, WEEKDAY_BEFORE, CLOCK_BEFORE, WEEKDAY_BEFORE):
        if more := shape.search(low, max(0, start - 28), start):
            start = more.start()
    return start, stop


def _by_digits(views: Views) -> Iterator[Place]:
    """Dates that begin with a number."""
    low, last = views.low, -1
    for candidate in _DIGITS.finditer(low):
        start = candidate.start()
        if start < last or (start and low[start - 1] in "-." and start - 1 != last and _in_row(low, start)):
            continue
        for form in NUMERIC:
            match = form.shape.match(low, start)
            if match and read(match) and _meant(form.name, match, views):
                last = match.end()
                yield (start, last)
                break


def _in_row(low: str, start: int) -> bool:
    """Whether the number is a later part of a row such as 123-05-03-2021 or v1.2020.05.03, and not the end of a range."""
    return start > 1 and low[start - 2].isdigit() and not _OPEN_RANGE.search(low, max(0, start - 12), start)


def _meant(name: str, match: re.Match[str], views: Views) -> bool:
    """Whether the text around leaves it a date."""
    part, low = match.groupdict(), views.low
    said = before(views, match.start(), 40)
    if name in {"numbers", "month-year"}:
        short = len(part["y"]) == 2 and "." in part["s"]
        return not (short and _VERSIONS.search(said)) and not (name == "month-year" and _TITRE.search(said))
    if name == "day-first" and not (part["y"] or part["y2"] or part["o"]):
        return _is_month(match, views) and low[match.start() - 1 : match.start()] not in {".", ",", "/", "-"}
    return True


def _is_month(match: re.Match[str], views: Views) -> bool:
    """For a month and day without a year: whether the name is no verb or other word."""
    if match["mon"] not in _OFTEN_WORDS:
        return True
    written = views.plain[match.start("mon") : match.end("mon")]
    return (
        written[0].isupper() and not _VERB.match(views.low, match.end()) and not _AMOUNT.match(views.low, match.end())
    )


def _by_names(views: Views) -> Iterator[Place]:
    """Dates that begin with a month's name, or end with it after a day in words."""
    low = views.low
    for candidate in _MONTHS.finditer(low):
        start = candidate.start()
        if _WORDED_BEFORE.search(low, max(0, start - 30), start):
            for place in range(max(0, start - 30), start):
                if (place == 0 or not low[place - 1].isalnum()) and (match := WORDED.shape.match(low, place)):
                    yield match.span()
                    break
        for form in NAMED:
            match = form.shape.match(low, start)
            if match and read(match):
                part = match.groupdict()
                if part.get("y") or part.get("y2") or part.get("o") or _is_month(match, views):
                    yield match.span()
                    break


_BARE_YEAR = re.compile(r"(?:1[89]|20)(?<![\w./-]..)\d\d(?![\w/%]|[.,-]\d)")


def _by_years(views: Views) -> Iterator[Place]:
    """A season, holiday, quarter or foreign month before a year; and a year of birth that tells an age over 89."""
    low = views.low
    for year in _BARE_YEAR.finditer(low):
        start = year.start()
        if season := _SEASON_BEFORE.search(low, max(0, start - 40), start):
            yield (season.start("season") if season["season"] else season.start("fall")), year.end()
        elif named := _NAMED_BEFORE.search(low, max(0, start - 40), start):
            yield named.start(), year.end()
        elif int(year[0]) < 1930 and _BORN.search(before(views, start, 30)):
            yield year.span()


_TOLD_SHAPES = re.compile(
    r"\d(?<![\w./-]\d)(?:(?P<stroke>\d?/\d\d?(?![\w/%]|\.\d|-\d(?!\d?/\d)))|(?P<spaced>\d \d\d \d{4}(?!\w))|(?P<month>\d{5}(?!\w))"
    r"|(?P<nth>\d?(?:st|nd|rd|th)(?!\w)))"
)


def _by_words(views: Views) -> Iterator[Place]:
    """Numbers that a word before makes a date: "on 5/3", "DOB 03 05 1941", "LMP 202104", "Monday the 3rd"."""
    low, last = views.low, -9
    for match in _TOLD_SHAPES.finditer(low):
        start, said = match.start(), before(views, match.start(), 40)
        if match["nth"]:
            if day := _ORDINAL_BEFORE.search(said):
                yield (start - len(day[0]), match.end())
            continue
        told = TOLD[0 if match["stroke"] else 1 if match["spaced"] else 2].shape.match(low, start)
        if told is None or read(told) is None:
            continue
        if not match["stroke"]:
            if _TOLD_DATE.search(said):
                yield match.span()
        elif (start - last < 6 and _LISTED.fullmatch(low, last, start)) or (
            _TOLD.search(said) and not _is_score(match, views)
        ):
            last = match.end()
            yield match.span()


_LISTED = re.compile(r"(?: ?- ?|, ?| ?& ?| (?:and|to|through|thru) )")


def _is_score(match: re.Match[str], views: Views) -> bool:
    """Whether two numbers and a stroke are a score, a strength or a part of something, though a word of dates stands before."""
    low, written = views.low, match[0]
    if written in _HALVES and (written == "24/7" or _PART.match(low, match.end())):
        return True
    said = before(views, match.start(), 70)
    if _SCORED.match(low, match.end()) or _SCORES.search(said):
        return True
    return written.partition("/")[2] in {"5", "6", "10"} and bool(_LOOSE.search(said))
