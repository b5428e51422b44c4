"""Re-executes recorded calls on the snapshot and policy they were answered from, and compares digests.

Nothing is played back: arguments are unsealed, judged and run again by the same steps, without recording. Where the result differs
or cannot be had, the reason is named. Used by `readingroom replay`, the console, the demo and the evals.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from data.errors import BadRequest, ReadingRoomError
from data.snapshots import Snapshot
from server.call import Call, Request
from server.house import House
from server.ledger import RecordedCall
from server.pipeline import REPLAY_STEPS, Step, walk
from server.records import unsealed_arguments, unsealed_principal
from server.replay.causes import Causes

Verdict = Literal["identical", "differs", "not_replayable"]
_NOT_REPLAYABLE = {
    "out_of_bounds": "the call ended at a bound of time or memory, which another run need not meet",
    "failed": "the call failed in the server, not by its question",
}
_RESTED_ON_EARLIER = ("overlap", "budget")


@dataclass(frozen=True)
class Replayed:
    """What came of one call: identical, differs or not replayable, with the reason in words.

    `other` is what the record binds and runs otherwise now (an engine's version), also where the answer came out the same.
    """

    call: str
    tool: str
    verdict: Verdict
    reason: str = ""
    other: tuple[str, ...] = ()


def replay(house: House, calls: Iterable[RecordedCall]) -> Iterator[Replayed]:
    """Replays each recorded call, in order."""
    causes = Causes()
    for recorded in calls:
        yield _replayed(house, recorded, causes)


def why_not(recorded: RecordedCall) -> str:
    """Why a call cannot be replayed by its own record; empty where it can."""
    if recorded.outcome is None:
        return "the call has no outcome: the server stopped before it ended"
    then = recorded.outcome.body
    if (reason := _NOT_REPLAYABLE.get(str(then["status"]))) and then["code"] not in ("bad_request", "bad_policy"):
        return reason
    if str(then["rule"]) in _RESTED_ON_EARLIER:
        return f"the rule {then['rule']} rests on what was asked before, which is not replayed"
    return ""


def executed(
    house: House, recorded: RecordedCall, snapshot: Snapshot | None, path: tuple[Step, ...] = REPLAY_STEPS
) -> Call:
    """The call, walked again in that house on that snapshot without being recorded. Raises Damaged where it cannot be unsealed."""
    principal = unsealed_principal(house, recorded.intent)
    request = Request(str(recorded.intent.body["tool"]), unsealed_arguments(house, recorded.intent), principal)
    call = Call(request, id=recorded.call_id, day=date.fromisoformat(recorded.intent.at[:10]))
    call.snapshot = snapshot
    walk(house, call, path)
    return call


def pinned(house: House, recorded: RecordedCall) -> Snapshot | None:
    """The snapshot a call was answered from; None where it was refused before one was chosen. Raises BadRequest where it was retired."""
    told = str(recorded.intent.body["snapshot"])
    if not told:
        return None
    try:
        return house.snapshots.pinned(told)
    except BadRequest as error:
        raise BadRequest(f"Snapshot {told} of that call was retired: it is not kept here.") from error


def _replayed(house: House, recorded: RecordedCall, causes: Causes) -> Replayed:
    body = recorded.intent.body
    tool = str(body.get("tool", ""))
    reason = why_not(recorded)
    if reason or recorded.outcome is None:
        return Replayed(recorded.call_id, tool, "not_replayable", reason)
    try:
        under = house.under_policy(str(body["policy"]))
        now = executed(under, recorded, pinned(house, recorded))
    except ReadingRoomError as error:
        return Replayed(recorded.call_id, tool, "not_replayable", str(error))
    other = causes.other(under, recorded, now)
    problem = _compared(recorded.outcome.body, now)
    if not problem:
        return Replayed(recorded.call_id, tool, "identical", "", other)
    return Replayed(recorded.call_id, tool, "differs", f"{problem}; {causes.why(now, other)}", other)


def _compared(then: dict[str, Any], now: Call) -> str:
    """What is otherwise now, in words; empty where nothing is."""
    code = now.error.code if now.error else ""
    rule = getattr(now.error, "rule", "") or ""
    if (now.status, code, rule) != (then["status"], then["code"], then["rule"]):
        return f"then {_ended(then['status'], then['rule'], then['code'])}, now {_ended(now.status, rule, code)}"
    if now.digest == then["result"]:
        return ""
    result = now.result
    counts = {
        "rows": len(result.rows) if result else 0,
        "cells_hidden": result.cells_hidden if result else 0,
        "redacted": result.redacted if result else 0,
        "persons": now.persons,
    }
    told = [
        f"{name.replace('_', ' ')} {then[name]} then, {count} now"
        for name, count in counts.items()
        if name in then and then[name] != count
    ]
    return "the answer's digest is another" + (f" ({', '.join(told)})" if told else ", its counts are the same")


def _ended(status: str, rule: str, code: str) -> str:
    return f"{status} {rule or code}".strip()
