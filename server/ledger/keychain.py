"""The signing keys of a ledger, one after another: each is introduced by an entry that the key before it signed.

Both keys sign the introduction, so from any one key that a verifier trusts the chain can be followed forwards and backwards. A checkpoint
must be signed by the key in force at its size: one that was replaced cannot sign for what came after.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.ledger.notes import Signed, raw


class BadLink(Exception):
    """An entry that introduces a key does not hold, or the chain has no key that the verifier trusts."""

    def __init__(self, seq: int, problem: str) -> None:
        super().__init__(problem)
        self.seq, self.problem = seq, problem


@dataclass(frozen=True)
class KeyChain:
    """The keys in order, each with the size of the tree it first signs."""

    keys: tuple[tuple[int, Ed25519PublicKey], ...]

    def at(self, size: int) -> Ed25519PublicKey:
        """The key in force at a size."""
        return next(key for first, key in reversed(self.keys) if size >= first)

    def signs(self, signed: Signed) -> bool:
        """Whether the checkpoint is by the key in force at its size."""
        return signed.is_by(self.at(signed.checkpoint.size))


def origin_of(first: Ed25519PublicKey) -> str:
    """The log's origin, which names it in checkpoints: after the key it was begun with."""
    return f"readingroom/{key_name(first)}"


def key_name(key: Ed25519PublicKey) -> str:
    """Sixteen hexadecimal digits that name a public key."""
    return hashlib.sha256(b"readingroom signing key\0" + raw(key)).hexdigest()[:16]


def introduction(origin: str, old: Ed25519PrivateKey, new: Ed25519PrivateKey) -> dict[str, Any]:
    """Body of the entry that puts a new key in force."""
    statement = _statement(origin, raw(old.public_key()), raw(new.public_key()))
    return {
        "key": {
            "old": _text(raw(old.public_key())),
            "new": _text(raw(new.public_key())),
            "by_old": _text(old.sign(statement)),
            "by_new": _text(new.sign(statement)),
        }
    }


def key_chain(introductions: Iterable[tuple[int, Any]], origin: str, trusted: Ed25519PublicKey) -> KeyChain:
    """The chain, of (seq, body) in order. Raises BadLink where one does not hold or none of the keys is the trusted one."""
    chain: list[tuple[int, Ed25519PublicKey]] = []
    for seq, body in introductions:
        old, new = _link(seq, body, origin)
        if not chain:
            chain.append((0, old))
        if raw(chain[-1][1]) != raw(old):
            raise BadLink(seq, "the entry introduces a key by another than the one in force")
        chain.append((seq, new))
    if not chain:
        chain.append((0, trusted))
    if raw(trusted) not in [raw(key) for _, key in chain]:
        raise BadLink(chain[-1][0] or 1, "none of the ledger's signing keys is the public key it is verified with")
    return KeyChain(tuple(chain))


def _link(seq: int, body: Any, origin: str) -> tuple[Ed25519PublicKey, Ed25519PublicKey]:
    try:
        told = {name: base64.b64decode(body["key"][name], validate=True) for name in ("old", "new", "by_old", "by_new")}
        old, new = (Ed25519PublicKey.from_public_bytes(told[name]) for name in ("old", "new"))
        statement = _statement(origin, told["old"], told["new"])
        old.verify(told["by_old"], statement)
        new.verify(told["by_new"], statement)
    except (KeyError, TypeError, ValueError, binascii.Error, InvalidSignature) as error:
        raise BadLink(seq, "the entry that introduces a signing key does not hold") from error
    return old, new


def _statement(origin: str, old: bytes, new: bytes) -> bytes:
    return f"readingroom signing key\n{origin}\n{_text(old)}\n{_text(new)}\n".encode()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
