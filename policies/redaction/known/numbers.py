"""Known numbers found in a text however they are spaced, dotted or hyphened, in little memory for millions of them."""

import re
import zlib
from collections.abc import Iterator, Mapping
from hashlib import blake2b

import numpy as np

from policies.redaction.spans import Span

_RUN = re.compile(r"[^\W_]*\d[^\W_]*")  # letters and digits, at least one digit
_LEAD = re.compile(r"(?<![^\W_])([^\W\d_]{1,6})[ \-_:#]?$")
_BETWEEN = re.compile(r"[ ().\-/\u2010-\u2015]{0,3}")
_MOST_RUNS = 14
_LOOKALIKE = str.maketrans("oil", "011")  # letters that scanned text has for digits
_BITS = 24


def _hash(number: str) -> int:
    return int.from_bytes(blake2b(number.encode(), digest_size=8).digest(), "little")


class Numbers:
    """Finds what is among `numbers` (bare, folded -> kind)."""

    def __init__(self, numbers: Mapping[str, str]) -> None:
        self._kinds = sorted(set(numbers.values()))
        pairs = sorted((_hash(number), self._kinds.index(kind)) for number, kind in numbers.items())
        self._hashes = np.array([one for one, _ in pairs], dtype=np.uint64)
        self._which = np.array([kind for _, kind in pairs], dtype=np.uint8)
        self._lengths = frozenset(map(len, numbers))
        self._longest = max(self._lengths, default=0)
        self._maybe = bytearray(1 << (_BITS - 3))  # one bit a number, so that most looks end here
        for number in numbers:
            place = zlib.crc32(number.encode()) >> (32 - _BITS)
            self._maybe[place >> 3] |= 1 << (place & 7)

    def find(self, folded: str) -> Iterator[Span]:
        """All places of a folded text where a known number stands; the longest from each beginning."""
        if not self._lengths:
            return
        runs = [(match.start(), match.end()) for match in _RUN.finditer(folded)]
        for at, (start, _) in enumerate(runs):
            if (span := self._from(folded, runs, at, start)) is not None:
                yield span

    def _from(self, folded: str, runs: list[tuple[int, int]], at: int, start: int) -> Span | None:
        lead = _LEAD.search(folded, max(0, start - 8), start)
        found = None
        text, before = "", start
        for begin, end in runs[at : at + _MOST_RUNS]:
            if begin > before and not _BETWEEN.fullmatch(folded, before, begin):
                break
            text, before = text + folded[begin:end], end
            if len(text) > self._longest:
                break
            if (kind := self._kind(text)) is not None:
                found = Span(start, end, kind)
            if lead is not None and (kind := self._kind(lead[1] + text)) is not None:
                found = Span(lead.start(1), end, kind)
        return found

    def _kind(self, number: str) -> str | None:
        for one in {number, number.translate(_LOOKALIKE)}:
            if len(one) in self._lengths:
                place = zlib.crc32(one.encode()) >> (32 - _BITS)
                if self._maybe[place >> 3] >> (place & 7) & 1 and (kind := self._sure(one)) is not None:
                    return kind
        return None

    def _sure(self, number: str) -> str | None:
        wanted = np.uint64(_hash(number))
        place = int(np.searchsorted(self._hashes, wanted))
        if place < len(self._hashes) and self._hashes[place] == wanted:
            return self._kinds[int(self._which[place])]
        return None
