"""Street and postal addresses: what a street's word, a box, a unit or a word such as "lives at" gives away, and the city and ZIP after it.

An address is found by its core (number, name and street's word; "P.O. Box 12"; "Apt. 4B") and then grown to both sides. A name of a place
without such a core is not found here: it has no shape.
"""

import re
from collections.abc import Iterator
from itertools import chain

from policies.redaction.patterns.cores import NO_AMOUNT, Place, american, joined, prefixed, small
from policies.redaction.patterns.postal import CAPITAL, tail
from policies.redaction.patterns.rules import Rule, Views, rule
from policies.redaction.patterns.streets import NEVER
from policies.redaction.spans import ADDRESS, Span

_MILITARY = r"(?:apo|fpo|dpo),? {1,2}a[aep][ ,]{0,3}\d{5}(?:-\d{4})?"
_PARTICLE = (
    r"(?:and|de|del|della|dei|degli|di|da|do|dos|das|du|des|la|le|les|las|los|el|van|von|der|den|het|the|of|y|e|san|st)"
)
_NAME = rf"{CAPITAL}(?: (?:{CAPITAL}|{_PARTICLE} {CAPITAL})){{0,4}}"
_NUMBER = r"\d{1,6}[A-Za-z]?"
# After "lives at": number and name, or name and number.
_PLACE = re.compile(
    rf"(?:the )?(?P<first>{_NUMBER}(?:[ ,]{{1,2}}\d{{1,5}})? )?(?P<name>{_NAME})"
    rf"(?P<last>,? \d{{1,5}}[A-Za-z]?(?:[/-]\d{{1,4}})?\.?{NO_AMOUNT})?"
)
_LIVES = re.compile(
    r"(?:a(?<!\wa)ddress(?:es)?\b[^\n]{0,24}?(?::|=| is| are| to|it is)|l(?<!\wl)iv(?:e[sd]?|ing) (?:at|on)"
    r"|r(?<!\wr)esid(?:es?|ed|ing|ence) (?:at|on|is)|moved (?:to|from)|relocated to|domiciled (?:at|in))(?P<gap>[ \t]{1,8}|\s{1,4})"
)
_CORNER = rf"(?P<x>(?:[Tt]he )?[Cc](?:orner|ORNER) (?:of|OF|at) (?P<one>[\w'.\d -]{{2,50}}?) (?:and|AND|&) {CAPITAL}(?: {CAPITAL}){{0,3}})"
_APARTMENT = re.compile(
    r"(?:a(?<!\wa)(?:pt|partment)|s(?<!\ws)(?:uite|te))(?:\.,? ?|,? | ?(?=[#\d]))(?:#|no\.? |number )? ?"
    r"(?:\d{1,5}(?:-?[a-z])?|(?P<letter>[a-z])-?\d{0,4})"
    r"(?![\w/:%]|\.\d|-\d| ?(?:am|pm|weeks?|days?|months?|minutes?|hours?|o'clock)\b)"
)
_SPELT = re.compile(
    rf"(?:One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|Twelve)(?<!\w(?:One|Two|Six|Ten))(?: {CAPITAL}){{1,2}}"
    r" (?:Street|Avenue|Plaza|Place|Drive|Road|Square|Boulevard|Court|Circle|Parkway|Lane)(?!\w)"
)
_UNNUMBERED = re.compile(
    rf"[\s(](?:on|of|at|near|along|off|from|to) "
    rf"(?P<x>(?:{CAPITAL} ){{1,3}}(?:Street|Avenue|Boulevard|Road|Blvd|Parkway|Highway|Lane))(?!\w)"
)
_PART = re.compile(
    rf"(?:{CAPITAL}|\d{{1,6}}[A-Za-z]?\.?|{_PARTICLE})(?![^\W_])(?:,? {{1,2}}|[ \t>?|,]{{0,8}}\n[ \t>?|]{{0,8}})"
)
_NAMED = re.compile(r"(?<!\w)\d+[A-Za-z]?\.?,? +(?=[^\W\d])")
_SMALL_LEFT = re.compile(r"(?<![\w.])\d{1,6} (?:[^\W\d_][\w'.-]{0,30} ){1,4}(?:\d{1,5}[ ,]{1,2})?$")
_HOUSE_LEFT = re.compile(r"(?<![\w.,/:$-])\d{2,6}[a-z]?,? {1,2}$")


def _corner(match: re.Match[str], _views: Views) -> Span | None:
    """A crossing of two streets; of the first, some letter must be a capital ("corner of the mouth and Lip" is none)."""
    return Span(match.start(), match.end(), ADDRESS) if any(map(str.isupper, match["one"])) else None


RULES: tuple[Rule, ...] = (
    rule(ADDRESS, rf"us(?<!\wus)(?:s|ns|nv|v|cgc) [\w'-]{{1,30}}[\s,>?|]{{1,8}}{_MILITARY}", "fpo", "apo", "dpo"),
    rule(
        ADDRESS, rf"(?:psc|unit|cmr) ?\d{{1,5}},? ?box {{1,2}}\d{{1,6}}[\s,>?|]{{1,8}}{_MILITARY}", "fpo", "apo", "dpo"
    ),
    rule(ADDRESS, _MILITARY + r"(?!\d)", "fpo", "apo", "dpo"),
    rule(ADDRESS, _CORNER, "corner", cased=True, check=_corner),
)


def find(views: Views) -> Iterator[Span]:
    """All addresses, each with its house number, unit, city, state and code."""
    for span in chain.from_iterable(one.find(views) for one in RULES):
        yield Span(_leftward(views, span.start), tail(views, span.stop), ADDRESS)
    for search in (american, small, prefixed, joined, _lived, _lone):
        for start, stop in search(views):
            yield Span(_leftward(views, start), tail(views, stop), ADDRESS)
    for start, stop in _apartments(views):
        yield Span(_leftward(views, start), tail(views, stop, united=True), ADDRESS)


def _leftward(views: Views, start: int) -> int:
    """Over a number right before: a house number, or a code as some countries write it."""
    number = _HOUSE_LEFT.search(views.low, max(0, start - 12), start)
    return number.start() if number else start


def _lived(views: Views) -> Iterator[Place]:
    """Number and name, or name and number, where words say that somebody lives there."""
    for said in _LIVES.finditer(views.low):
        match = _PLACE.match(views.plain, said.end())
        if match is None or not (match["first"] or match["last"]):
            continue
        if NEVER.isdisjoint(match["name"].lower().replace(".", "").split()):
            yield match.start(), match.end() - (match[0][-1] == "." and not match["last"])


def _lone(views: Views) -> Iterator[Place]:
    """Streets without a number in digits: "One Penn Plaza", "on Elm Street"."""
    for match in _SPELT.finditer(views.plain):
        yield match.span()
    for match in _UNNUMBERED.finditer(views.plain):
        yield match.span("x")


def _apartments(views: Views) -> Iterator[Place]:
    """An apartment or suite, with the street before it on the same line or the line above."""
    for match in _APARTMENT.finditer(views.low):
        start = match.start()
        if match["letter"] and views.plain[match.start("letter")].islower():
            continue
        small_left = _SMALL_LEFT.search(views.low, max(0, start - 80), start)
        yield min(_beside(views, start), small_left.start() if small_left else start), match.end()


def _beside(views: Views, start: int) -> int:
    """Over capitalised words and numbers before a unit, from the first number that a name follows.

    A single word before that number is the street's and taken in too.
    """
    plain, window = views.plain, max(0, start - 100)
    line = plain.rfind("\n", window, start)
    above = plain.rfind("\n", window, line) if line >= 0 else -1
    run: list[int] = []
    end = -1
    for part in _PART.finditer(plain, max(window, above + 1), start):
        if part.start() != end:
            run = []
            if plain[part.start() - 1 : part.start()].isalnum() or plain[part.start() - 1 : part.start()] == ".":
                continue
        run.append(part.start())
        end = part.end()
    if end != start or not run:
        return start
    left = plain[run[max(0, len(run) - 7)] : start]
    if not any(map(str.isdigit, left)):
        return start
    number = _NAMED.search(left)
    lone = number is None or len(left[: number.start()].split()) < 2
    return start - len(left) + (0 if lone or number is None else number.start())
