"""The command `serve`: stdio for one person, streamable HTTP for many."""

import gc
import getpass
import uuid
from typing import Annotated

import anyio
import typer

from data.errors import BadRequest
from server.call import Principal
from server.cli.show import BreakGlassOption, PurposeOption, RoleOption, RoomOption, err
from server.house import House, open_house
from server.http import parse_address, serve_http
from server.mcp_app import serve_stdio
from server.room import Local, open_room


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(serve)


def serve(
    room: RoomOption = None,
    http: Annotated[
        str | None, typer.Option("--http", metavar="HOST:PORT", help="Serve streamable HTTP at /mcp instead of stdio.")
    ] = None,
    role: RoleOption = None,
    purpose: PurposeOption = None,
    break_glass: BreakGlassOption = "",
) -> None:
    """Start the MCP server. Over stdio it serves you, as the room's local profile or the role given."""
    address = parse_address(http) if http is not None else None
    opened = open_room(room)
    if address is not None and break_glass:
        raise BadRequest("--break-glass is for stdio.", "Over HTTP, send the header Reading-Room-Break-Glass.")
    local = _local(opened.settings.local, role, purpose)
    house = open_house(opened)
    try:
        grant = house.judge.grant(local.role, local.purpose, break_glass=bool(break_glass))
        house.engine.warm(house.snapshots.current().serving(grant.release))
        _warn_without_sandbox(house)
        gc.collect()
        gc.freeze()  # what was loaded stays: looking through it again and again made one call in twenty twice as long
        if address is None:
            session = f"stdio-{uuid.uuid4().hex[:12]}"
            subject = getpass.getuser()
            who = Principal(subject, local.role, local.purpose, session, "", local.attributes, break_glass)
            anyio.run(serve_stdio, house, who)
        else:
            err.print(f"Serving MCP at http://{address[0]}:{address[1]}/mcp (Ctrl-C stops)")
            serve_http(house, *address, local)
    finally:
        gc.unfreeze()  # or what is frozen is taken for leaked at the end, and the user told so
        house.close()


def _local(known: Local, role: str | None, purpose: str | None) -> Local:
    return known.model_copy(update={"role": role or known.role, "purpose": purpose or known.purpose})


def _warn_without_sandbox(house: House) -> None:
    if not house.engine.sandbox().landlock:
        err.print(
            "[bold red]This kernel has no Landlock: query workers are not sandboxed; identified data is not served.[/bold red]"
        )
