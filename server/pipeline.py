"""The way of a call: one list, read top to bottom. Nothing else in the project orders steps, and only here is a query run.

A step takes the house and the call and fills the call in, or raises. After an error only the steps marked `always` still run, so
every way out is recorded. An answer that could not be recorded does not leave: record_outcome comes before the reply is made.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from data.errors import ReadingRoomError
from server import steps
from server.call import Call, Reply, Request
from server.house import House

log = structlog.get_logger()


@dataclass(frozen=True)
class Step:
    """One step. `always`: runs after an error too. `records`: writes down, or looks at what came before, so replay leaves it out."""

    do: Callable[[House, Call], None]
    always: bool = False
    records: bool = False

    @property
    def name(self) -> str:
        """The step's name in traces, metrics and timings."""
        return self.do.__name__


STEPS: tuple[Step, ...] = (
    Step(steps.identify),  # who asks, and what is granted to them
    Step(steps.plan),  # the tool turns its arguments into SQL or content
    Step(steps.judge),  # the policy allows it, with obligations, or refuses
    Step(steps.budget, records=True),  # and what was taken before leaves room for it
    Step(steps.record_intent, always=True, records=True),  # before anything runs
    Step(steps.compare, records=True),  # earlier answers count
    Step(steps.run),  # the judged SQL, on the release the verdict names, in a sandboxed worker
    Step(steps.redact),  # second line: nothing that looks like an identifier leaves in text
    Step(steps.suppress),  # cells withheld are counted and said so; values get their canonical form
    Step(steps.spend, records=True),  # rows and persons go onto the budget
    Step(steps.render),  # structured content and text, and their digest
    Step(steps.record_outcome, always=True, records=True),  # on every way out
)
JUDGE_STEPS = STEPS[:3]  # and what the policy says of it, running nothing
PLAN_STEPS = STEPS[:2]  # who asks and what SQL that comes to, for those who judge it themselves
REPLAY_STEPS: tuple[Step, ...] = tuple(step for step in STEPS if not step.records)


def answer(house: House, request: Request) -> Reply:
    """Answers one question. Never raises: whatever happens becomes a reply that says so."""
    call = Call(request)
    walk(house, call, STEPS)
    return steps.reply(call)


def walk(house: House, call: Call, path: tuple[Step, ...]) -> None:
    """Runs the steps in order; what a step raises is kept in the call and ends all but the recording steps."""
    with house.traces.call(call):
        for step in path:
            if call.error is not None and not step.always:
                continue
            begun = time.perf_counter()
            with house.traces.step(step.name):
                _do(house, call, step)
            call.timings[step.name] = int((time.perf_counter() - begun) * 1e6)
    house.metrics.called(call)


def _do(house: House, call: Call, step: Step) -> None:
    try:
        step.do(house, call)
    except ReadingRoomError as error:
        call.error = call.error if call.error is not None and call.recorded else error
    except Exception as error:  # noqa: BLE001 - the one place that must survive a bug and still record the call
        # The type only: the message may carry a value from the data.
        log.error("call.crashed", call=call.id, step=step.name, error=type(error).__name__)
        call.error = ReadingRoomError(
            "The server failed while answering.", "Give the call's id to its operator.", code="crashed"
        )
