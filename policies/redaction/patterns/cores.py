"""Where a street stands: a number, a name and a street's word, in the three orders in which languages write them.

"12 Elm Street" (number, name, word), "rue de Pologne 36" (word, name, number), "Hauptstraße 12" (name and word in one, number).
"""

import re
from collections.abc import Iterator
from itertools import chain

from policies.redaction.folding import fold
from policies.redaction.patterns.lists import listed
from policies.redaction.patterns.postal import CAPITAL, UPPER, tail
from policies.redaction.patterns.rules import UNIT, Views, before, words
from policies.redaction.patterns.streets import (
    BEFORE,
    DOUBTFUL,
    ENDS,
    ENDS_APART,
    ENGLISH,
    NEVER,
    SELDOM,
    STRONG,
    SUFFIXES,
    WEAK,
)

Place = tuple[int, int]

_DIRECTIONS, _SURE = frozenset(listed("directions")), frozenset(listed("sure"))
NO_AMOUNT = rf"(?![\w%]|[.,:/]\d|[ -]?(?i:{UNIT})\b)"
_NUMBER = re.compile(
    r"\d(?<![\w.,/$:%+-]\d)\d{0,5}(?:-\d{1,5})?[A-Za-z]?(?: 1/2)?(?:,? \d{1,5})?"
    rf"(?=,? {{1,2}}(?:[{UPPER}]|\d{{1,3}}[snrtSNRT][tdhTDH]))"
)
_TOKEN = re.compile(
    rf",? {{1,2}}(?P<word>[{UPPER}][\w'-]*|\d{{1,3}}(?:st|nd|rd|th|ST|ND|RD|TH)|of|the|de|la|del|du|des)(?P<dot>\.?)(?![\w/])"
)
_YEAR = re.compile(r"(?:19|20)\d\d$")
_ENDED = re.compile(r"\.?[ \t]*(?:[,;:.)\n]|$|\b(?:and|in|is|was|where|near|since|with|for|apt|unit)\b)")
_NAME_AFTER = re.compile(rf" +[{UPPER}]")
_ROAD = re.compile(
    r" (?:[NSEW]\.? |Old )?(?:[Cc]ounty R(?:oa)?d|State R(?:oa)?d|State Route|State H(?:igh)?wa?y|US H(?:igh)?wa?y|US Route|US|Farm Road"
    r"|Ranch Road|Highway|Hwy\.?|Route|Rte\.?|FM|CR|SR|Avenue|Ave\.?|COUNTY R(?:OA)?D|HIGHWAY|HWY|STATE ROUTE)"
    r" (?:[NSEW] )?(?:\d{1,4}|[A-Z])(?![\w%]|[./]\d)"
)
_NUMBERED = re.compile(rf" (?P<name>{CAPITAL}(?: {CAPITAL}){{0,3}}) \d{{1,5}}[a-z]?{NO_AMOUNT}")
_ADDRESSED = re.compile(
    r"\b(?:address(?:es)?|live[sd]?|living|resid\w+|moved|relocated|located|deliver\w*|ship\w*|mail\w*|send|sent|return|meet|taxi"
    r"|drops you off|house|office|restaurant|station)\b[^.;\n]{0,40}$"
)


def american(views: Views) -> Iterator[Place]:
    """A house number, one to five capitalised words, and a word of USPS Publication 28; or a numbered road; or a name and a number."""
    plain = views.plain
    for number in _NUMBER.finditer(plain):
        stop, names = number.end(), list[str]()
        while len(names) < 6 and (token := _TOKEN.match(plain, stop)):
            word = token["word"].lower()
            if names and word in SUFFIXES and _is_street(views, number, names, token):
                # The dot after "St." is the word's own, that after "Street." the sentence's.
                yield number.start(), _onward(plain, token.end("word") if len(word) > 4 else token.end())
                break
            if word in NEVER or (token["dot"] and len(word) > 3):
                break
            names.append(word)
            stop = token.end()
        if road := _ROAD.match(plain, number.end()):
            yield number.start(), road.end()
        elif (named := _NUMBERED.match(plain, number.end())) and _is_numbered(views, number, named):
            yield number.start(), named.end()


def _is_numbered(views: Views, number: re.Match[str], named: re.Match[str]) -> bool:
    """Whether a number, a name and a number are an address ("5638 Aasa 43"), and no dose or result at some hour."""
    if _YEAR.match(number[0]) or not NEVER.isdisjoint(named["name"].lower().split()):
        return False
    return tail(views, named.end()) > named.end() or bool(_ADDRESSED.search(before(views, number.start(), 70)))


def _is_street(views: Views, number: re.Match[str], names: list[str], token: re.Match[str]) -> bool:
    """Whether the word ends a street's name here, or is one of the many that only look so."""
    word, shouted = token["word"].lower(), token["word"].isupper()
    if {*names} <= _DIRECTIONS | {"the", "of"} and word not in _SURE:
        return False
    if tail(views, token.end()) > token.end():
        return True
    weakly = word in WEAK and (shouted or len(number[0]) < 2 or len(names) > 3)
    if weakly or _YEAR.match(number[0]) or (not SELDOM.isdisjoint(names) and word not in _SURE):
        return False
    if word == "dr" and _NAME_AFTER.match(views.plain, token.end()):
        return False
    ended = bool(token["dot"] or _ENDED.match(views.low, token.end()))
    return not (shouted and word.upper() in DOUBTFUL) or (word in {"st", "dr", "rd", "pl", "court"} and ended)


def _onward(plain: str, stop: int) -> int:
    """Over words that go on with the street's name: "Park Avenue South", "Court Road"."""
    while (token := _TOKEN.match(plain, stop)) and not token[0].startswith(","):
        word = token["word"].lower()
        doubtful = token["word"].isupper() and word.upper() in DOUBTFUL
        if word not in _DIRECTIONS and (word not in STRONG or doubtful):
            break
        stop = token.end()
    return stop


_SMALL = re.compile(
    r"\d(?<![\w.,/$:%+-]\d)\d{0,5}[a-d]? (?:(?:[nsew]\.?|north|south|east|west) )?(?P<names>(?:[a-z\d][\w'-]{1,20} ){1,3})"
    r"(?P<word>street|avenue|road|boulevard|lane|drive|court|terrace|highway|parkway|blvd|ave|rd|st)(?![\w/-])"
)
_NTH = re.compile(r"\d{1,3}(?:st|nd|rd|th)")


def small(views: Views) -> Iterator[Place]:
    """The same in small letters: only words that leave no doubt, and no more than three of them."""
    for match in _SMALL.finditer(views.low):
        names = match["names"].split()
        if not NEVER.isdisjoint(names) or not SELDOM.isdisjoint(names) or not _ENDED.match(views.low, match.end()):
            continue
        if views.plain[match.start("word")].islower() and all(name.isalpha() or _NTH.fullmatch(name) for name in names):
            yield match.span()


_WORD_BEFORE = rf"(?P<word>{words(BEFORE, ' ')})(?:(?<=[./]) ?|(?<=\w) {{1,2}}|(?<=\w)(?='))"
_BEFORE, _BEFORE_FIRST = re.compile(rf"[\s(>,:\"?-]{_WORD_BEFORE}"), re.compile(_WORD_BEFORE)
_SHORT = frozenset(listed("short"))
_PARTICLES = (
    r"(?:(?:de|du|des|d'|l'|la|le|les|los|las|el|del|della|dello|delle|dei|degli|di|da|do|dos|das|y|e|van|der|den|het|san|santa|st|saint)"
    r"[ ']? ?){0,3}"
)
_NAMES = re.compile(
    rf"'?{_PARTICLES}(?P<name>{CAPITAL}(?: {_PARTICLES}{CAPITAL}){{0,4}}|(?P<small>[^\W\d_][\w'-]{{2,30}}(?: {CAPITAL})?))"
)
_AFTER = re.compile(
    rf",? {{0,2}}(?:n[o\u00ba\u00b0.]{{0,2}} ?|nr\.? ?|# ?|num\.? ?)?\d{{1,5}}[A-Za-z]?(?:[-/]\d{{1,4}})?{NO_AMOUNT}"
)
_AHEAD = re.compile(r"(?<![\w.,/$:%+-])\d{1,5}[a-z]?(?: ?(?:bis|ter|quater))?,? {1,2}$")


def prefixed(views: Views) -> Iterator[Place]:
    """A street's word, its name, and a number on either side."""
    plain, low = views.plain, views.low
    for match in chain(filter(None, [_BEFORE_FIRST.match(low)]), _BEFORE.finditer(low)):
        start, word = match.start("word"), match["word"]
        written = plain[start : start + len(word)]
        if word in _SHORT and not (written[0].isupper() and written[1:] == word[1:]):
            continue
        names = _NAMES.match(plain, match.end())
        if names is None or not NEVER.isdisjoint(names["name"].lower().replace(".", "").split()):
            continue
        ahead = _AHEAD.search(low, max(0, start - 16), start)
        after = None if names["small"] and not ahead else _AFTER.match(plain, names.end())
        if (after or ahead) and not before(views, start, 4).endswith("et "):
            yield (ahead.start() if ahead else start), (after.end() if after else names.end())


_HOUSE = re.compile(rf"\d(?<=[^\s\d\W][ #]\d|[.,:] \d|[ ]#\d)\d{{0,5}}[a-z]?(?:[-/]\d{{1,3}}[a-z]?)?\.?{NO_AMOUNT}")
_LAST = re.compile(r"(?P<names>(?:[^\W\d_][\w'.-]{0,30} ){0,3})(?P<last>[^\W\d_][\w'-]{0,40}\.?),? $")
_BOX = re.compile(
    r"(?<!\w)(?:(?:p\.? ?o\.? ?|post ?office |post ?|postal |gpo |(?:psc|unit|cmr|rr|hc|rural route) ?#? ?\d{1,5},? ?)box|pob|pmb"
    r"|locked bag|private bag|rural route|star route|postfach|postbus|postboks|apartado(?: de correos| postal)?|casilla(?: de correo)?"
    r"|caixa postal|boite postale|case postale|casella postale|skrytka pocztowa|postilokero)[\s.:#]{0,3}(?:no\.? |number )?#?$"
)
_BOXES = frozenset(listed("boxes"))
_ENDS_APART = frozenset(fold(one).rstrip(".") for one in ENDS_APART)


def joined(views: Views) -> Iterator[Place]:
    """A name whose end is the street's word, and a number after it; or a box and its number."""
    low = views.low
    for house in _HOUSE.finditer(low):
        start = house.start()
        word = low[max(0, start - 42) : start].split()[-1].strip(".,:#")
        if word in _BOXES and (box := _BOX.search(low, max(0, start - 42), start)):
            yield box.start(), house.end()
        elif word.endswith(ENDS) or word in _ENDS_APART:
            last = _LAST.search(views.plain, max(0, start - 90), start)
            begin = _begin(last, low[last.start("last") : last.end("last")].rstrip(".")) if last else -1
            if begin >= 0:
                yield begin, house.end()


def _begin(last: re.Match[str], low: str) -> int:
    """Where the street's name begins, or -1 if its last word (`low`, without accents) is none."""
    if last["last"][0].isupper() and low not in ENGLISH and any(low.endswith(end, 2) for end in ENDS):
        return _capitals(last, most=2)
    if last["last"].lower() in ENDS_APART:
        start = _capitals(last, most=3)
        return start if start < last.start("last") else -1
    return -1


def _capitals(last: re.Match[str], most: int) -> int:
    """The start of the words of a name that stand before the last, at most so many: with a capital, but for one of three."""
    start = last.start("last")
    names = list(re.finditer(r"\S+", last["names"]))[-most:]
    for place, word in enumerate(reversed(names)):
        within = most == 3 and place == 0 and len(names) > 1
        if word[0].strip(".").lower() in NEVER or (word[0][0].islower() and not within):
            break
        start = last.start("names") + word.start()
    return start
