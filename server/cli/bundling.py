"""The command audit bundle: a recorded session as one file, to be replayed elsewhere with `replay --bundle`."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from data.errors import BadRequest
from server.bundles import KEY_BYTES, make_bundle
from server.cli.show import RoomOption, err, out
from server.disclosures import require_sealing_key
from server.ledger import load_or_create_keys
from server.room import open_room


def add(audit: typer.Typer) -> None:
    """Adds the command to `audit`."""
    audit.command("bundle")(bundle)


def bundle(
    session: Annotated[str, typer.Argument(help="Session, as `audit show` names it.")],
    file: Annotated[Path, typer.Option("--out", help="File to write; a zip.")],
    in_the_clear: Annotated[
        bool, typer.Option("--open", help="Leave the arguments in the clear. They may hold health information.")
    ] = False,
    room: RoomOption = None,
) -> None:
    """Write a session with its proofs, policies, tools and manifests as one file. Needs the sealing key, for the arguments.

    The arguments are sealed under a key of the bundle's own, written beside it as FILE.key: send that another way.
    """
    opened = open_room(room)
    require_sealing_key(opened)
    key = None if in_the_clear else secrets.token_bytes(KEY_BYTES)
    count = make_bundle(opened, load_or_create_keys(opened.keys_path), session, file, key)
    out.print(f"wrote {count} calls of session {session} to {file}", soft_wrap=True, markup=False)
    if key is None:
        err.print(
            "[bold red]The arguments are in the clear.[/bold red] Whoever gets the file reads what was asked, "
            "names of patients among it: handle it as health information.",
            soft_wrap=True,
        )
        return
    beside = file.with_name(f"{file.name}.key")
    _write_key(beside, key)
    out.print(f"wrote its key to {beside}: send it another way", soft_wrap=True, markup=False)


def read_bundle_key(path: Path) -> bytes:
    """The key of a bundle, in hexadecimal. Raises BadRequest where it is none."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"{path} cannot be read as a bundle's key.", "It is 64 hexadecimal digits.") from error
    if len(key) != KEY_BYTES:
        raise BadRequest(f"{path} holds no key of {KEY_BYTES} bytes.", "It is 64 hexadecimal digits.")
    return key


def _write_key(path: Path, key: bytes) -> None:
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{key.hex()}\n")
    except OSError as error:
        raise BadRequest(f"{path} cannot be written.", "Check the directory and the disk.") from error
