"""All pages of the console in one list, and the application made of it."""

from dataclasses import dataclass
from importlib.resources import files

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.console import calls, incidents, ledger, one_call, overview, people, policies, reports, signing
from server.console.desk import Console, Visit
from server.console.gate import Page, Safely, guarded, not_found

_FOLDER = files("server") / "pages" / "console"


@dataclass(frozen=True)
class At:
    """A page, its address below /console, and its method. `is_open`: nobody need be signed in."""

    path: str
    page: Page
    method: str = "GET"
    is_open: bool = False


def _file(name: str, media: str) -> Page:
    content = (_FOLDER / name).read_bytes()

    def file(visit: Visit) -> Response:
        return Response(content, media_type=media)

    return file


PAGES: tuple[At, ...] = (
    At("/console.css", _file("console.css", "text/css"), is_open=True),
    At("/console.js", _file("console.js", "text/javascript"), is_open=True),
    At("/icon.svg", _file("icon.svg", "image/svg+xml"), is_open=True),
    At("/sign-in", signing.sign_in, is_open=True),
    At("/sign-in", signing.signed_in, "POST", is_open=True),
    At("/sign-out", signing.signed_out, "POST"),
    At("/", overview.overview),
    At("/calls", calls.calls),
    At("/calls/{call:str}", one_call.call),
    At("/calls/{call:str}/replay", one_call.replayed, "POST"),
    At("/sessions", calls.sessions),
    At("/persons", people.persons),
    At("/persons", people.who_saw, "POST"),
    At("/incidents", incidents.incidents),
    At("/ledger", ledger.ledger),
    At("/ledger/verify", ledger.verified, "POST"),
    At("/quality", reports.quality),
    At("/redaction", reports.redaction),
    At("/releases", reports.releases),
    At("/policies", policies.policies),
    At("/policies/compare", policies.compared),
    At("/policies/{digest:str}", policies.policy),
)


def console_app(console: Console, *, local: bool) -> Starlette:
    """The ASGI application, to be mounted at /console. `local`: it is bound to a loopback address and answers to its names alone."""
    routes = [Route(at.path, guarded(console, at.page, is_open=at.is_open), methods=[at.method]) for at in PAGES]
    nothing = guarded(console, not_found, is_open=True)

    async def missing(request: Request, _: Exception) -> Response:
        return await nothing(request)

    handlers = {404: missing, 405: missing}
    return Starlette(routes=routes, middleware=[Middleware(Safely, local=local)], exception_handlers=handlers)
