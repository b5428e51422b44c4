"""Anomaly watch, in its first form: how many calls a principal made in the last hour, alerted once an hour; and every break-glass call.

An alert goes to the log, the metrics and the ledger. It stops nothing: what may be asked is the policy's to say.
"""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

import structlog

from server.call import Call

log = structlog.get_logger()
HOUR = 3600.0


class Watch:
    """Counts calls by subject and role over a sliding hour. `alert(kind, facts)` is told of each anomaly."""

    def __init__(
        self, alert: Callable[[str, dict[str, object]], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._alert, self._clock = alert, clock
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._alerted: dict[tuple[str, str], float] = {}
        self._lock = Lock()

    def called(self, call: Call) -> None:
        """Notes a call; alerts when its principal is past the grant's `calls_per_hour_alert`."""
        if call.grant is None:
            return
        if call.grant.break_glass:
            subject, role = call.request.principal.subject, call.grant.role
            log.warning("watch.break-glass", subject=subject, role=role, call=call.id)
            self._alert("break-glass", {"subject": subject, "role": role, "call": call.id})
        who = (call.request.principal.subject, call.grant.role)
        bound, now = call.grant.calls_per_hour_alert, self._clock()
        with self._lock:
            times = self._calls.setdefault(who, deque(maxlen=bound + 1))
            times.append(now)
            while times and times[0] < now - HOUR:
                times.popleft()
            due = len(times) > bound and self._alerted.get(who, -HOUR) <= now - HOUR
            if due:
                self._alerted[who] = now
        if due:
            log.warning("watch.volume", subject=who[0], role=who[1], calls_last_hour=bound + 1)
            self._alert("volume", {"subject": who[0], "role": who[1], "bound": bound})

    def incident(self, kind: str, facts: dict[str, object]) -> None:
        """Something that an earlier wall should have kept from happening: told each time, to log, metrics and ledger."""
        log.error("incident", incident=kind, **facts)
        self._alert(kind, facts)
