"""The room's keys: one signs the ledger's head, one seals arguments, one makes pseudonyms. Made once, readable by their owner only.

Sealing is AES-256-GCM with the call's id as associated data, so a sealed text cannot be moved to another call. The pseudonym
key may come from elsewhere: a file or an environment variable. No error quotes a key.
"""

import base64
import binascii
import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadRequest, Damaged
from data.snapshots.keys import fingerprint

_NONCE = 12
_NEXT = "signing.next.pem"
_LEAST = 16  # bytes of a pseudonym key
_HOW = "Write at least 16 random bytes in hexadecimal or base64; `openssl rand -hex 32` makes them."


@dataclass(frozen=True)
class Keys:
    """Opened keys."""

    signing: Ed25519PrivateKey
    sealing: bytes
    pseudonym: bytes
    directory: Path | None = None  # where they lie, so that a signing key put in force by another process is found

    def seal(self, call_id: str, plain: bytes) -> bytes:
        """Nonce and ciphertext of `plain`, bound to the call."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.sealing).encrypt(nonce, plain, call_id.encode())

    def unseal(self, call_id: str, sealed: bytes) -> bytes:
        """What was sealed. Raises Damaged where key, call or bytes do not fit."""
        try:
            return AESGCM(self.sealing).decrypt(sealed[:_NONCE], sealed[_NONCE:], call_id.encode())
        except InvalidTag as error:
            raise Damaged(
                "Sealed arguments cannot be opened.", "Use the sealing key of the room that recorded them."
            ) from error


def load_or_create_keys(directory: Path) -> Keys:
    """The keys in a directory, made there where missing. Raises BadRequest where others may read them."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(
            f"The key directory {directory} cannot be made.", "Check `keys` in readingroom.yaml."
        ) from error
    sealing = _kept(directory / "sealing.key", lambda: secrets.token_bytes(32))
    pseudonym = _kept(directory / "pseudonym.key", lambda: secrets.token_bytes(32))
    signing = serialization.load_pem_private_key(_kept(directory / "signing.pem", _new_signing), None)
    if not isinstance(signing, Ed25519PrivateKey) or len(sealing) != 32 or len(pseudonym) != 32:
        raise Damaged(f"A key in {directory} is not what it should be.", "Restore the keys from your copy.")
    public = directory / "signing.pub.pem"
    if not public.exists():
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public.write_bytes(signing.public_key().public_bytes(serialization.Encoding.PEM, form))
    return Keys(signing, sealing, pseudonym, directory)


def signing_keys(directory: Path) -> list[Ed25519PrivateKey]:
    """The signing key in force and, while it is being put in force, the next one."""
    found = []
    for name in ("signing.pem", _NEXT):
        path = directory / name
        if path.exists():
            key = serialization.load_pem_private_key(_private(path), None)
            found += [key] if isinstance(key, Ed25519PrivateKey) else []
    return found


def next_signing_key(directory: Path) -> Ed25519PrivateKey:
    """The key that is to be put in force, made and safe on disk; the same again where that was broken off before."""
    key = serialization.load_pem_private_key(_kept(directory / _NEXT, _new_signing), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Damaged(f"{directory / _NEXT} is no Ed25519 key.", "Remove it and try again.")
    return key


def put_in_force(directory: Path, old: Ed25519PublicKey, old_name: str) -> None:
    """Puts the next signing key in the place of the old one, whose public half is kept under its name. Done again, it changes nothing."""
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if not (directory / _NEXT).exists():
        return
    key = next_signing_key(directory)
    _written(directory / f"signing.{old_name}.pub.pem", old.public_bytes(*form))
    _written(directory / "signing.pub.pem", key.public_key().public_bytes(*form))
    (directory / _NEXT).replace(directory / "signing.pem")


@dataclass(frozen=True)
class PseudonymKey:
    """Where the pseudonym key is: an environment variable, a file of the steward's, or else the file in the key directory.

    Keys that were in force before lie in the directory, each named by its fingerprint, so that old snapshots can be explained.
    """

    directory: Path
    environment: str | None = None
    file: Path | None = None

    def read(self) -> bytes:
        """The key in force, made where it is the room's own and missing. Raises BadRequest with what to do."""
        if self.environment is not None:
            told = os.environ.get(self.environment, "")
            if not told.strip():
                raise BadRequest(f"The environment variable {self.environment} holds no pseudonym key.", _HOW)
            return _decoded(told.encode("utf-8", "surrogateescape"), f"The environment variable {self.environment}")
        if self.file is None:
            return load_or_create_keys(self.directory).pseudonym
        if not self.file.is_file():
            raise BadRequest(
                f"There is no pseudonym key in {self.file}.", f"Check `pseudonym_key` in readingroom.yaml. {_HOW}"
            )
        return _decoded(_private(self.file), f"The file {self.file}")

    def of(self, wanted: str) -> bytes:
        """The key of a fingerprint, in force or kept. Raises BadRequest where it is not here."""
        key = self.read()
        if fingerprint(key) == wanted:
            return key
        path = self._kept(wanted)
        if not path.is_file():
            raise BadRequest(
                f"The pseudonym key {wanted} of that snapshot is not here.",
                f"Put it into {path} from your copy (mode 600), or ask of a snapshot made with the key in force.",
            )
        raw = _private(path)  # rotation keeps the bytes as they are; a steward may have put text there
        if len(raw) >= _LEAST and fingerprint(raw) == wanted:
            return raw
        key = _decoded(raw, f"The file {path}")
        if fingerprint(key) != wanted:
            raise BadRequest(f"The file {path} holds another key than its name says.", "Restore it from your copy.")
        return key

    def kept(self) -> list[str]:
        """Fingerprints of the keys that were in force before."""
        return sorted(path.name.split(".")[1] for path in self.directory.glob("pseudonym.*.key"))

    def rotate(self) -> tuple[str, str]:
        """Puts a new key in force and keeps the old; gives the fingerprints of both."""
        if self.environment is not None:
            raise BadRequest(
                f"The pseudonym key comes from the environment variable {self.environment}, so it is rotated where that is set.",
                "Set another key there and publish. Keep the old one: without it old snapshots cannot be explained.",
            )
        old, new = self.read(), secrets.token_bytes(32)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The old one is safe on disk before the new one takes its place: a crash between them loses nothing.
        _kept(self._kept(fingerprint(old)), lambda: old)
        path, text = (self.file, new.hex().encode() + b"\n") if self.file else (self.directory / "pseudonym.key", new)
        try:
            _written(path, text)
        except OSError as error:
            raise BadRequest(
                f"The key file {path} cannot be written, so nothing was rotated.",
                "Put a new key there yourself, and publish.",
            ) from error
        return fingerprint(old), fingerprint(new)

    def _kept(self, name: str) -> Path:
        return self.directory / f"pseudonym.{name}.key"


def _decoded(told: bytes, where: str) -> bytes:
    """A key from text in hexadecimal or base64, or from raw bytes that are no text."""
    key = told
    with contextlib.suppress(UnicodeDecodeError):
        text = "".join(told.decode("ascii").split())
        try:
            key = bytes.fromhex(text)
        except ValueError:
            try:
                key = base64.b64decode(text, validate=True)
            except binascii.Error:
                raise BadRequest(f"{where} holds no key that can be read.", _HOW) from None
    if len(key) < _LEAST:
        raise BadRequest(f"{where} holds a key of fewer than {_LEAST} bytes.", _HOW)
    return key


def public_key(directory: Path) -> Ed25519PublicKey:
    """The public signing key, all a verifier needs. Raises BadRequest where it is missing."""
    return read_public_key(directory / "signing.pub.pem")


def read_public_key(path: Path) -> Ed25519PublicKey:
    """A public key from a PEM file. Raises BadRequest where it is none."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"The public key {path} cannot be read.", "Has anything been asked in this room yet?"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadRequest(f"{path} is no Ed25519 key.")
    return key


def _new_signing() -> bytes:
    private = serialization.PrivateFormat.PKCS8
    return Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """Bytes of a key file; made with mode 0600, whole or not at all, where it is missing."""
    if not path.exists():
        temporary = _temporary(path, make())
        with contextlib.suppress(FileExistsError):  # of two processes the first wins; the other reads its key
            os.link(temporary, path)
        temporary.unlink()
    return _private(path)


def _written(path: Path, content: bytes) -> None:
    """The file has the old content or the new, with mode 0600."""
    _temporary(path, content).replace(path)


def _temporary(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _private(path: Path) -> bytes:
    """Bytes of a file that its owner alone can read; BadRequest where others can."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadRequest(f"The key file {path} can be read by others.", f"Run: chmod 600 {path}")
    return path.read_bytes()
