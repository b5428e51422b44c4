"""HL7 v2 in its ER7 encoding ("vertical bar"): messages of a file, fields of a segment (HL7 2.5.1, chapter 2, sections 2.5 to 2.7 and 2.10).

Real files carry a byte-order mark, LF for CR, MLLP frames, batch envelopes, line breaks inside a text, separators of their own. Splitting is
ours and not a library's for speed: five thousand messages a second on one core. A test holds it against the `hl7` library.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from data.normalise.extract.lines import lines_of

_ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}[^A-Za-z0-9]|[A-Z][A-Z0-9]{2}$")
_FRAMES = b"\x0b\x1c"
_MOST = 64 << 20  # a longer message is no message
_STANDARD = "|^~\\&"
_ESCAPES = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", ".br": "\n", ".sp": "\n", "H": "", "N": ""}
_ESCAPED = re.compile(r"\\([A-Za-z.][A-Za-z0-9.+]*)\\")

Segment = list[str]


def messages(path: Path, damaged: Callable[[str], None]) -> Iterator[bytes | None]:
    """Messages of a file one by one, segments ended by CR; None for one that is far too long. Envelopes are passed over."""
    lines: list[bytes] = []
    size, spoilt = 0, False
    for many in lines_of(path, damaged):
        for raw in many:
            line = raw if raw is None else raw.strip(_FRAMES)
            if line is not None and (not line.strip() or line[:3] in _ENVELOPES):
                continue
            if line is not None and line.startswith(b"MSH") and (lines or spoilt):
                yield None if spoilt else b"\r".join(lines)
                lines, size, spoilt = [], 0, False
            size += len(line or b"")
            spoilt = spoilt or line is None or size > _MOST
            if spoilt:
                lines = []
            elif lines and not _SEGMENT.match(line or b""):  # a line break that came inside a text
                lines[-1] += b" " + (line or b"")
            else:
                lines.append(line or b"")
    if lines or spoilt:
        yield None if spoilt else b"\r".join(lines)


def segments(message: bytes) -> list[Segment]:
    """Segments as lists of fields; the name first, so that field n stands at place n (in MSH, too). ValueError without an MSH."""
    text = _decoded(message)
    if not text.startswith("MSH") or len(text) < 5:
        raise ValueError("no MSH segment")
    own = text[3] + text[4:8].split(text[3])[0]
    if not _STANDARD.startswith(own):
        text = _translated(text, own)
    found = [line.split("|") for line in text.split("\r")]
    found[0].insert(1, "|")
    return found


def _decoded(message: bytes) -> str:
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError:
        return message.decode("latin-1")


def _translated(text: str, own: str) -> str:
    """The text with separators of its own turned into the usual ones; the usual ones in it become escapes."""
    escape = own[3] if len(own) > 3 else "\\"
    table = {ord(usual): f"\\{code}\\" for usual, code in zip(_STANDARD, "FSRET", strict=True) if usual not in own}
    table |= {ord(mine): usual for mine, usual in zip(own, _STANDARD, strict=False)}
    table[ord(escape)] = "\\"
    return "MSH|^~\\&" + text[3 + len(own) :].translate(table)


def field(segment: Segment | None, number: int) -> str:
    """A field as sent; empty where it is missing or the HL7 null."""
    if segment is None or number >= len(segment):
        return ""
    text = segment[number]
    return "" if text == '""' else text


def component(text: str, number: int, separator: str = "^") -> str | None:
    """Component `number` (from 1) of a field, escapes undone; None where it is empty."""
    pieces = text.split(separator)
    return plain(pieces[number - 1]) or None if number <= len(pieces) else None


def plain(text: str) -> str:
    """Text with its escape sequences undone, trimmed."""
    if "\\" in text:
        text = _ESCAPED.sub(_unescaped, text)
    return text.strip()


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "X":
        try:
            return bytes.fromhex(code[1:]).decode("latin-1")
        except ValueError:
            return match[0]
    return _ESCAPES.get(code, match[0] if code[0] not in ".HNCMZ" else "")
