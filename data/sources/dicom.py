"""An imaging repository as a directory of DICOM files. Headers only: pixel data is never read into the raw store."""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from data.sources.base import MadeArrival, files_of, register
from data.types import System

_KEPT_OFUNREADABLE = 64 * 1024
UNREADABLE = (
    InvalidDicomError, OSError, EOFError, ValueError, AttributeError, KeyError, NotImplementedError, TypeError, zlib.error,
    struct.error,
)  # fmt: skip
# pydicom logs what it finds odd in a file with the values it found.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE  # it would warn with the values, too


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
    """A file's bytes up to its pixel data, as they are; what is no DICOM comes as its first bytes.

    A deflated file has no such place in its bytes: its header is written anew.
    """
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning would tell what it found
        try:
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"])
            end = file.tell()
            if dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
                file.seek(0)
                return _rewritten(pydicom.dcmread(file, stop_before_pixels=True))
            file.seek(0)
            return file.read(end)
        except UNREADABLE:
            file.seek(0)
            return file.read(_KEPT_OFUNREADABLE)


def _rewritten(dataset: pydicom.Dataset) -> bytes:
    out = io.BytesIO()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
