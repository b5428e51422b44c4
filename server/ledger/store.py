"""Writes the ledger: entries hang on one another in one order, and are on disk before the caller goes on.

Callers that come together are written together (group commit): the first to get the lock writes for all who wait. Several processes may
write one ledger: each transaction takes the write lock first and reads the tail again. What cannot be written is an error for its
caller, who then must not answer; the next call tries anew.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.exc import SQLAlchemyError

from data.errors import ReadingRoomError
from server.ledger.canonical import canonical_json
from server.ledger.chain import GENESIS, Head, entry_hash, write_head
from server.ledger.keys import Keys

WAIT_SECONDS = 10.0
_HEAD_EVERY_ENTRIES = 256
_HEAD_EVERY_SECONDS = 5.0

ENTRY = Table(
    "entry",
    MetaData(),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("call_id", String(64), nullable=False, index=True),
    Column("at", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
_TAIL = "SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1"


@dataclass
class _Waiting:
    kind: str
    call_id: str
    at: str
    text: str
    sealed: bytes | None
    seq: int = 0
    done: bool = False
    error: ReadingRoomError | None = field(default=None)


def make_engine(url: str, durable: bool = True) -> Engine:
    """SQLAlchemy engine for a ledger; SQLite in WAL mode, waiting for the disk where durable."""
    engine = create_engine(
        url, isolation_level="AUTOCOMMIT", connect_args={"check_same_thread": False} if "sqlite" in url else {}
    )
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _pragmas(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            cursor.execute(f"PRAGMA busy_timeout={int(WAIT_SECONDS * 1000)}")
            cursor.close()

    return engine


def unwritable(error: BaseException) -> ReadingRoomError:
    """The error for a ledger that cannot be written; the database's own words stay out, they may quote the entry."""
    return ReadingRoomError(
        f"The ledger cannot be written ({type(error).__name__}), so nothing is answered.",
        "Check the disk and the permissions of the ledger's file; the next call tries again.",
        code="ledger_unwritable",
    )


class Ledger:
    """Append-only. Safe to share between threads."""

    def __init__(
        self,
        url: str,
        head: Path,
        keys: Keys,
        durable: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = make_engine(url, durable)
        # Compiled once: building the statement anew costs a third of the write. Values go by place in every paramstyle we use.
        marks = ", ".join(["?" if self._engine.dialect.paramstyle == "qmark" else "%s"] * len(ENTRY.columns))
        self._insert = f"INSERT INTO entry ({', '.join(ENTRY.columns.keys())}) VALUES ({marks})"
        self._head_path, self._keys, self._clock = head, keys, clock
        self._waiting: list[_Waiting] = []
        self._list = threading.Lock()
        self._writing = threading.Lock()
        self._connection: Connection | None = None
        self._tail: Head | None = None
        self._headed = (0, 0.0)

    def intent(self, call_id: str, body: dict[str, Any], sealed: bytes | None = None) -> int:
        """Records what is about to be done; gives the entry's place."""
        return self._append("intent", call_id, body, sealed)

    def outcome(self, call_id: str, body: dict[str, Any]) -> int:
        """Records how it ended."""
        return self._append("outcome", call_id, body, None)

    def note(self, body: dict[str, Any]) -> int:
        """Records something that belongs to no call: an alert, a pruning."""
        return self._append("note", "", body, None)

    def check(self) -> None:
        """Raises ReadingRoomError where the ledger cannot be written now."""
        if not self._writing.acquire(timeout=WAIT_SECONDS):
            raise unwritable(TimeoutError())
        try:
            connection = self._open()
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self._engine.dialect.name == "sqlite" else "BEGIN")
            connection.exec_driver_sql("ROLLBACK")
        except (SQLAlchemyError, OSError) as error:
            self._drop()
            raise unwritable(error) from error
        finally:
            self._writing.release()

    def close(self) -> None:
        """Writes the head and lets go of the database."""
        with self._writing:
            if self._tail is not None:
                write_head(self._head_path, self._tail, self._keys.signing)
            self._drop()
            self._engine.dispose()

    def _append(self, kind: str, call_id: str, body: dict[str, Any], sealed: bytes | None) -> int:
        at = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        entry = _Waiting(kind, call_id, at, canonical_json(body).decode("utf-8", "surrogatepass"), sealed)
        with self._list:
            self._waiting.append(entry)
        if not self._writing.acquire(timeout=WAIT_SECONDS):
            raise self._gave_up(entry)
        try:
            if not entry.done:
                self._write_all()
        finally:
            self._writing.release()
        if entry.error is not None:
            raise entry.error
        return entry.seq

    def _gave_up(self, entry: _Waiting) -> ReadingRoomError:
        with self._list:
            if entry in self._waiting:
                self._waiting.remove(entry)
        return unwritable(TimeoutError())

    def _write_all(self) -> None:
        with self._list:
            batch, self._waiting = self._waiting, []
        try:
            self._tail = self._write(batch)
        except (SQLAlchemyError, OSError) as error:
            self._drop()
            for entry in batch:
                entry.error = unwritable(error)
        finally:
            for entry in batch:
                entry.done = True
        self._write_head_when_due()

    def _write(self, batch: list[_Waiting]) -> Head:
        connection = self._open()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if self._engine.dialect.name == "sqlite" else "BEGIN")
        try:
            row = connection.exec_driver_sql(_TAIL).first()
            seq, prev = (int(row[0]), str(row[1])) if row else (0, GENESIS)
            rows = []
            for entry in batch:
                seq += 1
                own = entry_hash(seq, entry.kind, entry.call_id, entry.at, entry.text, entry.sealed, prev)
                rows.append((seq, entry.kind, entry.call_id, entry.at, entry.text, entry.sealed, prev, own))
                entry.seq, prev = seq, own
            connection.exec_driver_sql(self._insert, rows)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        return Head(seq, prev)

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            ENTRY.metadata.create_all(self._connection)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _write_head_when_due(self) -> None:
        seq, at = self._headed
        now = time.monotonic()
        if self._tail is not None and (self._tail.seq - seq >= _HEAD_EVERY_ENTRIES or now - at >= _HEAD_EVERY_SECONDS):
            write_head(self._head_path, self._tail, self._keys.signing)
            self._headed = (self._tail.seq, now)
