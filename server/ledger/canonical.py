"""Canonical JSON for what the ledger hashes: sorted keys, no spaces, UTF-8, no floats (after RFC 8785, for the types used)."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The one byte form of a value made of dict, list, str, int, bool and None. TypeError for anything else, floats included."""
    _check(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _check(value: Any) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, dict):
        for name, one in value.items():
            if not isinstance(name, str):
                raise TypeError("canonical JSON has text keys only")
            _check(one)
    elif isinstance(value, list | tuple):
        for one in value:
            _check(one)
    else:
        raise TypeError(f"canonical JSON holds no {type(value).__name__}")
