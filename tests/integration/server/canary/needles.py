"""Needles and how they are looked for: each is known by where it was planted, and is found in whatever clothes it left the house.

A needle of a field stands in that field of one record and nowhere else; a needle of a person in all that person's records.
"""

import base64
import html
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from threading import Lock

import ahocorasick

_SYLLABLES = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_HEX = re.compile(r"[0-9a-fA-F]{14,}")
_DIGEST = re.compile(r"[0-9a-f-]+|[0-9A-F-]+|[a-z_]+|[A-Z_]+")
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_LAYOUT = re.compile(r"[\s│┃|]+")
_WORD = frozenset(string.ascii_letters + string.digits)


def made_up(number: int, before: str, after: str) -> str:
    """A name that no lexicon holds: letters only, of one length, another for each number."""
    return f"{before}{_SYLLABLES[number // len(_SYLLABLES)]}{_SYLLABLES[number % len(_SYLLABLES)]}{after}"


@dataclass(frozen=True)
class Needle:
    """What is looked for, in lower case. `where`: source and field. `whole`: a number, which counts only between other signs."""

    text: str
    where: str
    kind: str
    whole: bool = False


@dataclass(frozen=True)
class Find:
    """A needle in a channel, with what stands around it."""

    needle: Needle
    channel: str
    around: str

    def __str__(self) -> str:
        return f"{self.needle.text} ({self.needle.where}) -> {self.channel}: ...{self.around}..."


@dataclass
class Manifest:
    """All needles planted, by their text."""

    needles: dict[str, Needle] = field(default_factory=dict)
    fields: int = 0
    _lock: Lock = field(default_factory=Lock)

    def plant(self, where: str) -> str:
        """A needle of its own for a field: an e-mail address, which is struck by its shape whoever it belongs to."""
        with self._lock:  # sessions plant side by side
            self.fields += 1
            core = f"qz{self.fields:04d}vex"
            self.needles[core] = Needle(core, where, "field")
        return f"{core}@canary-mail.org"

    def know(self, text: str, where: str, kind: str) -> str:
        """Notes what belongs to a person or to staff; gives it back."""
        low = text.lower()
        self.needles.setdefault(low, Needle(low, where, kind, whole=not low.isalpha()))
        return text

    def of_kind(self, *kinds: str) -> list[Needle]:
        """Needles of some kinds, in the order they were made."""
        return [one for one in self.needles.values() if one.kind in kinds]


class Searcher:
    """Looks for all needles of a manifest at once."""

    def __init__(self, manifest: Manifest) -> None:
        self._automaton = ahocorasick.Automaton()
        for text, needle in manifest.needles.items():
            self._automaton.add_word(text, needle)
        self._automaton.make_automaton()

    def finds(self, channel: str, content: bytes, plain: bool = False) -> list[Find]:
        """Every needle of the content, once. `plain`: the bytes as they lie, for large files whose values are searched apart."""
        found: dict[str, Find] = {}
        text = content.decode("latin-1")
        for view in (text,) if plain else views(content):
            low = view.lower()
            for end, needle in self._automaton.iter(low):
                start = end - len(needle.text) + 1
                if needle.text not in found and not (needle.whole and _glued(low, start, end)):
                    around = low[max(0, start - 50) : end + 30].replace("\n", " ")
                    found[needle.text] = Find(needle, channel, around)
        return list(found.values())


def _glued(text: str, start: int, end: int) -> bool:
    return (start > 0 and text[start - 1] in _WORD) or (end + 1 < len(text) and text[end + 1] in _WORD)


def views(content: bytes) -> Iterator[str]:
    """A text as it is, with its escapes undone, without its layout, and what its runs of base64 and hexadecimal hold."""
    plain = content.decode("utf-8", "replace")
    clear = _clear(plain)
    yield plain
    yield clear
    yield _LAYOUT.sub("", clear)
    if b"\0" in content:
        yield content.replace(b"\0", b"").decode("latin-1")
    for text in {plain, clear}:
        for decoded in ("\n".join(_from_base64(text)), "\n".join(_from_hex(text))):
            yield _clear(decoded)


def _clear(text: str) -> str:
    if "%" in text:
        text = _PERCENT.sub(lambda match: chr(int(match[1], 16)), text)
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    return html.unescape(text) if "&" in text else text


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return (
        chr(int(code[1:], 16))
        if code[0] in "ux" and len(code) > 1
        else {"n": "\n", "t": "\t", "r": "\r"}.get(code, code)
    )


def _from_base64(text: str) -> Iterator[str]:
    """Each run decoded from its first four places on, so that it does not matter where in it something begins."""
    for found in sorted(set(_ENCODED.findall(text))):
        if _DIGEST.fullmatch(found):  # digests, ids and plain names, of which there are many, encode no words
            continue
        run = found.replace("-", "+").replace("_", "/")
        for skip in range(4):
            part = run[skip:]
            ends = len(part) - (len(part) % 4 == 1)  # one sign alone encodes nothing
            yield base64.b64decode(f"{part[:ends]}==").decode("latin-1")


def _from_hex(text: str) -> Iterator[str]:
    for found in sorted(set(_HEX.findall(text))):
        for run in (found, found[1:]):
            yield bytes.fromhex(run[: len(run) // 2 * 2]).decode("latin-1")
