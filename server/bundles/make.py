"""Makes a bundle: a zip of a session's entries with their inclusion proofs, the public keys, policies, tool schemas, manifests and arguments.

Arguments are sealed anew under a key of the bundle's own (AES-256-GCM, bound to the call), so that the room's sealing key stays in the room;
or they go in the clear, where that is asked for. Everything else in it is names, digests and counts.
"""

import json
import secrets
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data.errors import BadRequest, Damaged
from data.snapshots.model import to_json
from data.snapshots.store import open_snapshot
from server.ledger import Keys, Reader, RecordedCall, Wanted, prove, public_key
from server.records import VERSION
from server.room import Room
from tools import TOOLS

FORM = 1
KEY_BYTES = 32
NONCE = 12


def make_bundle(room: Room, keys: Keys, session: str, to: Path, key: bytes | None) -> int:
    """Writes the bundle; gives how many calls are in it. `key` seals the arguments; None leaves them in the clear.

    Raises BadRequest where the session has no calls, Damaged where arguments cannot be unsealed.
    """
    with Reader(room.ledger_url) as reader:
        calls = list(reader.calls(Wanted(session=session)))
    if not calls:
        raise BadRequest(f"No calls of session {session} are recorded.", "See `readingroom audit show`.")
    try:
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
            _head(file, session, calls, key is not None)
            for one in calls:
                _call(file, room, keys, one, key)
            _about(file, room, calls)
    except OSError as error:
        raise BadRequest(f"{to} cannot be written.", "Check the directory and the disk.") from error
    return len(calls)


def _head(file: zipfile.ZipFile, session: str, calls: list[RecordedCall], sealed: bool) -> None:
    _json(file, "bundle.json", {
        "bundle": FORM,
        "session": session,
        "made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "readingroom": VERSION,
        "arguments": "sealed" if sealed else "open",
        "calls": [one.call_id for one in calls],
    })  # fmt: skip


def _call(file: zipfile.ZipFile, room: Room, keys: Keys, call: RecordedCall, key: bytes | None) -> None:
    _json(file, f"proofs/{call.call_id}.json", prove(room.ledger_url, public_key(room.keys_path), call.call_id))
    if call.intent.sealed is None:
        raise Damaged(f"The arguments of call {call.call_id} were not sealed with it.")
    plain = keys.unseal(call.call_id, call.intent.sealed)
    if key is None:
        file.writestr(f"arguments/{call.call_id}.json", plain)
        return
    nonce = secrets.token_bytes(NONCE)
    file.writestr(f"arguments/{call.call_id}.sealed", nonce + AESGCM(key).encrypt(nonce, plain, call.call_id.encode()))


def _about(file: zipfile.ZipFile, room: Room, calls: list[RecordedCall]) -> None:
    """What the calls rest on: policies and manifests as far as they are kept, the tools as they are now, the public keys."""
    bodies = [one.intent.body for one in calls]
    for digest in sorted({str(body["policy"]) for body in bodies}):
        path = room.policies_path / f"{digest}.yaml"
        if path.is_file():
            file.writestr(f"policies/{digest}.yaml", path.read_bytes())
    for snapshot in sorted({str(body["snapshot"]) for body in bodies if body["snapshot"]}):
        try:
            manifest = open_snapshot(room.snapshots_path, snapshot).manifest
        except BadRequest:
            continue  # retired: the replay will say so
        file.writestr(f"snapshots/{snapshot}.json", to_json(manifest))
    for name in sorted({str(body["tool"]) for body in bodies} & set(TOOLS)):
        tool = TOOLS[name]
        schemas = {"arguments": tool.arguments.model_json_schema(), "answer": tool.output.model_json_schema()}
        _json(file, f"tools/{name}.json", {"name": name, "version": tool.version, **schemas})
    for path in sorted(room.keys_path.glob("signing*.pub.pem")):
        file.writestr(f"keys/{path.name}", path.read_bytes())


def _json(file: zipfile.ZipFile, name: str, value: Any) -> None:
    file.writestr(name, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True))
