"""What was measured when the data was published: quality and drift, redaction, and the risk of each release. Counts only."""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from data.errors import BadRequest
from server.console.desk import Visit
from server.console.gate import not_found
from server.console.rendering import render
from server.quality import report
from server.quality_page import books_of, summary_of
from server.releases_page import reports, summary

Table = tuple[str, list[str], list[list[str]]]


def quality(visit: Visit) -> Response:
    """The quality report of the snapshot in force, and drift since the one before."""
    told = report(visit.console.house.room)
    visit.note("quality", of=told["snapshot"])
    results = told["dashboard"]["results"]
    return render(
        visit,
        "quality.html",
        title="Data quality",
        report=told,
        books=books_of(told),
        summary=summary_of(told["dashboard"]["summary"]),
        failed=[one for one in results if one["status"] in ("failed", "error")],
        tables=[(name, facts["rows"], _filled(facts["nulls"])) for name, facts in told["profile"]["tables"].items() if facts["rows"]],
        codes=[(name, facts) for name, facts in told["profile"]["codes"].items() if facts["records"]],
    )  # fmt: skip


def _filled(nulls: dict[str, float]) -> tuple[float, list[str]]:
    """How much of a table's fields is filled, in percent, and the names of its empty columns."""
    share = 100 * (1 - sum(nulls.values()) / len(nulls)) if nulls else 100.0
    return share, sorted(name for name, empty in nulls.items() if empty == 1)


def redaction(visit: Visit) -> Response:
    """What the redactor did to free text when the snapshot in force was published, as its report says."""
    house = visit.console.house
    told = report(house.room)
    visit.note("redaction", of=told["snapshot"])
    manifest = house.snapshots.current().manifest
    found = told.get("redaction")
    tables = list(_tables("", found)) if isinstance(found, dict) else []
    return render(
        visit, "redaction.html", title="Redaction", snapshot=told["snapshot"], created=told["created"], tables=tables,
        redactor=manifest.versions.get("redactor", ""), there=found is not None,
    )  # fmt: skip


def _tables(name: str, told: dict[str, Any]) -> Iterator[Table]:
    """A report's plain members as one table, and each member that is itself a report, or a list of them, as one more."""
    plain = [[key, _word(value)] for key, value in told.items() if not isinstance(value, dict | list)]
    if plain:
        yield name, ["what", "value"], plain
    for key, value in told.items():
        inner = f"{name} {key}".strip().replace("_", " ")
        rows = value if isinstance(value, list) else None
        if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
            rows = [{"": key_, **one} for key_, one in value.items()]
        if rows is not None:
            heads = list(dict.fromkeys(head for one in rows if isinstance(one, dict) for head in one))
            if heads:
                yield (
                    inner,
                    heads,
                    [[_word(one.get(head, "")) for head in heads] for one in rows if isinstance(one, dict)],
                )
            else:
                yield inner, ["value"], [[_word(one)] for one in rows]
        elif isinstance(value, dict):
            yield from _tables(inner, value)


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_word(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def releases(visit: Visit) -> Response:
    """The risk report of each release of the snapshot in force, or of one that is kept."""
    house, asked = visit.console.house, visit.query.get("snapshot", "")
    try:
        found = reports(house.room, asked or None)
    except BadRequest:
        if asked:
            return not_found(visit)
        raise
    visit.note("releases", of=found[0]["snapshot"] if found else "")
    return render(
        visit, "releases.html", title="Releases", reports=found, rows=[summary(one) for one in found],
    )  # fmt: skip
