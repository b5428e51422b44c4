"""The record of calls: written before and after each, hash-chained, signed at its head, verifiable without the server."""

from server.ledger.keys import Keys, load_or_create_keys, public_key
from server.ledger.read import RecordedCall, Verification, calls, entries, verify
from server.ledger.store import Ledger

__all__ = [
    "Keys",
    "Ledger",
    "RecordedCall",
    "Verification",
    "calls",
    "entries",
    "load_or_create_keys",
    "public_key",
    "verify",
]
