"""What disclosure control is told: how small a cell may be, and how many rows a person can have.

`Profile` comes from the policy's threshold, `Sizes` from the snapshot's manifest. Plain data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlglot import exp


@dataclass(frozen=True)
class Profile:
    """Cells resting on 1 to `hide_below` - 1 persons are hidden; counts are rounded to multiples of `round_to` (0: as they are);
    without `extremes`, minimum and maximum are refused and percentiles near the ends withheld.
    """

    hide_below: int
    round_to: int = 0
    extremes: bool = True


@dataclass(frozen=True)
class Sizes:
    """Of a release: rows by table, the most rows any one person has in it (None: not known), and the day of its snapshot."""

    rows: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int | None] = field(default_factory=dict)
    day: date | None = None


@dataclass(frozen=True)
class Witness:
    """A SELECT that says on whom the cells of a part rest: `cell` and `person` (both hashes), then for each condition the rows of the person
    and, for each of `tables`, a print of which rows of it those are. `told`: by condition, whether numbers of persons (P), of rows (R) or
    something of values (V) were shown. `one_level`: there are no totals among the cells. `mixed`: a row of a person may
    stand in several cells. `parts`: WITH parts
    of the question that it reads, shared with it; `recursive` whether one calls itself.
    """

    query: exp.Select
    told: tuple[str, ...]
    tables: tuple[str, ...]
    one_level: bool = True
    mixed: bool = False
    parts: tuple[exp.CTE, ...] = ()
    recursive: bool = False
