"""The list of calls, with filters, and the list of sessions."""

from typing import Any

from starlette.responses import Response

from server.console import asked
from server.console.desk import Visit
from server.console.find import LONGER, MOMENT, Windows, find
from server.console.rendering import render
from server.ledger import Reader, RecordedCall
from server.ledger.schema import placed
from tools import TOOLS

PAGE = 50
MOST_COUNTED = 10_000


def calls(visit: Visit) -> Response:
    """Calls, newest first."""
    query = {name: value for name, value in visit.query.items() if name in asked.FIELDS and value.strip()}
    cursor, deep = asked.cursor(visit.query), visit.query.get("on") == "yes"
    filters = asked.filters(visit.query)
    found = find(visit.console.reader, filters, PAGE, cursor, LONGER if deep else MOMENT)
    visit.note("calls", filters=sorted(query), shown=len(found.calls))
    on = "yes" if found.unfinished else ""
    settings = visit.console.house.room.settings
    return render(
        visit,
        "calls.html",
        title="Calls",
        rows=[line(one) for one in found.calls],
        query={name: query.get(name, "") for name in asked.FIELDS},
        further=asked.link("/calls", query, cursor=found.next, on=on) if found.next is not None else "",
        first=asked.link("/calls", query) if cursor is not None else "",
        unfinished=found.unfinished,
        statuses=asked.STATUSES,
        tools=tuple(TOOLS),
        roles=sorted({grant.role for grant in visit.console.house.judge.policy.grants} | set(settings.console.roles)),
    )


def line(call: RecordedCall) -> dict[str, Any]:
    """A call as a row of a table."""
    body, ended = call.intent.body, call.outcome.body if call.outcome is not None else {}
    names = ("subject", "role", "purpose", "session", "tool", "release", "mode")
    return {
        **{name: str(body.get(name, "")) for name in names},
        "call": call.call_id,
        "at": call.intent.at,
        "status": str(ended.get("status", "open")),
        "rule": str(ended.get("rule", "")),
        "rows": ended.get("rows", ""),
        "hidden": ended.get("cells_hidden", ""),
        "millis": sum(ended.get("microseconds", {}).values()) / 1000,
    }


def sessions(visit: Visit) -> Response:
    """Sessions, those with the newest call first."""
    reader, cursor = visit.console.reader, asked.cursor(visit.query)
    newest = (
        "e.session IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entry n WHERE n.session = e.session AND n.seq > e.seq)"
    )
    walk = Windows(reader, "intent", newest, (), cursor, LONGER if visit.query.get("on") == "yes" else MOMENT)
    rows, further, unfinished = [], None, False
    for seq, call_id in walk:
        rows.append(_session(reader, call_id))
        if len(rows) == PAGE:
            further = seq
            break
    else:
        further, unfinished = walk.reached, walk.reached is not None
    visit.note("sessions", shown=len(rows))
    more = asked.link("/sessions", {}, cursor=further, on="yes" if unfinished else "") if further is not None else ""
    return render(visit, "sessions.html", title="Sessions", rows=rows, further=more, unfinished=unfinished)


def _session(reader: Reader, call_id: str) -> dict[str, Any]:
    """A session by its newest call. Calls are counted up to ten thousand."""
    last = reader.call(call_id)
    body = last.intent.body if last is not None else {}
    session = str(body.get("session", ""))
    with reader.connection() as connection:
        if connection is None:
            return {}
        counted = f"SELECT count(*) FROM (SELECT 1 FROM entry WHERE session = ? LIMIT {MOST_COUNTED + 1}) t"
        count = int(connection.exec_driver_sql(placed(connection, counted), (session,)).scalar() or 0)
        begun = "SELECT at FROM entry WHERE session = ? ORDER BY seq LIMIT 1"
        first = str(connection.exec_driver_sql(placed(connection, begun), (session,)).scalar() or "")
    return {
        "session": session, "subject": str(body.get("subject", "")), "role": str(body.get("role", "")), "first": first,
        "last": last.intent.at if last is not None else "", "calls": min(count, MOST_COUNTED), "more": count > MOST_COUNTED,
    }  # fmt: skip
