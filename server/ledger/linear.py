"""The ledger's first form, which was a line: each entry's hash covered the hash before it, and a JSON file stated the last one, signed.

Entries written so are leaves of the tree now. Their line still holds and is still checked; nothing is written in this form any more.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from data.errors import Damaged

GENESIS = hashlib.sha256(b"readingroom ledger 1").hexdigest()
_EMPTY = hashlib.sha256(b"").hexdigest()


class BrokenLine(Damaged):
    """A ledger of the first form does not hold; `seq` is its first bad entry, `problem` what is wrong there."""

    def __init__(self, seq: int, problem: str) -> None:
        super().__init__(
            f"The ledger, written by an older version, does not hold at entry {seq}: {problem}.",
            "It is left as it is. Restore it from a copy, or name another ledger in readingroom.yaml and keep this one.",
        )
        self.seq, self.problem = seq, problem


@dataclass(frozen=True)
class Head:
    """The last entry of the line, as signed."""

    seq: int
    hash: str


def entry_hash(seq: int, kind: str, call_id: str, at: str, text: str, sealed: bytes | None, prev: str) -> str:
    """Hash of an entry: over its fields, the digests of its body and sealed bytes, and the hash before it."""
    body = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    shut = hashlib.sha256(sealed).hexdigest() if sealed is not None else _EMPTY
    present = "sealed" if sealed is not None else "open"
    line = f"entry 1\n{seq}\n{kind}\n{call_id}\n{at}\n{body}\n{present}\n{shut}\n{prev}"
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()


def head_path(checkpoint: Path) -> Path:
    """Where the signed head of the line was, beside where the newest checkpoint is now."""
    return checkpoint.with_suffix(".head")


def read_head(path: Path, key: Ed25519PublicKey) -> Head | None:
    """The head, its signature checked: None where there is no file. ValueError where it does not hold."""
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text())
        head, signature = Head(int(kept["seq"]), str(kept["hash"])), base64.b64decode(kept["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the head file {path.name} is not readable") from error
    try:
        key.verify(signature, f"readingroom ledger head\n{head.seq}\n{head.hash}\n".encode())
    except InvalidSignature as error:
        raise ValueError(f"the signature of the head file {path.name} does not hold") from error
    return head
