"""Signing in, with a one-time link or a token of a console role, and signing out."""

from starlette.responses import RedirectResponse, Response

from server.console.desk import Visit
from server.console.gate import failed
from server.console.rendering import PREFIX, render
from server.console.sessions import COOKIE, Viewer, of_token


def sign_in(visit: Visit) -> Response:
    """The page to sign in at. A link is not spent by looking at it, so a preview of it does no harm."""
    if visit.viewer is not None:
        return RedirectResponse(f"{PREFIX}/", 303)
    response = render(visit, "sign_in.html", title="Sign in", link=visit.query.get("link", ""), wrong=False)
    _keep(response, visit, visit.session)
    return response


def signed_in(visit: Visit) -> Response:
    """Signs in under a new session id."""
    sessions = visit.console.sessions
    if sessions.must_wait(visit.address):
        return failed(visit, 429, "Too many sign-ins failed from your address.", "Wait a minute and try again.")
    viewer = _viewer(visit)
    if viewer is None:
        sessions.failed(visit.address)
        return render(visit, "sign_in.html", 403, title="Sign in", link="", wrong=True)
    visit.console.note(viewer, "sign-in")
    response = RedirectResponse(f"{PREFIX}/", 303)
    sessions.end(visit.session)
    _keep(response, visit, sessions.begin(viewer))
    return response


def signed_out(visit: Visit) -> Response:
    """Ends the session."""
    visit.console.sessions.end(visit.session)
    visit.note("sign-out")
    response = RedirectResponse(f"{PREFIX}/sign-in", 303)
    response.delete_cookie(COOKIE, path=PREFIX)
    return response


def _viewer(visit: Visit) -> Viewer | None:
    if link := visit.form.get("link", ""):
        return visit.console.sessions.take_link(link)
    settings = visit.console.house.room.settings
    token = of_token(settings.tokens, visit.form.get("token", ""))
    if token is None or token.role not in settings.console.roles:
        return None
    return visit.console.viewer(token.subject, token.role)


def _keep(response: Response, visit: Visit, session: str) -> None:
    response.set_cookie(COOKIE, session, path=PREFIX, httponly=True, samesite="strict", secure=visit.secure)
