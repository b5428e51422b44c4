"""Telephone and fax numbers: American ones by their shape, others by a trunk prefix, a country code, or a word before or after.

Seven digits, or nine without a prefix, are struck out only where a word says that they are a number to call.
"""

import re
from collections.abc import Iterator

from policies.redaction.patterns import checks
from policies.redaction.patterns.lists import listed
from policies.redaction.patterns.numbers import alone, is_code
from policies.redaction.patterns.rules import Views, bare, words
from policies.redaction.spans import FAX, PHONE, Span

_EXT = r"(?:[ ,;]{0,2}\(?(?:x|ext(?:ension|n)?\.?|#)[ .:]{0,2}\d{1,6}\)?)?"
_END = rf"{_EXT}(?![\w-]|\.\d)"
_AMERICAN = rf"(?:(?:\+ ?|00)?1[ ./-]{{0,3}})?(?:\(\d{{3}}\)[ .-]{{0,3}}|\d{{3}}(?: ?[./-] ?| ))\d{{3}}(?: ?[.-] ?| )\d{{4}}{_END}"
_LETTERED = r"1[ .-]?8(?:00|33|44|55|66|77|88)[ .-][a-z\d]{2,4}-?[a-z\d]{3,5}(?!\w)"
_ABROAD = r"\+ ?\d{1,3}[ .-]?(?:\(0\) ?)?\(?\d{1,5}+\)?(?:[ ./-]?\d{1,8}+){1,6}(?!\w)"
_TRUNK = r"0[1-9]\d{0,3}(?:(?:[ .-]\d\d){3,5}|[ -]\d{3,4}(?:[ -]\d{2,4}){1,3}|[/ -]\d{6,8})(?![\w-]|[.,/ ]\d)"
_BRACKET = r"\(0?\d{1,4}\) ?\d{3,4}[ -]\d{3,4}(?![\w-]|[./]\d)"
_SPACED = r"\(?\d \d \d\)? ?[.-]? ?\d \d \d ?[.-]? ?\d \d \d \d(?! ?\d)"
_GROUPS = r"\+?\(?\d{1,5}+\)?(?:[ ./-]{0,2}+\(?\d{1,8}+\)?){1,6}"
_UNIT = r"(?! ?(?:mg|mcg|ml|units?|patients?|people|times|days|years|%|/|mm|kg|cells))"

# What may begin a number: a plus, a bracket or a digit, and six more characters of numbers.
_CANDIDATE = re.compile(
    r"(?:\d|[+(](?=[ (]{0,2}\d))(?<!\w[+(\d])(?<!\w[.-][+(\d])(?<!\d[,/ ][+(\d])(?=[\d ()./+-]{6}|[ .-]?8\d\d[ .-])"
)
_BY_ITSELF = re.compile(
    rf"(?P<american>{_AMERICAN})|(?P<lettered>{_LETTERED})|(?P<abroad>{_ABROAD})|(?P<trunk>{_TRUNK})|(?P<bracket>{_BRACKET})"
    rf"|(?P<spaced>{_SPACED})|(?P<ten>[2-9]\d\d[2-9]\d{{6}}{_END})"
)
_FEWEST = {"abroad": 8, "trunk": 9, "bracket": 8}
# After a label: the fullest shape first.
_LABELLED = re.compile(
    rf"(?:{_AMERICAN}|{_LETTERED}|{_ABROAD}|{_SPACED}"
    rf"|\d{{3}}(?: ?[.-] ?| )?\d{{4}}(?![\w/]|[ .,-]\d){_UNIT}{_EXT}"
    rf"|(?P<any>{_GROUPS})(?!\w){_EXT}{_UNIT})"
)
_SAID = re.compile(
    rf"(?<![^\W_])(?P<label>{words(listed('phones'))})\b(?:[\s.:#()\"'=<>|*/\\-]{{0,4}}"
    r"(?<![a-z])(?:me|him|her|us|them|back|at|on|is|was|to|via|numbers?|no|nr|phone|mobile|cell|home|work|office|line|day|evening|or|and|the|my"
    r"|please|using|through|machine|c|h|w|m|p|o)\b){0,4}[\s.:#(\"'=<>|*-]{0,5}(?:(?:</?[a-z]\w{0,11}>|&nbsp;)\s?){0,4}$"
)
_FAX = frozenset({"fax", "facsimile", "telefax", "efax", "f"})
# Ordinary words, or read otherwise in clinical texts (pH): what follows must look like a number to call.
_PLAIN = frozenset(listed("phones-plain"))
_SAID_AFTER = re.compile(
    rf"(?P<x>{_GROUPS}){_EXT}[ \t]*[,(/\\-]{{0,2}}[ \t]*\(?"
    r"(?P<label>office|mobile|cell|home|work|fax|phone|tel|pager|direct|desk|main|landline|handy|mobil|facsimile|[hwcmof](?=\)))(?![a-z])"
)
_DATED = re.compile(r"(?:\d{1,2}([./-])\d{1,2}\1|(?:19|20)\d\d[./-]\d{1,2}[./-])\d|(?:19|20)\d{6}(?!\d)")
_RESULT = re.compile(r"[./]")  # blood gases and pressures: "pH 7.35/45/80", "home 120/80 130/85"
# Four to six digits, of a pager or within a house.
_SHORT = re.compile(
    r"(?:pager|beeper|ext(?:ension)?)(?<!\wext)(?<!\w.....)(?:[\s.:#(]{1,3}(?:number|no|is|at)?\.?[\s.:#]{0,2})(?P<x>\d{4,6})(?![\w./%-])"
    + _UNIT
)


def find(views: Views) -> Iterator[Span]:
    """All telephone and fax numbers."""
    stop = 0
    for candidate in _CANDIDATE.finditer(views.low):
        start = candidate.start()
        if start >= stop and (span := _labelled(views, start) or _followed(views, start) or _by_itself(views, start)):
            yield span
            stop = span.stop
    for match in _SHORT.finditer(views.low):
        yield Span(match.start("x"), match.end("x"), PHONE)


def _labelled(views: Views, start: int) -> Span | None:
    """The number that begins at a place, where a word before says that it is one."""
    said = _SAID.search(views.low, max(0, start - 70), start)
    value = _LABELLED.match(views.low, start) if said else None
    if said is None or value is None or (value["any"] and not _callable(value["any"], said["label"] in _PLAIN)):
        return None
    return Span(start, value.end(), FAX if said["label"] in _FAX else PHONE)


def _callable(written: str, plain: bool) -> bool:
    """Whether digits in groups may be a number to call. `plain`: the word before does not say so by itself."""
    digits = bare(written)
    if not 7 <= len(digits) <= 15 or _DATED.match(written):
        return False
    return not plain or written[0] in "+(0" or (len(digits) >= 8 and not _RESULT.search(written))


def _followed(views: Views, start: int) -> Span | None:
    """The same where the word stands after: "416 60 039 office"."""
    match = _SAID_AFTER.match(views.low, start)
    if match is None or not 7 <= len(bare(match["x"])) <= 15 or _DATED.match(match["x"]):
        return None
    return Span(start, match.end("x"), FAX if match["label"] in _FAX else PHONE)


def _by_itself(views: Views, start: int) -> Span | None:
    """The number whose own shape says that it is one."""
    match = _BY_ITSELF.match(views.low, start)
    if match is None or not _FEWEST.get(match.lastgroup or "", 0) <= len(bare(match[0])) <= 22:
        return None
    # Ten digits in a row: within a text, and no concept's or drug's.
    if match["ten"] and (alone(match) or is_code(views, start) or checks.sctid(match["ten"])):
        return None
    return Span(start, match.end(), PHONE)
