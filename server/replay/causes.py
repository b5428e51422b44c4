"""Why a replayed call came out otherwise: what its record binds is held against what runs now, and the snapshot's files against its manifest.

Of an answer only the digest is kept, so the two answers themselves cannot be laid side by side; what changed between them can be named.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from data.errors import ReadingRoomError
from data.snapshots import Snapshot, verify_snapshot
from server.call import Call
from server.house import House
from server.ledger import RecordedCall
from server.records import intent_body

_WORDS = {
    "readingroom": "Reading Room",
    "engine": "the engine",
    "redactor": "the redactor",
    "tool_version": "the tool's version",
    "policy": "the policy kept under that digest",
    "release": "the release",
    "mode": "the mode",
    "obligations": "the obligations",
    "tables": "the tables read",
    "sql": "the SQL that judging comes to",
}
_BY_DIGEST = ("sql", "policy")


class Causes:
    """Looks for causes; remembers of each snapshot whether its files are whole, which takes a while to find out."""

    def __init__(self) -> None:
        self._damage: dict[str, str] = {}

    def other(self, house: House, recorded: RecordedCall, now: Call) -> tuple[str, ...]:
        """What the record binds that is otherwise now, in words."""
        return tuple(_differences(recorded.intent.body, intent_body(house, now)))

    def why(self, now: Call, other: tuple[str, ...]) -> str:
        """The reason of a difference, as far as it can be told."""
        damage = self._damaged(now.snapshot) if now.snapshot is not None else ""
        if found := [*([damage] if damage else []), *other]:
            return ", ".join(found)
        return "all that the record binds is as it was, and the snapshot's files are whole"

    def _damaged(self, snapshot: Snapshot) -> str:
        if snapshot.id not in self._damage:
            try:
                verify_snapshot(snapshot)
                self._damage[snapshot.id] = ""
            except ReadingRoomError as error:
                self._damage[snapshot.id] = f"snapshot {snapshot.id} is damaged: {error.message.rstrip('.')}"
        return self._damage[snapshot.id]


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _WORDS.items():
        if name in then and then[name] != now[name]:
            yield f"{words} {'differs' if name in _BY_DIGEST else _from_to(then[name], now[name])}"
    for name, version in now["versions"].items():
        if (was := then.get("versions", {}).get(name, version)) != version:
            yield f"{name} {_from_to(was, version)}"


def _from_to(then: Any, now: Any) -> str:
    shown = [", ".join(map(str, one)) if isinstance(one, list) else str(one) for one in (then, now)]
    return f"was {shown[0] or 'none'}, is {shown[1] or 'none'}"
