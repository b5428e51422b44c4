"""A recorded call as a line of a report: who, when, why, on what, how many. Names and counts; no value from the data."""

from typing import Any

from server.ledger import RecordedCall

COLUMNS = ("at", "subject", "role", "purpose", "tool", "release", "rows", "persons", "call")


def line(call: RecordedCall) -> dict[str, Any]:
    """The call's line."""
    intent, outcome = call.intent.body, call.outcome.body if call.outcome is not None else {}
    kept = ("subject", "role", "purpose", "session", "tool", "release", "mode", "snapshot", "tables", "break_glass")
    return {
        "call": call.call_id,
        "at": call.intent.at,
        **{name: intent.get(name, "") for name in kept},
        "status": outcome.get("status", "no outcome"),
        "rule": outcome.get("rule", ""),
        "rows": outcome.get("rows", 0),
        "persons": outcome.get("persons"),
        "cells_hidden": outcome.get("cells_hidden", 0),
    }
