"""Canonical JSON for what the ledger hashes: RFC 8785 (JCS) for the types it holds. Floats are refused, so no number has two forms."""

import hashlib
import json
from typing import Any

_MOST = 2**53 - 1  # integers beyond it are not the same number everywhere (RFC 8785, section 3.2.2.3)
_IN_ORDER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> bytes:
    """The one byte form of a value made of dict, list, str, int, bool and None.

    TypeError for anything else, floats included; ValueError for integers past 2^53-1 and for text that is no Unicode (lone surrogates).
    """
    if _has_ascii_keys(value):  # code points and UTF-16 units then sort alike, and the C encoder does all of it
        return _SORTED.encode(value).encode()
    return _IN_ORDER.encode(_ordered(value)).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _has_ascii_keys(value: Any) -> bool:
    """Whether every key is ASCII. Raises where the value has no canonical form."""
    if value is None or isinstance(value, str):
        return True
    if isinstance(value, int):
        if not -_MOST <= value <= _MOST:
            raise ValueError("canonical JSON holds no integer past 2^53-1")
        return True
    if isinstance(value, dict):
        plain = True
        for name, one in value.items():
            if not isinstance(name, str):
                raise TypeError("canonical JSON has text keys only")
            plain = _has_ascii_keys(one) and name.isascii() and plain
        return plain
    if isinstance(value, list | tuple):
        plain = True
        for one in value:  # each is looked at, whatever the one before was
            plain = _has_ascii_keys(one) and plain
        return plain
    raise TypeError(f"canonical JSON holds no {type(value).__name__}")


def _ordered(value: Any) -> Any:
    """The value with keys in the order of their UTF-16 units (RFC 8785, section 3.2.3)."""
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=_utf16)}
    return [_ordered(one) for one in value] if isinstance(value, list | tuple) else value


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")
