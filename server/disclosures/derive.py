"""Whether an answer of which no persons are kept rests on a person: the recorded question is executed again.

Aggregates: the SELECTs that say whom each cell rests on (`Judged.witnesses`) are asked for the person. Record-level answers whose rows do
not say of whom they are: the question is asked twice, of everybody and of everybody but the person; where the answers differ, it rested on
the person. Bounded as the call was; nothing is recorded, and no answer leaves this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from data.catalogue.model import catalogue
from data.engines.canonical import canonical, digest, to_python
from data.errors import ReadingRoomError, Refused
from data.types import Limits
from policies.decide import decide
from policies.filters import persons
from policies.verdict import Judged
from server.call import Call
from server.disclosures.persons import Person
from server.house import House
from server.ledger import RecordedCall
from server.pipeline import JUDGE_STEPS
from server.replay.again import executed, pinned, why_not

Found = Literal["aggregate", "record", "no", "unknown"]
_SECONDS = 60.0  # a question's population may take longer to name than to count
_NOBODY = -1


@dataclass(frozen=True)
class Derived:
    """What was found: of an aggregate, how many cells rest on the person; or why it cannot be said."""

    call: RecordedCall
    found: Found
    cells: int = 0
    reason: str = ""


class Deriver:
    """Looks through calls for one person. The same question on the same snapshot is executed once."""

    def __init__(self, house: House, person: Person) -> None:
        self._house, self._person = house, person
        self._known: dict[str, tuple[Found, int]] = {}

    def derived(self, recorded: RecordedCall) -> Derived:
        """Whether the call's answer rests on the person. An answer that keeps its own list is not looked at here: `sights` reads that."""
        if (reason := why_not(recorded)) or recorded.outcome is None:
            return Derived(recorded, "unknown" if _answered(recorded) else "no", 0, reason)
        if not _answered(recorded) or recorded.outcome.sealed is not None:
            return Derived(recorded, "no")
        try:
            house = self._house.under_policy(str(recorded.intent.body["policy"]))
            call = executed(house, recorded, pinned(house, recorded), JUDGE_STEPS)
            if call.error is not None:
                raise call.error
            found, cells = self._looked(house, call)
        except ReadingRoomError as error:
            return Derived(recorded, "unknown", 0, _words(error))
        return Derived(recorded, found, cells)

    def _looked(self, house: House, call: Call) -> tuple[Found, int]:
        judged, plan, snapshot = call.judged, call.plan, call.snapshot
        if judged is None or plan is None or snapshot is None or not _about_persons(judged):
            return "no", 0
        used = {name: plan.parameters[name] for name in judged.parameters}
        attributes = sorted(call.request.principal.attributes.items())
        asked = digest([snapshot.id, judged.release, judged.mode], [], [judged.sql, sorted(used.items()), attributes])
        if asked not in self._known:
            if judged.mode == "aggregate":
                self._known[asked] = _found(self._cells(house, call, judged, plan.parameters))
            else:
                self._known[asked] = ("record" if self._matters(house, call, judged) else "no", 0)
        return self._known[asked]

    def _cells(self, house: House, call: Call, judged: Judged, parameters: Mapping[str, Any]) -> int:
        """How many cells of an aggregate rest on the person."""
        keys = sorted(self._person.in_snapshot(call.snapshot.id if call.snapshot else ""))
        listed = ", ".join(f"hash({key}::BIGINT)" for key in keys)
        count = 0
        for one in judged.witnesses:
            sql = f"SELECT count(DISTINCT w.cell) AS n FROM ({one.sql}) AS w WHERE w.person IN ({listed})"
            needed = {name: parameters[name] for name in one.parameters}
            count += int(_ran(house, call, sql, needed).column(0)[0].as_py())
        return count

    def _matters(self, house: House, call: Call, judged: Judged) -> bool:
        """Whether a record-level answer would be another without the person."""
        keys = sorted(self._person.in_snapshot(call.snapshot.id if call.snapshot else ""))
        return _answer_without(house, call, keys) != _answer_without(house, call, [_NOBODY])


def _answer_without(house: House, call: Call, keys: list[int]) -> str:
    grant, snapshot, plan, policy = call.grant, call.snapshot, call.plan, house.judge.policy
    if grant is None or snapshot is None or plan is None or plan.sql is None:
        raise ReadingRoomError("The call has no question to ask again.")
    held, granted = house.schemas(snapshot, grant)
    attributes = call.request.principal.attributes
    filters = [(persons(one.keep or one.drop, held, attributes), bool(one.keep)) for one in policy.filters(grant)]
    left_out = f"SELECT person_id FROM person WHERE person_id IN ({', '.join(map(str, keys))})"
    filters.append((persons(left_out, held, {}), False))
    sizes = house.sizes(snapshot, grant)
    judged = decide(plan.sql, grant, held, policy.threshold(grant), sizes, filters, granted)
    columns, types, rows = to_python(
        canonical(_ran(house, call, judged.sql, {name: plan.parameters[name] for name in judged.parameters}))
    )
    return digest(columns, types, rows)


def _ran(house: House, call: Call, sql: str, parameters: Mapping[str, Any]) -> Any:
    if call.grant is None or call.snapshot is None or call.judged is None:
        raise ReadingRoomError("The call has no release to be asked of.")
    bounds = call.grant.bounds
    limits = Limits(
        max(bounds.seconds, _SECONDS), bounds.rows, bounds.bytes, house.room.settings.engine.memory_mb, house.threads
    )
    return house.engine.run(call.snapshot.serving(call.judged.release), sql, dict(parameters), limits).table


def _about_persons(judged: Judged) -> bool:
    return any(catalogue()[table].unit != "reference" for table in judged.facts.tables)


def _answered(recorded: RecordedCall) -> bool:
    return recorded.outcome is not None and recorded.outcome.status == "answered"


def _found(cells: int) -> tuple[Found, int]:
    return ("aggregate" if cells else "no", cells)


def _words(error: ReadingRoomError) -> str:
    rule = f" (rule {error.rule})" if isinstance(error, Refused) and error.rule else ""
    return f"{error.message}{rule}"
