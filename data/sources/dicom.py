"""An imaging repository as a directory of DICOM files. Headers only: pixel data is never read into the raw store."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pydicom
from pydicom.errors import InvalidDicomError

from data.sources.base import MadeArrival, files_of, register
from data.types import System

_KEPT_OF_UNREADABLE = 64 * 1024
# pydicom logs what it finds odd in a file with the values it found.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)


@register("dicom")
class Dicom:
    """One arrival a file: its header as DICOM JSON, or the first bytes of what is no DICOM, so that it can be quarantined."""

    kind: ClassVar[str] = "dicom"

    def __init__(self, name: str, system: System, path: Path) -> None:
        self.name, self.system, self.path = name, system, path

    def read(self, position: str | None = None) -> Iterator[MadeArrival]:
        """Headers in the order of relative names."""
        for path in files_of(self.name, self.path, ()):
            facts = path.stat()
            relative = path.relative_to(self.path).as_posix()
            yield MadeArrival(relative, "dicom", lambda path=path: header_of(path), (facts.st_size, facts.st_mtime_ns))  # type: ignore[misc]


def header_of(path: Path) -> bytes:
    """A file's header re-written without pixel data; what is no DICOM comes as its first bytes."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        out = io.BytesIO()
        dataset.save_as(out, enforce_file_format=True)
        return out.getvalue()
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, KeyError, NotImplementedError, TypeError):
        with path.open("rb") as file:
            return file.read(_KEPT_OF_UNREADABLE)
