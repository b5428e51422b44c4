"""Every error that may reach a person, in one file.

Each error carries `code`, `message` and `advice` as data, so the command line and the MCP server can show them alike.
An error never carries a value from the data: it names files, lines, tables, columns, rules and counts. Code that meets
another library's exception turns it into one of these before it crosses a floor.
"""

from dataclasses import dataclass, field


@dataclass
class ReadingRoomError(Exception):
    """Base of all errors: `message` says what happened and where, `advice` what to do."""

    message: str
    advice: str = ""
    code: str = field(default="failed", kw_only=True)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


@dataclass
class BadRequest(ReadingRoomError):
    """The asker's input cannot be understood; correcting it helps."""

    code: str = field(default="bad_request", kw_only=True)


@dataclass
class Refused(ReadingRoomError):
    """The policy, or a wall behind it, says no. `rule` names which; `allowed` what may be asked; `ask` whom to write to."""

    rule: str = field(default="", kw_only=True)
    allowed: str = field(default="", kw_only=True)
    ask: str = field(default="", kw_only=True)
    code: str = field(default="refused", kw_only=True)


@dataclass
class SourceDown(ReadingRoomError):
    """A source system, file or directory cannot be read now."""

    code: str = field(default="source_down", kw_only=True)


@dataclass
class Busy(ReadingRoomError):
    """Another process holds what this one needs (publish lock, port, ledger)."""

    code: str = field(default="busy", kw_only=True)


@dataclass
class OutOfBounds(ReadingRoomError):
    """A call was stopped at its time, memory, row or byte bound, or its worker was lost."""

    code: str = field(default="out_of_bounds", kw_only=True)


@dataclass
class Damaged(ReadingRoomError):
    """What is on disk is not what was written: a digest, a chain or a file format does not hold."""

    code: str = field(default="damaged", kw_only=True)


def exit_code(error: BaseException) -> int:
    """Process exit code for an error: 2 for a bad request (usage), 1 for all else."""
    return 2 if isinstance(error, BadRequest) else 1
