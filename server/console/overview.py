"""The first page: calls by hour or day, refusals by rule, how long answers take, and whether anything waits to be looked at."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from server.console.desk import Visit
from server.console.incidents import alerts_lately
from server.console.plots import STATUSES, across, stacked
from server.console.rendering import render
from server.console.tally import Counted, percentile

HOURS, DAYS = 48, 30
SHARES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
MOST_RULES = 12


def overview(visit: Visit) -> Response:
    """The page. Its span is the last 48 hours or 30 days that hold calls."""
    by_day = visit.query.get("by") == "day"
    counted = visit.console.tally.counted()
    bars = _bars(counted, by_day)
    rules = _rules(counted)
    latency = _latency(counted)
    visit.note_once("overview")
    span = f"{DAYS} days" if by_day else f"{HOURS} hours"
    return render(
        visit,
        "overview.html",
        title="Overview",
        by_day=by_day,
        span=span,
        counted=counted,
        bars=[(label, counts) for label, counts in bars if counts],
        statuses=STATUSES,
        calls_plot=stacked(bars, STATUSES, f"Calls of {span}, by how they ended; the table below has the numbers"),
        rules=rules,
        rules_plot=across([(name, count, f"{count:,}") for name, count in rules], "Refusals by rule", "refused"),
        latency=latency,
        latency_plot=across(
            [
                (f"{row['step']}, {name}", row[name], f"{row[name]:,.1f} ms")
                for row in latency[:1]
                for _, name in SHARES
            ],
            "Time of a whole call in milliseconds: half, 95 and 99 of 100 calls are faster",
        ),
        newest=visit.console.reader.newest(),
        alerts=alerts_lately(visit.console.reader),
    )


def _bars(counted: Counted, by_day: bool) -> list[tuple[str, Counter[str]]]:
    found = counted.days() if by_day else counted.hours
    if not found:
        return []
    form, step, many = ("%Y-%m-%d", timedelta(days=1), DAYS) if by_day else ("%Y-%m-%dT%H", timedelta(hours=1), HOURS)
    last = datetime.strptime(max(found), form)  # noqa: DTZ007 - a label of the ledger's own UTC
    labels = [(last - step * back).strftime(form) for back in range(many - 1, -1, -1)]
    return [(label, found.get(label, Counter())) for label in labels]


def _rules(counted: Counted) -> list[tuple[str, int]]:
    total: Counter[str] = Counter()
    for counts in counted.rules.values():
        total.update(counts)
    return total.most_common(MOST_RULES)


def _latency(counted: Counted) -> list[dict[str, Any]]:
    """By step, in milliseconds: the whole call first."""
    return [
        {"step": step, "calls": len(values), **{name: percentile(values, share) / 1000 for share, name in SHARES}}
        for step, values in counted.micros.items()
    ]
