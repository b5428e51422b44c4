"""The command audit prune: takes away snapshots that no kept call rests on."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from server.cli.show import JsonOption, RoomOption, out, print_json
from server.house import open_ledger
from server.ledger import load_or_create_keys
from server.retention import check_before, held, prune
from server.room import open_room


def add(audit: typer.Typer) -> None:
    """Adds the command to `audit`."""
    audit.command("prune")(prune_command)


def prune_command(
    before: Annotated[datetime, typer.Option(help="Calls before this day need not be replayed any more (UTC).")],
    keep_years: Annotated[
        int | None, typer.Option(min=1, help="Keep calls of so many years; never fewer than law and room ask for.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only shown what would go.")] = False,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take away snapshots whose last call is older than a day. The ledger's entries stay; taking away is itself an entry.

    Calls answered from a snapshot that is gone can no longer be replayed, and nobody can be looked up in its vault.
    """
    opened = open_room(room)
    day = check_before(opened, before, keep_years, datetime.now(UTC))
    found = held(opened, day)
    going = [one for one in found if one.may_go]
    if as_json:
        print_json(
            {"before": day.isoformat(), "done": yes, "snapshots": [{**vars(one), "goes": one.may_go} for one in found]}
        )
    else:
        table = Table("snapshot", "made", "last call", "stays because")
        for one in found:
            table.add_row(
                one.snapshot, one.created[:10], one.last_call[:10] or "-", one.stays or "[yellow]it goes[/yellow]"
            )
        out.print(table)
    if yes and going:
        ledger = open_ledger(opened, load_or_create_keys(opened.keys_path))
        try:
            seq = prune(opened, ledger, going, day, getpass.getuser())
        finally:
            ledger.close()
        if not as_json:
            out.print(f"{len(going)} snapshots taken away; the last is entry {seq} of the ledger.")
    elif going and not as_json:
        out.print(f"Nothing was taken away. --yes takes away {len(going)} snapshots for good.")
