"""Signed checkpoints: what the tree was at a size, in the forms C2SP signed-note and tlog-checkpoint.

A checkpoint is text: the log's origin, the number of entries, the root in base64, and here the time. An empty line and signature lines
follow: an em dash, the key's name, and base64 of four bytes that name the key and the Ed25519 signature. Sources:
c2sp.org/signed-note@v1.0.0, c2sp.org/tlog-checkpoint@v1.0.0.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"  # signature type of signed-note
_NOTE = re.compile(r"([^\n]+\n(?:[^\n]+\n)*)\n((?:\u2014 [^\n]+\n)+)")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Checkpoint:
    """The tree at a size. `at` is when it was signed, in RFC 3339, or empty."""

    origin: str
    size: int
    root: bytes
    at: str = ""

    @property
    def text(self) -> str:
        """What is signed."""
        time = f"time {self.at}\n" if self.at else ""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n{time}"


@dataclass(frozen=True)
class Signed:
    """A checkpoint as it was read, with its signatures: (key name, four bytes naming the key, 64 bytes)."""

    checkpoint: Checkpoint
    text: str
    note: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    def is_by(self, key: Ed25519PublicKey) -> bool:
        """Whether that key signed it, under the origin's name."""
        wanted = (self.checkpoint.origin, key_hash(self.checkpoint.origin, raw(key)))
        for name, named, signature in self.signatures:
            if (name, named) == wanted:
                try:
                    key.verify(signature, self.text.encode())
                except InvalidSignature:
                    return False
                return True
        return False


def raw(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes_raw()


def key_hash(name: str, key: bytes) -> bytes:
    """The four bytes that name a key in a signature line."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key).digest()[:4]


def sign(checkpoint: Checkpoint, *keys: Ed25519PrivateKey) -> str:
    """The signed note."""
    text = checkpoint.text
    lines = []
    for key in keys:
        signed = key_hash(checkpoint.origin, raw(key.public_key())) + key.sign(text.encode())
        lines.append(f"\u2014 {checkpoint.origin} {base64.b64encode(signed).decode()}\n")
    return f"{text}\n{''.join(lines)}"


def parse(note: str) -> Signed:
    """A note taken apart; signatures are looked at by `is_by`. ValueError where it is no signed checkpoint."""
    match = _NOTE.fullmatch(note)
    if match is None:
        raise ValueError("not a signed note")
    text, signatures = match[1], match[2]
    origin, size, root, *more = text.removesuffix("\n").split("\n") if text.count("\n") >= 3 else ("", "", "")
    if not _DECIMAL.fullmatch(size):
        raise ValueError("the checkpoint states no size")
    at = next((line.removeprefix("time ") for line in more if line.startswith("time ")), "")
    checkpoint = Checkpoint(origin, int(size), _base64(root, 32), at)
    return Signed(checkpoint, text, note, tuple(_signature(line) for line in signatures.removesuffix("\n").split("\n")))


def parse_all(text: str) -> tuple[list[Signed], bool]:
    """All notes of a file, and whether something in it is none: a torn line, another text."""
    found, rest = [], text
    for match in _NOTE.finditer(text):
        try:
            found.append(parse(match[0]))
        except ValueError:
            continue
        rest = rest.replace(match[0], "", 1)
    return found, bool(rest.strip())


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3:
        raise ValueError("a signature line has three parts")
    signed = _base64(parts[2], None)
    if len(signed) < 5:
        raise ValueError("a signature line is too short")
    return parts[1], signed[:4], signed[4:]


def _base64(text: str, length: int | None) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if length is not None and len(value) != length:
        raise ValueError("the root has not 32 bytes")
    if base64.b64encode(value).decode() != text:  # unused bits are set: two texts for one value
        raise ValueError("not canonical base64")
    return value
