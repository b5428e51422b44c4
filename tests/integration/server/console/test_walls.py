"""What keeps the console shut: no page without role, no write without its form's token, no planted session, no script from data, no path tricks."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from data.errors import ReadingRoomError
from server.console import sessions
from server.console.app import PAGES
from server.console.gate import HEADERS, LARGEST_FORM
from server.console.sessions import COOKIE, Sessions, Viewer
from server.http import app
from server.room import Local
from tests.integration.server.console.ways import HOSTILE, SECRETS, form_token, recorded

pytestmark = pytest.mark.integration
SHUT = [at for at in PAGES if not at.is_open]


def address(at, desk):
    path = at.path.replace("{call:str}", recorded(desk).counts).replace("{digest:str}", desk.house.judge.digest)
    return f"/console{path}"


@pytest.mark.parametrize("at", SHUT, ids=lambda at: f"{at.method} {at.path}")
def test_no_page_without_sign_in(desk, browse, at):
    """Signed out, every page but those to sign in at leads there, and every form is turned away."""
    client = browse()
    token = form_token(client, "/console/sign-in")
    answered = client.request(at.method, address(at, desk), data={"form_token": token} if at.method == "POST" else None)
    assert answered.status_code == (401 if at.method == "POST" else 303)
    assert "researcher" not in answered.text


@pytest.mark.parametrize("at", [at for at in PAGES if at.method == "POST"], ids=lambda at: at.path)
@pytest.mark.parametrize("wrong", ["", "0" * 64, "another session's"])
def test_no_write_without_its_token(desk, browse, at, wrong):
    client = browse("auditor")
    if wrong == "another session's":
        wrong = form_token(browse("auditor"))
    before = desk.reader.size()
    answered = client.post(address(at, desk), data={"form_token": wrong, "token": SECRETS["auditor"], "person": "1"})
    assert answered.status_code == 403
    assert desk.reader.size() == before
    assert not desk.verifying.since


def test_no_write_from_another_site(browse):
    client = browse("auditor")
    sent = {"form_token": form_token(client)}
    assert client.post("/console/sign-out", data=sent, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/console/sign-out", data=sent, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_form_too_large_is_turned_away(browse):
    client = browse("auditor")
    sent = {"form_token": form_token(client), "person": "1" * LARGEST_FORM}
    assert client.post("/console/persons", data=sent).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_pages_take_no_other_method(browse, method):
    assert browse("auditor").request(method, "/console/calls").status_code == 404


def test_a_planted_session_is_not_taken_over(mounted, browse):
    """The id in the browser before sign-in is another than after, and never becomes a session."""
    with TestClient(
        mounted, base_url="http://127.0.0.1", follow_redirects=False, cookies={COOKIE: "planted"}
    ) as client:
        token = form_token(client, "/console/sign-in")
        sent = client.post("/console/sign-in", data={"form_token": token, "token": SECRETS["auditor"]})
        assert sent.status_code == 303
        renewed = re.search(rf"{COOKIE}=([^;]+)", sent.headers["set-cookie"])[1]
        assert renewed != "planted"
    assert browse().get("/console/calls", headers={"Cookie": f"{COOKIE}=planted"}).status_code == 303
    assert browse().get("/console/calls", headers={"Cookie": f"{COOKIE}={renewed}"}).status_code == 200


def test_the_cookie_is_for_this_site_and_no_script(browse):
    cookie = browse().get("/console/sign-in").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie


def test_the_cookie_is_secure_over_tls(mounted):
    with TestClient(mounted, base_url="https://127.0.0.1") as client:
        assert "Secure" in client.get("/console/sign-in").headers["set-cookie"]


def test_signing_out_ends_the_session(browse):
    client = browse("auditor")
    kept = client.cookies[COOKIE]
    client.post("/console/sign-out", data={"form_token": form_token(client)})
    assert browse().get("/console/calls", headers={"Cookie": f"{COOKIE}={kept}"}).status_code == 303


def test_a_link_signs_in_once(desk, browse):
    link = desk.sessions.link(desk.viewer("eva", "auditor"))
    first, second = browse(), browse()
    assert link in first.get(f"/console/sign-in?link={link}").text  # looking at it does not spend it
    for client, status in ((first, 303), (second, 403)):
        sent = {"form_token": form_token(client, "/console/sign-in"), "link": link}
        assert client.post("/console/sign-in", data=sent).status_code == status


def test_a_token_of_another_role_does_not_sign_in(browse):
    client = browse()
    sent = {"form_token": form_token(client, "/console/sign-in"), "token": SECRETS["researcher"]}
    assert client.post("/console/sign-in", data=sent).status_code == 403
    assert client.get("/console/").status_code == 303


def test_who_guesses_must_wait(desk, browse, monkeypatch):
    monkeypatch.setattr(desk, "sessions", Sessions())
    client = browse()
    token = form_token(client, "/console/sign-in")
    tries = [
        client.post("/console/sign-in", data={"form_token": token, "token": "guess"}).status_code for _ in range(11)
    ]
    assert tries == [403] * 10 + [429]


def test_sessions_and_links_run_out():
    now = [0.0]
    held, viewer = Sessions(lambda: now[0]), Viewer("eva", "auditor", True)
    session, link = held.begin(viewer), held.link(viewer)
    now[0] += sessions.IDLE - 1
    assert held.viewer(session) == viewer
    assert held.take_link(link) is None
    now[0] += sessions.IDLE + 1
    assert held.viewer(session) is None
    session = held.begin(viewer)
    for _ in range(int(sessions.LONGEST // sessions.IDLE) + 1):
        now[0] += sessions.IDLE - 1
        held.viewer(session)
    assert held.viewer(session) is None


def test_every_answer_forbids_scripts_frames_and_caches(desk, browse):
    client = browse("auditor")
    for path in [*(address(at, desk) for at in PAGES if at.method == "GET"), "/console/nothing"]:
        headers = client.get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS, path
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_pages_bring_no_script_or_style_of_their_own(desk, browse):
    client = browse("auditor")
    for path in [address(at, desk) for at in PAGES if at.method == "GET" and at.path.count(".") == 0]:
        text = client.get(path, follow_redirects=True).text
        assert re.findall(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|javascript:|//[a-z]+\.[a-z]", text) == [], path


def test_html_in_data_is_inert(desk, browse):
    """A subject, role, session, tool, SQL, alert and policy that are HTML show as text, on every page that shows them."""
    client, calls = browse("auditor"), recorded(desk)
    pages = ["calls", "sessions", "incidents", f"policies/{desk.house.judge.digest}", "calls?rule=%22%3E%3Cscript%3E"]
    pages += [f"calls/{call}" for call in (calls.hostile_sql, calls.hostile_role, calls.hostile_tool)]
    pages += [f"calls?text={HOSTILE}", f"calls?subject={HOSTILE}"]
    for path in pages:
        text = client.get(f"/console/{path}").text
        assert "&lt;script&gt;" in text, path
        assert text.count("<script") == 1, path  # the console's own


TRICKS = [
    "..%2f..%2fkeys%2fsealing.key",
    "..%252f..%252fkeys%252fsealing.key",
    "%2e%2e%2fpolicy",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "....//policy.yaml",
    "policy.yaml",
    "0" * 63,
    "0" * 64,
    "0" * 64 + ".yaml",
    "0" * 64 + "%00",
    "0" * 63 + "%0a",
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize(
    "place", ["policies/{}", "policies/compare?one={}&other={}", "releases?snapshot={}", "calls/{}"]
)
def test_no_address_leads_out_of_its_folder(browse, place, trick):
    answered = browse("auditor").get(f"/console/{place.replace('{}', trick)}")
    assert answered.status_code == 404
    assert "root:" not in answered.text
    assert "etc" not in answered.text


@pytest.mark.parametrize(
    "query",
    [
        "since=VALUE",
        "until=9999-12-31",
        "status=VALUE",
        "cursor=VALUE",
        "cursor=-1",
        f"text={'VALUE' * 200}",
        "since=0001-01-01",
    ],
)
def test_errors_quote_no_value(browse, query):
    answered = browse("auditor").get(f"/console/calls?{query}")
    assert answered.status_code in (200, 400)
    assert answered.status_code == 400 or "VALUE" not in query
    assert "VALUE" not in answered.text


def test_a_failing_page_says_so_and_no_more(desk, browse, monkeypatch):
    client = browse("auditor")
    monkeypatch.setattr(desk.reader, "newest", lambda: 1 / 0)
    answered = client.get("/console/")
    assert answered.status_code == 500
    assert "ZeroDivision" not in answered.text


def test_what_cannot_be_recorded_is_not_shown(desk, browse, monkeypatch):
    """No record, no answer holds for the console too; but the ledger's state is shown, for that is where one sees why."""

    def unwritable(body):
        raise ReadingRoomError("The ledger cannot be written.", code="ledger_unwritable")

    client = browse("auditor")
    monkeypatch.setattr(desk.house.ledger, "note", unwritable)
    desk._noted.clear()
    assert client.get(f"/console/calls/{recorded(desk).counts}").status_code == 503
    page = client.get("/console/ledger")
    assert page.status_code == 200
    assert "The ledger cannot be written." in page.text


def test_a_name_of_another_site_gets_nothing(mounted):
    """DNS rebinding: a site that points its name at this machine sees no page."""
    with TestClient(mounted, base_url="http://evil.example") as client:
        assert client.get("/console/sign-in").status_code == 421


def test_the_http_server_has_the_console_with_its_own_roles(desk):
    """A bearer token opens /mcp and not the console; a token of a console role signs in there."""
    with TestClient(
        app(desk.house, "127.0.0.1", Local()), base_url="http://127.0.0.1", follow_redirects=False
    ) as client:
        assert client.get("/console/", headers={"Authorization": f"Bearer {SECRETS['auditor']}"}).status_code == 303
        sent = {"form_token": form_token(client, "/console/sign-in"), "token": SECRETS["steward"]}
        assert client.post("/console/sign-in", data=sent).status_code == 303
        assert "a steward, steward" in client.get("/console/").text


def test_the_command_prints_a_link_that_signs_in(console_room):
    words = [sys.executable, "-m", "server.cli", "console", "--room", str(console_room.root), "--port", "0"]
    folder, nothing = Path(__file__).parents[4], subprocess.DEVNULL
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=nothing, text=True, cwd=folder) as process:
        link = re.search(r"http://127\.0\.0\.1:\d+/console/sign-in\?link=\S+", process.stdout.readline())[0]
        for _ in range(50):
            try:
                with urllib.request.urlopen(link, timeout=5) as page:
                    text = page.read().decode()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        process.terminate()
    assert "Your link signs you in once." in text
