"""Counts of calls by hour, refusals by rule and day, and latency, from the ledger: counted once, then only what is new.

The database counts, in pieces, while pages go on; a page shows what is counted and up to which entry. Nothing is kept on disk.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

import structlog

from data.errors import ReadingRoomError
from server.ledger import Reader
from server.ledger.schema import placed

log = structlog.get_logger()
PIECE = 50_000  # entries counted in one question
AT_ONCE = 5_000  # entries a page counts itself
Row = tuple[str, str | None, int]
SAMPLE = 2_000  # newest answered calls that latency is taken from


@dataclass(frozen=True)
class Counted:
    """What was counted. `hours` is by hour (`2025-11-25T04`) and status; `rules` by day and rule; `micros` by step, of the newest answers."""

    upto: int = 0
    size: int = 0
    hours: dict[str, Counter[str]] = field(default_factory=dict)
    rules: dict[str, Counter[str]] = field(default_factory=dict)
    micros: dict[str, list[int]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether all entries are counted."""
        return self.upto >= self.size

    def days(self) -> dict[str, Counter[str]]:
        """By day and status."""
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for hour, counts in self.hours.items():
            found[hour[:10]].update(counts)
        return dict(found)


class Tally:
    """See the module. `reader` gives the ledger's reader."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self._reader, self._stop = reader, Event()
        self._lock, self._counting = Lock(), Lock()  # of what is counted; and of who counts
        self._upto = 0
        self._hours: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._rules: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._latest: tuple[int, dict[str, list[int]]] = (-1, {})
        self._thread: Thread | None = None

    def counted(self) -> Counted:
        """What is counted now. Where much is new it is counted on the side, and a later page shows it."""
        size = self._reader().size()
        if size - self._upto > AT_ONCE:
            self._start()
        else:
            self._forward(size, wait=False)
        micros = self._micros(size)
        with self._lock:
            hours = {hour: Counter(counts) for hour, counts in self._hours.items()}
            rules = {day: Counter(counts) for day, counts in self._rules.items()}
            return Counted(self._upto, size, hours, rules, micros)

    def close(self) -> None:
        """Ends counting."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="console-tally", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._upto < (size := self._reader().size()):
                self._forward(min(size, self._upto + PIECE))
        except ReadingRoomError as error:  # the page that reads the ledger itself says so to its viewer
            log.warning("console.tally", code=error.code)

    def _forward(self, upto: int, *, wait: bool = True) -> None:
        """Counts up to that entry. Pages do not wait where another thread counts, nor does anybody while the database does."""
        if not self._counting.acquire(blocking=wait):
            return
        try:
            if upto > self._upto:
                self._add(upto, *self._new(upto))
        finally:
            self._counting.release()

    def _new(self, upto: int) -> tuple[list[Row], list[Row]]:
        """(hour, status, count) and (day, rule, count) of the entries not counted yet."""
        with self._reader().connection() as connection:
            if connection is None:
                return [], []
            rule = "json_extract(body, '$.rule')" if connection.dialect.name == "sqlite" else "body::json->>'rule'"
            part = "FROM entry WHERE seq > ? AND seq <= ?"
            by_hour = f"SELECT substr(at, 1, 13), status, count(*) {part} AND kind = 'outcome' GROUP BY 1, 2"
            by_rule = f"SELECT substr(at, 1, 10), {rule}, count(*) {part} AND status = 'refused' GROUP BY 1, 2"
            hours, rules = (
                connection.exec_driver_sql(placed(connection, sql), (self._upto, upto)).fetchall()
                for sql in (by_hour, by_rule)
            )
            return [tuple(row) for row in hours], [tuple(row) for row in rules]

    def _add(self, upto: int, hours: list[Row], rules: list[Row]) -> None:
        with self._lock:
            for hour, status, count in hours:
                self._hours[hour][status or ""] += count
            for day, name, count in rules:
                self._rules[day][name or "(none)"] += count
            self._upto = upto

    def _micros(self, size: int) -> dict[str, list[int]]:
        """Microseconds of the newest answers by step, each sorted; `whole call` is their sum."""
        if self._latest[0] == size:
            return self._latest[1]
        found: defaultdict[str, list[int]] = defaultdict(list)
        with self._reader().connection() as connection:
            sql = f"SELECT body FROM entry WHERE status = 'answered' ORDER BY seq DESC LIMIT {SAMPLE}"
            for (text,) in connection.exec_driver_sql(sql) if connection is not None else ():
                steps = json.loads(text).get("microseconds", {})
                found["whole call"].append(sum(steps.values()))
                for name, value in steps.items():
                    found[name].append(value)
        self._latest = (size, {name: sorted(values) for name, values in found.items()})
        return self._latest[1]


def percentile(ordered: list[int], share: float) -> int:
    """The nearest-rank percentile of sorted numbers; 0 of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0
