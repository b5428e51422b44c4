"""Recorded calls as lines for a SIEM: OCSF 1.3 Datastore Activity (class 6005) as JSON, or ArcSight CEF.

Sources: schema.ocsf.io/1.3.0/classes/datastore_activity; "ArcSight Common Event Format Implementation Standard", version 26, for CEF's keys and
escaping.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from server.ledger import RecordedCall
from server.records import VERSION

_CLASS, _QUERY, _TYPE = 6005, 4, 600504
# Severity by how the call ended: OCSF's severity_id, its word, and CEF's 0 to 10.
_SEVERITY = {
    "answered": (1, "Informational", 1),
    "refused": (2, "Low", 4),
    "out_of_bounds": (2, "Low", 4),
    "failed": (3, "Medium", 6),
    "open": (3, "Medium", 7),
}
_EMERGENCY = (4, "High", 8)


def ocsf(call: RecordedCall, persons: Iterable[int] | None = None) -> str:
    """The call as one line of OCSF JSON."""
    intent, outcome, status = _parts(call)
    severity = _severity(intent, status)
    event: dict[str, Any] = {
        "activity_id": _QUERY,
        "activity_name": "Query",
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "Datastore Activity",
        "type_uid": _TYPE,
        "type_name": "Datastore Activity: Query",
        "time": _milliseconds(call.intent.at),
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": 1 if status == "answered" else 2,
        "status": "Success" if status == "answered" else "Failure",
        "status_code": outcome.get("code", "") or status,
        "status_detail": outcome.get("rule", "") or intent["rule"],
        "metadata": {
            "version": "1.3.0",
            "uid": call.call_id,
            "correlation_uid": intent.get("trace_id", "") or intent["session"],
            "product": {
                "name": "Reading Room",
                "vendor_name": "Reading Room",
                "version": intent.get("readingroom", VERSION),
            },
        },
        "actor": {
            "user": {"name": intent["subject"], "type_id": 1, "type": "User", "groups": [{"name": intent["role"]}]},
            "session": {"uid": intent["session"]},
        },
        "src_endpoint": {"name": "mcp-client", "uid": intent["session"]},
        "database": {
            "name": intent["release"] or "none",
            "uid": intent["snapshot"],
            "type_id": 1,
            "type": "Relational",
        },
        "type_id": 1,
        "query_info": {"uid": call.call_id, "query_string": f"sha-256 {intent['arguments']}"},
        "unmapped": _unmapped(intent, outcome),
    }
    if call.outcome is not None:
        event["end_time"] = _milliseconds(call.outcome.at)
        event["duration"] = event["end_time"] - event["time"]
    if persons is not None:
        event["unmapped"]["persons_shown"] = sorted(persons)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def cef(call: RecordedCall, persons: Iterable[int] | None = None) -> str:
    """The call as one line of CEF."""
    intent, outcome, status = _parts(call)
    name = "Question answered" if status == "answered" else f"Question {status.replace('_', ' ')}"
    head = (
        "CEF:0",
        "Reading Room",
        "readingroom",
        intent.get("readingroom", VERSION),
        f"{intent['tool']}:{status}",
        name,
    )
    fields: dict[str, Any] = {
        "rt": _milliseconds(call.intent.at),
        "externalId": call.call_id,
        "suser": intent["subject"],
        "spriv": intent["role"],
        "act": intent["tool"],
        "outcome": "success" if status == "answered" else "failure",
        "reason": outcome.get("rule", "") or outcome.get("code", ""),
        "cs1Label": "purposeOfUse", "cs1": intent["purpose"],
        "cs2Label": "release", "cs2": intent["release"],
        "cs3Label": "policySha256", "cs3": intent["policy"],
        "cs4Label": "snapshot", "cs4": intent["snapshot"],
        "cs5Label": "tables", "cs5": " ".join(intent["tables"]),
        "cs6Label": "session", "cs6": intent["session"],
        "cn1Label": "rows", "cn1": outcome.get("rows", 0),
        "cn2Label": "cellsHidden", "cn2": outcome.get("cells_hidden", 0),
        "cn3Label": "persons", "cn3": outcome.get("persons"),
    }  # fmt: skip
    if persons is not None:
        fields |= {"flexString1Label": "personsShown", "flexString1": " ".join(map(str, sorted(persons)))}
    told = " ".join(f"{key}={_value(value)}" for key, value in _filled(fields).items())
    return "|".join([*map(_header, head), str(_severity(intent, status)[2]), told])


def _parts(call: RecordedCall) -> tuple[dict[str, Any], dict[str, Any], str]:
    outcome = call.outcome.body if call.outcome is not None else {}
    return call.intent.body, outcome, str(outcome.get("status", "open"))


def _severity(intent: dict[str, Any], status: str) -> tuple[int, str, int]:
    return _EMERGENCY if intent["break_glass"] else _SEVERITY[status]


def _unmapped(intent: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
    kept = ("tool", "purpose", "release", "mode", "policy", "tables", "obligations", "break_glass")
    counts = ("rows", "cells_hidden", "persons", "redacted", "truncated", "result")
    return {name: intent[name] for name in kept} | {name: outcome.get(name) for name in counts}


def _milliseconds(at: str) -> int:
    moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Without fields that say nothing, nor labels of such."""
    empty = {key for key, value in fields.items() if value in ("", None)}
    return {key: value for key, value in fields.items() if key not in empty and key.removesuffix("Label") not in empty}


def _header(value: str) -> str:
    """A field before the last bar: backslash and bar are escaped, and it is one line."""
    return " ".join(value.splitlines()).replace("\\", "\\\\").replace("|", "\\|")


def _value(value: Any) -> str:
    """A value of the extension: backslash and equals sign are escaped, line ends written as such."""
    text = str(value).replace("\\", "\\\\").replace("=", "\\=")
    return text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\r")
