"""The command `console`: the console in a browser, for whoever can run commands in the room."""

import getpass
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from data.errors import BadRequest
from server.cli.show import RoomOption, err, out
from server.console import Console, console_app
from server.console.rendering import PREFIX
from server.house import House, open_house
from server.http import LOOPBACK, bound
from server.room import open_room


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(console)


def console(
    room: RoomOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8090,
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine reaches the default.")
    ] = "127.0.0.1",
    role: Annotated[
        str | None, typer.Option(help="Console role to sign in as; default: the first of the room's.")
    ] = None,
) -> None:
    """Start the console and print a link that signs you in once. Stop with Ctrl-C."""
    opened = open_room(room)
    roles = opened.settings.console.roles
    if role is not None and role not in roles:
        raise BadRequest(
            "That role may not use the console.", f"It is for {', '.join(roles)} (console.roles in readingroom.yaml)."
        )
    house = open_house(opened)
    try:
        _serve(house, host, port, role or roles[0])
    finally:
        house.close()


def _serve(house: House, host: str, port: int, role: str) -> None:
    desk = Console(house)
    try:
        with bound(host, port, "--host and --port") as sock:
            link = desk.sessions.link(desk.viewer(getpass.getuser(), role))
            name = f"[{host}]" if ":" in host else host
            address = f"http://{name}:{sock.getsockname()[1]}{PREFIX}/sign-in?link={link}"
            out.print(f"Open this once, within ten minutes: {address}", soft_wrap=True, markup=False)
            err.print(f"Signs in as {role}. Ctrl-C stops.", markup=False)
            inner = console_app(desk, local=host in LOOPBACK)
            application = Starlette(routes=[Route("/", _home), Mount(PREFIX, inner)])
            config = uvicorn.Config(application, log_level="warning", access_log=False)
            uvicorn.Server(config).run(sockets=[sock])
    finally:
        desk.close()


async def _home(_: Request) -> Response:
    return RedirectResponse(f"{PREFIX}/", 303)
