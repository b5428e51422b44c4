"""What the ledger notes beside calls: alerts of the anomaly watch and incidents; keys, losses and prunings; and who looked at what."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from data.errors import BadRequest
from server.console import asked
from server.console.desk import Visit
from server.console.rendering import render
from server.ledger import Reader, RecordedCall, Wanted
from server.ledger.schema import placed

PAGE = 50
NEWEST = 500  # calls looked through for those without outcome
KINDS = ("alerts", "viewings", "other")
_TOLD = ("alert", "incident", "console", "viewer", "subject", "role")  # have columns of their own in the table


@dataclass(frozen=True)
class Note:
    """An entry that belongs to no call."""

    seq: int
    at: str
    kind: str
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """What it is, in a word."""
        named = (self.body.get(name) for name in ("alert", "incident", "console"))
        return str(next((one for one in named if one), next(iter(self.body), self.kind)))

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What else it says."""
        plain = ((name, value) for name, value in self.body.items() if name not in _TOLD)
        return [
            (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) for name, value in plain
        ]


def incidents(visit: Visit) -> Response:
    """Notes of one kind, newest first."""
    kind, cursor = visit.query.get("kind", "alerts"), asked.cursor(visit.query)
    if kind not in KINDS:
        raise BadRequest("There is no such kind of note.", f"There are: {', '.join(KINDS)}.")
    rows = notes(visit.console.reader, kind, cursor, PAGE + 1)
    visit.note("incidents", kind=kind)
    more = asked.link("/incidents", {"kind": kind}, cursor=rows[PAGE - 1].seq) if len(rows) > PAGE else ""
    return render(
        visit, "incidents.html", title="Incidents", kind=kind, kinds=KINDS, rows=rows[:PAGE], further=more,
        open_calls=_open_calls(visit.console.reader) if kind == "alerts" and cursor is None else [],
    )  # fmt: skip


def alerts_lately(reader: Reader, most: int = 5) -> list[Note]:
    """The newest alerts and incidents."""
    return notes(reader, "alerts", None, most)


def notes(reader: Reader, kind: str, cursor: int | None, most: int) -> list[Note]:
    """Notes of a kind, newest first, before the cursor. Entries of no call are few and found by the index of calls."""
    with reader.connection() as connection:
        if connection is None:
            return []
        has = "instr" if connection.dialect.name == "sqlite" else "strpos"
        alert, viewing = _any_of(has, '"alert":', '"incident":'), _any_of(has, '"console":')
        where = {"alerts": alert, "viewings": viewing, "other": f"NOT ({alert} OR {viewing})"}[kind]
        sql = (
            f"SELECT seq, at, kind, body, subject FROM entry WHERE call_id = '' AND kind IN ('note', 'key', 'loss') AND {where} "
            "AND seq < ? ORDER BY seq DESC LIMIT ?"
        )
        rows = connection.exec_driver_sql(placed(connection, sql), (cursor or 2**62, most))
        return [_note(*row) for row in rows]


def _any_of(has: str, *members: str) -> str:
    return "(" + " OR ".join(f"{has}(body, '{member}') > 0" for member in members) + ")"


def _note(seq: int, at: str, kind: str, text: str, subject: str | None) -> Note:
    body = json.loads(text)
    return Note(seq, at, kind, {**body, **({"subject": subject} if subject is not None else {})})


def _open_calls(reader: Reader) -> list[RecordedCall]:
    """Of the newest calls, those without an outcome: they run now, or the server stopped before they ended."""
    return [call for call in reader.page(Wanted(), NEWEST).calls if call.outcome is None]
