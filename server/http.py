"""The house over streamable HTTP, for many: bearer tokens on /mcp, and /healthz, /readyz, /metrics and the console beside it.

Tokens are compared by digest and stand in readingroom.yaml. Without tokens only the local profile is served, and only on a loopback
address. The header `Reading-Room-Break-Glass: REASON` opens a grant for emergencies, where there is one. Requests carry no session of
the server's own, so any may go to any process.
"""

import contextlib
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import uvicorn
from mcp.server import ServerRequestContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from data.errors import BadRequest, Busy
from server.call import Principal
from server.console import Console, console_app
from server.console.rendering import PREFIX
from server.house import House
from server.mcp_app import build, trace_of
from server.room import Local, Token

_BREAK_GLASS = b"reading-room-break-glass"
_LONGEST_REASON = 1000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Bearer:
    """ASGI middleware: names the principal of each request in its scope, or answers 401."""

    def __init__(self, app: ASGIApp, tokens: tuple[Token, ...], local: Principal | None) -> None:
        self.app, self.tokens, self.local = app, tokens, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        principal = self._principal(headers.get(b"authorization", ""))
        if principal is None:
            advice = {
                "error": {
                    "code": "unauthorized",
                    "message": "A bearer token is needed.",
                    "advice": "Ask the operator for one.",
                }
            }
            await JSONResponse(advice, 401, {"WWW-Authenticate": 'Bearer realm="readingroom"'})(scope, receive, send)
            return
        reason = headers.get(_BREAK_GLASS, "")[:_LONGEST_REASON]
        scope["readingroom.principal"] = replace(principal, break_glass=reason)
        await self.app(scope, receive, send)

    def _principal(self, header: str) -> Principal | None:
        if not self.tokens:
            return self.local
        kind, _, secret = header.partition(" ")
        digest = hashlib.sha256(secret.strip().encode()).hexdigest()
        found = None
        for token in self.tokens:  # all are compared, so that time tells nothing
            if hmac.compare_digest(token.sha256, digest) and kind.lower() == "bearer":
                session = f"http-{digest[:12]}"
                found = Principal(token.subject, token.role, token.purpose, session, "", token.attributes)
        return found


def app(house: House, host: str, local: Local | None) -> Starlette:
    """The ASGI application. Raises BadRequest where it would be open to everybody."""
    tokens = house.room.settings.tokens
    if not tokens and host not in LOOPBACK:
        raise BadRequest(f"No tokens are set, and {host} is reachable by others.", "Make one with `readingroom token`.")
    profile = Principal("local", local.role, local.purpose, "http-local", "", local.attributes) if local else None

    def who(ctx: "ServerRequestContext[Any, Any]") -> Principal:
        request: Any = ctx.request
        principal: Principal = request.scope["readingroom.principal"]
        return replace(principal, trace=trace_of(ctx))

    mcp = build(house, who).streamable_http_app(json_response=True, stateless_http=True, host=host)

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        problems = house.problems()
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    async def metrics(request: Request) -> Response:
        return Response(house.metrics.text(), media_type="text/plain; version=0.0.4")

    console = Console(house)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with mcp.router.lifespan_context(mcp):
            yield
        console.close()

    routes = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    pages = Mount(PREFIX, console_app(console, local=host in LOOPBACK))
    return Starlette(routes=[*routes, pages, Mount("/", Bearer(mcp, tokens, profile))], lifespan=lifespan)


def serve_http(house: House, host: str, port: int, local: Local | None) -> None:
    """Serves until interrupted. Raises Busy where the port is taken."""
    application = app(house, host, local)
    with bound(host, port) as sock:
        config = uvicorn.Config(application, log_config=None, access_log=False)  # what it logs goes the way of all logs
        uvicorn.Server(config).run(sockets=[sock])


def bound(host: str, port: int, told: str = "--http HOST:PORT") -> socket.socket:
    """A socket on that address; `told` is how its user names another. Raises BadRequest or Busy."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except socket.gaierror as error:
        raise BadRequest(f"The address {host} is not known.", f"Say 127.0.0.1 with {told}.") from error
    except OSError as error:
        raise Busy(
            f"Port {port} on {host} cannot be used: {error.strerror}.", f"Choose another with {told}."
        ) from error
    return sock


def parse_address(text: str) -> tuple[str, int]:
    """(host, port) of HOST:PORT or PORT. Raises BadRequest."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise BadRequest("--http takes HOST:PORT.", "For instance --http 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)
