"""The room's keys: one signs the ledger's head, one seals arguments, one makes pseudonyms. Made once, readable by their owner only.

Sealing is AES-256-GCM with the call's id as associated data, so a sealed text cannot be moved to another call.
"""

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadRequest, Damaged

_NONCE = 12


@dataclass(frozen=True)
class Keys:
    """Opened keys."""

    signing: Ed25519PrivateKey
    sealing: bytes
    pseudonym: bytes

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
    return Keys(signing, sealing, pseudonym)


def public_key(directory: Path) -> Ed25519PublicKey:
    """The public signing key, all a verifier needs. Raises BadRequest where it is missing."""
    path = directory / "signing.pub.pem"
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


def _kept(path: Path, make: "object") -> bytes:
    """Bytes of a key file; made with mode 0600, whole or not at all, where it is missing."""
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())  # type: ignore[operator]
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # of two processes the first wins; the other reads its key
            os.link(temporary, path)
        temporary.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadRequest(f"The key file {path} can be read by others.", f"Run: chmod 600 {path}")
    return path.read_bytes()
