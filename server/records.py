"""What the ledger keeps of a call: names, digests, counts and times. Values stay out; arguments go in sealed, their digest open."""

import json
from importlib.metadata import version
from typing import Any

import duckdb

from data.errors import Damaged
from server.call import Call, Principal
from server.house import House
from server.ledger.canonical import canonical_json, digest
from server.ledger.chain import Entry

VERSION = version("readingroom")


def arguments_digest(call: Call) -> str:
    """SHA-256 of the tool's arguments as they came in."""
    return digest(_plain(call.request.arguments))


def sealed_arguments(house: House, call: Call) -> bytes:
    """The arguments as they came in, with who asked's attributes and emergency, for the sealing key's holder only."""
    principal = call.request.principal
    plain = {"arguments": _plain(call.request.arguments)}
    if call.tool_name != call.request.tool:
        plain["tool"] = call.request.tool
    if principal.attributes or principal.break_glass:
        plain["principal"] = {"attributes": dict(principal.attributes), "break_glass": principal.break_glass}
    return house.keys.seal(call.id, canonical_json(plain))


def intent_body(house: House, call: Call) -> dict[str, Any]:
    """Body of the first entry."""
    principal, judged = call.request.principal, call.judged
    return {
        "subject": principal.subject,
        "role": principal.role,
        "purpose": principal.purpose,
        "session": principal.session,
        "trace": principal.trace,
        "tool": call.tool_name,
        "tool_version": call.tool.version if call.tool else "",
        "arguments": arguments_digest(call),
        "policy": house.judge.digest,
        "snapshot": call.snapshot.id if call.snapshot else "",
        "release": call.grant.release if call.grant else "",
        "mode": call.grant.mode if call.grant else "",
        "break_glass": bool(call.grant and call.grant.break_glass),
        "verdict": "allowed" if call.error is None else "refused",
        "rule": getattr(call.error, "rule", "") or (call.error.code if call.error else ""),
        "obligations": list(judged.obligations) if judged else [],
        "tables": list(judged.facts.tables) if judged else [],
        "sql": digest(judged.sql) if judged else "",
        "engine": f"duckdb {duckdb.__version__}",
        "readingroom": VERSION,
    }


def outcome_body(call: Call) -> dict[str, Any]:
    """Body of the second entry."""
    result = call.result
    return {
        "status": call.status,
        "code": call.error.code if call.error else "",
        "rule": getattr(call.error, "rule", "") or "",
        "result": call.digest,
        "rows": len(result.rows) if result else 0,
        "truncated": result.truncated if result else False,
        "cells_hidden": result.cells_hidden if result else 0,
        "redacted": result.redacted if result else 0,
        "persons": call.persons,
        "microseconds": dict(call.timings),
    }


def _plain(arguments: dict[str, Any]) -> Any:
    """Arguments with floats as text: the ledger's canonical form knows no floats."""
    return json.loads(json.dumps(arguments), parse_float=lambda text: {"float": text})


def unsealed_arguments(house: House, intent: Entry) -> dict[str, Any]:
    """The arguments of a recorded call, floats again floats. Raises Damaged where they cannot be opened."""
    if intent.sealed is None:
        raise Damaged("The call's arguments were not sealed with it.")
    plain: dict[str, Any] = json.loads(house.keys.unseal(intent.call_id, intent.sealed), object_hook=_float_again)
    arguments: dict[str, Any] = plain["arguments"]
    return arguments


def unsealed_principal(house: House, intent: Entry) -> Principal:
    """Who asked, as the pipeline was told. Raises Damaged where that cannot be opened."""
    if intent.sealed is None:
        raise Damaged("The call's arguments were not sealed with it.")
    body = intent.body
    told = json.loads(house.keys.unseal(intent.call_id, intent.sealed)).get("principal", {})
    attributes, reason = told.get("attributes", {}), told.get("break_glass", "")
    return Principal(str(body["subject"]), str(body["role"]), str(body["purpose"]), "replay", "", attributes, reason)


def _float_again(value: dict[str, Any]) -> Any:
    return float(value["float"]) if set(value) == {"float"} and isinstance(value["float"], str) else value
