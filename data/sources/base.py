"""Connectors by kind. A connector is one file in this folder: it registers itself here, through the door that any other would use.

A connector reads one source system and interprets nothing: it yields what lies there, in a stable order, as bytes.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from data.errors import BadRequest, SourceDown
from data.types import Connector, System

_KINDS: dict[str, Callable[..., Connector]] = {}
_LATER: dict[str, str] = {}
_C = TypeVar("_C", bound=Callable[..., Any])


def register(kind: str) -> Callable[[_C], _C]:
    """Makes a connector class known under a kind."""

    def registered(make: _C) -> _C:
        _KINDS[kind] = make
        return make

    return registered


def later(kind: str, module: str) -> None:
    """Makes a kind known whose module is imported only when a source of that kind is named."""
    _LATER[kind] = module


def kinds() -> list[str]:
    """Known kinds, sorted."""
    return sorted(_KINDS.keys() | _LATER.keys())


def connector(kind: str, name: str, system: System, **options: Any) -> Connector:
    """A connector of that kind. Raises BadRequest where there is none, or an option is missing."""
    if kind not in _KINDS and kind in _LATER:
        import_module(_LATER[kind])
    if kind not in _KINDS:
        raise BadRequest(f"Source {name} has kind '{kind}', which is not known.", f"Known are: {', '.join(kinds())}.")
    try:
        return _KINDS[kind](name, system, **options)
    except TypeError as error:
        raise BadRequest(
            f"Source {name} of kind '{kind}' is not fully described.",
            "Set its path, or its url, and see the options of its kind in docs/reference/room.md.",
        ) from error


@dataclass(frozen=True)
class FileArrival:
    """A file as it lies there. `stamp` (size, modification time) lets an unchanged file be passed over unread."""

    name: str
    media: str
    path: Path

    @property
    def stamp(self) -> tuple[int, int]:
        """Size in bytes and modification time in nanoseconds."""
        facts = self.path.stat()
        return facts.st_size, facts.st_mtime_ns

    def open(self) -> BinaryIO:
        """The file's bytes. Raises SourceDown where it cannot be read."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise SourceDown(f"{self.path} cannot be read: {error.strerror}.", "Check its permissions.") from error


@dataclass(frozen=True)
class MadeArrival:
    """Bytes made by a connector from what it read (a header without pixels, rows of a table); large ones as an open file."""

    name: str
    media: str
    make: Callable[[], bytes | BinaryIO]
    stamp: tuple[int, int] | None = None
    position: str | None = None

    def open(self) -> BinaryIO:
        """The bytes."""
        made = self.make()
        return io.BytesIO(made) if isinstance(made, bytes) else made


class Directory:
    """What connectors of directories share: files in the order of their relative names, those of some endings."""

    endings: tuple[str, ...] = ()
    media = ""

    def __init__(self, name: str, system: System, path: Path) -> None:
        self.name, self.system, self.path = name, system, path

    def read(self, position: str | None = None) -> Iterator[FileArrival]:
        """One arrival a file. Raises SourceDown where the directory is missing."""
        for path in files_of(self.name, self.path, self.endings):
            yield FileArrival(path.relative_to(self.path).as_posix(), self.media, path)


def files_of(name: str, directory: Path, endings: tuple[str, ...]) -> list[Path]:
    """Files below a directory with one of the endings (any, for none), sorted by relative name."""
    if not directory.is_dir():
        raise SourceDown(f"Source {name}: there is no directory {directory}.", "Check `path` in readingroom.yaml.")
    try:
        found = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    except OSError as error:
        raise SourceDown(
            f"Source {name}: {directory} cannot be listed: {error.strerror}.", "Check its permissions."
        ) from error
    wanted = [path for path in found if not endings or path.name.lower().endswith(endings)]
    return sorted(wanted, key=lambda path: path.relative_to(directory).as_posix())
