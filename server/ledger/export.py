"""What leaves the ledger for others to check: the whole log as JSON lines, and proofs that one call is in it.

Both carry entries as the very bytes their leaves are the hash of. Sealed bytes stay here; their digests are in the entries. The verifier that
reads both is `verifier.py` beside this file: it needs nothing but Python.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from data.errors import BadRequest, Damaged
from server.ledger.bulk import one_state
from server.ledger.entry import Entry
from server.ledger.merkle import consistency_proof, inclusion_proof
from server.ledger.notes import Signed, raw
from server.ledger.read import Reader
from server.ledger.statements import elsewhere
from server.ledger.tree import StoredTree

VERIFIER = Path(__file__).with_name("verifier.py")


def export_log(url: str, key: Ed25519PublicKey, out: BinaryIO) -> int:
    """Writes the log up to its newest checkpoint: a line that names it, a line an entry, and after
    its last entry a line a checkpoint. Gives how many entries.
    """
    with Reader(url) as reader:
        newest = _newest(reader)
        size = newest.checkpoint.size
        out.write(_line({"export": 1, "origin": newest.checkpoint.origin, "keys": [_text(raw(key))]}))
        kept = {one.checkpoint.size: one for one in reader.checkpoints()} | {size: newest}
        for entry in reader.entries():
            out.write(b'{"entry":' + entry.written + b"}\n")
            if entry.seq in kept:
                out.write(_line({"checkpoint": kept[entry.seq].note}))
            if entry.seq == size:
                return size
    raise Damaged("The ledger ends before its signed head.", "Run `readingroom audit verify`.")


def prove(url: str, key: Ed25519PublicKey, call_id: str, kept: Sequence[Path] = ()) -> dict[str, Any]:
    """Proofs that a call's entries are in the tree of the newest checkpoint (RFC 6962, section 2.1.1).

    And that this tree begins with those of the checkpoints in the files `kept` (section 2.1.2), so that who holds one need not trust the
    newest. Raises BadRequest where there is no such call, or a kept checkpoint is of no earlier tree.
    """
    earlier, _ = elsewhere(kept, "the checkpoint")
    with Reader(url) as reader:
        newest, call = _newest(reader), reader.call(call_id)
        if call is None:
            raise BadRequest(f"No call {call_id} is recorded.", "See `readingroom audit show`.")
        entries = [call.intent, *([call.outcome] if call.outcome is not None else [])]
        with reader.connection() as connection:
            if connection is None:
                raise _unsigned()
            with one_state(connection):
                tree = StoredTree(connection, newest.checkpoint.size)
                introductions = [_proven(one, tree) for one in reader.entries(kind="key") if one.seq <= tree.size]
                proven = [_proven(one, tree) for one in entries if one.seq <= tree.size]
                consistent = [_consistent(one.signed, newest, tree) for one in earlier]
    return {
        "proof": 1,
        "call": call_id,
        "keys": [_text(raw(key))],
        "checkpoint": newest.note,
        "entries": proven,
        "introductions": introductions,
        "consistency": consistent,
    }


def _proven(entry: Entry, tree: StoredTree) -> dict[str, Any]:
    hashes = inclusion_proof(entry.seq - 1, tree.size, tree.node)
    return {"index": entry.seq - 1, "entry": entry.written.decode(), "hashes": [_text(one) for one in hashes]}


def _consistent(earlier: Signed, newest: Signed, tree: StoredTree) -> dict[str, Any]:
    first = earlier.checkpoint.size
    if earlier.checkpoint.origin != newest.checkpoint.origin or not 0 < first <= tree.size:
        raise BadRequest(
            f"The ledger's {tree.size} entries do not go on from the kept checkpoint of {first}.",
            "`readingroom audit verify --checkpoint FILE` says what is wrong.",
        )
    return {
        "checkpoint": earlier.note,
        "hashes": [_text(one) for one in consistency_proof(first, tree.size, tree.node)],
    }


def _newest(reader: Reader) -> Signed:
    newest = reader.newest()
    if newest is None:
        raise _unsigned()
    return newest


def _unsigned() -> BadRequest:
    return BadRequest("The ledger has no signed checkpoint yet.", "Ask something first; each answer signs one.")


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
