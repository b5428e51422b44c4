"""What stewards decided about pairs of patients: a file of one line a decision, only ever added to; the last word on a pair holds.

A decision is taken back by the verdict `undecided`. The file lies in the room and holds patient numbers: keep it like the vault.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from data.errors import Damaged
from data.normalise.persons.groups import Key

Verdict = Literal["same", "apart", "undecided"]


@dataclass(frozen=True)
class Decision:
    """One decision: two patients, whether they are the same person, who said so, when and why."""

    source: str
    mrn: str
    other_source: str
    other_mrn: str
    verdict: Verdict
    by: str = ""
    at: str = ""
    reason: str = ""

    @property
    def pair(self) -> tuple[Key, Key]:
        """The two patients, in a fixed order."""
        first, second = sorted(((self.source, self.mrn), (self.other_source, self.other_mrn)))
        return first, second


def read_decisions(path: Path) -> list[Decision]:
    """Decisions in force, in the order of their pairs. Raises Damaged naming the line that cannot be read."""
    if not path.is_file():
        return []
    last: dict[tuple[Key, Key], Decision] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            one = _decision(path, number, line)
            last[one.pair] = one
    return [last[pair] for pair in sorted(last) if last[pair].verdict != "undecided"]


def _decision(path: Path, number: int, line: str) -> Decision:
    try:
        one = Decision(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise Damaged(f"{path}:{number} is no decision about two patients.", "Mend or remove that line.") from error
    if one.verdict not in get_args(Verdict):
        raise Damaged(f"{path}:{number} has an unknown verdict.", f"Known are: {', '.join(get_args(Verdict))}.")
    return one


def add_decision(path: Path, decision: Decision) -> None:
    """Adds a decision to the file, on disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(decision), sort_keys=True) + "\n")


def in_force(decisions: Sequence[Decision]) -> list[dict[str, str]]:
    """Decisions as data, for the digest of what went into a snapshot."""
    return [cast("dict[str, str]", asdict(one)) for one in decisions]
