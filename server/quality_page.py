"""The quality report as one HTML page with its plots: no script, nothing fetched, readable by screen readers, fit for print, dark and light."""

from collections import Counter
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

FATES = ("normalised", "duplicates", "superseded", "retracted", "quarantined", "rejected", "not_understood")


def page(report: dict[str, Any]) -> str:
    """The page of a report as `server.quality.report` gives it."""
    pages = Environment(loader=PackageLoader("server", "pages"), autoescape=True, undefined=StrictUndefined)
    results = report["dashboard"]["results"]
    return pages.get_template("quality.html").render(
        report=report,
        fates=FATES,
        books=books_of(report),
        summary=summary_of(report["dashboard"]["summary"]),
        failed=[one for one in results if one["status"] in ("failed", "error")],
    )


def books_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Each source's book with the shares of its records by fate, in percent."""
    counts: dict[str, Counter[str]] = {}
    for one in report["metrics"]:
        if one["name"] in FATES:
            counts.setdefault(one["source"], Counter())[one["name"]] += one["value"]
    books = []
    for book in report["books"]:
        mine = counts.get(book["source"], Counter())
        total = sum(mine.values()) or 1
        shares = [(fate, round(100 * mine[fate] / total, 3), mine[fate]) for fate in FATES if mine[fate]]
        words = ", ".join(f"{count} {fate.replace('_', ' ')}" for fate, _, count in shares)
        books.append({**book, "shares": shares, "words": words, "quarantined": mine["quarantined"] + mine["rejected"]})
    return books


def summary_of(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Checks of the Data Quality Dashboard by category: how many passed, failed, and the share that passed in percent."""
    rows = []
    for category, contexts in summary.items():
        cell = contexts["total"]
        judged = cell["passed"] + cell["failed"]
        rows.append({
            "category": category, "passed": cell["passed"], "failed": cell["failed"], "error": cell["error"],
            "other": cell["not applicable"], "share": round(100 * cell["passed"] / judged, 1) if judged else 0,
        })  # fmt: skip
    return rows
