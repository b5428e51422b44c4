"""The steps of a call, in the order in which `pipeline.py` lists them. Each does one thing and reads like its name."""

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from data.catalogue.model import catalogue
from data.engines.canonical import canonical, digest, to_python
from data.errors import BadRequest, ReadingRoomError, Refused
from data.types import Limits
from policies.disclosure.kinds import HIDDEN
from policies.model import Grant
from policies.workbench.rules import grant_words
from server.call import Call, Principal, Reply
from server.house import House
from server.records import intent_body, outcome_body, sealed_arguments, sealed_persons
from tools import TOOLS
from tools.base import Desk, Json, Result

REASON_AT_LEAST = 15  # characters of a break-glass reason


def identify(house: House, call: Call) -> None:
    """The grant of the principal's role and purpose, and the snapshot that answers."""
    principal = call.request.principal
    call.snapshot = call.snapshot or house.snapshots.current()
    call.grant = house.judge.grant(principal.role, principal.purpose, call.day, bool(principal.break_glass))
    house.require_sandbox(call.grant)
    if call.grant.break_glass:
        _check_reason(principal)


def plan(house: House, call: Call) -> None:
    """The tool's plan, from checked arguments."""
    call.tool = TOOLS.get(call.request.tool)
    if call.tool is None:
        raise BadRequest(f"There is no tool '{call.request.tool}'.", f"There are: {', '.join(TOOLS)}.")
    call.desk = _desk(house, call)
    try:
        arguments = call.tool.arguments.model_validate(call.request.arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "arguments"
        raise BadRequest(f"Argument {where}: {first['msg']}.", f"See the schema of {call.tool.name}.") from error
    call.plan = call.tool.plan(arguments, call.desk)


def judge(house: House, call: Call) -> None:
    """The policy's verdict on the planned SQL; content without SQL needs none."""
    if call.plan is None or call.plan.sql is None or call.desk is None:
        return
    call.judged = call.desk.judge(call.plan.sql)
    missing = set(call.judged.parameters) - set(call.plan.parameters)
    if missing:
        raise BadRequest(f"Parameter ${min(missing)} has no value.", "Give it under its name in `parameters`.")


def budget(house: House, call: Call) -> None:
    """What the principal took before, held against the grant's budget."""
    if call.grant is not None:
        house.budgets.check(call.request.principal.subject, call.grant)


def record_intent(house: House, call: Call) -> None:
    """The ledger's first entry: who, why, what, under which policy and snapshot, with which verdict."""
    house.ledger.intent(call.id, intent_body(house, call), sealed_arguments(house, call))
    call.recorded = True


def compare(house: House, call: Call) -> None:
    """Earlier answers count: an answer that would tell about few persons beside one of them is refused."""
    if call.judged is not None and call.plan is not None and call.grant is not None and call.snapshot is not None:
        subject = call.request.principal.subject
        house.answers.remember(call.judged, call.plan.parameters, call.grant, subject, call.snapshot)


def spend(house: House, call: Call) -> None:
    """Rows and persons of the answer go onto the budget; past the day's persons it does not leave."""
    if call.result is not None and call.grant is not None:
        persons = _persons_taken(call) if call.grant.mode == "record" else set()
        house.budgets.took(call.request.principal.subject, call.grant, len(call.result.rows), persons)


def run(house: House, call: Call) -> None:
    """The judged SQL in a worker that holds one release, inside the grant's bounds."""
    if call.judged is None or call.plan is None or call.snapshot is None or call.grant is None:
        return
    settings = house.room.settings.engine
    bounds = call.grant.bounds
    limits = Limits(bounds.seconds, bounds.rows, bounds.bytes, settings.memory_mb, house.threads)
    serving = call.snapshot.serving(call.judged.release)
    wanted = {name: call.plan.parameters[name] for name in call.judged.parameters}
    call.raw = house.engine.run(serving, call.judged.sql, wanted, limits)


def redact(house: House, call: Call) -> None:
    """Second line: in releases without identities, a text that looks like it holds one is withheld and counted."""
    if call.raw is None or call.judged is None:
        return
    columns, types, rows = to_python(canonical(call.raw.table))
    shown, found = list(rows), 0
    if house.judge.policy.base_of(call.judged.release) != "identified":
        shown, found = house.redaction.withheld(types, rows, house.known_of(call.snapshot, call.judged, columns, rows))
        house.metrics.redacted(found)
        if found:
            house.watch.incident(
                "identifier-withheld", {"call": call.id, "texts": found, "release": call.judged.release}
            )
    call.result = Result(
        tuple(columns),
        tuple(types),
        tuple(map(tuple, shown)),
        call.raw.truncated,
        redacted=found,
        advice=call.judged.advice,
    )


def suppress(house: House, call: Call) -> None:
    """Cells withheld by the guarded SQL are counted and their rows marked; the marking column itself does not leave."""
    if call.result is None or call.judged is None:
        return
    if call.judged.mode == "record":
        call.shown = frozenset(_persons(call.result)) if "person_id" in call.result.columns else None
        call.persons = len(call.shown) if call.shown is not None else None
    if call.judged.guarded:
        call.result = _without_marks(call.result, call.judged.visible)


def render(house: House, call: Call) -> None:
    """The tool's answer, and the digest that replay must come out at again."""
    if call.tool is None or call.plan is None or call.desk is None:
        raise ReadingRoomError("The call has no plan to answer from.", code="crashed")
    call.answer = call.tool.render(call.plan, call.result, call.desk)
    if call.judged is not None:
        call.answer.structured["verdict"]["rules"] = list(call.judged.obligations)
    call.digest = digest_of(call.answer.structured)


def record_outcome(house: House, call: Call) -> None:
    """The ledger's second entry: how the call ended, the digest of what was answered, counts and timings."""
    if call.recorded:
        house.ledger.outcome(call.id, outcome_body(call), sealed_persons(house, call))
        house.watch.called(call)


def digest_of(structured: Json) -> str:
    """SHA-256 of an answer's content."""
    return digest([], [], [structured])


def reply(call: Call) -> Reply:
    """What goes out: the answer, or the one shape of error."""
    if call.error is None and call.answer is not None:
        structured = {**call.answer.structured, "call": call.id}
        return Reply(call.id, structured, call.answer.text, False, call.digest)
    error = call.error or ReadingRoomError("The call ended without an answer.", code="crashed")
    structured = {"error": error_json(error, call.id)}
    return Reply(call.id, structured, error_text(structured["error"]), True, "")


def error_json(error: ReadingRoomError, call: str) -> Json:
    """The one error shape: code, message, advice, rule, allowed, ask, call. Never a value from the data."""
    refused = error if isinstance(error, Refused) else None
    return {
        "code": error.code,
        "message": error.message,
        "advice": error.advice,
        "rule": refused.rule if refused else "",
        "allowed": refused.allowed if refused else "",
        "ask": refused.ask if refused else "",
        "call": call,
    }


def error_text(error: Json) -> str:
    """The error in sentences: what, which rule, what instead, whom to ask."""
    rule = f" (rule {error['rule']})" if error["rule"] else ""
    ask = f" Whom to ask: {error['ask']}." if error["ask"] else ""
    parts = [f"{error['message']}{rule}", error["advice"], error["allowed"]]
    return " ".join(part for part in parts if part) + ask


def _desk(house: House, call: Call) -> Desk:
    grant, snapshot, principal = call.grant, call.snapshot, call.request.principal
    if grant is None or snapshot is None:
        raise ReadingRoomError("The call has no grant or snapshot.", code="crashed")
    held, granted = house.schemas(snapshot, grant)
    facts = snapshot.manifest.releases[grant.release]
    sizes = house.sizes(snapshot, grant)
    return Desk(
        subject=principal.subject,
        role=grant.role,
        purpose=grant.purpose,
        release=grant.release,
        ground=facts.ground,
        mode=grant.mode,
        snapshot=snapshot.id,
        contact=house.judge.policy.contact,
        hide_below=house.judge.policy.threshold(grant).hide_below,
        granted=granted,
        rows={name: _rows_told(house, grant, name, facts.tables[name].rows) for name in granted},
        rules=grant_words(house.judge.policy, grant),
        policy=house.judge.digest,
        judge=lambda sql: house.judge.judge(sql, grant, held, snapshot.id, sizes, principal.attributes),
    )


def _rows_told(house: House, grant: Grant, table: str, rows: int) -> int | None:
    """How large a table is, as the grant's threshold shows a count; not at all where a filter shows only some of its rows."""
    threshold = house.judge.policy.threshold(grant)
    if 0 < rows < threshold.hide_below or (grant.rows and catalogue()[table].unit != "reference"):
        return None
    step = threshold.round_to if grant.mode == "aggregate" else 0
    return round(rows / step) * step if step else rows


def _persons(result: Result) -> set[Any]:
    """Whom a record-level result is about, where it says so."""
    if "person_id" not in result.columns:
        return set()
    place = result.columns.index("person_id")
    return {row[place] for row in result.rows if row[place] is not None}


def _persons_taken(call: Call) -> set[Any]:
    """Persons that go onto the budget: where rows about persons do not say of whom they are, each row counts as one."""
    result, judged = call.result, call.judged
    if result is None or judged is None or "person_id" in result.columns:
        return _persons(result) if result is not None else set()
    about = any(catalogue()[table].unit == "person" for table in judged.facts.tables)
    return {(call.id, place) for place in range(len(result.rows))} if about else set()


def _check_reason(principal: Principal) -> None:
    if len(principal.break_glass.strip()) < REASON_AT_LEAST:
        raise Refused(
            f"The reason is shorter than {REASON_AT_LEAST} characters.",
            rule="break-glass",
            allowed="Say what the emergency is; the reason is recorded, sealed, and looked at.",
        )


def _without_marks(result: Result, visible: int) -> Result:
    place = result.columns.index(HIDDEN)
    hidden = tuple(number for number, row in enumerate(result.rows) if row[place])
    cells = sum(1 for number in hidden for value in result.rows[number][:visible] if value is None)
    rows: tuple[tuple[Any, ...], ...] = tuple(row[:visible] for row in result.rows)
    return replace(
        result,
        columns=result.columns[:visible],
        types=result.types[:visible],
        rows=rows,
        hidden_rows=hidden,
        cells_hidden=cells,
    )
