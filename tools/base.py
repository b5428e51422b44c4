"""What every tool is: a name, the shape of its arguments, and two pure functions.

`plan` turns checked arguments into a Plan: SQL to be judged and run, or content that needs no data. `render` turns what came back
into the answer. A tool never sees a connection, a file or a value it was not given. The pipeline calls both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from policies.verdict import Judged

A = TypeVar("A", bound=BaseModel)
Json = dict[str, Any]


class Arguments(BaseModel):
    """Base of all tools' arguments: an unknown argument is an error, not a silent nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Desk:
    """What the asker may know without asking the data: who they are, what is granted, which snapshot answers.

    `granted`: table -> column -> type. `rows`: rows of each granted table in the release, None where that is not
    to be known. `rules`: what the grant means, in sentences. `judge`: the verdict on some SQL,
    raising what judging raises; it runs nothing.
    """

    subject: str
    role: str
    purpose: str
    release: str
    ground: str
    mode: str
    snapshot: str
    contact: str
    hide_below: int
    granted: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, int | None]
    rules: tuple[str, ...]
    policy: str
    judge: Callable[[str], Judged]


@dataclass(frozen=True)
class Plan:
    """Either `sql` with its parameters, or `content` that is the answer already. `kept`: what `render` needs of the arguments."""

    sql: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    content: Json | None = None
    notes: tuple[str, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came back, fit to be shown: JSON-ready rows, which of them had a cell withheld, how many cells that were, and (rule, text)
    of what may be wrong with the question.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    hidden_rows: tuple[int, ...] = ()
    cells_hidden: int = 0
    redacted: int = 0
    notes: tuple[str, ...] = ()
    advice: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """`structured` fits the tool's output schema; `text` says the same shortly, for models that read text."""

    structured: Json
    text: str


@dataclass(frozen=True)
class Tool(Generic[A]):
    """One thing a model can ask."""

    name: str
    title: str
    description: str
    version: str
    arguments: type[A]
    output: type[BaseModel]
    plan: Callable[[A, Desk], Plan]
    render: Callable[[Plan, Result | None, Desk], Answer]
