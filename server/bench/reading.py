"""How long it takes to verify a ledger of many entries, to find who saw a person, and to open the console's pages on it."""

import statistics
import time

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from server.console import Console, console_app
from server.console.sessions import COOKIE
from server.disclosures.persons import Person
from server.disclosures.who_saw import persons_shown, sights
from server.house import open_house
from server.ledger import Reader, load_or_create_keys, public_key, verify
from server.ledger.read import Wanted
from server.room import Room

PATHS = (
    "/",
    "/?by=day",
    "/calls",
    "/calls?role=nobody",
    "/calls?text=zzz",
    "/calls?status=open",
    "/calls?rule=none",
    "/calls?subject=user-3&role=clinician&status=refused&tool=explain_policy",
    "/sessions",
    "/incidents",
    "/ledger",
    "/quality",
    "/releases",
    "/policies",
)
_TIMES, _BASE = 5, "http://127.0.0.1"


def verified(room: Room) -> dict[str, int]:
    """Entries there are, and how many a second the whole verification takes. Raises RuntimeError where the ledger does not hold."""
    begun = time.perf_counter()
    found = verify(room.ledger_url, room.ledger_head, public_key(room.keys_path))
    seconds = time.perf_counter() - begun
    if not found.ok:
        raise RuntimeError(f"a ledger made for measuring does not verify: {found.problem}")
    return {"entries": found.entries, "verified_a_second": round(found.entries / seconds)}


def who_saw(room: Room) -> dict[str, float]:
    """Lists of persons in the ledger, and seconds until all that hold one person are found."""
    keys = load_or_create_keys(room.keys_path)
    lists: list[int] = []
    with Reader(room.ledger_url) as reader:
        shown = next(reader.calls(Wanted(persons=True)), None)
        if shown is None or shown.outcome is None:
            raise RuntimeError("a ledger made for measuring has no record-level answer")
        one = min(persons_shown(keys, shown.outcome) or ())
        person = Person(one, frozenset({one}))
        begun = time.perf_counter()
        found = list(sights(reader, keys, person, looked=lists.append))
        seconds = time.perf_counter() - begun
    if shown.call_id not in {sight.call.call_id for sight in found}:
        raise RuntimeError("the answer that showed a person was not found")
    return {"lists_of_persons": lists[-1], "who_saw_seconds": round(seconds, 3)}


def pages(room: Room, paths: tuple[str, ...] = PATHS) -> dict[str, float]:
    """Median milliseconds of each page for an auditor, once the console has counted what is there."""
    house = open_house(room)
    console = Console(house)
    try:
        served = Starlette(routes=[Mount("/console", console_app(console, local=True))])
        with TestClient(served, base_url=_BASE) as client:
            client.cookies.set(COOKIE, console.sessions.begin(console.viewer("bench", "auditor")))
            while not console.tally.counted().whole:
                time.sleep(0.05)
            return {path: _median(client, f"/console{path}") for path in paths}
    finally:
        console.close()
        house.close()


def _median(client: TestClient, path: str) -> float:
    times = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        answered = client.get(path)
        times.append((time.perf_counter() - begun) * 1000)
        if answered.status_code != 200 or "sign-in" in str(answered.url):
            raise RuntimeError(f"the page {path} cannot be opened ({answered.status_code})")
    return round(statistics.median(times), 1)
