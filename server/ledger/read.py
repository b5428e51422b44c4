"""Reads the ledger: entries, and calls by who asked, session, snapshot, time and how they ended. Never writes; needs no key.

Everything is asked by index and in pages, so that a ledger of a million entries is read where it matters. What stands in the columns calls
are looked up by is part of what each leaf binds; whether all of it holds is for `verify` to say.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from data.errors import Damaged
from server.ledger.entry import Entry
from server.ledger.notes import Signed, parse
from server.ledger.schema import FIELDS, RARE, has_table, make_engine, placed, reading_engine, require_form

_AT_ONCE = 500


@dataclass(frozen=True)
class RecordedCall:
    """A call as recorded: its intent and, unless the server stopped before, its outcome."""

    call_id: str
    intent: Entry
    outcome: Entry | None


@dataclass(frozen=True)
class Wanted:
    """Which calls: all that fit every field given. `status` is the outcome's, or `open` for calls without one.

    `since` and `until` bound the time of the intent, the second not included. `persons`: only calls that keep a sealed list of persons shown.
    """

    session: str | None = None
    subject: str | None = None
    snapshot: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    persons: bool = False

    @property
    def by_outcome(self) -> bool:
        """Whether the outcomes lead to the calls: where few of them fit and nothing names few intents."""
        rare = self.status != "open" and (self.persons or self.status is not None)
        return rare and self.session is None and self.subject is None


@dataclass(frozen=True)
class Page:
    """Some calls in order, and where to go on: None after the last."""

    calls: tuple[RecordedCall, ...]
    next: int | None


class Reader:
    """A ledger opened for reading; safe to share between threads. Raises Damaged where it cannot be read."""

    def __init__(self, url: str) -> None:
        self._engine = _opened(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the database."""
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def connection(self) -> Iterator[Connection | None]:
        """A connection to read from; None where the ledger was never written."""
        if self._engine is None:
            yield None
            return
        try:
            with self._engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, UnicodeDecodeError) as error:
            raise _unreadable(error) from error

    def entries(self, after: int = 0, kind: str | None = None) -> Iterator[Entry]:
        """Entries in order, from the one after `after` on; of one kind where it is named."""
        where, values = ("seq > ?", ()) if kind is None else ("seq > ? AND kind = ?", (kind,))
        where += f" AND {RARE}" if kind not in (None, "intent", "outcome") else ""
        while True:
            found = self._entries(where, (after, *values))
            yield from found
            if len(found) < _AT_ONCE:
                return
            after = found[-1].seq

    def size(self) -> int:
        """How many entries there are, as the head says."""
        return int(self._one("SELECT size FROM head WHERE id = 1", ()) or 0)

    def newest(self) -> Signed | None:
        """The newest signed checkpoint; None where nothing was signed yet. Raises Damaged where it is none."""
        note = self._one("SELECT note FROM head WHERE id = 1", ())
        try:
            return parse(str(note)) if note else None
        except ValueError as error:
            raise Damaged("The ledger's signed head is not readable.", "Run `readingroom audit verify`.") from error

    def call(self, call_id: str) -> RecordedCall | None:
        """The call of that id."""
        found = self._entries("call_id = ? AND kind = 'intent'", (call_id,))
        return self._with_outcomes(found)[0] if found else None

    def calls(self, wanted: Wanted = Wanted(), newest_first: bool = False) -> Iterator[RecordedCall]:
        """All calls that fit, in the order of `page`."""
        cursor: int | None = None
        while True:
            page = self.page(wanted, _AT_ONCE, cursor, newest_first)
            yield from page.calls
            if page.next is None:
                return
            cursor = page.next

    def page(
        self, wanted: Wanted, limit: int = 50, cursor: int | None = None, newest_first: bool = True
    ) -> Page:  # fmt: skip
        """The next calls that fit, in the order they began (where only status or persons are asked for: ended), after the cursor."""
        sql, values = _search(wanted, cursor, newest_first)
        rows = self._rows(f"{sql} LIMIT ?", (*values, limit + 1))
        leading = [int(row[0]) for row in rows[:limit]]
        calls = [row[1] for row in rows[:limit]]
        where = f"call_id IN ({', '.join('?' * len(calls))}) AND kind = 'intent'"
        intents = {one.call_id: one for one in self._entries(where, tuple(calls))} if calls else {}
        found = self._with_outcomes([intents[call] for call in calls if call in intents])
        return Page(tuple(found), leading[-1] if len(rows) > limit else None)

    def open_calls(self) -> list[str]:
        """Ids of calls without an outcome: they run now, or the server stopped before they ended."""
        sql = (
            "SELECT call_id FROM entry WHERE kind IN ('intent', 'outcome') GROUP BY call_id HAVING max(kind) = 'intent'"
        )
        return [str(row[0]) for row in self._rows(sql, ())]

    def checkpoints(self, limit: int = 2**31) -> list[Signed]:
        """Kept checkpoints, newest first. Those that cannot be read are for `verify` to name."""
        found = []
        for (note,) in self._rows("SELECT note FROM checkpoint ORDER BY size DESC LIMIT ?", (limit,)):
            try:
                found.append(parse(note))
            except ValueError:
                continue
        return found

    def _with_outcomes(self, intents: list[Entry]) -> list[RecordedCall]:
        if not intents:
            return []
        where = f"call_id IN ({', '.join('?' * len(intents))}) AND kind = 'outcome'"
        outcomes = {one.call_id: one for one in self._entries(where, tuple(one.call_id for one in intents))}
        return [RecordedCall(one.call_id, one, outcomes.get(one.call_id)) for one in intents]

    def _entries(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        sql = f"SELECT {FIELDS} FROM entry WHERE {where} ORDER BY seq LIMIT {_AT_ONCE}"
        return [_entry(row) for row in self._rows(sql, values)]

    def _one(self, sql: str, values: tuple[Any, ...]) -> Any:
        rows = self._rows(sql, values)
        return rows[0][0] if rows else None

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        with self.connection() as connection:
            if connection is None:
                return []
            return list(connection.exec_driver_sql(placed(connection, sql), values))


def entries(url: str) -> Iterator[Entry]:
    """All entries in order; none where the ledger was never written. Raises Damaged where it cannot be read."""
    with Reader(url) as reader:
        yield from reader.entries()


def calls(url: str, session: str | None = None, wanted: Wanted | None = None) -> Iterator[RecordedCall]:
    """Recorded calls in the order of their intents; only those of a session where one is named, or those that fit `wanted`."""
    with Reader(url) as reader:
        yield from reader.calls(wanted or Wanted(session=session))


def _search(wanted: Wanted, cursor: int | None, newest_first: bool) -> tuple[str, tuple[Any, ...]]:
    """SQL for (seq that leads, call) of the calls that fit, in order, without its LIMIT; and its values."""
    terms: list[tuple[str, tuple[Any, ...]]] = [
        (f"i.{name} = ?", (value,))
        for name in ("session", "subject", "snapshot")
        if (value := getattr(wanted, name)) is not None
    ]
    terms += [("i.at >= ?", (told(wanted.since),))] if wanted.since is not None else []
    terms += [("i.at < ?", (told(wanted.until),))] if wanted.until is not None else []
    ended: list[tuple[str, tuple[Any, ...]]] = []
    if wanted.status not in (None, "open"):
        ended.append(("o.status = ?", (wanted.status,)))
    if wanted.persons:
        ended.append(("o.sealed IS NOT NULL", ()))
    lead = "o" if wanted.by_outcome else "i"
    if wanted.by_outcome:
        terms = [("o.kind = 'outcome'", ()), *ended, *([_exists("i", "intent", terms)] if terms else [])]
    else:
        terms = [("i.kind = 'intent'", ()), *terms, *([_exists("o", "outcome", ended)] if ended else [])]
    if wanted.status == "open":
        sql, values = _exists("o", "outcome", [])
        terms.append((f"NOT {sql}", values))
    if cursor is not None:
        terms.append((f"{lead}.seq {'<' if newest_first else '>'} ?", (cursor,)))
    where = " AND ".join(sql for sql, _ in terms)
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT {lead}.seq, {lead}.call_id FROM entry {lead} WHERE {where} ORDER BY {lead}.seq {order}"
    return sql, tuple(value for _, values in terms for value in values)


def _exists(name: str, kind: str, terms: list[tuple[str, tuple[Any, ...]]]) -> tuple[str, tuple[Any, ...]]:
    other = "i" if name == "o" else "o"
    pair = [f"{name}.call_id = {other}.call_id", f"{name}.kind = '{kind}'", *(sql for sql, _ in terms)]
    return f"EXISTS (SELECT 1 FROM entry {name} WHERE {' AND '.join(pair)})", tuple(v for _, vs in terms for v in vs)


def told(at: datetime) -> str:
    """A time as entries carry it. One without a zone is taken as UTC."""
    zoned = at.astimezone(UTC) if at.tzinfo is not None else at
    return zoned.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _entry(row: Any) -> Entry:
    seq, at, kind, call_id, session, snapshot, status, subject, text, sealed, prev, own = row
    shut, linear = bytes(sealed) if sealed is not None else None, (prev, own) if own is not None else None
    return Entry(seq, at, kind, call_id, session, snapshot, status, subject, text, shut, linear)


def _opened(url: str) -> Engine | None:
    """An engine that reads the ledger in this version's form; None where nothing was written yet."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return None
    engine = reading_engine(url)
    try:
        with engine.connect() as connection:
            if require_form(connection, may_write=False):
                return engine
            there = has_table(connection, "entry")
        if there:
            _bring_forward(url)
            return engine
    except SQLAlchemyError as error:
        engine.dispose()
        raise _unreadable(error) from error
    engine.dispose()
    return None


def _bring_forward(url: str) -> None:
    writing = make_engine(url)
    try:
        with writing.connect() as connection:
            require_form(connection, may_write=True)
    finally:
        writing.dispose()


def _unreadable(error: Exception) -> Damaged:
    return Damaged(f"The ledger cannot be read ({type(error).__name__}).", "Restore it from a copy.")
