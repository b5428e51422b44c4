"""What one subject did: their calls, and sums over them. With the sealing key also how many different persons they were shown."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from server.disclosures.line import line
from server.disclosures.who_saw import persons_shown
from server.ledger import Keys, RecordedCall

MOST = 10


@dataclass
class Deeds:
    """Calls and their sums. `persons` is None without the sealing key; keys of one person in two releases count twice.

    `unlisted`: record-level answers that do not say of whom their rows are.
    """

    calls: list[dict[str, Any]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    purposes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    unlisted: int = 0
    persons: int | None = None
    seen_most: list[tuple[int, int]] = field(default_factory=list)  # (key, calls that showed it), the most first


def deeds_of(calls: Iterable[RecordedCall], keys: Keys | None) -> Deeds:
    """The sum of these calls. Raises Damaged where a sealed list cannot be opened with the key."""
    found = Deeds()
    shown: Counter[int] = Counter()
    for call in calls:
        told = line(call)
        found.calls.append(told)
        found.statuses[told["status"]] += 1
        found.purposes[f"{told['role']} for {told['purpose']}"] += 1
        if told["rule"]:
            found.rules[told["rule"]] += 1
        found.rows += told["rows"]
        if call.outcome is None:
            continue
        if call.outcome.sealed is None:
            found.unlisted += told["status"] == "answered" and told["mode"] == "record" and told["rows"] > 0
        elif keys is not None:
            shown.update(persons_shown(keys, call.outcome) or ())
    found.persons = len(shown) if keys is not None else None
    found.seen_most = sorted(shown.items(), key=lambda one: (-one[1], one[0]))[:MOST]
    return found
