"""One call as a page: what was asked (for roles that may unseal), what was judged, how it ended and how long each step took; and its replay.

Judged SQL is not in the ledger, its digest is: the question is judged anew on the snapshot and policy of the call, without running it, and
the page says whether the digest comes out the same.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from data.errors import Busy, ReadingRoomError
from server import steps
from server.call import Call, Request
from server.console.calls import line
from server.console.desk import Visit
from server.console.gate import not_found
from server.console.plots import strip
from server.console.rendering import render
from server.console.sqldiff import laid_out, marked
from server.house import House
from server.ledger import RecordedCall
from server.ledger.canonical import canonical_json, digest
from server.records import unsealed_arguments, unsealed_principal
from server.replay import Replayed, replay

_EMPTY = Markup()
_JUDGED = (steps.identify, steps.plan, steps.judge)


@dataclass(frozen=True)
class Question:
    """A question in words. `same`: judged anew it comes to the SQL the ledger has the digest of; None where it comes to none."""

    arguments: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    asked: Markup = _EMPTY
    judged: Markup = _EMPTY
    same: bool | None = None
    problem: str = ""


def call(visit: Visit) -> Response:
    """The page of a call."""
    return _page(visit, None)


def replayed(visit: Visit) -> Response:
    """Executes the call again, without recording it as one, and shows whether the answer is the same. That it was done is a note."""
    recorded = _recorded(visit)
    if recorded is None:
        return not_found(visit)
    console = visit.console
    if not console.replaying.acquire(blocking=False):
        raise Busy("Another call is being replayed.", "Try again when it is done.")
    try:
        result = next(replay(console.house, [recorded]))
    finally:
        console.replaying.release()
    visit.note("replay", call=recorded.call_id, verdict=result.verdict)
    return _page(visit, result)


def _recorded(visit: Visit) -> RecordedCall | None:
    return visit.console.reader.call(visit.path["call"])


def _page(visit: Visit, result: Replayed | None) -> Response:
    recorded = _recorded(visit)
    if recorded is None:
        return not_found(visit)
    visit.note("call", call=recorded.call_id, unsealed=visit.who.unseals)
    body = defaultdict(str, recorded.intent.body)  # of an older version's record some members are missing
    ended = defaultdict(str, recorded.outcome.body) if recorded.outcome is not None else None
    timings = list((ended["microseconds"] or {}).items()) if ended is not None else []
    told = ", ".join(f"{name} {micros / 1000:.1f} ms" for name, micros in timings)
    return render(
        visit,
        "one_call.html",
        title=f"Call {recorded.call_id[:12]}",
        row=line(recorded),
        intent=recorded.intent,
        outcome=recorded.outcome,
        body=body,
        ended=ended,
        question=_question(visit.console.house, recorded) if visit.who.unseals else None,
        timings=[(name, micros / 1000) for name, micros in timings],
        bar=strip([(name, micros) for name, micros in timings], f"Time by step: {told}"),
        result=result,
    )


def _question(house: House, recorded: RecordedCall) -> Question:
    """The question, opened with the room's sealing key and judged anew. What cannot be had is said."""
    try:
        arguments = unsealed_arguments(house, recorded.intent)
        principal = unsealed_principal(house, recorded.intent)
    except ReadingRoomError as error:
        return Question(problem=str(error))
    shown = tuple((str(name), _words(value)) for name, value in arguments.items() if name != "sql")
    text = str(arguments.get("sql", ""))
    opened = Question(shown, principal.break_glass, asked=Markup.escape(text))
    try:
        judged = _judged(house, recorded, Request(str(recorded.intent.body["tool"]), arguments, principal))
    except ReadingRoomError as error:
        return Question(shown, principal.break_glass, Markup.escape(text), problem=str(error))
    if judged.plan is None or judged.plan.sql is None or judged.judged is None:
        return opened
    left, right = marked(laid_out(text or judged.plan.sql), laid_out(judged.judged.sql))
    same = digest(judged.judged.sql) == recorded.intent.body.get("sql")
    return Question(shown, principal.break_glass, left, right, same)


def _judged(house: House, recorded: RecordedCall, request: Request) -> Call:
    """The call up to its verdict, on its own snapshot and policy: nothing is run, measured or recorded. Raises what the verdict raises."""
    body = recorded.intent.body
    again = Call(request, id=recorded.call_id, day=date.fromisoformat(recorded.intent.at[:10]))
    again.snapshot = house.snapshots.pinned(str(body["snapshot"])) if body.get("snapshot") else None
    then = house.under_policy(str(body["policy"]))
    for step in _JUDGED:
        step(then, again)
    return again


def _words(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()
