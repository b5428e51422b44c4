"""The console in real Chromium: by keyboard alone, with axe on every page in light and dark, with script and without, and in print.

Skipped where Chromium, Playwright or axe is absent. With READINGROOM_SCREENSHOTS=1 it writes the pictures of the documents.
"""

import importlib.util
import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from tests.integration.server.console.ways import recorded

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
MISSING += [] if CHROMIUM else ["chromium"]
pytestmark = [pytest.mark.integration, pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")]
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
IMAGES = Path(__file__).parents[4] / "docs" / "images"
PATHS = ("/", "/?by=day", "/calls", "/sessions", "/persons", "/incidents", "/incidents?kind=viewings", "/ledger", "/quality", "/redaction",
         "/releases", "/policies", "/calls?role=nobody", "/nothing")  # fmt: skip


@pytest.fixture(scope="module")
def served(mounted):
    """The address of the console, served by uvicorn."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(mounted, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/console"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, served, desk):
    """Opens a signed-in page; fails the test where the page's script fails or its policy blocks something."""
    contexts, problems = [], []

    def page(role="auditor", sign_in=True, **options):
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", **options)
        contexts.append(context)
        made = context.new_page()
        made.on("pageerror", lambda error: problems.append(str(error)))
        made.on(
            "console",
            lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
        )
        if sign_in:
            made.goto(f"{served}/sign-in?link={desk.sessions.link(desk.viewer('eva', role))}")
            made.get_by_role("button", name="Sign in").click()
            made.wait_for_url(f"{served}/")
        return made

    yield page
    for context in contexts:
        context.close()
    assert problems == []


def focused(page):
    """The name of what has the focus."""
    return page.evaluate(
        "() => { const e = document.activeElement; return (e.labels?.[0] ?? e).textContent.trim() || e.getAttribute('aria-label') }"
    )


def test_axe_would_find_something(opened, served):
    """So that finding nothing means something: a field without a label and text too pale to read are both named."""
    from axe_playwright_python.sync_playwright import Axe

    page = opened()
    page.goto(f"{served}/calls")
    page.evaluate(
        "() => { document.querySelector('label').remove(); document.querySelector('caption').style.color = '#ddd' }"
    )
    found = {one["id"] for one in Axe().run(page).response["violations"]}
    assert {"label", "color-contrast"} <= found
    only = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    assert {one["id"] for one in only} == {"color-contrast"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, served, desk, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page, axe = opened(color_scheme=scheme), Axe()
    colours = {"runOnly": ["color-contrast"]}  # all that differs between the two
    options = colours if scheme == "dark" else None
    calls, digests = recorded(desk), sorted(path.stem for path in desk.house.room.policies_path.glob("*.yaml"))
    paths = [*PATHS, *(f"/calls/{call}" for call in vars(calls).values()), f"/policies/{digests[0]}"]
    paths.append(f"/policies/compare?one={digests[0]}&other={digests[1]}")
    for path in paths:
        page.goto(served + path)
        for summary in page.locator("summary").all()[:3]:
            summary.click()
        found = axe.run(page, options=options).response["violations"]
        assert [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found] == [], path
    signed_out = opened(sign_in=False, color_scheme=scheme)
    signed_out.goto(f"{served}/sign-in")
    assert axe.run(signed_out, options=options).response["violations"] == []


def test_a_call_is_found_and_replayed_by_keyboard(opened, served):
    """Tab and Enter alone: past the navigation, filter, open a call, replay it; the focus is always seen."""
    page = opened()
    page.goto(f"{served}/calls")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls#content")
    page.keyboard.press("Tab")
    assert focused(page).startswith("Call, session or subject")
    page.keyboard.type("researcher-1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?text=researcher-1")
    assert page.locator("tbody tr").count() == 5
    for _ in range(40):
        page.keyboard.press("Tab")
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", focused(page)
        if page.evaluate("() => document.activeElement.matches('tbody a')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls/*")
    page.get_by_role("button", name="Replay this call").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#replayed .mark")
    assert page.locator("#replayed .mark").inner_text() == "identical"
    assert page.locator("h1").inner_text().startswith("Call ")


def test_everything_that_can_be_clicked_can_be_tabbed_to(opened, served, desk):
    page = opened()
    for path in ("/calls", f"/calls/{recorded(desk).counts}", "/policies", "/ledger"):
        page.goto(served + path)
        handlers = page.evaluate(
            "() => [...document.querySelectorAll('*')].filter(e => e.onclick || e.tabIndex > 0).length"
        )
        assert handlers == 0
        wanted = page.locator(
            "a:visible, button:visible:enabled, input:visible, select:visible, summary:visible"
        ).count()
        reached = set()
        for _ in range(wanted + 30):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    "() => [...document.querySelectorAll('a,button,input,select,summary')].indexOf(document.activeElement)"
                )
            )
        radios = page.locator("input[type=radio]").count()  # of a group the arrow keys reach the others
        assert len(reached - {-1}) >= wanted - radios, path


def test_filters_swap_the_list_in_place_and_back_works(opened, served):
    page = opened()
    page.goto(f"{served}/calls")
    page.evaluate("() => { window.kept = true }")
    page.get_by_label("Ended").select_option("refused")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/calls?status=refused")
    assert page.locator("tbody tr").count() == 2
    assert page.evaluate("() => window.kept")
    page.wait_for_function("() => document.getElementById('told').textContent === '2 calls, newest first'")
    page.go_back()
    page.wait_for_function("() => document.querySelectorAll('tbody tr').length === 7")


def test_the_console_works_without_script(opened, served, desk):
    page = opened(java_script_enabled=False)
    page.goto(f"{served}/calls")
    page.get_by_label("Ended").select_option("refused")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/calls?*status=refused*")
    assert page.locator("tbody tr").count() == 2
    page.goto(f"{served}/calls/{recorded(desk).counts}")
    page.get_by_role("button", name="Replay this call").click()
    assert page.locator("#replayed .mark").inner_text() == "identical"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{served}/sign-in")


def test_the_ledger_page_waits_for_its_verification(opened, served):
    page = opened()
    page.goto(f"{served}/ledger")
    page.get_by_role("button", name="Verify the whole ledger").click()
    page.wait_for_selector("#verified .mark.identical", timeout=30_000)
    page.get_by_role("button", name="Verify the whole ledger", disabled=False).wait_for(timeout=10_000)
    assert page.get_by_role("button", name="Verify the whole ledger").is_enabled()


def test_pages_print(opened, served, desk):
    page = opened()
    page.goto(f"{served}/calls/{recorded(desk).counts}")
    page.emulate_media(media="print")
    assert not page.get_by_role("button", name="Replay this call").is_visible()
    assert not page.locator("header nav").is_visible()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("() => getComputedStyle(document.querySelector('pre')).maxHeight") == "none"
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 1


def test_nothing_is_fetched_from_elsewhere(opened, served, desk):
    page, asked = opened(), []
    page.on("request", lambda request: asked.append(request.url))
    for path in (*PATHS, f"/calls/{recorded(desk).counts}"):
        page.goto(served + path)
    assert asked
    assert [url for url in asked if not url.startswith(served)] == []


@pytest.mark.skipif(
    os.environ.get("READINGROOM_SCREENSHOTS") != "1", reason="pictures are made with READINGROOM_SCREENSHOTS=1"
)
def test_pictures_for_the_documents(opened, served, desk):
    light, dark = opened(color_scheme="light"), opened(color_scheme="dark")
    light.goto(f"{served}/calls?role=researcher&tool=query")
    assert light.locator("tbody tr").count() > 1
    light.screenshot(path=IMAGES / "console-calls.png")
    dark.goto(f"{served}/calls/{recorded(desk).counts}")
    assert dark.get_by_role("button", name="Replay this call").is_visible()
    dark.screenshot(path=IMAGES / "console-call.png", full_page=True)
