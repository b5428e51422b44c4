r"""Texts as a reader sees them, where the bytes say it otherwise: HTML entities and tags, RTF escapes, characters of no width.

"Mu&ntilde;oz", "Sm<b>ith</b>" and "Smi\u00adth" name somebody all the same. Passes look through the plain text; what they find is led back to
the places in the text as it is, and struck out there whole.
"""

import re
from bisect import bisect_right
from html import unescape

from policies.redaction.spans import Span

_HINT = re.compile(r"[&<\\\u00ad\u200b-\u200f\u2060\ufeff]")
_PIECE = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"  # HTML and XML entities
    r"|</?[a-zA-Z!?][^<>]{0,2000}>"  # tags and comments
    r"|\\'[0-9a-fA-F]{2}|\\u-?\d{1,5} ?\??"  # RTF: a byte, a character
    r"|[\u00ad\u200b-\u200f\u2060\ufeff]+"  # soft hyphens, marks of direction, characters of no width
)


class View:
    """`plain` is the text as seen; `back` leads places in it to the text as it is."""

    def __init__(self, text: str) -> None:
        self.plain = text
        self._plain_at: list[int] = []  # where pieces of `plain` begin, and what is to be added there to be in the text
        self._shift: list[int] = []
        if _HINT.search(text):
            self._read(text)

    def _read(self, text: str) -> None:
        made: list[str] = []
        end = size = 0
        for match in _PIECE.finditer(text):
            made.append(text[end : match.start()])
            size += match.start() - end
            seen = _seen(match, text)
            self._add(size, match.start() - size)  # within a piece, places lead to its beginning
            made.append(seen)
            size += len(seen)
            end = match.end()
            self._add(size, end - size)
        made.append(text[end:])
        self.plain = "".join(made)

    def _add(self, plain_at: int, shift: int) -> None:
        if self._plain_at and self._plain_at[-1] == plain_at:
            self._shift[-1] = shift
        else:
            self._plain_at.append(plain_at)
            self._shift.append(shift)

    def back(self, span: Span) -> Span:
        """The span in the text as it is."""
        if not self._plain_at:
            return span
        return span._replace(start=self._lead(span.start), stop=self._lead(span.stop - 1) + self._length(span.stop - 1))

    def _lead(self, place: int) -> int:
        found = bisect_right(self._plain_at, place) - 1
        return place + (self._shift[found] if found >= 0 else 0)

    def _length(self, place: int) -> int:
        """How many characters of the text the character at a place of `plain` stands for."""
        return max(1, self._lead(place + 1) - self._lead(place)) if place + 1 <= len(self.plain) else 1


def _seen(match: re.Match[str], text: str) -> str:
    piece = match[0]
    if piece[0] == "&":
        seen = unescape(piece)
        return seen if seen != piece else piece
    if piece[0] == "<":
        inside = text[match.start() - 1 : match.start()].isalpha() and text[match.end() : match.end() + 1].isalpha()
        return (
            ""
            if inside
            and not piece.lower().startswith(("<br", "</p", "<p", "</td", "<td", "</li", "<li", "</div", "<div"))
            else " "
        )
    if piece[0] == "\\":
        return _rtf(piece)
    return ""


def _rtf(piece: str) -> str:
    """The character of an RTF escape: a byte of Windows-1252 in hexadecimal, or a signed number."""
    if piece[1] == "'":
        return bytes.fromhex(piece[2:]).decode("cp1252", "replace")
    code = int(piece[2:].rstrip("? ")) & 0xFFFF
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
