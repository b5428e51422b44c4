"""ZIP codes and the postal codes of other countries, and what of an address follows the street: unit, city, state, code."""

import re

from policies.redaction.patterns.lists import listed
from policies.redaction.patterns.rules import Led, Views, before, rule, words
from policies.redaction.patterns.streets import NEVER, UNITS
from policies.redaction.spans import ZIP, Span

_CODES, _NAMES = listed("state-codes"), listed("states")
# The inward part of a British code has no C, I, K, M, O, V.
_AREAS = frozenset(listed("british-areas"))
STATE = rf"(?:{'|'.join(_CODES)})"
_BRITISH = rf"(?:{words(sorted(_AREAS))}\d[A-Z\d]? ?\d(?!ND|RD|TH)[ABD-HJLNP-UW-Z]{{2}}(?!\w))"
_CANADIAN = r"(?:[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d(?!\w))"
_FIVE = r"\d{5}(?:-\d{4})?(?![\d%]|[.,/]\d)"

UPPER = "".join(chr(code) for code in range(0x41, 0x530) if chr(code).isupper())
CAPITAL = rf"[{UPPER}][\w'.-]{{0,30}}"
_SEP = r"(?:[ \t]{1,3}|[ \t]{0,3},[ \t]{0,3}|[ \t]{0,3},?[ \t]{0,3}\n{1,2}[ \t>?|*]{0,10},?[ \t]{0,2})"
_CITY = rf"\(?{CAPITAL}\)?(?: \(?{CAPITAL}\)?){{0,3}}"
# After a street: up to three parts (city, state or district, country) and a code; or city and state; or code and city, as in Europe.
_TAIL = re.compile(
    rf"{_SEP}{_CITY}(?:{_SEP}(?:{_CITY}|[a-z\d]{{2,3}})){{0,2}}{_SEP}{_FIVE}"
    rf"|{_SEP}{_CITY}{_SEP}(?:{_BRITISH}|{STATE}{_SEP}{_CANADIAN}|[A-Z]{{2}}{_SEP}{_CANADIAN}|{_CANADIAN})"
    rf"|{_SEP}(?:[A-Z]{{1,2}}-)?\d{{4,6}} {_CITY}"
    rf"|{_SEP}{_CITY}(?: [A-Za-z]{{2,3}})? (?!(?:19|20)\d\d)\d{{4}}(?: [A-Z]{{2}})?(?![\w%]|[.,/]\d)"
    rf"|{_SEP}{_CITY}{_SEP}{STATE}(?![\w-])"
)
_LOW_SEP = r"(?:[ \t]{0,2},[ \t]{0,2}|[ \t]{0,2},?[ \t]{0,2}\n[ \t>?|]{0,10},?[ \t]{0,2})"
_LOW_CITY = r"[^\W\d_][\w'.()-]{1,20}(?: [^\W\d_][\w'.()-]{1,20}){0,2}"
_LOW_TAIL = re.compile(
    rf"{_LOW_SEP}{_LOW_CITY}(?:{_LOW_SEP}{_LOW_CITY}|,? (?:{'|'.join(_CODES).lower()}))(?:{_LOW_SEP}| ){_FIVE}"
)
# After a unit, on the same line: a city without a code.
_CITY_AFTER = re.compile(rf"(?:,? {{1,2}})(?P<city>{CAPITAL}(?: {CAPITAL}){{0,3}}(?: nan)?)(?=[.?!]?(?:\s|$)|,)(?! ?:)")
_UNIT = re.compile(
    rf"(?:{_SEP}|(?<= ))(?:{UNITS}\.?[ ]?(?:#|no\.? |nr\.? )?[ ]?(?:\d{{1,5}}[a-z]?|[a-z]\d{{0,4}}|[a-z]-\d{{1,4}})|# ?\w{{1,6}})(?![\w/%])"
)


def tail(views: Views, stop: int, *, united: bool = False) -> int:
    """Where an address that reaches `stop` ends, with its unit, city, state and code where they follow. `united`: it ends with a unit."""
    for _ in range(3):
        if unit := _UNIT.match(views.low, stop):
            stop, united = unit.end(), True
    if views.plain[stop : stop + 1] == ".":
        return stop
    rest = _TAIL.match(views.plain, stop) or _LOW_TAIL.match(views.low, stop)
    if rest and NEVER.isdisjoint(
        word.strip(".,()").lower() for word in rest[0].split() if not (word.isupper() and len(word) < 4)
    ):
        return rest.end()
    city = _CITY_AFTER.match(views.plain, stop) if united else None
    return city.end() if city and NEVER.isdisjoint(city["city"].lower().split()) else stop


_STATE_BEFORE = re.compile(r"(?<!\w)(?P<code>[A-Z]{2})(?:,? |\s{0,4}\n[ \t>?|]{0,8})$")
_PLACED = re.compile(r"(?:[^\W\d_][ \t]{0,2},|\n|\b(?:address|lives|city|state)\b[^\n]{0,40})[ \t>?|]*$")
_NAME_BEFORE = re.compile(rf"\b{words(_NAMES, ' ')},? $")
_CITY_BEFORE = re.compile(rf"\b(?:[Ii]n|[Ff]rom|[Nn]ear) (?P<city>{CAPITAL}(?: {CAPITAL})?),? $")


def _code(match: re.Match[str], views: Views) -> Span | None:
    """Four or five digits after a state's two capitals, a state's name, or a capitalised name of a place.

    Any two capitals will do after a comma or on a line of their own, as in an address. Four digits must be no year.
    """
    plain, start, five = views.plain, match.start(), match.end() - match.start() > 4
    span = Span(start, match.end(), ZIP)
    if five and (state := _STATE_BEFORE.search(plain, max(0, start - 16), start)):
        listed = state["code"] in _CODES or _PLACED.search(views.low, max(0, state.start() - 60), state.start())
        return span if listed else None
    if five and _NAME_BEFORE.search(before(views, start, 24)):
        return span
    city = _CITY_BEFORE.search(plain, max(0, start - 72), start)
    if city is None or NEVER & set(city["city"].lower().split()) or (city["city"].isupper() and len(city["city"]) < 5):
        return None
    return span if five or match[0][:2] not in {"19", "20"} else None


def _british(match: re.Match[str], _views: Views) -> Span | None:
    return Span(match.start(), match.end(), ZIP) if match["area"] in _AREAS else None


def _canadian(match: re.Match[str], _views: Views) -> Span | None:
    """No stage of a tumour (T1N0M0) and no row of vertebrae or leads (L4 L5 S1, V1V2V3)."""
    letters = match[0][0] + match[0][2] + match[0].replace(" ", "").replace("-", "")[4]
    if letters == "TNM" or set(letters) <= set("CTLS") or len(set(letters)) == 1 or " " not in match[0]:
        return None
    return Span(match.start(), match.end(), ZIP)


_LABELLED = (
    r"(?:zip|postal|postcode|post code|plz|codigo postal|cod\. postal|code postal|postnummer|postleitzahl"
    r"|pincode|pin code|cap)(?<!\bcap)(?: ?codes?)?"
    r"(?:[\s.:#=\"'>()-]{0,4}(?:is|was)?[\s:\"'>]{0,3})"
    r"(?P<x>\d{5}(?:-?\d{4})?(?!\d)|\d{3} \d{2}(?!\d)|\d{2}-\d{3}(?!\d)|\d{3}-\d{4}(?!\d)|\d{4} ?[a-z]{2}(?!\w)"
    r"|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}(?!\w)"
    r"|[a-z]\d[a-z][ -]?\d[a-z]\d(?!\w)|\d{3,6}(?!\d))"
)

RULES = (
    rule(ZIP, _LABELLED, "zip", "post", "plz", "pin", "leitzahl"),
    rule(ZIP, r"\d{5}(?<![\w.-]\d{5})-\d{4}(?![\w-])", "-"),
    rule(ZIP, r"\d(?<=\s\d)\d{3,4}(?:-\d{4})?(?![\w%/-]|[.,]\d)", check=_code),
    Led(re.compile(r"[A-Z](?<!\w[A-Z])(?=[A-Z]?\d)"), (
        rule(ZIP, r"(?P<area>[A-Z]{1,2})\d[A-Z\d]? \d(?!ND|RD|TH|ST)[ABD-HJLNP-UW-Z]{2}(?!\w)", check=_british),
        rule(ZIP, r"[A-Z]\d[A-Z][ -]?\d[A-Z]\d(?!\w)", check=_canadian),
    ), cased=True),
)  # fmt: skip
