"""Validation: hard checks gate the publish, soft ones are reported, and the books of every source must balance."""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from data.errors import ReadingRoomError
from data.normalise import Balance, balance
from data.validate.checks import Check, checks

__all__ = ["Check", "Report", "checks", "validate"]


@dataclass(frozen=True)
class Report:
    """What validation found: each check with its count, the balance of each source, and the metrics of normalisation."""

    results: tuple[tuple[Check, int], ...]
    books: tuple[Balance, ...]
    metrics: tuple[tuple[str, str, str, int], ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The quality report as data: names and counts only."""
        return {
            "checks": [
                {
                    "name": check.name,
                    "table": check.table,
                    "category": check.category,
                    "hard": check.hard,
                    "broken": broken,
                }
                for check, broken in self.results
            ],
            "books": [{**vars(book), "holds": book.holds} for book in self.books],
            "metrics": [
                {"name": name, "of": of, "source": source, "value": value} for name, of, source, value in self.metrics
            ],
        }


def validate(con: duckdb.DuckDBPyConnection) -> Report:
    """Runs all checks on the build. Raises ReadingRoomError, naming them, where a hard one fails or the books do not balance."""
    results = tuple((check, _count(con, check)) for check in checks())
    books = tuple(balance(con))
    metrics = con.execute("SELECT name, table_name, source, value FROM quality.metric ORDER BY ALL").fetchall()
    broken = [f"{check.table}: {check.name} ({count} rows)" for check, count in results if check.hard and count]
    broken += [
        f"source {book.source}: {book.received} received, {book.accounted} accounted for"
        for book in books
        if not book.holds
    ]
    if broken:
        listed = "; ".join(broken[:10])
        raise ReadingRoomError(
            f"Validation stops the publish: {listed}.",
            "Look at the sources named; the previous snapshot stays in force.",
            code="invalid",
        )
    return Report(results, books, tuple((str(a), str(b), str(c), int(d)) for a, b, c, d in metrics))


def _count(con: duckdb.DuckDBPyConnection, check: Check) -> int:
    row = con.execute(check.sql).fetchone()
    return int(row[0]) if row else 0
