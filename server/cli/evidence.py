"""Commands that hand out evidence: audit checkpoint, prove, export; and the two that change what the ledger is signed with or rests on."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from data.errors import BadRequest
from server.cli.show import RoomOption, err, out, print_json
from server.house import open_ledger
from server.ledger import Reader, export_log, load_or_create_keys, prove, public_key
from server.ledger.export import VERIFIER
from server.room import open_room


def add(audit: typer.Typer) -> None:
    """Adds the commands to `audit`."""
    audit.command("checkpoint")(checkpoint)
    audit.command("prove")(prove_command)
    audit.command("export")(export)
    audit.command("rotate-key")(rotate_key)
    audit.command("accept-loss")(accept_loss)


def checkpoint(room: RoomOption = None) -> None:
    """Print the newest signed checkpoint, to be kept elsewhere: `audit verify --checkpoint FILE` holds the ledger against it later."""
    with Reader(open_room(room).ledger_url) as reader:
        newest = reader.newest()
    if newest is None:
        raise BadRequest("The ledger has no signed checkpoint yet.", "Ask something first; each answer signs one.")
    typer.echo(newest.note, nl=False)


def prove_command(
    call: Annotated[str, typer.Argument(help="Id of a recorded call.")],
    room: RoomOption = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoint kept elsewhere, from which the proof is to lead on; several times."),
    ] = None,
) -> None:
    """Print the proof that a call is in the ledger, as JSON; the verifier of `audit export --with-verifier` checks it."""
    opened = open_room(room)
    print_json(prove(opened.ledger_url, public_key(opened.keys_path), call, checkpoint or ()))


def export(
    file: Annotated[Path, typer.Argument(help="File to write, as JSON lines.")],
    room: RoomOption = None,
    with_verifier: Annotated[
        bool, typer.Option("--with-verifier", help="Put verify_ledger.py beside it, which needs only Python.")
    ] = False,
) -> None:
    """Write the whole log for an auditor: entries, checkpoints, public key. Sealed arguments and persons stay here; only their digests go."""
    opened = open_room(room)
    with file.open("wb") as written:
        count = export_log(opened.ledger_url, public_key(opened.keys_path), written)
    out.print(f"wrote {count} entries to {file}", soft_wrap=True)
    if with_verifier:
        beside = file.with_name("verify_ledger.py")
        shutil.copyfile(VERIFIER, beside)
        out.print(f"check them with: python {beside} {file} --key signing.pub.pem", soft_wrap=True)


def rotate_key(room: RoomOption = None) -> None:
    """Put a new signing key in force, introduced by an entry that the old one and the new sign. The old public key is kept."""
    opened = open_room(room)
    ledger = open_ledger(opened, load_or_create_keys(opened.keys_path))
    try:
        old, new = ledger.rotate_key()
    finally:
        ledger.close()
    out.print(f"Signing key {new} is in force; the public half of {old} is kept in {opened.keys_path}.", soft_wrap=True)
    out.print(
        "Servers on other machines need the new signing.pem before they can record. Tell your auditors the new public key."
    )


def accept_loss(room: RoomOption = None) -> None:
    """Go on from an older copy of the ledger. What is missing is written down for good, and `audit verify` keeps saying so."""
    opened = open_room(room)
    ledger = open_ledger(opened, load_or_create_keys(opened.keys_path))
    try:
        first, last = ledger.accept_loss()
    finally:
        ledger.close()
    err.print(
        f"Entries {first} to {last} are written down as lost. Calls are recorded again from here.", soft_wrap=True
    )
