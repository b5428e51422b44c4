"""Commands that ask: query and explain. They go the whole way of a call, ledger included."""

import getpass
import uuid
from typing import Annotated, Any

import typer

from server.call import Principal, Reply, Request
from server.cli.show import JsonOption, PurposeOption, RoleOption, RoomOption, err, out, print_json, show_rows
from server.house import open_house
from server.pipeline import answer
from server.room import open_room

SqlArgument = Annotated[str, typer.Argument(help="One SELECT, in quotes.")]


def add(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for command in (query, explain):
        app.command()(command)


def query(
    sql: SqlArgument,
    role: RoleOption = None,
    purpose: PurposeOption = None,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask one question in SQL, as a role for a purpose."""
    reply = _asked("query", {"sql": sql}, role, purpose, room)
    if as_json:
        print_json(reply.structured)
    elif not reply.is_error:
        show_rows(reply.structured)
    _end(reply, as_json)


def explain(
    sql: SqlArgument,
    role: RoleOption = None,
    purpose: PurposeOption = None,
    room: RoomOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a question is allowed, by which rule, and what to ask instead. Runs nothing."""
    reply = _asked("explain_policy", {"sql": sql}, role, purpose, room)
    if as_json:
        print_json(reply.structured)
    elif not reply.is_error:
        out.print(reply.text, markup=False, soft_wrap=True)
    _end(reply, as_json)
    if not reply.structured["question"]["allowed"]:
        raise typer.Exit(1)


def _asked(tool: str, arguments: dict[str, Any], role: str | None, purpose: str | None, room: Any) -> Reply:
    opened = open_room(room)
    local = opened.settings.local
    principal = Principal(
        getpass.getuser(), role or local.role, purpose or local.purpose, f"cli-{uuid.uuid4().hex[:12]}"
    )
    house = open_house(opened)
    try:
        return answer(house, Request(tool, arguments, principal))
    finally:
        house.close()


def _end(reply: Reply, as_json: bool) -> None:
    if not reply.is_error:
        return
    error = reply.structured["error"]
    if not as_json:
        err.print(f"{'Refused' if error['code'] == 'refused' else 'Error'}: {reply.text}", markup=False, soft_wrap=True)
    raise typer.Exit(2 if error["code"].startswith("bad_") else 1)
