"""A room of its own with calls in its ledger, its console, and a browser's way through it."""

import hashlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from server.call import Principal, Request
from server.console import Console, console_app
from server.house import open_house
from server.pipeline import answer
from server.room import Room, open_room
from tests.integration.server.console.ways import HOSTILE, SECRETS, form_token

PURPOSES = {"researcher": "HRESCH", "analyst": "HOPERAT", "clinician": "TREAT"}
ASKED = (
    ("researcher", "query", {"sql": "SELECT gender_concept_id, count(*) AS n FROM person GROUP BY 1"}),
    ("researcher", "query", {"sql": "SELECT person_id FROM person"}),
    ("clinician", "query", {"sql": "SELECT person_id, family_name FROM patient_identity ORDER BY 1 LIMIT 3"}),
    ("researcher", "describe_data", {}),
    (
        "researcher",
        "query",
        {"sql": f"SELECT '{HOSTILE.replace(chr(39), chr(39) * 2)}' AS \"{HOSTILE}\", count(*) FROM person"},
    ),
    (HOSTILE, "query", {"sql": "SELECT 1"}),
    ("researcher", HOSTILE, {"sql": HOSTILE}),
)


@pytest.fixture(scope="session")
def console_room(published_room: Room, tmp_path_factory: pytest.TempPathFactory) -> Room:
    """The published room with tokens, a second policy, and a ledger of a few calls."""
    root = tmp_path_factory.mktemp("console") / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "ledger*", "answered"))
    settings = yaml.safe_load((root / "readingroom.yaml").read_text())
    settings["tokens"] = [
        {
            "sha256": hashlib.sha256(secret.encode()).hexdigest(),
            "subject": f"a {role}",
            "role": role,
            "purpose": "HRESCH",
        }
        for role, secret in SECRETS.items()
    ]
    (root / "readingroom.yaml").write_text(yaml.safe_dump(settings))
    room = open_room(root)
    open_house(room).close()  # keeps the policy as it is
    policy = root / "policy.yaml"
    policy.write_text(policy.read_text().replace("hide_below: 20", "hide_below: 21") + f"# {HOSTILE}\n")
    house = open_house(room)
    for number, (role, tool, arguments) in enumerate(ASKED):
        hostile = HOSTILE in (role, tool)
        session = f"session-{number % 2}{HOSTILE if hostile else ''}"
        subject = HOSTILE if role == HOSTILE else f"{role}-1"
        principal = Principal(subject, role, PURPOSES.get(role, "HRESCH"), session)
        answer(house, Request(tool, dict(arguments), principal))
    house.ledger.note({"alert": HOSTILE, "subject": HOSTILE, "role": "clinician", "bound": 3})
    house.close()
    return room


@pytest.fixture(scope="session")
def desk(console_room: Room) -> Iterator[Console]:
    """The console of that room."""
    house = open_house(console_room)
    console = Console(house)
    yield console
    console.close()
    house.close()


@pytest.fixture(scope="session")
def mounted(desk: Console) -> Starlette:
    """The console as it is served."""
    return Starlette(routes=[Mount("/console", console_app(desk, local=True))])


@pytest.fixture
def browse(mounted: Starlette):
    """Browsers: `browse()` is signed out, `browse("auditor")` is signed in with that role's token."""
    opened: list[TestClient] = []

    def browser(role: str | None = None) -> Any:
        client = TestClient(mounted, base_url="http://127.0.0.1", follow_redirects=False)
        opened.append(client)
        if role is not None:
            sent = client.post(
                "/console/sign-in", data={"form_token": form_token(client, "/console/sign-in"), "token": SECRETS[role]}
            )
            assert sent.status_code == 303, sent.text
        return client

    yield browser
    for one in opened:
        one.close()
