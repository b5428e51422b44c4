"""Reads a bundle and proves it: entries stand in the tree of a checkpoint that the trusted key signed, arguments have their entry's digest.

What it does not prove: that the session had no other calls, and the attributes and emergency reason beside the arguments, which only the
ledger's own sealed bytes bind. What is wrong raises Damaged with the name of the part; nothing of a bundle is run before it is proven.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadRequest, Damaged
from policies.model import Policy, parse_policy
from server.bundles.make import FORM, NONCE
from server.ledger import Entry, RecordedCall
from server.ledger.canonical import canonical_json, digest
from server.ledger.entry import LIFTED
from server.ledger.notes import parse, raw
from server.ledger.verifier import Bad, Unusable, check_proof

_MOST_BYTES = 1_000_000_000  # of all parts together, unpacked
Seal = Callable[[str, bytes], bytes]


@dataclass(frozen=True)
class Bundle:
    """A proven bundle. The calls' arguments are sealed by whoever opened it, for the house that replays them."""

    session: str
    calls: tuple[RecordedCall, ...]
    policies: tuple[Policy, ...]
    manifests: dict[str, str]
    origin: str
    size: int
    open_arguments: bool


def read_bundle(path: Path, seal: Seal, key: bytes | None = None, trusted: Ed25519PublicKey | None = None) -> Bundle:
    """The bundle in that file, proven. `seal(call, plain)` seals arguments anew; `key` opens them where they are sealed.

    Without `trusted` it is held against the public key it carries itself, which shows only that it is of one piece.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if sum(one.file_size for one in file.infolist()) > _MOST_BYTES:
                raise BadRequest(f"{path} unpacks to more than {_MOST_BYTES} bytes.", "That is no bundle of a session.")
            return _read(_Parts(path, file), seal, key, trusted)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise BadRequest(f"{path} cannot be read as a bundle.", "Make it with `readingroom audit bundle`.") from error


class _Parts:
    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path, self.file = path, file

    def bytes(self, name: str) -> bytes:
        try:
            return self.file.read(name)
        except KeyError as error:
            raise Damaged(f"{self.path} lacks its part {name}.", "Ask for the bundle again.") from error

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.bytes(name))
        except ValueError as error:
            raise self.damaged(name) from error

    def under(self, folder: str) -> Iterator[str]:
        return (name for name in self.file.namelist() if name.startswith(f"{folder}/"))

    def damaged(self, name: str, why: str = "it was changed") -> Damaged:
        return Damaged(f"{self.path}: part {name} does not hold: {why}.", "Ask for the bundle again.")


def _read(parts: _Parts, seal: Seal, key: bytes | None, trusted: Ed25519PublicKey | None) -> Bundle:
    head = parts.json("bundle.json")
    if not isinstance(head, dict) or head.get("bundle") != FORM:
        raise BadRequest(f"{parts.path} is no bundle of this version.", "Use the version of Reading Room that made it.")
    sealed = head["arguments"] == "sealed"
    if sealed and key is None:
        raise BadRequest("The bundle's arguments are sealed.", "Give its key with --bundle-key FILE.")
    calls, origin, size = [], "", 0
    for call_id in head["calls"]:
        recorded, origin, size = _proven(parts, str(call_id), trusted)
        plain = _arguments(parts, recorded, key if sealed else None)
        calls.append(_with_arguments(recorded, seal(recorded.call_id, plain)))
    manifests = {name[10:-5]: parts.bytes(name).decode() for name in parts.under("snapshots")}
    policies = tuple(_policy(parts, name) for name in parts.under("policies"))
    return Bundle(str(head["session"]), tuple(calls), policies, manifests, origin, size, not sealed)


def _proven(parts: _Parts, call_id: str, trusted: Ed25519PublicKey | None) -> tuple[RecordedCall, str, int]:
    name = f"proofs/{call_id}.json"
    proof = parts.json(name)
    try:
        check_proof(proof, [raw(trusted)] if trusted is not None else [], [])
        checkpoint = parse(proof["checkpoint"]).checkpoint
        found = {one.kind: one for one in map(_entry, proof["entries"])}
    except (Bad, Unusable, KeyError, TypeError, ValueError, AttributeError) as error:
        why = error.problem if isinstance(error, Bad) else "it cannot be read"
        raise parts.damaged(name, why) from error
    if proof["call"] != call_id or "intent" not in found:
        raise parts.damaged(name, "it is of another call")
    return RecordedCall(call_id, found["intent"], found.get("outcome")), checkpoint.origin, checkpoint.size


def _entry(told: dict[str, Any]) -> Entry:
    entry = json.loads(told["entry"])
    linear = (entry["linear"]["prev"], entry["linear"]["hash"]) if "linear" in entry else None
    session, snapshot, status, subject = map(entry.get, LIFTED)
    text, named = canonical_json(entry["body"]).decode(), (entry["seq"], entry["at"], entry["kind"], entry["call"])
    return Entry(*named, session, snapshot, status, subject, text, None, linear)


def _arguments(parts: _Parts, recorded: RecordedCall, key: bytes | None) -> bytes:
    name = f"arguments/{recorded.call_id}.{'json' if key is None else 'sealed'}"
    plain = parts.bytes(name)
    if key is not None:
        try:
            plain = AESGCM(key).decrypt(plain[:NONCE], plain[NONCE:], recorded.call_id.encode())
        except (InvalidTag, ValueError) as error:
            raise Damaged(
                f"{parts.path}: part {name} cannot be opened.", "Use the key that was made with it."
            ) from error
    try:
        same = digest(json.loads(plain)["arguments"]) == recorded.intent.body["arguments"]
    except (ValueError, KeyError, TypeError) as error:
        raise parts.damaged(name) from error
    if not same:
        raise parts.damaged(name, "the recorded call had other arguments")
    return plain


def _with_arguments(recorded: RecordedCall, sealed: bytes) -> RecordedCall:
    one = recorded.intent
    columns = (one.session, one.snapshot, one.status, one.subject)
    intent = Entry(one.seq, one.at, one.kind, one.call_id, *columns, one.text, sealed, one.linear)
    return RecordedCall(recorded.call_id, intent, recorded.outcome)


def _policy(parts: _Parts, name: str) -> Policy:
    policy = parse_policy(parts.bytes(name).decode(), f"{parts.path}: {name}")
    if policy.digest() != name.removeprefix("policies/").removesuffix(".yaml"):
        raise parts.damaged(name, "it is not the policy of that digest")
    return policy
