"""Commands that prove: audit verify, audit show."""

from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from server.cli import evidence
from server.cli.show import JsonOption, RoomOption, err, out, print_json
from server.ledger import Reader, Verification, Wanted, public_key, verify
from server.ledger.keys import read_public_key
from server.room import Room, open_room

audit = typer.Typer(help="Verify and read the record of calls.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    evidence.add(audit)
    app.add_typer(audit, name="audit")


def verify_room(room: Room) -> Verification:
    """The ledger's state: whole, or where it first fails."""
    return verify(room.ledger_url, room.ledger_head, public_key(room.keys_path), room.witness_path)


@audit.command("verify")
def verify_command(
    room: RoomOption = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="Read the content of entries from this day on only; the rest is proven by the tree's root."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="File of checkpoints kept elsewhere; may be given several times.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Public key you trust; default: the one beside the room's keys.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the whole ledger: finds what was changed, inserted, dropped, moved, cut off, forked or dated back, and names the first bad entry.

    Ends with 0 where all holds, 1 where not, 2 where it cannot be checked.
    """
    opened = open_room(room)
    trusted = read_public_key(key) if key is not None else public_key(opened.keys_path)
    result = verify(opened.ledger_url, opened.ledger_head, trusted, opened.witness_path, checkpoint or (), since)
    if as_json:
        print_json({**vars(result), "open_calls": list(result.open_calls), "warnings": list(result.warnings)})
    elif result.ok:
        read = "" if result.checked == result.entries else f" ({result.checked} of them read anew)"
        out.print(
            f"Ledger verified: {result.entries} entries{read}, none changed, dropped or moved; {result.checkpoints} checkpoints agree; "
            f"{len(result.open_calls)} calls without outcome.",
            soft_wrap=True,
        )
    else:
        where = f" at entry {result.first_bad}" if result.first_bad is not None else ""
        err.print(
            f"[bold red]The ledger does not verify[/bold red]{where}: {escape(result.problem or '')}", soft_wrap=True
        )
    for warning in () if as_json else result.warnings:
        err.print(f"[yellow]{escape(warning)}[/yellow]", soft_wrap=True)
    if not result.ok:
        raise typer.Exit(1)


@audit.command("show")
def show(
    room: RoomOption = None,
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the latest calls.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List recorded calls: who asked what tool, under which verdict, and how it ended."""
    with Reader(open_room(room).ledger_url) as reader:
        found = list(islice(reader.calls(Wanted(session=session), newest_first=True), limit))[::-1]
    lines = [
        _line(call.call_id, call.intent.at, call.intent.body, call.outcome.body if call.outcome else {})
        for call in found
    ]
    if as_json:
        print_json(lines)
        return
    table = Table("at", "subject", "role", "purpose", "tool", "status", "rule", "rows", "call")
    for line in lines:
        table.add_row(
            *(
                escape(str(line[name]))
                for name in ("at", "subject", "role", "purpose", "tool", "status", "rule", "rows", "call")
            )
        )
    out.print(table)


def _line(call: str, at: str, intent: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
    kept = {
        name: intent.get(name, "")
        for name in ("subject", "role", "purpose", "session", "tool", "snapshot", "release", "policy")
    }
    ended = {
        name: outcome.get(name, "") for name in ("rule", "rows", "cells_hidden", "persons", "result", "microseconds")
    }
    return {"call": call, "at": at, **kept, "status": outcome.get("status", "no outcome"), **ended}
