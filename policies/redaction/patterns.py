"""Identifiers that have a written shape: dates, numbers, addresses of all kinds, ages over 89.

Each rule is a kind and one regular expression; the group `x`, where there is one, is the part struck out. Rules err on
the side of striking out. They find shapes, never names; `VERSION` changes with any rule.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int, str]

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1[89]|20)\d\d"
_CLOCK = r"(?:[T ]\d{2}:?\d{2}(?::?\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_OLD = r"(?:9\d|1[0-3]\d)"
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|way|terrace|ter|circle|cir"
    r"|highway|hwy|parkway|pkwy)"
)
_SMALL = r"(?:to|the|of|in|on|at|by|a|an|and|or|for|per|from|with|is|was|mg|ml|mcg|units?|times?|days?|weeks?|tablets?)"


@dataclass(frozen=True)
class Rule:
    """A kind and its shape. `hint`: one of these must be in the text (lower case), or the shape is not looked for."""

    kind: str
    shape: re.Pattern[str]
    hint: tuple[str, ...] = ()


def _rule(kind: str, shape: str, *hint: str) -> Rule:
    return Rule(kind, re.compile(shape, re.IGNORECASE), hint)


_LABEL = (
    r"\b(?:mrn|medical record(?: number)?|patient (?:id|number)|accession|account|acct|chart|encounter|visit"
    r"|member id|policy|license|licence|serial)\b(?: ?(?:no|num|number|id))?[\s.:#-]{0,4}"
)

RULES: tuple[Rule, ...] = (
    _rule("EMAIL", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "@"),
    _rule("URL", r"\b(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+", "://", "www."),
    _rule("SSN", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", "-"),
    _rule(
        "SSN", r"\b(?:ssn|social security(?: number)?)\W{0,3}(?:no\W{0,2}|is )?(?P<x>\d[\d -]{7,10}\d)", "ssn", "soc"
    ),
    _rule("PHONE", r"(?<![\w.-])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"),
    _rule("PHONE", r"(?<!\w)\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b", "+"),
    _rule(
        "PHONE", r"\b(?:phone|tel|telephone|cell|mobile|fax|pager|call(?:ed)?)\W{1,4}(?:at )?(?P<x>\d{3}[.-]?\d{4})\b"
    ),
    _rule("DATE", rf"(?<!\d){_YEAR}[-/.](?:0?[1-9]|1[0-2])[-/.]{_DAY}{_CLOCK}(?!\d)"),
    _rule("DATE", rf"(?<![\d/.-]){_DAY}[-/.]{_DAY}[-/.](?:{_YEAR}|\d\d)(?![\d/]|[.-]\d)"),
    _rule("DATE", rf"(?<!\w){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[0-2]\d[0-5]\d(?:[0-5]\d)?)?(?!\w)"),
    _rule("DATE", rf"(?<!\w){_DAY}(?:st|nd|rd|th)?(?: of)?[ -]?{_MONTH},?[ -]?(?:{_YEAR}|'?\d\d\b)?(?!\w)"),
    _rule("DATE", rf"(?<!\w){_MONTH} ?{_DAY}(?:st|nd|rd|th)?(?:,? ?{_YEAR})?(?!\w)"),
    _rule("DATE", rf"(?<!\w){_MONTH},? {_YEAR}(?!\w)"),
    _rule("DATE", rf"\b(?:on|since|until|dated|from|by|due|before|after) (?P<x>(?:0?[1-9]|1[0-2])/{_DAY})(?![\d/])"),
    _rule("AGE", rf"(?<![\w.]){_OLD}(?=[ -]?(?:years?|yrs?|y)[ -]?(?:old|o\b|/o|of age))"),
    _rule("AGE", rf"(?<![\w.]){_OLD}(?=[ -]?y\.?/?o\b| ?[mf]\b|[ -](?:man|woman|male|female|lady|gentleman)\b)"),
    _rule("AGE", rf"\b(?:aged?|age of|age:)\W{{0,2}}(?P<x>{_OLD})\b(?!%)", "age"),
    _rule("AGE", r"\bninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?(?=[ -]years?[ -]old)", "ninety"),
    _rule("MRN", rf"{_LABEL}(?P<x>(?=[\w-]*\d{{3}})[a-z\d][\w-]{{3,}})"),
    _rule("MRN", r"(?<![\w|.-])(?:[A-Z]{1,3}-?\d{6,}|REG-\d{3,})(?!\w)"),
    _rule("MRN", r"(?<![\w.])[0-2](?:\.\d+){5,}(?!\w)"),
    _rule("IP", r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)"),
    _rule("IP", r"(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])", ":"),
    _rule(
        "ADDRESS", rf"(?<!\w)\d{{1,6}} (?:[nsew]\.? )?(?:(?!{_STREET}\b|{_SMALL}\b)[a-z][\w'-]* ){{1,3}}{_STREET}\b\.?"
    ),
    _rule("ADDRESS", r"\bp\.? ?o\.? box \d+\b", "box"),
    _rule("ZIP", r"(?<![\w-])\d{5}-\d{4}(?![\w-])", "-"),
    _rule("ZIP", r"\bzip(?: code)?\W{0,3}(?P<x>\d{5})\b", "zip"),
)
# Case counts here: a state's two capitals before five digits.
_STATE_ZIP = Rule("ZIP", re.compile(r"(?<!\w)[A-Z]{2},? (?P<x>\d{5})(?![\w.])"))

VERSION = hashlib.sha256(
    "\n".join(f"{rule.kind} {rule.shape.pattern} {rule.hint}" for rule in (*RULES, _STATE_ZIP)).encode()
).hexdigest()[:12]


def spans(text: str, lowered: str) -> Iterator[Span]:
    """All places where a shape stands. `lowered` is the text in lower case (only its letters are looked at)."""
    for rule in (*RULES, _STATE_ZIP):
        if rule.hint and not any(hint in lowered for hint in rule.hint):
            continue
        part = "x" if "x" in rule.shape.groupindex else 0
        for match in rule.shape.finditer(text):
            yield (match.start(part), match.end(part), rule.kind)
