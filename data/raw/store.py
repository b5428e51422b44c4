"""Keeps what arrived, as it arrived: content-addressed blobs and a log of arrivals. Nothing in it is ever changed.

The same bytes under the same name add nothing. Bytes are on disk before their arrival is logged, many arrivals to one sync.
A kill at any point leaves what was logged whole; the next run goes on from there.
"""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

from data.errors import Busy, Damaged, ReadingRoomError
from data.types import Arrival, Connector, Progress, Stored, no_progress

_COPY = 1 << 20
_BATCH = 2000

_BATCH_BYTES = 256 << 20
_MESSAGES = frozenset({"hl7v2", "x12"})  # what comes under a name again is said in addition
_METADATA = MetaData()

ARRIVAL = Table(
    "arrival",
    _METADATA,
    Column("seq", Integer, primary_key=True),
    Column("source", String, nullable=False, index=True),
    Column("system", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("media", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("stamp_size", BigInteger),
    Column("stamp_time", BigInteger),
    Column("arrived_at", String),
    Column("position", String),
)

# One row an attempt to read a source: when, what came of it, and the error's code where it failed.
READING = Table(
    "reading",
    _METADATA,
    Column("seq", Integer, primary_key=True),
    Column("source", String, nullable=False, index=True),
    Column("started_at", String, nullable=False),
    Column("ended_at", String, nullable=False),
    Column("new", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("problem", String),
)


@dataclass(frozen=True)
class Count:
    """What an ingest did: arrivals that were new, arrivals known already, bytes read."""

    new: int = 0
    unchanged: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Standing:
    """How a source stands: arrivals kept, when the last one came, when it was last read whole, what failed since."""

    source: str
    arrivals: int
    bytes: int
    last_arrival: str | None
    last_read: str | None
    problem: str | None


class RawStore:
    """See the module. One ingest at a time; reading is free."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{root / 'arrivals.db'}")
        _METADATA.create_all(self._engine)
        self._add_columns()

    def _add_columns(self) -> None:
        """Columns that a store written by an earlier version lacks."""
        have = {column["name"] for column in inspect(self._engine).get_columns("arrival")}
        with self._engine.begin() as connection:
            for name in {"arrived_at", "position"} - have:
                connection.execute(text(f"ALTER TABLE arrival ADD COLUMN {name} VARCHAR"))

    def path(self, digest: str) -> Path:
        """Where the blob of that digest lies."""
        return self._blobs / digest[:2] / digest

    def arrivals(self, source: str | None = None) -> list[Stored]:
        """Everything that arrived, in order; only of one source where it is named."""
        query = select(ARRIVAL).order_by(ARRIVAL.c.seq)
        if source is not None:
            query = query.where(ARRIVAL.c.source == source)
        with self._engine.connect() as connection:
            rows = connection.execute(query)
            return [
                Stored(
                    row.seq,
                    row.source,
                    row.system,
                    row.kind,
                    row.name,
                    row.media,
                    row.digest,
                    row.size,
                    self.path(row.digest),
                )
                for row in rows
            ]

    def current(self, sources: set[str] | None = None) -> list[Stored]:
        """What a normaliser reads: of files that are replaced as a whole only the latest; of messages and images, all."""
        kept: dict[tuple[str, str, int], Stored] = {}
        for stored in self.arrivals():
            if sources is not None and stored.source not in sources:
                continue
            each = stored.seq if stored.media in _MESSAGES else 0
            kept[(stored.source, stored.name, each)] = stored
        return sorted(kept.values(), key=lambda stored: (stored.source, stored.name, stored.seq))

    def ingest(self, connector: Connector, progress: Progress = no_progress) -> Count:
        """Stores what a connector yields. Raises Busy while another ingest runs, SourceDown as the connector does."""
        started, count, problem = _now(), Count(), None
        with self._locked(), _readable_errors(self.root), self._engine.connect() as connection:
            pending: list[dict[str, Any]] = []
            try:
                for count in self._read(connection, connector, pending):
                    if (count.new + count.unchanged) % 50 == 0:
                        progress(f"reading {connector.name}", count.new + count.unchanged, None)
            except ReadingRoomError as error:
                problem = error.code
                raise
            finally:  # what came before a source died, or before an interrupt, is kept
                self._log(connection, pending)
                reading = {"started_at": started, "ended_at": _now(), "problem": problem, **vars(count)}
                connection.execute(READING.insert(), [{"source": connector.name, **reading}])
                connection.commit()
        progress(f"reading {connector.name}", count.new + count.unchanged, count.new + count.unchanged)
        return count

    def _read(self, connection: Connection, connector: Connector, pending: list[dict[str, Any]]) -> Iterator[Count]:
        """Stores arrival after arrival, logging them in batches; gives the count so far after each."""
        known = self._known(connection, connector.name)
        new = unchanged = read = waiting = 0
        for arrival in connector.read(self._position(connection, connector.name)):
            row = self._stored(connector, arrival, known.get(arrival.name))
            if row is None:
                unchanged += 1
            else:
                new, read, waiting = new + 1, read + row["size"], waiting + row["size"]
                pending.append(row)
            if len(pending) >= _BATCH or waiting >= _BATCH_BYTES:
                self._log(connection, pending)
                waiting = 0
            yield Count(new, unchanged, read)

    def holds(self, source: str, names: Sequence[str]) -> set[str]:
        """Which of these arrivals of a source are kept, their bytes on disk."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(names), _BATCH):
                part = names[start : start + _BATCH]
                query = select(ARRIVAL.c.name, ARRIVAL.c.digest).where(
                    ARRIVAL.c.source == source, ARRIVAL.c.name.in_(part)
                )
                found |= {row.name for row in connection.execute(query) if self.path(row.digest).is_file()}
        return found

    def arrived_at(self, seq: int) -> str:
        """When that arrival was logged, in UTC."""
        with self._engine.connect() as connection:
            told = connection.execute(select(ARRIVAL.c.arrived_at).where(ARRIVAL.c.seq == seq)).scalar()
        return str(told or "?")

    def last_day(self, stored: Sequence[Stored]) -> date:
        """The day on which the last of these arrived; today for those of a store that did not say."""
        query = select(func.max(ARRIVAL.c.arrived_at)).where(ARRIVAL.c.source.in_({one.source for one in stored}))
        with self._engine.connect() as connection:
            last = connection.execute(query).scalar()
        return datetime.fromisoformat(last).date() if last else datetime.now(UTC).date()

    def standing(self, source: str) -> Standing:
        """How the source stands."""
        with self._engine.connect() as connection:
            mine = ARRIVAL.c.source == source
            sums = select(func.count(), func.coalesce(func.sum(ARRIVAL.c.size), 0), func.max(ARRIVAL.c.arrived_at))
            arrivals, size, last = connection.execute(sums.where(mine)).one()
            whole = select(func.max(READING.c.ended_at)).where(READING.c.source == source, READING.c.problem.is_(None))
            latest = select(READING.c.problem).where(READING.c.source == source).order_by(READING.c.seq.desc()).limit(1)
            return Standing(
                source, arrivals, size, last, connection.execute(whole).scalar(), connection.execute(latest).scalar()
            )

    def _position(self, connection: Connection, source: str) -> str | None:
        query = select(ARRIVAL.c.position).where(ARRIVAL.c.source == source, ARRIVAL.c.position.is_not(None))
        found: str | None = connection.execute(query.order_by(ARRIVAL.c.seq.desc()).limit(1)).scalar()
        return found

    def _known(self, connection: Connection, source: str) -> dict[str, Any]:
        latest = select(func.max(ARRIVAL.c.seq)).where(ARRIVAL.c.source == source).group_by(ARRIVAL.c.name)
        rows = connection.execute(select(ARRIVAL).where(ARRIVAL.c.seq.in_(latest)))
        return {row.name: row for row in rows}

    def _stored(self, connector: Connector, arrival: Arrival, last: Any) -> dict[str, Any] | None:
        """Stores the bytes of an arrival; its log row, or None where it is known already."""
        stamp = getattr(arrival, "stamp", None)
        if (
            last is not None
            and stamp is not None
            and stamp == (last.stamp_size, last.stamp_time)
            and self.path(last.digest).exists()
        ):
            return None
        digest, size = self._keep(arrival)
        if last is not None and last.digest == digest:
            return None
        return {
            "source": connector.name, "system": connector.system, "kind": connector.kind, "name": arrival.name,
            "media": arrival.media, "digest": digest, "size": size,
            "stamp_size": stamp[0] if stamp else None, "stamp_time": stamp[1] if stamp else None,
            "arrived_at": _now(), "position": getattr(arrival, "position", None),
        }  # fmt: skip

    def _keep(self, arrival: Arrival) -> tuple[str, int]:
        """Copies the bytes into the blobs under their digest; gives digest and size."""
        temporary = self._blobs / f".{os.getpid()}-{secrets.token_hex(6)}"
        hasher, size = hashlib.sha256(), 0
        try:
            with arrival.open() as source, temporary.open("wb") as target:
                while part := source.read(_COPY):
                    hasher.update(part)
                    target.write(part)
                    size += len(part)
            digest = hasher.hexdigest()
            place = self.path(digest)
            place.parent.mkdir(exist_ok=True)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        return digest, size

    def _log(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        """Logs arrivals in one transaction, after their bytes are on disk."""
        if rows:
            if len(rows) > 20:
                os.sync()  # one for all is cheaper than one each
            else:
                self._sync(rows)
            connection.execute(ARRIVAL.insert(), rows)
            connection.commit()
            rows.clear()

    def _sync(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            with self.path(row["digest"]).open("rb") as file:
                os.fsync(file.fileno())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.root / "ingest.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Busy(f"Another ingest holds {self.root / 'ingest.lock'}.", "Wait for it to end.") from error
            yield


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _readable_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ReadingRoomError(
                f"The disk of {root} is full.", "Free space and start again: what is stored stays."
            ) from error
        raise ReadingRoomError(f"The raw store {root} cannot be used: {error.strerror}.", "Check the disk.") from error
    except SQLAlchemyError as error:
        raise Damaged(
            f"The arrival log in {root} cannot be used ({type(error).__name__}).", "Check the disk."
        ) from error
