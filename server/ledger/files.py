"""Where checkpoints go besides the database: the newest into a file beside it, each kept one onto the end of a witness file.

The witness is meant to lie out of the server's reach to change what is written: on another machine's mount, or append-only. What cannot be
written is tried again; whether calls are answered meanwhile is a setting. One thread of its own does it, so that no caller waits.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from data.errors import ReadingRoomError
from server.ledger.notes import Signed, parse, parse_all

log = structlog.get_logger()

EVERY_ENTRIES = 256
_LAST_BYTES = 16_384  # enough for many checkpoints
EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Witness:
    """A file that gets each kept checkpoint. `required`: what it was not told is not answered."""

    path: Path
    required: bool = False


def read_newest(path: Path) -> Signed | None:
    """The checkpoint in the file; None where there is no file. ValueError where it cannot be read."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the checkpoint file {path.name} cannot be read") from error
    except ValueError as error:
        raise ValueError(f"the checkpoint file {path.name} holds no signed checkpoint") from error


def read_notes(path: Path) -> tuple[list[Signed], bool]:
    """All checkpoints of a file in order, and whether some of it is none. ValueError where it cannot be read."""
    try:
        return parse_all(path.read_bytes().decode("utf-8", "replace"))
    except OSError as error:
        raise ValueError(f"the file {path.name} cannot be read") from error


def last_note(path: Path) -> Signed | None:
    """The last checkpoint of a witness file; None where there is none, or it may not be read: a witness may be for writing only."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
            found, _ = parse_all(file.read().decode("utf-8", "replace"))
    except OSError:
        return None
    return found[-1] if found else None


def write_newest(path: Path, signed: Signed) -> None:
    """The file has the checkpoint, whole; never an older one over a newer."""
    with _locked(path.parent):
        try:
            known = read_newest(path)
        except ValueError:
            known = None
        if known is not None and known.checkpoint.size >= signed.checkpoint.size:
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            _write(temporary, signed.note.encode(), os.O_CREAT | os.O_EXCL)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def append(path: Path, signed: Signed) -> None:
    """Adds a checkpoint to the end of the witness file, after an empty line. What was torn there before ends its line first."""
    torn = False
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        torn = file.read() not in (b"", b"\n")
    _write(path, (b"\n\n" if torn else b"\n") + signed.note.encode(), os.O_CREAT | os.O_APPEND)


class Publisher:
    """Brings checkpoints out. `tell` returns at once; a thread, begun with the first, does the rest until `close`."""

    def __init__(self, newest: Path, witness: Witness | None) -> None:
        self._newest, self._witness = newest, witness
        self._changed = threading.Condition()
        self._latest: Signed | None = None
        self._due: float | None = None
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._witnessed = 0
        self._failed = ""
        self._bringing = threading.Lock()

    def tell(self, signed: Signed, kept: bool) -> None:
        """The tree has grown: to be brought out now where the checkpoint is kept, else within EVERY_SECONDS."""
        with self._changed:
            self._latest = signed
            if self._due is None or kept:
                self._due = time.monotonic() + (0 if kept else EVERY_SECONDS)
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ledger-checkpoints", daemon=True)
                self._thread.start()

    def require(self) -> None:
        """Raises ReadingRoomError where a witness is required and cannot be told."""
        if self._witness is None or not self._witness.required:
            return
        if self._failed and self._latest is not None:
            self._bring_out(self._latest)
        elif self._thread is None:
            self._try("witness", lambda path: _write(path, b"", os.O_CREAT | os.O_APPEND), self._witness.path)
        if self._failed:
            raise ReadingRoomError(
                f"The ledger's witness file cannot be written ({self._failed}), so nothing is answered.",
                "Check the disk and the permissions of `ledger.witness`; the next call tries again.",
                code="ledger_unwritable",
            )

    def close(self) -> None:
        """Brings the last checkpoint out and ends the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        if self._latest is not None:
            self._bring_out(self._latest)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and (self._due is None or self._due > time.monotonic()):
                    self._changed.wait(None if self._due is None else self._due - time.monotonic())
                if self._stopped:
                    return
                latest, self._due = self._latest, None
            if latest is not None and not self._bring_out(latest):
                with self._changed:
                    self._due = self._due or time.monotonic() + EVERY_SECONDS

    def _bring_out(self, signed: Signed) -> bool:
        with self._bringing:
            done = self._try("checkpoint", lambda path: write_newest(path, signed), self._newest)
            if self._witness is not None and signed.checkpoint.size > self._witnessed:
                told = self._try("witness", lambda path: append(path, signed), self._witness.path)
                self._witnessed = signed.checkpoint.size if told else self._witnessed
                done = done and told
            return done

    def _try(self, what: str, write: Callable[[Path], None], path: Path) -> bool:
        try:
            write(path)
        except OSError as error:
            if what == "witness":
                self._failed = type(error).__name__
            log.warning("ledger.unwritable", file=what, error=type(error).__name__)
            return False
        if what == "witness":
            self._failed = ""
        return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time writes checkpoints in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | how, 0o644)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, "not all of it was written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
