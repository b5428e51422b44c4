"""Snapshots: immutable, content-addressed states of the data, published whole or not at all.

`publish` makes one, `open_current` finds the one in force, `verify_snapshot` proves that it is what was written. Nothing
here knows policies: releases and the redactor are handed in.
"""

from data.snapshots.keys import MAX_SHIFT
from data.snapshots.model import BuildFacts, Check, Manifest, Measures, ReleaseFacts, TableFacts
from data.snapshots.publish import publish
from data.snapshots.retire import retire
from data.snapshots.risk import measured, read_risk
from data.snapshots.store import Snapshot, list_snapshots, open_current, open_snapshot, verify_snapshot

__all__ = [
    "MAX_SHIFT",
    "BuildFacts",
    "Check",
    "Manifest",
    "Measures",
    "ReleaseFacts",
    "Snapshot",
    "TableFacts",
    "list_snapshots",
    "measured",
    "open_current",
    "open_snapshot",
    "publish",
    "read_risk",
    "retire",
    "verify_snapshot",
]
