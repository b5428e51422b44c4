"""Validation: hard checks and the steward's gates stop a publish, the rest is reported, and the books of every source must balance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from data.errors import ReadingRoomError
from data.normalise import Balance, balance
from data.types import Progress, no_progress
from data.validate import dqd
from data.validate.checks import Check, checks
from data.validate.drift import Finding, compare
from data.validate.profile import profile

__all__ = ["Check", "Finding", "Gates", "Report", "checks", "compare", "validate"]


@dataclass(frozen=True)
class Gates:
    """What stops a publish beside the hard checks: dashboard checks by name, and the percent of a source's records in quarantine.

    `thresholds` are percents of rows allowed to fail, by check name or `table.field.check`, in place of the dashboard's own.
    """

    checks: Sequence[str] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    most_quarantined: float = 100.0


@dataclass(frozen=True)
class Report:
    """What validation found: own checks with their counts, the dashboard's, the books of each source, metrics, and a profile for drift."""

    results: tuple[tuple[Check, int], ...]
    dashboard: tuple[dqd.DqdResult, ...]
    books: tuple[Balance, ...]
    metrics: tuple[tuple[str, str, str, int], ...] = ()
    profile: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The quality report as data: names and counts only."""
        return {
            "checks": [
                {**{name: getattr(check, name) for name in ("name", "table", "category", "hard")}, "broken": broken}
                for check, broken in self.results
            ],
            "dashboard": {
                "summary": dqd.summary(self.dashboard),
                "results": [_told(result) for result in self.dashboard if result.status != "not applicable"],
            },
            "books": [{**vars(book), "holds": book.holds} for book in self.books],
            "metrics": [
                {"name": name, "of": of, "source": source, "value": value} for name, of, source, value in self.metrics
            ],
            "profile": self.profile,
        }


def _told(result: dqd.DqdResult) -> dict[str, Any]:
    check = result.check
    return {
        "name": check.name, "level": check.level, "table": check.table, "field": check.field, "concept": check.concept_id,
        "unit": check.unit_concept_id, "category": check.category, "context": check.context, "threshold": check.threshold,
        "violated": result.violated, "total": result.total, "status": result.status, "reason": result.reason,
    }  # fmt: skip


def validate(
    con: duckdb.DuckDBPyConnection,
    gates: Gates | None = None,
    today: date | None = None,
    progress: Progress = no_progress,
) -> Report:
    """Runs all checks on the build. Raises ReadingRoomError, naming them, where a hard one or a gate fails or the books do not balance.

    `today` is the day after which a date lies in the future.
    """
    gates = gates or Gates()
    results = tuple((check, _count(con, check)) for check in checks())
    books = tuple(balance(con))
    found = tuple(_judged(result, gates.thresholds) for result in dqd.run(con, progress, today))
    metrics = con.execute("SELECT name, table_name, source, value FROM quality.metric ORDER BY ALL").fetchall()
    told = tuple((str(a), str(b), str(c), int(d)) for a, b, c, d in metrics)
    report = Report(results, found, books, told, profile(con))
    if broken := list(_broken(report, gates)):
        raise ReadingRoomError(
            f"Validation stops the publish: {'; '.join(broken[:10])}.",
            "Look at the sources named; the previous snapshot stays in force.",
            code="invalid",
        )
    return report


def _names(check: dqd.DqdCheck) -> tuple[str, ...]:
    """What a steward may call the check by, the most exact first."""
    return f"{check.table}.{check.field}.{check.name}", f"{check.table}.{check.name}", check.name


def _judged(result: dqd.DqdResult, thresholds: Mapping[str, float]) -> dqd.DqdResult:
    """The result under the steward's threshold, where there is one."""
    own = next((thresholds[name] for name in _names(result.check) if name in thresholds), None)
    return result if own is None else result.judged_by(own)


def _broken(report: Report, gates: Gates) -> Iterator[str]:
    for check, count in report.results:
        if check.hard and count:
            yield f"{check.table}: {check.name} ({count} rows)"
    for book in report.books:
        if not book.holds:
            yield f"source {book.source}: {book.received} received, {book.accounted} accounted for"
    for result in report.dashboard:
        if result.status == "failed" and any(name in gates.checks for name in _names(result.check)):
            yield f"gate {_names(result.check)[0]} ({result.violated} of {result.total})"
    quarantined: dict[str, int] = {}
    for name, _, source, value in report.metrics:
        if name in ("quarantined", "rejected"):
            quarantined[source] = quarantined.get(source, 0) + value
    for book in report.books:
        bad = quarantined.get(book.source, 0)
        if book.received >= _ENOUGH and bad > book.received * gates.most_quarantined / 100:
            yield f"source {book.source}: {bad} of {book.received} records are quarantined"


_ENOUGH = 100  # records of a source, before a share of them says anything


def _count(con: duckdb.DuckDBPyConnection, check: Check) -> int:
    return int(con.execute(check.sql).fetchall()[0][0])
