"""The record of calls: written before and after each, a Merkle tree with signed checkpoints, verifiable without the server."""

from server.ledger.entry import Entry
from server.ledger.export import export_log, prove
from server.ledger.files import Witness
from server.ledger.keys import Keys, load_or_create_keys, public_key
from server.ledger.read import Page, Reader, RecordedCall, Wanted, calls, entries
from server.ledger.store import Ledger
from server.ledger.verify import Verification, verify

__all__ = [
    "Entry",
    "Keys",
    "Ledger",
    "Page",
    "Reader",
    "RecordedCall",
    "Verification",
    "Wanted",
    "Witness",
    "calls",
    "entries",
    "export_log",
    "load_or_create_keys",
    "prove",
    "public_key",
    "verify",
]
