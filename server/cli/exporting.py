"""Commands that hand the record to other systems: audit export-fhir, audit export-siem."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from data.errors import BadRequest
from server.cli.show import RoomOption, err, out, progress
from server.disclosures import require_sealing_key
from server.disclosures.who_saw import persons_shown
from server.exports import audit_events, cef, ocsf
from server.ledger import Keys, Reader, RecordedCall, Wanted, load_or_create_keys
from server.room import Room, open_room

OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]
SinceOption = Annotated[datetime | None, typer.Option(help="Only calls from this time on (UTC).")]
PersonsOption = Annotated[
    bool, typer.Option("--persons", help="Name the persons each record-level answer showed. Needs the sealing key.")
]
Told = Callable[[RecordedCall, set[int] | None], Iterable[str]]


class Format(StrEnum):
    """Forms that SIEMs read."""

    ocsf = "ocsf"
    cef = "cef"


def add(audit: typer.Typer) -> None:
    """Adds the commands to `audit`."""
    audit.command("export-fhir")(export_fhir)
    audit.command("export-siem")(export_siem)


def export_fhir(
    file: OutOption, since: SinceOption = None, persons: PersonsOption = False, room: RoomOption = None
) -> None:  # fmt: skip
    """Write FHIR R4 AuditEvent resources by IHE BALP as NDJSON: one a call, or with --persons one for each person an answer showed."""
    opened = open_room(room)
    with Reader(opened.ledger_url) as reader:
        newest = reader.newest()
    if newest is None:
        raise BadRequest("The ledger has no signed checkpoint yet.", "Ask something first; each answer signs one.")
    origin = newest.checkpoint.origin

    def told(call: RecordedCall, shown: set[int] | None) -> Iterator[str]:
        for event in audit_events(call, origin, shown):
            yield json.dumps(event, ensure_ascii=False, separators=(",", ":"))

    _export(opened, file, told, since, persons)


def export_siem(
    file: OutOption,
    form: Annotated[
        Format, typer.Option("--format", help="OCSF 1.3 Datastore Activity as JSON lines, or ArcSight CEF.")
    ],
    since: SinceOption = None,
    persons: PersonsOption = False,
    room: RoomOption = None,
) -> None:
    """Write one line a call for a SIEM."""
    line = ocsf if form is Format.ocsf else cef
    _export(open_room(room), file, lambda call, shown: (line(call, shown),), since, persons)


def _export(room: Room, file: Path, told: Told, since: datetime | None, persons: bool) -> None:
    keys = None
    if persons:
        require_sealing_key(room)
        keys = load_or_create_keys(room.keys_path)
    count = lines = 0
    try:
        with file.open("w", encoding="utf-8") as written, Reader(room.ledger_url) as reader, progress() as bar:
            for count, call in enumerate(reader.calls(Wanted(since=since)), 1):
                bar("exporting", count, None)
                for line in told(call, _shown(keys, call)):
                    written.write(f"{line}\n")
                    lines += 1
    except OSError as error:
        raise BadRequest(f"{file} cannot be written.", "Check the directory and the disk.") from error
    out.print(f"wrote {lines} lines about {count} calls to {file}", soft_wrap=True)
    if persons:
        err.print(
            "[yellow]The file names persons by their keys: handle it as health information.[/yellow]", soft_wrap=True
        )


def _shown(keys: Keys | None, call: RecordedCall) -> set[int] | None:
    return persons_shown(keys, call.outcome) if keys is not None and call.outcome is not None else None
