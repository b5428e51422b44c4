"""Types the floors agree on. This file imports nothing of the project's, so every floor may import it.

Each type is frozen; each Protocol is followed by the promise an implementer makes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, Protocol

import pyarrow as pa

System = Literal["ehr", "laboratory", "imaging", "research", "operations"]
SYSTEMS: tuple[System, ...] = ("ehr", "laboratory", "imaging", "research", "operations")


class Progress(Protocol):
    """Told how far a long task is; draws, logs or ignores it. Never raises."""

    def __call__(self, task: str, done: int, total: int | None) -> None: ...


def no_progress(task: str, done: int, total: int | None) -> None:
    """The `Progress` that shows nothing."""


# --- sources -------------------------------------------------------------------------------------------------------


class Arrival(Protocol):
    """One thing a source handed over, unopened. `open` gives the bytes as received, as often as it is called.

    Two attributes are optional. `stamp` (size, modification time) lets an unchanged file be passed over unread. `position`
    is where the source stands once this arrival is kept: it is logged with the arrival and handed to the next `read`.
    """

    @property
    def name(self) -> str: ...

    @property
    def media(self) -> str: ...

    def open(self) -> BinaryIO: ...


class Connector(Protocol):
    """Reads one source system. It never interprets: it yields arrivals in a stable order and raises `SourceDown`.

    `read` is given the last `position` that was kept of this source (None at first), so that it can go on from there.
    """

    kind: ClassVar[str]
    system: System
    name: str

    def read(self, position: str | None = None) -> Iterator[Arrival]: ...


@dataclass(frozen=True)
class Stored:
    """An arrival in the raw store: `seq` is its place in the order of arrival, `digest` the SHA-256 of its bytes."""

    seq: int
    source: str
    system: System
    kind: str
    name: str
    media: str
    digest: str
    size: int
    path: Path


# --- questions and answers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """Bounds of one query: wall seconds, rows and bytes handed back, memory of the worker in MiB, threads."""

    seconds: float = 30.0
    rows: int = 1000
    bytes: int = 4_000_000
    memory_mb: int = 2048
    threads: int = 2


@dataclass(frozen=True)
class Rows:
    """What an engine gave back: an Arrow table of at most `Limits.rows` rows, and whether more were there."""

    table: pa.Table
    truncated: bool
    seconds: float


class Engine(Protocol):
    """Runs judged SQL on one release's serving file, inside `Limits`, in a place that can open nothing else.

    Raises `OutOfBounds` when a bound is met or the worker is lost, `BadRequest` when the SQL fails while running.
    The message never carries a value from the data.
    """

    def run(self, serving: Path, sql: str, params: Mapping[str, object], limits: Limits) -> Rows: ...

    def close(self) -> None: ...


# --- snapshots ----------------------------------------------------------------------------------------------------


class Release(Protocol):
    """A view of the snapshot fit for some purpose. `select` is SQL over schemas `cdm` and `vault` of the build."""

    @property
    def name(self) -> str: ...

    @property
    def ground(self) -> str: ...

    def columns(self, table: str) -> tuple[str, ...]:
        """Columns of the table that this release holds; empty where the whole table is left out."""

    def select(self, table: str) -> str:
        """SQL whose rows are the release's rows of the table, columns as `columns` says, in that order."""


class Redactor(Protocol):
    """Takes text, gives text without identities; same text, same result. `version` goes into the manifest."""

    version: str

    def __call__(self, texts: list[str]) -> list[str]: ...
