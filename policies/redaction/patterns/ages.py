"""Ages over 89, in digits and in words (45 CFR 164.514(b)(2)(i)(C)); younger ages stay.

The open group "90 or older" is what the rule itself allows, and stays too. A number of 90 to 139 is an age only where words say so: most
such numbers in a clinical text are pressures, rates, weights, saturations and temperatures.
"""

import re

from policies.redaction.patterns.rules import Views, before, rule
from policies.redaction.spans import AGE, Span

_ONES = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_WORDS = (
    rf"(?:n(?<!\wn)inety(?:[ -]{_ONES})?"
    rf"|(?:a(?<!\wa)|o(?<!\wo)ne) hundred(?:(?: and)?[ -](?:{_ONES}|ten|eleven|twelve|thirteen|fourteen|fifteen))?)"
)
_ORDINALS = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)"
_SEX = r"(?:man|woman|male|female|lady|gentleman|widow|widower)"
_KIN = (
    r"(?:mother|father|grand(?:mother|father|ma|pa)|aunt|uncle|sister|brother|parent|wife|husband|spouse|mom|dad|mgm|mgf|pgm|pgf"
    r"|widower|widow)"
)
_DIGITS = r"(?P<x>(?:9(?<![\w.,/$]9)|1(?<![\w.,/$]1)[0-3])\d)"
_OLD = r"[ -]{0,3}(?:years?|yrs?|y)\.?[ -]{0,3}(?:old|young|of age|o\b|/ ?o\b|\.? ?o\.)"

# What makes the number before it an age, besides "old".
_AFTER = (
    rf"(?:[ -]?(?:years?|yrs?|y)\.?,?[ -]?(?:[mf]\b(?!/)|{_SEX}\b)|[ -]{_SEX}\b|[ -]?yo[mf]?\b|[ -]?y/?[mf]\b| ?y\.o|/[mf]\b|y\b"
    r"| ?years?,? (?:and|with|lives|living)\b)"
)
# What makes the number after it an age: "aged", "age:", "died at", "turned", "her mother, who is".
_SAID = re.compile(
    r"(?:\bag(?:e|ed|e of|es|e at \w{3,20})(?:[ /]?sex)?\b[^\w\n>\u2265%]{1,4}(?:(?:is|was|now|about|approximately|of) )?"
    r"|\b(?:died|deceased|passed(?: away)?|lived|expired|living|alive|dead|d\.|dying|death)(?: \w{2,8})? (?:at|to|to be|until)"
    r"(?: the)?(?: ripe)?(?: old)?(?: age)?(?: of)? |\bturn(?:ed|ing|s) "
    rf"|\b{_KIN}(?:,| is| was|,? now|,? (?:who )?is(?: now)?|,? aged?|,? died at| \() ?)$"
)
_LAST = re.compile(
    rf"(?:age[ds]?|sex|of|is|was|now|about|approximately|to|at|be|until|turn(?:ed|ing|s)|{_KIN})\W{{0,4}}$"
)  # a quick look first
_NO_AGE = re.compile(
    r" ?(?:%|percent|\+|mg|kg|lbs?\b|pounds|bpm|mmhg|degrees|cm|st\b|nd\b|rd\b|th\b|/\d|\.\d)"
    r"| ?(?:or|and|&) ?(?:over|older|above|greater|more|up)\b"
)

# A letter for the sex may also be a unit: degrees Fahrenheit, metres.
_BEFORE_SEX = re.compile(
    r"(?:^|[\n.:;(]|\b(?:an?|this|is|the|pt|patient|old|elderly|pleasant|name|age|with)|[a-z],)[ \t*]*$"
)
_AFTER_SEX = re.compile(
    r"[ ,.]{0,2}(?:with|who|w/|present(?:s|ing)?|here|admitted|s/p|p/w|h/o|hx|c/o|found|brought|status|from|in|has|was|is|pmh|history|complain)"
)
_HEAT = re.compile(
    r"\b(?:temp(?:erature)?|fever|febrile|tmax|tm|t|tc|degrees?|walk(?:ed|s|ing)?|ambulat\w+|distance|x)[\s:=.]{0,3}"
    r"(?:(?:of|to|up to|max|is|was|at|about|>|~)\s?){0,2}$"
)


def _letter(match: re.Match[str], views: Views) -> Span | None:
    """A number and M or F: "94F with chest pain", but no temperature of 101F and no walk of 100 M."""
    said = before(views, match.start(), 40)
    if _HEAT.search(said) or not (_BEFORE_SEX.search(said) or _AFTER_SEX.match(views.low, match.end())):
        return None
    return Span(match.start(), match.end("x"), AGE)


def _said(match: re.Match[str], views: Views) -> Span | None:
    if not _LAST.search(before(views, match.start(), 20)) or _NO_AGE.match(views.low, match.end()):
        return None
    if not _SAID.search(before(views, match.start(), 60)):
        return None
    return Span(match.start(), match.end(), AGE)


RULES = (
    rule(AGE, rf"(?P<x>(?:9(?<![\w.,/$]9) ?|1(?<![\w.,/$]1) ?[0-3] ?)\d){_OLD}"),
    rule(AGE, _DIGITS + _AFTER),
    rule(AGE, _DIGITS + r"[ -]?[MF](?![\w/'])", cased=True, check=_letter),
    rule(AGE, _DIGITS + r"(?!\w)", check=_said),
    rule(AGE, rf"(?P<x>{_WORDS}){_OLD}", "ninety", "hundred"),
    rule(AGE, rf"(?P<x>{_WORDS})(?!\w)(?![ -]{_ONES})", "ninety", "hundred", check=_said),
    rule(AGE, r"(?P<x>(?:9\d|1[0-3]\d)(?:st|nd|rd|th)) (?:birthday|year of life)", "birthday", "year of life"),
    rule(AGE, rf"(?P<x>ninet(?:ieth|y[ -]{_ORDINALS})|hundred(?:th|(?: and)?[ -]{_ORDINALS})) birthday", "birthday"),
    rule(AGE, r"in (?:his|her|their|the patient's)(?: (?:early|mid|late|middle))?[ -](?P<x>(?:nineties|90'?s|hundreds|100'?s))\b",
         "nineties", "90", "00"),
    rule(AGE, r"(?P<x>(?:super|semi)?-?centenarians?|nonagenarians?)\b", "centenarian", "nonagenarian"),
)  # fmt: skip
