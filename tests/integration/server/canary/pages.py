"""Walks through the console as its roles do: every page that a link leads to, forms with needles in them, and addresses nobody gave out."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import quote, urljoin, urlsplit

import httpx2

from tests.integration.server.canary.persons import Cast
from tests.integration.server.console.ways import form_token

Keep = Callable[[str, str, str], None]  # channel, what was asked, what came back
AUDITOR, STEWARD = "auditor", "steward"  # the one may see questions in words, the other may not
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"#]+)')
_TELLING = "/console/calls?subject=researcher-1&status=refused"  # calls whose questions carry needles
_MOST, _CALLS = 60, 12


def walk(base: str, role: str, token: str, cast: Cast, keep: Keep) -> None:
    """Signs in and keeps what every page shows; of pages that show a call, some."""
    with httpx2.Client(base_url=base, follow_redirects=True, timeout=60) as http:
        _sign_in(http, token)
        telling = [link for link in _LINK.findall(_page(http, _TELLING)) if link.startswith("/console/calls/")]
        assert len(telling) > _CALLS
        for path, page in _linked(http, ["/console/", *telling[:_CALLS]]):
            keep(f"console {role}: {path.partition('?')[0]}", path, page)
        for path in _made_up(cast):
            keep(f"console {role} by hand", path, _page(http, path))
        person = cast.text("asked: console person")
        form = {"form_token": form_token(http, "/console/persons"), "person": person}
        keep(f"console {role} by hand", person, http.post("/console/persons", data=form).text)
        keep(f"console {role}: replayed", "", _replayed(http))


def rude(base: str, cast: Cast, keep: Keep) -> None:
    """Signs in with what is no token."""
    with httpx2.Client(base_url=base, follow_redirects=True, timeout=60) as http:
        wrong = cast.text("asked: console sign-in")
        form = {"form_token": form_token(http, "/console/sign-in"), "token": wrong, "link": wrong}
        sent = http.post("/console/sign-in", data=form)
        keep("console by hand", wrong, f"{sent.headers} {sent.text}")


def _sign_in(http: httpx2.Client, token: str) -> None:
    sent = http.post("/console/sign-in", data={"form_token": form_token(http, "/console/sign-in"), "token": token})
    assert "Sign out" in sent.text


def _linked(http: httpx2.Client, ahead: list[str]) -> Iterator[tuple[str, str]]:
    """Those pages and every one that is linked from another, once, by its address; of pages of calls no more than given."""
    seen = set(ahead)
    while ahead:
        path = ahead.pop(0)
        page = _page(http, path)
        yield path, page
        for link in _LINK.findall(page):
            other = urlsplit(urljoin(f"http://x{path}", unescape(link)))
            found = f"{other.path}?{other.query}" if other.query else other.path
            new = other.netloc == "x" and found not in seen and not other.path.startswith("/console/calls/")
            if new and len(seen) < _MOST:
                seen.add(found)
                ahead.append(found)


def _made_up(cast: Cast) -> Iterator[str]:
    for path in ("/console/calls?text=", "/console/calls?role=", "/console/calls?since=", "/console/calls/", "/console/persons?person=", "/console/policies/",
                 "/console/sessions?cursor=", "/console/"):  # fmt: skip
        yield path + quote(cast.text(f"asked: console {path}"))


def _replayed(http: httpx2.Client) -> str:
    """The newest answered call, executed again."""
    listed = _page(http, "/console/calls?status=answered")
    call = next(link for link in _LINK.findall(listed) if link.startswith("/console/calls/"))
    return http.post(f"{call}/replay", data={"form_token": form_token(http, call)}).text


def _page(http: httpx2.Client, path: str) -> str:
    return http.get(path).text
