"""One call, from the question that came in to the reply that goes out. The pipeline's steps fill it in, in order.

A Call is made for each question and thrown away after the reply; what must last is in the ledger.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from data.errors import OutOfBounds, ReadingRoomError, Refused
from data.snapshots import Snapshot
from policies.model import Grant
from policies.verdict import Judged
from tools import TOOLS
from tools.base import Answer, Desk, Plan, Result, Tool

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Principal:
    """Who asks: subject, role and purpose of use, and the session and trace the call belongs to.

    `attributes` (site, study, provider ...) are what row filters compare with; `break_glass` is the reason of an emergency, if it is one.
    """

    subject: str
    role: str
    purpose: str
    session: str
    trace: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    break_glass: str = ""


@dataclass(frozen=True)
class Request:
    """A question as it came in."""

    tool: str
    arguments: dict[str, Any]
    principal: Principal


@dataclass(frozen=True)
class Reply:
    """What goes out: structured content, its text, whether it is an error, and the digest the ledger holds."""

    call: str
    structured: dict[str, Any]
    text: str
    is_error: bool
    digest: str


@dataclass
class Call:
    """The state of one call. A field is None until its step has run; `error` stops all but the recording steps."""

    request: Request
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    day: date = field(default_factory=lambda: datetime.now(UTC).date())  # of the call; grants may have run out by then
    started: float = field(default_factory=time.perf_counter)
    error: ReadingRoomError | None = None
    tool: Tool[Any] | None = None
    grant: Grant | None = None
    snapshot: Snapshot | None = None
    desk: Desk | None = None
    plan: Plan | None = None
    judged: Judged | None = None
    raw: Any = None  # the engine's Arrow table, until it is made fit to be shown
    result: Result | None = None
    answer: Answer | None = None
    digest: str = ""
    persons: int | None = None
    shown: frozenset[Any] | None = None  # whom a record-level answer is about, where it says so
    recorded: bool = False
    timings: dict[str, int] = field(default_factory=dict)  # step -> microseconds
    reply: Reply | None = None

    @property
    def tool_name(self) -> str:
        """The tool's name where we have such a tool, for what is written down openly: any other name is the asker's words."""
        return self.request.tool if self.request.tool in TOOLS else UNKNOWN

    @property
    def status(self) -> str:
        """How the call ended, for the ledger and the metrics."""
        match self.error:
            case None:
                return "answered"
            case Refused():
                return "refused"
            case OutOfBounds():
                return "out_of_bounds"
            case _:
                return "failed"
