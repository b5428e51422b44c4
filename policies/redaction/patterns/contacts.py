"""Addresses on networks: e-mail, also as OCR or speech leave it, web addresses and names, IP and MAC addresses."""

import re
from ipaddress import AddressValueError, IPv6Address

from policies.redaction.patterns.rules import Views, before, rule
from policies.redaction.spans import EMAIL, IP, URL, Span

_LOCAL = re.compile(r"[\w.+%'-]{1,64} ?$")
_HOST = re.compile(
    r" ?[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}| ?[\w-]{1,63}(?: ?[.,] ?| )(?:com|net|org|edu|gov|co\.uk|de|fr|es|it|nl)(?!\w)"
)
_AT = r"(?: ?[\[({<]at[\])}>] ?| ?@ ?| at )"
_DOT = r"(?: ?[\[({<]dot[\])}>] ?| dot |\.)"
_SPOKEN = re.compile(
    rf"(?<![\w.])[\w+-]{{1,40}}(?:(?:{_DOT}| (?:underscore|dash|period|point) )[\w+-]{{1,40}}){{0,4}}{_AT}"
    rf"[\w-]{{1,40}}(?:{_DOT}[\w-]{{1,40}}){{0,4}}{_DOT}[a-z]{{2,6}}(?!\w)"
)
# Endings that are no English or clinical word, so that "stable.No fever" stays; and those that stay one in small letters only.
_ENDING = (
    r"(?:com|net|org|edu|gov|mil|biz|info|(?P<small>de|fr|nl|cz|dk|jp|cn|br|au|nz|eu|ru|kr|tw|hk|ua|ke|uk|io|app|dev))"
)
_SECOND = r"(?:(?:com?|org|net|go[bv]|ac|edu|nhs|sch|ltd|plc|me)\.[a-z]{2})"
_NAME = re.compile(r"(?<![\w@.-])(?=[\w-]{0,62}[^\W\d])[\w-]{1,63}(?:\.[\w-]{1,63}){0,6}$")
_SCHEME = re.compile(r"[a-z][a-z\d+.-]{1,15}$")
_CLOSING = ".,;:!?)]}'*|"
_VERSION = re.compile(
    r"\b(?:v|ver|version|rev|revision|release|build|section|sec|chapter|step|item|figure|fig|table|firmware|software)[\s.:#]{0,3}$"
)
_NETWORK = re.compile(r"\b(?:ip|ipv4|address|addr|host|server|dns|gateway|subnet|client|ping|from)\b[^\n]{0,12}$")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"


def _email(match: re.Match[str], views: Views) -> Span | None:
    """What stands around an `@`. Blanks beside it are OCR's, but "seen @ clinic" has no name of a host after it."""
    low, at = views.low, match.start()
    local, host = _LOCAL.search(low, max(0, at - 66), at), _HOST.match(low, at + 1)
    if not local or not host:
        return None
    start = local.start() + len(local[0]) - len(local[0].lstrip(".'-+%"))
    return Span(start, host.end(), EMAIL) if start < at and low[start] != " " else None


def _spoken(match: re.Match[str], views: Views) -> Span | None:
    """An address in words around "dot" or "(at)"."""
    for found in _SPOKEN.finditer(views.low, max(0, match.start() - 100), match.end() + 60):
        if found.start() <= match.start() < found.end():
            return Span(found.start(), found.end(), EMAIL)
    return None


def _web(match: re.Match[str], views: Views) -> Span | None:
    """The scheme before `://` and all that follows up to a blank, without the sentence's own full stop or bracket."""
    low, start = views.low, match.start()
    if match[0].startswith(":"):
        scheme = _SCHEME.search(low, max(0, start - 16), start)
        if scheme is None:
            return None
        start = scheme.start()
    return Span(start, start + len(low[start : match.end()].rstrip(_CLOSING)), URL)


def _domain(match: re.Match[str], views: Views) -> Span | None:
    """A bare name of a host, or none: the part before the ending must hold a letter."""
    name = _NAME.search(views.low, max(0, match.start() - 120), match.start())
    if name is None:
        return None
    if match["small"] and (len(name[0]) < 3 or not views.plain[name.start() : match.end("small")].islower()):
        return None
    return Span(name.start(), name.start() + len(views.low[name.start() : match.end()].rstrip(_CLOSING)), URL)


def _ipv4(match: re.Match[str], views: Views) -> Span | None:
    """Four octets, unless a word before makes them a version or section. All of one digit: only where a word names the network."""
    said = before(views, match.start(), 30)
    if int(match[0].partition(".")[0]) > 255:
        return None
    if _VERSION.search(said) or (match.end() - match.start() == 7 and not _NETWORK.search(said)):
        return None
    return Span(match.start(), match.end(), IP)


def _ipv6(match: re.Match[str], views: Views) -> Span | None:
    low, start, stop = views.low, match.start(), match.end()
    while start and match.start() - start < 4 and low[start - 1] in "0123456789abcdef":
        start -= 1
    if start and (low[start - 1].isalnum() or low[start - 1] in "_:."):
        return None
    written = low[start:stop].rstrip(".")
    if written.endswith(":") and not written.endswith("::"):
        written = written[:-1]
    try:
        IPv6Address(written)
    except AddressValueError:
        return None
    few = sum(1 for group in written.split(":") if group) < 2
    return None if few else Span(start, start + len(written), IP)


RULES = (
    rule(EMAIL, r"@(?=[ \w])(?<=[\w %'-]@)", "@", check=_email),
    rule(EMAIL, r"dot[\])}>]? ?(?:com|net|org|edu|gov|us|uk|info|biz|io|ca|de|fr|au|nl|es|it)(?!\w)|[(\[]at[)\]]",
         " dot ", "(dot)", "[dot]", "(at)", "[at]", check=_spoken),
    rule(URL, r"://[^\s<>\"]{1,4000}", "://", check=_web),
    rule(URL, r"w(?<!\ww)ww\d?\.[^\s<>\"]{2,4000}", "www", check=_web),
    rule(URL, rf"\.(?:{_SECOND}|{_ENDING})(?![\w@-]|\.\w)(?::\d{{2,5}})?(?:/[^\s<>\"]{{0,4000}})?", check=_domain),
    rule(IP, rf"\d(?<![\w.]\d)\d{{0,2}}(?:\.{_OCTET}){{3}}(?![\w]|\.\d)", check=_ipv4),
    rule(IP, r":[\da-f]{0,4}:[\da-f:.]{0,38}", check=_ipv6),
    rule(IP, r"([:-])(?<=(?<![\w:-])[\da-f]{2}[:-])[\da-f]{2}(?:\1[\da-f]{2}){4}(?![\w:-])",
         check=lambda match, _views: Span(match.start() - 2, match.end(), IP)),
    rule(IP, r"\.(?<=(?<![\w.])[\da-f]{4}\.)[\da-f]{4}\.[\da-f]{4}(?!\w|\.\d)",
         check=lambda match, _views: Span(match.start() - 4, match.end(), IP)),
)  # fmt: skip
