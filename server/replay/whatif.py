"""What recorded questions would be answered under another policy or on another snapshot, beside what they are answered as recorded.

Both are executed now: nothing of an answer is kept. What comes out is which answers change and how, which refusals become answers and
which answers refusals. The rows themselves are in `added` and `removed`, for whoever shows them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal

from data.errors import BadRequest, ReadingRoomError
from data.snapshots import Snapshot
from policies.decide import Judge
from server.call import Call
from server.house import House
from server.ledger import RecordedCall
from server.replay.again import executed, pinned, why_not

Kind = Literal["same", "changed", "now_answered", "now_refused", "other_reason", "not_replayable"]
_ABOUT_THE_CALL = ("snapshot", "verdict", "policy")  # parts of an answer that say what it was answered from


@dataclass(frozen=True)
class Supposed:
    """What is supposed: another policy, another snapshot, or both. None: as recorded."""

    judge: Judge | None = None
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class Otherwise:
    """One call as recorded and as supposed: how each ended, and what became of the rows."""

    call: str
    tool: str
    kind: Kind
    then: str = ""
    now: str = ""
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    cells_hidden: tuple[int, int] = (0, 0)
    parts: tuple[str, ...] = ()  # parts of an answer without rows that are others now
    columns: tuple[str, ...] = ()
    added: tuple[tuple[Any, ...], ...] = field(default=(), repr=False)
    removed: tuple[tuple[Any, ...], ...] = field(default=(), repr=False)


def what_if(house: House, calls: Iterable[RecordedCall], supposed: Supposed) -> Iterator[Otherwise]:
    """Executes each call as recorded and as supposed, in order."""
    for recorded in calls:
        tool = str(recorded.intent.body.get("tool", ""))
        if reason := why_not(recorded):
            yield Otherwise(recorded.call_id, tool, "not_replayable", reason)
            continue
        try:
            then, now = _both(house, recorded, supposed)
        except ReadingRoomError as error:
            yield Otherwise(recorded.call_id, tool, "not_replayable", str(error))
            continue
        yield _beside(recorded.call_id, tool, then, now)


def _both(house: House, recorded: RecordedCall, supposed: Supposed) -> tuple[Call, Call]:
    own, snapshot = house.under_policy(str(recorded.intent.body["policy"])), pinned(house, recorded)
    then = executed(own, recorded, snapshot)
    if supposed.judge is not None:
        own = copy(house)
        own.judge = supposed.judge
    return then, executed(own, recorded, supposed.snapshot or snapshot)


def _beside(call: str, tool: str, then: Call, now: Call) -> Otherwise:
    ended = (_ended(then), _ended(now))
    if then.error is not None or now.error is not None:
        kind: Kind = "same" if ended[0] == ended[1] else "other_reason"
        if then.error is None:
            kind = "now_refused"
        elif now.error is None:
            kind = "now_answered"
        return Otherwise(call, tool, kind, *ended)
    if then.result is None or now.result is None:
        parts = _parts(then.answer.structured if then.answer else {}, now.answer.structured if now.answer else {})
        return Otherwise(call, tool, "changed" if parts else "same", *ended, parts=parts)
    hidden = (then.result.cells_hidden, now.result.cells_hidden)
    if then.result.columns != now.result.columns:
        return Otherwise(call, tool, "changed", *ended, cells_hidden=hidden, parts=("columns",))
    removed, added = rows_apart(then.result.rows, now.result.rows)
    changed = _changed(removed, added)
    same = not removed and not added and hidden == hidden[::-1]
    return Otherwise(
        call,
        tool,
        "same" if same else "changed",
        *ended,
        rows_added=len(added) - changed,
        rows_removed=len(removed) - changed,
        rows_changed=changed,
        cells_hidden=hidden,
        columns=now.result.columns,
        added=added,
        removed=removed,
    )


def _ended(call: Call) -> str:
    return f"{call.status} {(getattr(call.error, 'rule', '') or call.error.code) if call.error else ''}".strip()


def _parts(then: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    names = sorted({*then, *now} - set(_ABOUT_THE_CALL))
    return tuple(name for name in names if then.get(name) != now.get(name))


Rows = tuple[tuple[Any, ...], ...]


def rows_apart(then: Sequence[tuple[Any, ...]], now: Sequence[tuple[Any, ...]]) -> tuple[Rows, Rows]:
    """Rows of the first that are not in the second, and the other way; each as often as it is missing."""
    mine, theirs = Counter(map(_held, then)), Counter(map(_held, now))
    gone, come = mine - theirs, theirs - mine
    return _kept(then, gone), _kept(now, come)


def _kept(rows: Sequence[tuple[Any, ...]], wanted: Counter[str]) -> Rows:
    found = []
    for row in rows:
        if wanted[key := _held(row)] > 0:
            wanted[key] -= 1
            found.append(row)
    return tuple(found)


def _held(row: tuple[Any, ...]) -> str:
    """A row as something that can be counted: it may hold lists."""
    return repr(row)


def _changed(removed: Rows, added: Rows) -> int:
    """How many rows stand on both sides under the same leading cells: the fewest that name each row on its side."""
    if not removed or not added:
        return 0
    for width in range(1, len(removed[0])):
        before, after = ({_held(row[:width]) for row in side} for side in (removed, added))
        if len(before) == len(removed) and len(after) == len(added):
            return len(before & after)
    return 1 if len(removed) == len(added) == 1 else 0


def supposed_of(words: Iterable[str], read_policy: Any, snapshot_of: Any) -> Supposed:
    """What `policy=FILE` and `snapshot=current|ID` suppose. Raises BadRequest where a word is neither."""
    judge, snapshot = None, None
    for word in words:
        name, _, value = word.partition("=")
        if name == "policy" and value:
            judge = Judge(read_policy(value))
        elif name == "snapshot" and value:
            snapshot = snapshot_of(value)
        else:
            raise BadRequest(f"--what-if takes policy=FILE or snapshot=current|ID, not '{word}'.")
    return Supposed(judge, snapshot)
