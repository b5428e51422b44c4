"""What judging a question yields. Facts are what was found in it; a Judged question is one that may run, and how.

A refusal is not a value but `data.errors.Refused`, raised by whichever check says no, with the rule's name.
"""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["aggregate", "record"]


@dataclass(frozen=True)
class Facts:
    """What a question touches: tables, (table, column) pairs and functions, each sorted; no text of the question."""

    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Witnessed:
    """SQL that says whom the cells of a part rest on, and how its result reads (see `disclosure.profile.Witness`)."""

    sql: str
    told: tuple[str, ...]
    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    one_level: bool
    mixed: bool = False


@dataclass(frozen=True)
class Judged:
    """A question the policy allows: the SQL to run on the release, and the obligations that go with it.

    `visible` is how many leading columns of the result are the asker's own; a guarded result carries one more, the
    boolean column `__hidden`, true in rows of which a cell was withheld. `parameters` names those the SQL needs.
    `witnesses` say whom the cells rest on; `advice` is (rule, text) of what may be wrong.
    """

    sql: str
    release: str
    mode: Mode
    facts: Facts
    visible: int
    guarded: bool
    hide_below: int
    obligations: tuple[str, ...]
    parameters: tuple[str, ...]
    witnesses: tuple[Witnessed, ...] = ()
    advice: tuple[tuple[str, str], ...] = ()
