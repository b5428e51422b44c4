"""The command audit alerts: what the watch raised, as the ledger has it."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from server.cli.show import JsonOption, RoomOption, out, print_json
from server.ledger import Reader
from server.ledger.read import told
from server.room import open_room


def add(audit: typer.Typer) -> None:
    """Adds the command to `audit`."""
    audit.command("alerts")(alerts)


def alerts(
    since: Annotated[datetime | None, typer.Option(help="Only those from this time on (UTC).")] = None,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the alerts that were raised: who, of what kind, when."""
    begin = told(since) if since is not None else ""
    with Reader(open_room(room).ledger_url) as reader:
        notes = (one for one in reader.entries(kind="note") if one.at >= begin and "alert" in one.body)
        found: list[dict[str, Any]] = [{"at": one.at, "entry": one.seq, **one.body} for one in notes]
    if as_json:
        print_json(found)
        return
    if not found:
        out.print("No alert was raised.")
        return
    table = Table("at", "alert", "subject", "role", "call or bound", "entry")
    for one in found:
        more = one.get("call") or (f"more than {one['bound']} calls in an hour" if "bound" in one else "")
        cells = (
            one["at"][:19].replace("T", " "),
            one["alert"],
            one.get("subject", ""),
            one.get("role", ""),
            more,
            one["entry"],
        )
        table.add_row(*(escape(str(cell)) for cell in cells))
    out.print(table)
