"""Commands that ask: query and explain. They go the whole way of a call, ledger included."""

import getpass
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from server.call import Principal, Reply, Request
from server.cli.show import (
    BreakGlassOption,
    JsonOption,
    PurposeOption,
    RoleOption,
    RoomOption,
    err,
    out,
    print_json,
    show_rows,
)
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
    break_glass: BreakGlassOption = "",
    as_json: JsonOption = False,
) -> None:
    """Ask one question in SQL, as a role for a purpose."""
    reply = _asked("query", {"sql": sql}, _Who(role, purpose, break_glass), room)
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
    break_glass: BreakGlassOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say whether a question is allowed, by which rule, and what to ask instead. Runs nothing."""
    reply = _asked("explain_policy", {"sql": sql}, _Who(role, purpose, break_glass), room)
    if as_json:
        print_json(reply.structured)
    elif not reply.is_error:
        out.print(reply.text, markup=False, soft_wrap=True)
    _end(reply, as_json)
    if not reply.structured["question"]["allowed"]:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Who:
    role: str | None
    purpose: str | None
    break_glass: str


def _asked(tool: str, arguments: dict[str, Any], who: _Who, room: Path | None) -> Reply:
    opened = open_room(room)
    local = opened.settings.local
    principal = Principal(
        getpass.getuser(),
        who.role or local.role,
        who.purpose or local.purpose,
        f"cli-{uuid.uuid4().hex[:12]}",
        attributes=local.attributes,
        break_glass=who.break_glass,
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
