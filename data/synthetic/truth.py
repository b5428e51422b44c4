"""The key of known truths: what was written where, what is planted in it, and what should become of each planted case.

Tests and evals hold ingestion against this file; nothing in ingestion reads it.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Truth:
    """Filled by the writers, written at the end."""

    persons: int
    seed: int
    received: Counter[str] = field(default_factory=Counter)  # file or table -> records written, broken ones included
    planted: list[dict[str, Any]] = field(default_factory=list)
    cohorts: Counter[str] = field(default_factory=Counter)

    def wrote(self, where: str, records: int = 1) -> None:
        """Counts records as written."""
        self.received[where] += records

    def plant(self, case: str, where: str, record: int, becomes: str, **more: Any) -> None:
        """Notes a planted case: its class, file, record number (from 1) and what should become of it."""
        self.planted.append({"case": case, "where": where, "record": record, "becomes": becomes, **more})

    def write(self, directory: Path) -> None:
        """Writes truth.json."""
        text = json.dumps(
            {
                "persons": self.persons,
                "seed": self.seed,
                "received": dict(sorted(self.received.items())),
                "cohorts": dict(sorted(self.cohorts.items())),
                "planted": self.planted,
            },
            indent=1,
        )
        (directory / "truth.json").write_text(text + "\n", encoding="utf-8")
