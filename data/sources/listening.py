"""Sources that are sent to us: a listener keeps what it receives in a spool, one file a message, and only then says that it has it.

The connector of such a source is a directory over its spool, so that what was received is ingested like any other file, in the order of
arrival. A sender that never hears the acknowledgement sends again: known duplicates are told as such later.
"""

import os
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from data.errors import SourceDown
from data.sources.base import Directory, FileArrival


class Listener(Protocol):
    """A listener at work. `close` ends it; what was acknowledged is on disk."""

    @property
    def address(self) -> tuple[str, int]: ...

    @property
    def received(self) -> int: ...

    @property
    def refused(self) -> int: ...

    def close(self) -> None: ...


@runtime_checkable
class Listens(Protocol):
    """A connector whose source sends to us."""

    def listen(self) -> Listener:
        """Starts to listen in the background. Raises Busy where the port is taken."""


class SpoolDirectory(Directory):
    """What connectors of listening sources share: the spool read as a directory, and a clear word before anything was ever received."""

    kind: ClassVar[str] = ""

    def read(self, position: str | None = None) -> Iterator[FileArrival]:
        """One arrival a message. Raises SourceDown where no listener has ever run."""
        if not self.path.is_dir():
            raise SourceDown(
                f"Source {self.name}: nothing was ever received, there is no spool {self.path}.",
                "Start `readingroom listen` and let the source send.",
            )
        yield from super().read(position)

    def waiting(self) -> list[str]:
        """Names of what lies in the spool."""
        return [one.name for one in self.read()] if self.path.is_dir() else []

    def clear(self, names: Iterable[str]) -> None:
        """Takes away what is kept elsewhere: the spool holds patients' data, too, and grows with every message."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)


class Spool:
    """A directory of received messages, named so that their order is that of arrival. Safe from many threads."""

    def __init__(self, name: str, directory: Path, ending: str) -> None:
        self._directory, self._ending = directory, ending
        self._lock, self._last = threading.Lock(), 0
        self.received = self.refused = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceDown(
                f"Source {name}: {directory} cannot be made: {error.strerror}.", "Check `path`."
            ) from error
        for left in directory.glob(".*"):  # written by a listener that was killed before it acknowledged
            left.unlink()

    def keep(self, content: bytes) -> None:
        """Keeps a message; it is on disk when this returns. OSError where the disk will not have it."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            name = f"{self._last:020d}{self._ending}"
        temporary = self._directory / f".{name}-{secrets.token_hex(4)}"
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._directory / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._sync()
        with self._lock:
            self.received += 1

    def refuse(self) -> None:
        """Counts a message that was not kept."""
        with self._lock:
            self.refused += 1

    def _sync(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
