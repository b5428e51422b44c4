"""What a check of the Data Quality Dashboard is, and what it found. Frozen; nothing here touches a database."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["table", "field", "concept"]
Status = Literal["passed", "failed", "not applicable", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class DqdCheck:
    """One check. `threshold` is the percent of rows allowed to fail; 0 means that a single row fails it.

    `parameters` holds what the kind of check needs besides its place: the key a foreign key points to, a bound, a sex, units.
    A check on the descendants of several concepts has the first of them as `concept_id`, all of them in its parameters.
    """

    name: str
    level: Level
    table: str
    field: str
    concept_id: int | None
    unit_concept_id: int | None
    category: str
    subcategory: str
    context: str
    threshold: float
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def order(self) -> tuple[int, str, str, str, int, int]:
        """Place among the results: level, table, field, name, concept, unit."""
        level = LEVELS.index(self.level)
        return level, self.table, self.field, self.name, self.concept_id or 0, self.unit_concept_id or 0


@dataclass(frozen=True)
class DqdResult:
    """What a check found: rows that break it, of rows it looked at. `reason` says why it could not be judged, or not fully."""

    check: DqdCheck
    violated: int
    total: int
    status: Status
    reason: str = ""

    def judged_by(self, threshold: float) -> "DqdResult":
        """The same counts under another threshold; what was not judged stays so."""
        if self.status not in ("passed", "failed"):
            return self
        check = dataclasses.replace(self.check, threshold=threshold)
        failed = 100 * self.violated > threshold * self.total
        return dataclasses.replace(self, check=check, status="failed" if failed else "passed")

    @property
    def percent(self) -> float:
        """Percent of the rows that break the check; 0 where there are none to look at."""
        return 100 * self.violated / self.total if self.total else 0.0
