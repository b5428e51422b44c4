"""What the ledger keeps of a call: names, digests, counts and times. Values stay out; arguments go in sealed, their digest open.

Of a record-level answer that says of whom its rows are, the persons shown go in sealed too, as a roaring bitmap of their keys in the release.
Of an aggregate nothing more is kept: whom it rests on comes out when the call is executed again.
"""

import json
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import duckdb
from opentelemetry import trace
from pyroaring import BitMap64

from data.errors import Damaged
from server.call import Call, Principal
from server.house import House
from server.ledger import Entry
from server.ledger.canonical import canonical_json, digest

VERSION = version("readingroom")
_ENGINE = f"duckdb {duckdb.__version__}"
_VERSIONS = {name: version(name) for name in ("sqlglot", "pyarrow")}  # what else may change an answer
_EXACT = 2**53 - 1
_WORD = 2**64


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
        plain["principal"] = _plain({"attributes": dict(principal.attributes), "break_glass": principal.break_glass})
    return house.keys.seal(call.id, canonical_json(plain))


def sealed_persons(house: House, call: Call) -> bytes | None:
    """The persons a record-level answer showed, for the sealing key's holder only; None where it was none or does not say."""
    if call.shown is None or call.status != "answered":
        return None
    shown = BitMap64(one % _WORD for one in _keys(call.shown))
    shown.run_optimize()
    return house.keys.seal(call.id, shown.serialize())


def intent_body(house: House, call: Call) -> dict[str, Any]:
    """Body of the first entry."""
    principal, judged = call.request.principal, call.judged
    return {
        "subject": _text(principal.subject),
        "role": _text(principal.role),
        "purpose": _text(principal.purpose),
        "session": _text(principal.session),
        "trace": _text(principal.trace),
        "trace_id": _trace_id(principal.trace),
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
        "engine": _ENGINE,
        "redactor": call.snapshot.manifest.versions.get("redactor", "") if call.snapshot else "",
        "readingroom": VERSION,
        "versions": _VERSIONS,
    }


def outcome_body(call: Call) -> dict[str, Any]:
    """Body of the second entry. `persons_sealed` is how many persons stand in the bitmap sealed with it."""
    result = call.result
    sealed = call.shown is not None and call.status == "answered"
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
        "persons_sealed": len(_keys(call.shown or ())) if sealed else None,
        "microseconds": dict(call.timings),
    }


def unsealed_arguments(house: House, intent: Entry) -> dict[str, Any]:
    """The arguments of a recorded call, as they came in. Raises Damaged where they cannot be opened."""
    arguments: dict[str, Any] = _unsealed(house, intent)["arguments"]
    return arguments


def unsealed_principal(house: House, intent: Entry) -> Principal:
    """Who asked, as the pipeline was told. Raises Damaged where that cannot be opened."""
    body, told = intent.body, _unsealed(house, intent).get("principal", {})
    attributes, reason = told.get("attributes", {}), told.get("break_glass", "")
    return Principal(str(body["subject"]), str(body["role"]), str(body["purpose"]), "replay", "", attributes, reason)


def unsealed_persons(house: House, outcome: Entry) -> set[int] | None:
    """The persons a recorded answer showed, by their keys in its release; None where none were kept. Raises Damaged."""
    if outcome.sealed is None:
        return None
    shown = BitMap64.deserialize(house.keys.unseal(outcome.call_id, outcome.sealed))
    return {one if one < _WORD // 2 else one - _WORD for one in shown}


def showed(house: House, outcome: Entry, person: int) -> bool:
    """Whether a recorded answer's bitmap holds that person, without taking it apart. Raises Damaged."""
    if outcome.sealed is None:
        return False
    return person % _WORD in BitMap64.deserialize(house.keys.unseal(outcome.call_id, outcome.sealed))


def _keys(shown: Iterable[Any]) -> set[int]:
    """Persons' keys as whole numbers; a question may have cast them to text. What is no whole number is nobody's key."""
    found = set()
    for one in shown:
        try:
            key = int(one)
        except (TypeError, ValueError, OverflowError):
            continue
        if -_WORD // 2 <= key < _WORD // 2 and (isinstance(one, str) or key == one):
            found.add(key)
    return found


def _trace_id(traceparent: str) -> str:
    """The trace the call is part of: the client's, or the server's own where spans are made; 32 hexadecimal digits or nothing."""
    own = trace.get_current_span().get_span_context().trace_id
    if own:
        return f"{own:032x}"
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 and parts[1].isalnum() else ""


def _text(value: str) -> str:
    """A word of who asks, as Unicode: half a surrogate pair has no UTF-8."""
    return value.encode("utf-8", "replace").decode()


def _plain(arguments: dict[str, Any]) -> Any:
    """Arguments as canonical JSON can hold them: floats and integers past 2^53-1 as text, and all as JSON where a text is no Unicode."""
    told = json.dumps(arguments)
    plain = json.loads(told, parse_float=_float, parse_constant=_float, parse_int=_whole, object_hook=_guarded)
    if "\\ud" in told:
        try:
            json.dumps(plain, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return {"json": told}
    return plain


def _float(text: str) -> dict[str, str]:
    return {"float": text}


def _whole(text: str) -> int | dict[str, str]:
    return value if abs(value := int(text)) <= _EXACT else {"int": text}


def _guarded(value: dict[str, Any]) -> dict[str, Any]:
    """An asker's own object that looks like one of ours."""
    return {"pairs": [list(pair) for pair in value.items()]} if len(value) == 1 and set(value) <= set(_FORMS) else value


def _unsealed(house: House, intent: Entry) -> dict[str, Any]:
    if intent.sealed is None:
        raise Damaged("The call's arguments were not sealed with it.")
    plain: dict[str, Any] = json.loads(house.keys.unseal(intent.call_id, intent.sealed), object_hook=_as_it_was)
    return plain


def _as_it_was(value: dict[str, Any]) -> Any:
    if len(value) != 1:
        return value
    ((name, told),) = value.items()
    return _FORMS[name](told) if name in _FORMS else value


_FORMS: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "json": json.loads, "pairs": dict}
