"""Budgets: how many calls, rows and persons a principal took in the last hour and day, held against the grant.

Counted in memory and, after a restart, taken again from the ledger, which is what was truly answered. Different persons are known one by
one since the start; of calls before it only their number is, so they are added up, which is never too few.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from data.errors import Refused
from policies.model import Budget, Grant

HOUR, DAY = 3600.0, 86_400.0


@dataclass
class _Taken:
    calls: deque[float] = field(default_factory=deque)
    rows: deque[tuple[float, int]] = field(default_factory=deque)
    persons: dict[object, float] = field(default_factory=dict)
    unnamed: deque[tuple[float, int]] = field(default_factory=deque)  # persons of calls before this process


class Budgets:
    """What was taken, by subject and role. `before` gives (subject, role, time, rows, persons) of the last day's answered calls."""

    def __init__(
        self,
        before: Callable[[], Iterable[tuple[str, str, float, int, int]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._before, self._clock = before, clock
        self._taken: dict[tuple[str, str], _Taken] | None = None
        self._lock = Lock()

    def check(self, subject: str, grant: Grant) -> None:
        """Counts the call, or raises Refused by the rule `budget`."""
        if not _limited(grant.budget):
            return
        with self._lock:
            taken, now, budget = self._of(subject, grant.role), self._clock(), grant.budget
            _forget(taken, now)
            last_hour = sum(1 for at in taken.calls if at > now - HOUR)
            used = (
                ("calls an hour", last_hour, budget.calls_per_hour),
                ("calls a day", len(taken.calls), budget.calls_per_day),
                ("rows a day", sum(rows for _, rows in taken.rows), budget.rows_per_day),
                ("persons a day", _persons(taken), budget.persons_per_day),
            )
            for what, count, limit in used:
                if limit and count >= limit:
                    raise _spent(what, limit)
            taken.calls.append(now)

    def took(self, subject: str, grant: Grant, rows: int, persons: Iterable[object]) -> None:
        """Adds what an answer holds. Raises Refused where its persons go past the day's: then it must not leave."""
        if not _limited(grant.budget):
            return
        with self._lock:
            taken, now = self._of(subject, grant.role), self._clock()
            new = {one for one in persons if one not in taken.persons}
            limit = grant.budget.persons_per_day
            if limit and _persons(taken) + len(new) > limit:
                raise _spent("persons a day", limit)
            taken.rows.append((now, rows))
            taken.persons.update(dict.fromkeys(new, now))

    def _of(self, subject: str, role: str) -> _Taken:
        if self._taken is None:
            self._taken = {}
            for who, as_role, at, rows, persons in self._before():
                taken = self._taken.setdefault((who, as_role), _Taken())
                taken.calls.append(at)
                taken.rows.append((at, rows))
                taken.unnamed.append((at, persons))
        return self._taken.setdefault((subject, role), _Taken())


def seconds_of(at: str) -> float:
    """Seconds since 1970 of a time as the ledger writes it."""
    return datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()


def _limited(budget: Budget) -> bool:
    return any(budget.model_dump().values())


def _persons(taken: _Taken) -> int:
    return len(taken.persons) + sum(count for _, count in taken.unnamed)


def _forget(taken: _Taken, now: float) -> None:
    while taken.calls and taken.calls[0] <= now - DAY:
        taken.calls.popleft()
    for counted in (taken.rows, taken.unnamed):
        while counted and counted[0][0] <= now - DAY:
            counted.popleft()
    taken.persons = {person: at for person, at in taken.persons.items() if at > now - DAY}


def _spent(what: str, limit: int) -> Refused:
    return Refused(
        f"The budget of {limit} {what} is used up.",
        rule="budget",
        allowed="Ask again later; who writes the policy may raise it.",
    )
