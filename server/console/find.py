"""Finds calls and sessions by what pages filter by. What has an index is asked by it; the rest is looked for in the entries' text, newest
first, for a bounded time, and the page then says that it did not look at all and offers to go on. Values are bound, never written into SQL.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from server.ledger import Reader, RecordedCall, Wanted
from server.ledger.canonical import canonical_json
from server.ledger.read import told
from server.ledger.schema import placed

_COLUMN = re.compile(r"\{e\.(\w+)\}")
_UNINDEXED = r"coalesce(p.\1, '')"  # the other entry is found by its call; no other index is to lead to it
_SKEW = timedelta(
    minutes=5
)  # entries stand in the order they were written, which clocks of two servers may differ from
WINDOW = 20_000  # entries looked through in one question
MOMENT = 0.1  # seconds a page looks before it shows what it has
LONGER = 2.0  # and when asked to go on


@dataclass(frozen=True)
class Filters:
    """What is asked for. Role, tool and rule have no index; `text` is the beginning of a call's id, a session or a subject."""

    wanted: Wanted = field(default_factory=Wanted)
    role: str = ""
    tool: str = ""
    rule: str = ""
    text: str = ""

    @property
    def by_index(self) -> bool:
        """Whether indexes answer it alone. Calls without outcome are in none."""
        return not (self.role or self.tool or self.rule or self.text or self.wanted.status == "open")


@dataclass(frozen=True)
class Found:
    """Calls, newest first. `next` is where to go on; `unfinished`: time ran out before enough were found."""

    calls: tuple[RecordedCall, ...]
    next: int | None
    unfinished: bool = False


def find(reader: Reader, filters: Filters, limit: int, cursor: int | None, seconds: float = MOMENT) -> Found:
    """The next calls that fit, after the cursor."""
    filters = _resolved(reader, filters)
    if filters.by_index:
        page = reader.page(filters.wanted, limit, cursor)
        return Found(page.calls, page.next)
    if cursor is None and (named := _named(reader, filters.text, limit)):
        fitting = replace(filters, text="")
        return Found(tuple(call for call in named if fits(call, fitting)), None)
    kind, sql, values = _terms(filters)
    calls: list[RecordedCall] = []
    walk = Windows(reader, kind, sql, values, cursor, seconds)
    walk.within(filters.wanted.since, filters.wanted.until)
    for seq, call_id in walk:
        call = reader.call(call_id)
        if call is not None and fits(call, filters):
            calls.append(call)
            if len(calls) == limit:
                return Found(tuple(calls), seq)
    return Found(tuple(calls), walk.reached, walk.reached is not None)


def fits(call: RecordedCall, filters: Filters) -> bool:
    """Whether a call is one that was asked for."""
    wanted, body = filters.wanted, call.intent.body
    ended = call.outcome.body if call.outcome is not None else {}
    pairs = (
        (wanted.session, body.get("session")),
        (wanted.subject, body.get("subject")),
        (wanted.snapshot, body.get("snapshot")),
        (wanted.status, ended.get("status", "open")),
        (filters.role or None, body.get("role")),
        (filters.tool or None, body.get("tool")),
        (filters.rule or None, ended.get("rule")),
    )
    at = call.intent.at
    in_time = (wanted.since is None or at >= told(wanted.since)) and (wanted.until is None or at < told(wanted.until))
    names = (call.call_id, str(body.get("session", "")), str(body.get("subject", "")))
    named = not filters.text or any(name.startswith(filters.text) for name in names)
    return in_time and named and all(asked is None or asked == is_ for asked, is_ in pairs)


def _named(reader: Reader, text: str, most: int) -> list[RecordedCall]:
    """The calls whose ids are the text or, where it could be of an id, begin with it."""
    exact = reader.call(text) if text else None
    if exact is not None or not re.fullmatch(r"[0-9a-f]{6,32}", text):
        return [exact] if exact is not None else []
    with reader.connection() as connection:
        if connection is None:
            return []
        sql = (
            "SELECT call_id FROM entry WHERE call_id >= ? AND call_id < ? AND kind = 'intent' ORDER BY call_id LIMIT ?"
        )
        rows = connection.exec_driver_sql(placed(connection, sql), (text, f"{text}g", most)).fetchall()
    return [call for (call_id,) in rows if (call := reader.call(str(call_id))) is not None]


def _resolved(reader: Reader, filters: Filters) -> Filters:
    """A text that is a session or a subject as it stands is asked for by index."""
    text, wanted = filters.text, filters.wanted
    for name in ("session", "subject"):
        exact = Wanted(session=text) if name == "session" else Wanted(subject=text)
        if text and getattr(wanted, name) is None and reader.page(exact, 1).calls:
            joined = replace(wanted, session=text) if name == "session" else replace(wanted, subject=text)
            return Filters(joined, filters.role, filters.tool, filters.rule)
    return filters


def _terms(filters: Filters) -> tuple[str, str, tuple[Any, ...]]:
    """Of which kind the entries looked through are, and the SQL that leaves those that fit. Only what was refused names a rule."""
    wanted, intent, outcome = filters.wanted, _Terms(), _Terms()
    for name in ("session", "subject", "snapshot"):
        intent.add(f"{{e.{name}}} = ?", getattr(wanted, name))
    intent.add("{e.at} >= ?", told(wanted.since) if wanted.since is not None else None)
    intent.add("{e.at} < ?", told(wanted.until) if wanted.until is not None else None)
    for name in ("role", "tool"):
        value = getattr(filters, name)
        intent.add("{has}({e.body}, ?) > 0", _member(name, value) if value else None)
    if filters.text:
        ranges = " OR ".join(f"({{e.{name}}} >= ? AND {{e.{name}}} < ?)" for name in _NAMES)
        intent.add(f"({ranges})", *([filters.text, f"{filters.text}\U0010ffff"] * len(_NAMES)))
    if filters.rule:
        outcome.add("{e.status} = 'refused' AND {has}({e.body}, ?) > 0", _member("rule", filters.rule))
        outcome.pair("intent", intent)
        return "outcome", outcome.sql, tuple(outcome.values)
    outcome.add("{e.status} = ?", wanted.status if wanted.status != "open" else None)
    if wanted.status is not None:
        intent.pair("outcome", outcome, without=wanted.status == "open")
    return "intent", intent.sql, tuple(intent.values)


class _Terms:
    """Conditions on one entry, `e`, that all hold; and on the other entry of its call."""

    def __init__(self) -> None:
        self._terms: list[str] = []
        self.values: list[Any] = []

    @property
    def sql(self) -> str:
        """The conditions as one."""
        return " AND ".join(self._terms) or "1 = 1"

    def add(self, sql: str, *values: Any) -> None:
        """A condition, unless its value is None."""
        if None not in values:
            self._terms.append(sql)
            self.values += values

    def pair(self, kind: str, other: "_Terms", *, without: bool = False) -> None:
        """That the call has such an entry of the other kind; or has none."""
        joined = f"SELECT 1 FROM entry p WHERE p.call_id = {{e.call_id}} AND p.kind = '{kind}'"
        exists = f"EXISTS ({joined} AND {_COLUMN.sub(_UNINDEXED, other.sql)})"
        self._terms.append(f"NOT {exists}" if without else exists)
        self.values += other.values


_NAMES = ("call_id", "session", "subject")


def _member(name: str, value: str) -> str:
    """A member as it stands in a body: quotes within strings are escaped there, so it is found in no value."""
    return canonical_json({name: value}).decode()[1:-1]


class Windows:
    """(seq, call) of entries of a kind that fit some SQL, newest first, a window of entries at a time until the time is over.

    `reached` is then the entry to go on below; None where all were looked through.
    """

    def __init__(
        self, reader: Reader, kind: str, sql: str, values: tuple[Any, ...], cursor: int | None, seconds: float
    ) -> None:
        self._reader, self._kind, self._sql, self._values = reader, kind, sql, values
        self._top = cursor if cursor is not None else reader.size() + 1
        self._bottom = 1
        self._until = time.monotonic() + seconds
        self.reached: int | None = None

    def within(self, since: datetime | None, until: datetime | None) -> None:
        """Leaves out entries written before the one moment or after the other."""
        if since is not None and (first := self._last_before(since - _SKEW)):
            self._bottom = first
        if until is not None:
            self._top = min(self._top, self._last_before(until + _SKEW) + 1)

    def _last_before(self, moment: datetime) -> int:
        with self._reader.connection() as connection:
            if connection is None:
                return 0
            sql = placed(connection, "SELECT seq FROM entry WHERE at < ? ORDER BY at DESC LIMIT 1")
            return int(connection.exec_driver_sql(sql, (told(moment),)).scalar() or 0)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        top = self._top
        while top > self._bottom:
            low = max(self._bottom, top - WINDOW)
            with self._reader.connection() as connection:
                rows = self._rows(connection, low, top) if connection is not None else []
            for seq, call_id in rows:
                yield int(seq), str(call_id)
                if time.monotonic() > self._until:
                    self.reached = int(seq)
                    return
            top = low
            if top > self._bottom and time.monotonic() > self._until:
                self.reached = top
                return

    def _rows(self, connection: Connection, low: int, top: int) -> list[Any]:
        has = "instr" if connection.dialect.name == "sqlite" else "strpos"
        terms = _COLUMN.sub(r"e.\1", self._sql).replace("{has}", has)
        where = f"e.seq >= ? AND e.seq < ? AND e.kind = ? AND {terms}"
        sql = placed(connection, f"SELECT e.seq, e.call_id FROM entry e WHERE {where} ORDER BY e.seq DESC")
        return list(connection.exec_driver_sql(sql, (low, top, self._kind, *self._values)))
