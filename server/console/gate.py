"""What stands before every page. In order: 1. the host's name; 2. who is signed in; 3. for a POST, its size, where it came from, its form token;
4. the page, in a thread; 5. errors as pages that carry no value; 6. headers that forbid scripts from elsewhere, framing and caching.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from data.errors import BadRequest, Busy, ReadingRoomError, Refused
from server.console.desk import Console, Visit
from server.console.rendering import PREFIX, render
from server.console.sessions import COOKIE

log = structlog.get_logger()
Page = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]
LARGEST_FORM = 64 * 1024
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_STATUS: tuple[tuple[type[ReadingRoomError], int], ...] = ((BadRequest, 400), (Refused, 403), (Busy, 409))


class Safely:
    """ASGI middleware: headers of every answer; and, on a loopback address, that the request names it (DNS rebinding)."""

    def __init__(self, app: ASGIApp, local: bool) -> None:
        self.app, self.local = app, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        if scope["type"] == "http" and self.local and _host(Headers(scope=scope)) not in LOCAL_HOSTS:
            await PlainTextResponse("This console answers to 127.0.0.1 and localhost only.", 421)(scope, receive, safe)
            return
        await self.app(scope, receive, safe)


def _host(headers: Headers) -> str:
    name, _, port = headers.get("host", "").rpartition(":")
    return name if port.isdigit() and name else headers.get("host", "")


def guarded(console: Console, page: Page, *, is_open: bool) -> Endpoint:
    """The endpoint of a page. One that is not open is for signed-in viewers alone."""

    async def endpoint(request: Request) -> Response:
        session = request.cookies.get(COOKIE) or console.sessions.new_id()
        visit = Visit(
            console,
            console.sessions.viewer(session),
            session,
            console.sessions.form_token(session),
            path={name: str(value) for name, value in request.path_params.items()},
            query={name: value.replace("\0", "") for name, value in request.query_params.items()},
            form=dict(parse_qsl((await _body(request)).decode("utf-8", "replace"), max_num_fields=50)),
            address=request.client.host if request.client else "",
            secure=request.url.scheme == "https",
        )
        if visit.viewer is None and not is_open:
            return _signed_out(visit, request.method)
        if request.method == "POST" and not _ours(request, visit):
            return failed(visit, 403, "This form is not from a page of this sign-in.", "Open the page again and retry.")
        return await run_in_threadpool(_shown, page, visit)

    return endpoint


async def _body(request: Request) -> bytes:
    """The body of a POST, cut off where it is too large for any form here: its token is then missing or wrong."""
    body = b""
    if request.method == "POST":
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_FORM:
                return b""
    return body


def _ours(request: Request, visit: Visit) -> bool:
    """Whether a POST comes from a form of ours, in the same session."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    sent = COOKIE in request.cookies
    return sent and visit.console.sessions.fits(visit.session, visit.form.get("form_token", ""))


def _signed_out(visit: Visit, method: str) -> Response:
    if method == "POST":
        return failed(visit, 401, "You are not signed in.", "Sign in and do it again.")
    return RedirectResponse(f"{PREFIX}/sign-in", 303)


def _shown(page: Page, visit: Visit) -> Response:
    try:
        return page(visit)
    except ReadingRoomError as error:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
        return failed(visit, status, error.message, error.advice or getattr(error, "allowed", ""))
    except Exception as error:  # noqa: BLE001 - a bug becomes a page that says so, and its type goes to the log
        log.error("console.failed", page=page.__name__, error=type(error).__name__)
        return failed(visit, 500, "The console failed on this page.", "Tell its operator when that was.")


def failed(visit: Visit, status: int, message: str, advice: str = "") -> Response:
    """A page that says what went wrong."""
    return render(visit, "failed.html", status, title="This did not work", message=message, advice=advice, code=status)


def not_found(visit: Visit) -> Response:
    """The page for what is not there. Says nothing of what was asked for."""
    return failed(visit, 404, "There is nothing here.", "Go on from the pages above.")
