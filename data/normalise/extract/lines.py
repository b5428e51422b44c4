"""Lines of text files as they arrive: plain, gzipped or zipped, gathered from many files into Arrow tables of one size.

Damage never costs what came before it. A line that is not UTF-8, or longer than `MOST_LINE`, comes as NULL with its number; an archive that
unpacks to far more than it holds is cut off. Nothing in an archive is ever written to disk, and a member whose name leads out of it is not read.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import IO

import pyarrow as pa

MOST_LINE = 64 << 20  # a longer line is no record
_READ = 4 << 20
_GZIP, _ZIP, _BOM = b"\x1f\x8b", b"PK\x03\x04", b"\xef\xbb\xbf"
# An archive may unpack to this much whatever its size, and beyond that to so many times its size: real FHIR packs about 20 to 1.
_FREE, _MOST_RATIO = 256 << 20, 200
_ENDS_EARLY = "the compressed file ends too early or is damaged; what was before is kept"
_BOMB = "the archive unpacks to far more than it holds; what was before is kept"

Damage = Callable[[str], None]


class _Budget:
    """How much more may come out of one file, all members together."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.packed = file.read(4)[:2] in (_GZIP, _ZIP[:2])
        self.left = max(_FREE, path.stat().st_size * _MOST_RATIO)


def lines_of(path: Path, damaged: Damage) -> Iterator[list[bytes | None]]:
    """Lines in order, many at a time, a too long one as None; `damaged` is told of each fault in words."""
    with path.open("rb") as raw:
        head = raw.read(4)
        raw.seek(0)
        if head == _ZIP:
            yield from _zipped(raw, _Budget(path), damaged)
        else:
            yield from _split(_pieces(raw, _Budget(path), damaged))


def content_of(path: Path, most: int, damaged: Damage) -> bytes | None:
    """The whole of a file, unpacked; None where that is more than `most` bytes."""
    out = io.BytesIO()
    with path.open("rb") as raw:
        for piece in _pieces(raw, _Budget(path), damaged):
            out.write(piece)
            if out.tell() > most:
                return None
    return out.getvalue().removeprefix(_BOM)


def _zipped(raw: IO[bytes], budget: "_Budget", damaged: Damage) -> Iterator[list[bytes | None]]:
    try:
        with zipfile.ZipFile(raw) as archive:
            for member in sorted(archive.infolist(), key=lambda one: one.filename):
                if member.is_dir():
                    continue
                if member.filename.startswith(("/", "\\")) or ".." in Path(member.filename.replace("\\", "/")).parts:
                    damaged("a file in the archive has a name that leads out of it; it was not read")
                    continue
                with archive.open(member) as file:
                    yield from _split(_pieces(file, budget, damaged))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error, OSError):
        damaged("the archive is damaged or locked by a password; what could be read of it is kept")


def _pieces(raw: IO[bytes], budget: "_Budget", damaged: Damage) -> Iterator[bytes]:
    """Bytes unpacked, piece by piece, until the end, damage, or the bound."""
    head = raw.read(2)
    raw.seek(0)
    source = gzip.GzipFile(fileobj=raw) if head == _GZIP else raw
    with closing(source) if source is not raw else nullcontext():
        while True:
            try:
                # not read(): it would lose what came before the damage
                piece = source.read1(_READ)  # type: ignore[union-attr]
            except (EOFError, OSError, zlib.error, zipfile.BadZipFile):
                return damaged(_ENDS_EARLY)
            if not piece:
                return None
            budget.left -= len(piece)
            if budget.left < 0 and budget.packed:
                return damaged(_BOMB)
            yield piece


def _split(pieces: Iterator[bytes]) -> Iterator[list[bytes | None]]:
    """Lines, however they end. Of one that is too long only the fact that it was there is kept in memory."""
    rest, first, skipping = b"", True, False
    for piece in pieces:
        text = rest + piece
        if first:
            text, first = text.removeprefix(_BOM), False
        lines: list[bytes | None] = list(text.splitlines(keepends=False))
        whole = text.endswith(b"\n")  # a lone CR at the end may be half of CRLF
        rest = b"" if whole or not lines else lines.pop() or b""
        if not whole and text.endswith(b"\r"):
            rest += b"\r"
        if skipping and lines:  # the end of the line that was too long
            lines, skipping = lines[1:], False
        elif skipping:
            rest = b""
        if len(rest) > MOST_LINE:
            lines, rest, skipping = [*lines, None], b"", True
        if lines:
            yield lines
    if rest and not skipping:
        yield list(rest.splitlines())


def texts(lines: list[bytes | None]) -> pa.Array:
    """Lines as an Arrow string array; what is not UTF-8 is NULL."""
    try:
        return pa.array(lines, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_text(line) for line in lines], pa.string())


def _text(line: bytes | None) -> str | None:
    try:
        return None if line is None else line.decode("utf-8")
    except UnicodeDecodeError:
        return None
