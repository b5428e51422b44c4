"""An imaging repository on a medium: the files that a DICOMDIR names (PS3.10, 8; PS3.3, F). Headers only.

A file that is named and missing, or whose name leads out of the medium, comes as an empty arrival, so that it is quarantined and not lost.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pydicom

from data.errors import SourceDown
from data.sources.base import MadeArrival, register
from data.sources.dicom import UNREADABLE, header_of
from data.types import System


@register("dicomdir")
class Dicomdir:
    """One arrival a file that the DICOMDIR names. `path` is the DICOMDIR, or the directory it lies in."""

    kind: ClassVar[str] = "dicomdir"

    def __init__(self, name: str, system: System, path: Path) -> None:
        self.name, self.system, self.path = name, system, path

    def read(self, position: str | None = None) -> Iterator[MadeArrival]:
        """Headers in the order of the names. Raises SourceDown where the index is missing or cannot be read."""
        index = self.path / "DICOMDIR" if self.path.is_dir() else self.path
        root = index.parent.resolve()
        for name in sorted(set(self._names(index))):
            path = (root / name).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                yield MadeArrival(name, "dicom", lambda: b"")
                continue
            facts = path.stat()
            yield MadeArrival(name, "dicom", lambda path=path: header_of(path), (facts.st_size, facts.st_mtime_ns))  # type: ignore[misc]

    def _names(self, index: Path) -> Iterator[str]:
        try:
            records = pydicom.dcmread(index).get("DirectoryRecordSequence") or []
            for record in records:
                if named := record.get("ReferencedFileID"):
                    yield "/".join([named] if isinstance(named, str) else [str(part) for part in named])
        except UNREADABLE as error:
            raise SourceDown(f"Source {self.name}: {index} is no readable DICOMDIR.", "Check `path`.") from error
