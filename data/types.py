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


Holds = Literal["no", "maybe", "yes"]


class Redactor(Protocol):
    """Takes identities out of texts, in three steps. Each is given a list and gives one as long, in the same order.

    Only the search is dear, and it rests on the text and `finding` alone, so what it found is kept from one publish to the next. Whose
    record a text stands in decides what is written for an identity, and by how many days dates move, so that comes last. The same input
    gives the same output on any machine, in any order and batch.

    Marks say where identifiers stand in a text: a JSON list of [start, stop, kind, ...], "" for none. Publishing keeps them and counts
    their kinds; only the redactor knows what else is in them. They hold places and kinds, never a word of the text.
    """

    version: str
    """Of all that decides what comes out, whom the build knows included. It is part of the snapshot's id."""

    finding: str
    """Version of the search alone. Marks found under another one are not used again."""

    def search(self, texts: list[str]) -> list[str]:
        """Dear: the marks of each text, as far as they rest on the text and `finding` alone."""

    def complete(self, texts: list[str], marks: list[str]) -> list[str]:
        """Cheap: the marks of `search` joined with what this build knows of persons.

        "" where the text may stay as it is, for everyone: it is never given to `write`. "[]" where nothing is marked, yet it may have to be
        written for somebody, since it could hold what tells only that person.
        """

    def write(
        self,
        texts: list[str],
        marks: list[str],
        persons: list[int | None],
        shifts: list[int | None],
        keep_dates: bool,
    ) -> list[str]:
        """The texts rewritten by the marks of `complete`, each for the record of a person (person_id of the build; None: nobody's).

        Dates move by that many days; None, or a date that cannot be read, becomes [DATE]. `keep_dates`: they stay (limited data set).
        """

    def withholds(self, values: list[str]) -> list[Holds]:
        """Cheap: of each value of a column of codes and labels whether it holds an identity.

        "yes": it is withheld from all releases without identities. "maybe": it is where few persons have it, since what many share is a
        code, a ward or an insurer. Rests on no other value of the list.
        """
