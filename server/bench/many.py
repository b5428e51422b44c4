"""Fills a room's ledger with calls nobody made, for reading to be tried on many.

Bodies have the members that real ones have. They are written by the ledger's own writer, in batches of a thousand, so the tree and its
checkpoints are real.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyroaring import BitMap64

from server.ledger import Keys, load_or_create_keys
from server.ledger.entry import divided
from server.ledger.store import Ledger
from server.ledger.tail import Draft
from server.room import Room

RULES = (
    "aggregate-only",
    "table-not-in-release",
    "select-only",
    "column-not-granted",
    "default-deny",
    "overlap",
    "function-not-allowed",
)
ROLES = ("researcher",) * 12 + ("analyst",) * 5 + ("clinician",) * 3
TOOLS = ("query",) * 12 + ("count_cohort",) * 4 + ("describe_data",) * 3 + ("explain_policy",)
STEPS = (
    "identify",
    "plan",
    "judge",
    "budget",
    "record_intent",
    "compare",
    "run",
    "redact",
    "suppress",
    "spend",
    "render",
)
RELEASES = {"researcher": "deidentified", "analyst": "limited", "clinician": "identified"}
BATCH = 1000


def with_ledger(room: Room, directory: Path) -> Room:
    """The room with a ledger of its own in that directory."""
    ledger = room.settings.ledger.model_copy(update={"url": f"sqlite:///{directory / 'ledger.db'}"})
    other = Room(room.root, room.settings.model_copy(update={"ledger": ledger}))
    other.ledger_head = directory / "ledger.checkpoint"
    return other


def fill(room: Room, entries: int, seed: int = 1, last: datetime | None = None) -> None:
    """Appends so many entries, the last of them dated now unless it is said."""
    keys = load_or_create_keys(room.keys_path)
    chance = random.Random(seed)  # noqa: S311 - invented calls, no secrets
    ledger = Ledger(room.ledger_url, room.ledger_head, keys, durable=False)
    begun, step = (last or datetime.now(UTC)) - timedelta(days=60), timedelta(days=60) / max(entries, 1)
    batch: list[Draft] = []
    for number in range(0, entries, 2):
        at = begun + number * step
        call = f"{chance.getrandbits(128):032x}"
        intent, outcome, sealed = _pair(chance, keys, call)
        batch.append(_draft("intent", call, at, intent, keys.seal(call, b'{"arguments": {"sql": "SELECT 1"}}')))
        batch.append(_draft("outcome", call, at + timedelta(milliseconds=20), outcome, sealed))
        if number % 4000 == 0:
            batch.append(
                _draft(
                    "note", "", at, {"alert": "volume", "subject": "user-7", "role": "clinician", "bound": 120}, None
                )
            )
        if len(batch) >= BATCH:
            _write(ledger, batch)
            batch = []
    _write(ledger, batch)
    ledger.close()


def _pair(chance: random.Random, keys: Keys, call: str) -> tuple[dict[str, Any], dict[str, Any], bytes | None]:
    role, tool = chance.choice(ROLES), chance.choice(TOOLS)
    user = chance.randrange(40)
    refused, record = chance.random() < 0.06, role != "researcher" and tool == "query"
    rule = chance.choice(RULES) if refused else ""
    digest = f"{chance.getrandbits(256):064x}"
    intent = {
        "subject": f"user-{user}", "role": role, "purpose": "HRESCH", "session": f"session-{user}-{chance.randrange(60)}", "trace": "",
        "trace_id": digest[:32], "tool": tool, "tool_version": "1", "arguments": digest, "policy": digest[::-1],
        "snapshot": f"{chance.randrange(8):016x}", "release": RELEASES[role], "mode": "record" if record else "aggregate",
        "break_glass": False, "verdict": "refused" if refused else "allowed", "rule": rule, "obligations": ["bounds", "redact", "hide-below-11"],
        "tables": ["condition_occurrence", "person"], "sql": digest, "engine": "duckdb 2.0.0", "redactor": "known-1", "readingroom": "0.1.0",
        "versions": {"sqlglot": "30.30.0", "pyarrow": "22.0.0"},
    }  # fmt: skip
    persons = [chance.getrandbits(44) for _ in range(5)] if record and not refused else None
    outcome = {
        "status": "refused" if refused else "answered", "code": "refused" if refused else "", "rule": rule, "result": "" if refused else digest,
        "rows": 0 if refused else chance.randrange(200), "truncated": False, "cells_hidden": chance.randrange(3), "redacted": 0,
        "persons": len(persons) if persons else None, "persons_sealed": len(persons) if persons else None,
        "microseconds": {name: chance.randrange(20, 9000) for name in STEPS},
    }  # fmt: skip
    return intent, outcome, keys.seal(call, BitMap64(persons).serialize()) if persons else None


def _draft(kind: str, call: str, at: datetime, body: dict[str, Any], sealed: bytes | None) -> Draft:
    columns, text = divided(body)
    return Draft(
        kind=kind, call_id=call, at=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), columns=columns, text=text, sealed=sealed
    )


def _write(ledger: Ledger, batch: list[Draft]) -> None:
    ledger._write(batch)
    for one in batch:
        if one.error is not None:
            raise one.error
