"""Runs the checks on a build and judges the counts, in the dashboard's order of reasons for what does not apply.

It only reads. A check that cannot be run is reported as an error with the kind of error, never with its text, which may hold a
value from the data.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import duckdb

from data.catalogue.model import catalogue
from data.types import Progress, no_progress
from data.validate.dqd import concepts
from data.validate.dqd.definitions import definitions
from data.validate.dqd.model import STATUSES, DqdCheck, DqdResult
from data.validate.dqd.terms import OF_CONCEPTS, Term, needs, rows, terms, values

# Table -> column -> type, of schema cdm as it is.
Held = dict[str, dict[str, str]]
_PRESENCE = ("cdmTable", "cdmField")


def run(con: duckdb.DuckDBPyConnection, progress: Progress = no_progress, today: date | None = None) -> list[DqdResult]:
    """All checks on schema cdm of the build, in the order of `definitions`. Dates are plausible up to the day after `today`."""
    held = _held(con)
    checks = definitions()
    absent = {check: reason for check in checks if (reason := _absent(check, held))}
    asked = {
        check: _terms(check, held, today or datetime.now(UTC).date())
        for check in checks
        if check not in absent and check.level != "concept" and check.name not in _PRESENCE
    }
    plain = {term for pair in asked.values() for term in pair}
    plain |= {rows(table) for table in held} | {values(table, field) for table in held for field in held[table]}
    of_concepts: dict[tuple[str, str, str], list[DqdCheck]] = defaultdict(list)
    for check in checks:
        if check.level == "concept" and check not in absent:
            of_concepts[concepts.kind(check)].append(check)
    counts = _Counts(con, progress, len({term.source for term in plain}) + len(of_concepts))
    for source, group in _by_source(plain).items():
        counts.ask(source, group)
    for grouped in of_concepts.values():
        counts.ask_concepts(grouped)
    return [_judge(check, held, absent.get(check, ""), asked.get(check), counts) for check in checks]


def summary(results: Iterable[DqdResult]) -> dict[str, Any]:
    """Totals by category, context and status, as the dashboard's overview shows them; `total` sums a direction up.

    `percent_passed` counts what does not apply as passed, as the dashboard does; `percent_passed_judged` leaves it and errors out.
    """
    cells: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(STATUSES, 0))
    for result in results:
        for category in (result.check.category, "total"):
            for context in (result.check.context, "total"):
                cells[category, context][result.status] += 1
    table: dict[str, Any] = {}
    for (category, context), cell in sorted(cells.items()):
        total, judged = sum(cell.values()), cell["passed"] + cell["failed"]
        table.setdefault(category, {})[context] = {
            **cell,
            "total": total,
            "percent_passed": round(100 * (cell["passed"] + cell["not applicable"]) / total, 1),
            "percent_passed_judged": round(100 * cell["passed"] / judged, 1) if judged else None,
        }
    return table


class _Counts:
    """Counts got so far: of terms, and of concept checks; where a query failed, the kind of its error in their place."""

    def __init__(self, con: duckdb.DuckDBPyConnection, progress: Progress, steps: int) -> None:
        self._con, self._progress, self._steps, self._done = con, progress, steps, 0
        self.of: dict[Term, int | str] = {}
        self.of_concept: dict[DqdCheck, tuple[int, int] | str] = {}

    def ask(self, source: str, group: list[Term]) -> None:
        """All terms of a source in one query; one by one where that fails, so that one bad column costs only its own checks."""
        error = self._try(partial(self._fetch, source, group))
        for term in group if error and len(group) > 1 else []:
            if alone := self._try(partial(self._fetch, source, [term])):
                self.of[term] = alone
        if error and len(group) == 1:
            self.of[group[0]] = error
        self._step()

    def ask_concepts(self, checks: list[DqdCheck]) -> None:
        """Concept checks of one kind in one query."""
        if error := self._try(lambda: self.of_concept.update(concepts.count(self._con, checks))):
            self.of_concept.update(dict.fromkeys(checks, error))
        self._step()

    def _fetch(self, source: str, group: list[Term]) -> None:
        row = self._con.execute(f"SELECT {', '.join(term.count for term in group)} FROM {source}").fetchone()
        self.of.update((term, int(value)) for term, value in zip(group, row or (), strict=True))

    def _try(self, attempt: Callable[[], None]) -> str:
        """The kind of error, empty where there was none. Being interrupted or out of memory is no finding about the data."""
        try:
            attempt()
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as error:
            return f"could not be run ({type(error).__name__})"
        return ""

    def _step(self) -> None:
        self._done += 1
        self._progress("checking quality", self._done, self._steps)


def _held(con: duckdb.DuckDBPyConnection) -> Held:
    held: Held = {}
    for table, column, type_ in con.execute(
        "SELECT lower(table_name), lower(column_name), data_type FROM information_schema.columns "
        "WHERE table_schema = 'cdm' AND table_catalog = current_database() ORDER BY ALL"
    ).fetchall():
        held.setdefault(str(table), {})[str(column)] = str(type_)
    return held


def _absent(check: DqdCheck, held: Held) -> str:
    """Why a check has nothing to read; empty where it has."""
    if check.table not in held:
        return "" if check.name == "cdmTable" and check.table in catalogue() else "the table is not held here"
    if check.field and check.field not in held[check.table]:
        ours = check.table in catalogue() and check.field in {
            column.name for column in catalogue()[check.table].columns
        }
        return "" if check.name == "cdmField" and ours else "the field is not held here"
    for table, column in concepts.needs(check) if check.level == "concept" else needs(check):
        if table not in held:
            return f"{table} is not held here"
        if column not in held[table]:
            return f"{table}.{column} is not held here"
    return ""


def _terms(check: DqdCheck, held: Held, today: date) -> tuple[Term, Term]:
    fields = _concept_fields(held)[check.table] if check.level == "field" else ()
    reasons = "invalid_reason" in held.get("concept", {})
    return terms(check, held[check.table].get(check.field, ""), fields, reasons, today)


def _concept_fields(held: Held) -> dict[str, tuple[str, ...]]:
    fields: dict[str, set[str]] = defaultdict(set)
    for check in definitions():
        if check.name in OF_CONCEPTS or check.parameters.get("key") == "concept.concept_id":
            fields[check.table] |= {check.field} & held.get(check.table, {}).keys()
    return defaultdict(tuple, {table: tuple(sorted(names)) for table, names in fields.items()})


def _by_source(plain: Iterable[Term]) -> dict[str, list[Term]]:
    groups: dict[str, list[Term]] = defaultdict(list)
    for term in sorted(plain, key=lambda term: (term.source, term.count)):
        groups[term.source].append(term)
    return groups


def _judge(check: DqdCheck, held: Held, absent: str, pair: tuple[Term, Term] | None, counts: _Counts) -> DqdResult:
    if absent:
        return DqdResult(check, 0, 0, "not applicable", absent)
    if check.name in _PRESENCE:
        place = held if check.name == "cdmTable" else held[check.table]
        if (check.field or check.table) in place:
            return DqdResult(check, 0, 1, "passed")
        return DqdResult(check, 1, 1, "failed", "the build lacks what the catalogue says is held here")
    found = _found(check, pair, counts)
    if isinstance(found, str):
        return DqdResult(check, 0, 0, "error", found)
    violated, total = found
    if reason := _nothing(check, total, counts):
        return DqdResult(check, violated, total, "not applicable", reason)
    # Without a threshold, or with 0, a single row fails the check, as in the dashboard.
    failed = 100 * violated > check.threshold * total if check.threshold else violated > 0
    partly = check.name == "isStandardValidConcept" and "invalid_reason" not in held["concept"]
    reason = "concept.invalid_reason is not held here; only standard_concept was looked at" if partly else ""
    return DqdResult(check, violated, total, "failed" if failed else "passed", reason)


def _found(check: DqdCheck, pair: tuple[Term, Term] | None, counts: _Counts) -> tuple[int, int] | str:
    if pair is None:
        return counts.of_concept[check]
    violated, total = (counts.of[term] for term in pair)
    if isinstance(violated, str):
        return violated
    return total if isinstance(total, str) else (violated, total)


def _nothing(check: DqdCheck, total: int, counts: _Counts) -> str:
    """Why a check that was run does not apply after all; empty where it does. The dashboard's rules, in its order."""
    if check.name == "measurePersonCompleteness":
        return ""
    if check.name == "measureConditionEraCompleteness":
        return "" if counts.of[rows("condition_occurrence")] else "condition_occurrence is empty"
    if not counts.of[rows(check.table)]:
        return "the table is empty"
    if check.name == "measureValueCompleteness" or check.level == "table":
        return ""
    if not counts.of[values(check.table, check.field)]:
        return "the field is not populated"
    if check.level == "concept" and not total:
        return "the table has no such rows of this concept"
    return ""
