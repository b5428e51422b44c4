"""Files that must be whole or absent: the lock, the atomic write, the sweep of what a killed run left.

Nothing here knows what a snapshot holds. The publisher and the reader of snapshots call it.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import Busy

BUILDING = ".building-"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file, or raise `Busy`. The kernel lets go when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"Another process is publishing (lock file {path}{_holder(handle)}).", "Wait until it has ended."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    pid = os.pread(handle, 20, 0).strip()
    return f", held by process {int(pid)}" if pid.isdigit() else ""


def sweep(snapshots: Path) -> int:
    """Remove what killed runs left; only to be called under the lock. Gives how many were removed."""
    left = sorted(snapshots.glob(f"{BUILDING}*")) if snapshots.is_dir() else []
    for path in left:
        shutil.rmtree(path)
    return len(left)


def write_atomic(path: Path, text: str) -> None:
    """The file has the old text or the new, never less, even after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync(path.parent)


def fsync(path: Path) -> None:
    """Make a file or directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(top: Path) -> None:
    """Make all files and directories below `top` durable, itself last."""
    for path in sorted(top.rglob("*"), reverse=True):
        fsync(path)
    fsync(top)
