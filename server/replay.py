"""Re-executes recorded calls on the snapshot and policy they were answered from, and compares digests.

Nothing is played back: arguments are unsealed, judged and run again by the same steps, without recording. Where the result differs
or cannot be had, the reason is named. Used by `readingroom replay`, the demo and the evals.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from data.errors import ReadingRoomError
from server.call import Call, Request
from server.house import House
from server.ledger import RecordedCall
from server.pipeline import REPLAY_STEPS, walk
from server.records import unsealed_arguments, unsealed_principal

Verdict = Literal["identical", "differs", "not_replayable"]
_NOT_REPLAYABLE = {
    "open": "the call has no outcome: the server stopped before it ended",
    "out_of_bounds": "the call ended at a bound of time or memory, which another run need not meet",
    "failed": "the call failed in the server, not by its question",
}
_RESTED_ON_EARLIER = ("overlap", "budget")


@dataclass(frozen=True)
class Replayed:
    """What came of one call: identical, differs or not replayable, with the reason in words."""

    call: str
    tool: str
    verdict: Verdict
    reason: str = ""


def replay(house: House, calls: Iterable[RecordedCall]) -> Iterator[Replayed]:
    """Replays each recorded call, in order."""
    for recorded in calls:
        yield _replayed(house, recorded)


def _replayed(house: House, recorded: RecordedCall) -> Replayed:
    tool = str(recorded.intent.body.get("tool", ""))
    if recorded.outcome is None:
        return Replayed(recorded.call_id, tool, "not_replayable", _NOT_REPLAYABLE["open"])
    then = recorded.outcome.body
    if (reason := _NOT_REPLAYABLE.get(str(then["status"]))) and then["code"] not in ("bad_request", "bad_policy"):
        return Replayed(recorded.call_id, tool, "not_replayable", reason)
    if str(then["rule"]) in _RESTED_ON_EARLIER:
        reason = f"the rule {then['rule']} rests on what was asked before, which is not replayed"
        return Replayed(recorded.call_id, tool, "not_replayable", reason)
    try:
        now = _walked_again(house, recorded)
    except ReadingRoomError as error:
        return Replayed(recorded.call_id, tool, "not_replayable", str(error))
    return _compared(recorded.call_id, tool, then, now)


def _walked_again(house: House, recorded: RecordedCall) -> Call:
    body = recorded.intent.body
    principal = unsealed_principal(house, recorded.intent)
    request = Request(str(body["tool"]), unsealed_arguments(house, recorded.intent), principal)
    call = Call(request, id=recorded.call_id, day=date.fromisoformat(recorded.intent.at[:10]))
    call.snapshot = house.snapshots.pinned(str(body["snapshot"])) if body["snapshot"] else None
    walk(house.under_policy(str(body["policy"])), call, REPLAY_STEPS)
    return call


def _compared(call_id: str, tool: str, then: dict[str, Any], now: Call) -> Replayed:
    code = now.error.code if now.error else ""
    rule = getattr(now.error, "rule", "") or ""
    if (now.status, code, rule) != (then["status"], then["code"], then["rule"]):
        reason = f"then {then['status']} {then['rule']}, now {now.status} {rule or code}".strip()
        return Replayed(call_id, tool, "differs", reason)
    if now.digest != then["result"]:
        return Replayed(call_id, tool, "differs", "the result's digest is another")
    return Replayed(call_id, tool, "identical")
