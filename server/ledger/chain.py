"""How entries hang together: each hash covers the entry and the hash before it. The seam where a Merkle tree comes later.

The head, a signed statement of the last entry, lies in a file beside the database, so that a cut-off tail is found.
"""

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

GENESIS = hashlib.sha256(b"readingroom ledger 1").hexdigest()
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Entry:
    """One line of the ledger as stored. `body` is canonical JSON text."""

    seq: int
    kind: str
    call_id: str
    at: str
    text: str
    sealed: bytes | None
    prev: str
    hash: str

    @property
    def body(self) -> dict[str, Any]:
        """The body as data."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed


def entry_hash(seq: int, kind: str, call_id: str, at: str, text: str, sealed: bytes | None, prev: str) -> str:
    """Hash of an entry: over its fields, the digests of its body and sealed bytes, and the hash before it."""
    body = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    shut = hashlib.sha256(sealed).hexdigest() if sealed is not None else _EMPTY
    present = "sealed" if sealed is not None else "open"
    line = f"entry 1\n{seq}\n{kind}\n{call_id}\n{at}\n{body}\n{present}\n{shut}\n{prev}"
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Head:
    """The last entry, as signed."""

    seq: int
    hash: str


def write_head(path: Path, head: Head, key: Ed25519PrivateKey) -> None:
    """Writes the signed head whole or not at all; never an older one over a newer."""
    known = _read(path)
    if known is not None and known[0].seq >= head.seq:
        return
    signature = base64.b64encode(key.sign(_signed(head))).decode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"seq": head.seq, "hash": head.hash, "signature": signature}) + "\n")
    temporary.replace(path)


def read_head(path: Path, key: Ed25519PublicKey) -> Head | None:
    """The head, its signature checked: None where there is no file. ValueError where it does not hold."""
    if not path.exists():
        return None
    known = _read(path)
    if known is None:
        raise ValueError("the head file is not readable")
    head, signature = known
    try:
        key.verify(signature, _signed(head))
    except InvalidSignature as error:
        raise ValueError("the head file's signature does not hold") from error
    return head


def _signed(head: Head) -> bytes:
    return f"readingroom ledger head\n{head.seq}\n{head.hash}\n".encode()


def _read(path: Path) -> tuple[Head, bytes] | None:
    try:
        kept = json.loads(path.read_text())
        return Head(int(kept["seq"]), str(kept["hash"])), base64.b64decode(kept["signature"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
