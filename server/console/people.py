"""Who saw a person: the record-level answers whose sealed list of persons holds the number. For roles that may unseal.

The number goes by POST, so that it stays out of addresses and their history, and into the note only as an HMAC under the sealing key.
"""

import hashlib
import hmac
import time
from typing import Any

from starlette.responses import Response

from data.errors import BadRequest, Damaged, Refused
from server.console import asked
from server.console.calls import line
from server.console.desk import Visit
from server.console.find import LONGER
from server.console.rendering import render
from server.ledger import RecordedCall, Wanted
from server.records import showed

MOST = 200
_AT_ONCE = 500


def persons(visit: Visit) -> Response:
    """The form."""
    visit.note("who-saw form")
    return _page(visit)


def who_saw(visit: Visit) -> Response:
    """The form with what was found, newest first."""
    if not visit.who.unseals:
        raise Refused("Your role may not open who was shown.", allowed="Ask someone whose role may unseal.")
    release, person = visit.form.get("release", ""), asked.whole_number(visit.form, "person")
    if release not in _releases(visit):
        raise BadRequest("There is no such release.", "Choose one of the list.")
    _noted(visit, release, person)
    calls, further, unreadable = _found(visit, release, person, asked.cursor(visit.form))
    return _page(
        visit,
        release=release,
        person=str(person),
        rows=[line(one) for one in calls],
        further=further,
        unreadable=unreadable,
    )


def _page(visit: Visit, release: str = "", person: str = "", **found: Any) -> Response:
    told = {"rows": None, "further": None, "unreadable": 0, **found}
    releases = _releases(visit)
    return render(
        visit, "persons.html", title="Who saw a person", may=visit.who.unseals, releases=releases, release=release, person=person, **told
    )  # fmt: skip


def _releases(visit: Visit) -> list[str]:
    """Releases that a grant of the policy is answered from, record by record."""
    return sorted({grant.release for grant in visit.console.house.judge.policy.grants if grant.mode == "record"})


def _noted(visit: Visit, release: str, person: int) -> None:
    sealing = visit.console.house.keys.sealing
    told = hmac.new(sealing, f"who-saw {release} {person}".encode(), hashlib.sha256).hexdigest()
    visit.note("who-saw", release=release, person=told)


def _found(
    visit: Visit, release: str, person: int, cursor: int | None
) -> tuple[list[RecordedCall], int | None, int]:  # fmt: skip
    """Calls that showed the person, where to go on, and how many lists could not be opened with the key here."""
    house, until = visit.console.house, time.monotonic() + LONGER
    found: list[RecordedCall] = []
    unreadable = 0
    while True:
        page = visit.console.reader.page(Wanted(persons=True), _AT_ONCE, cursor)
        for call in page.calls:
            if call.outcome is None or call.intent.body.get("release") != release:
                continue
            try:
                found += [call] if showed(house, call.outcome, person) else []
            except Damaged:
                unreadable += 1
        cursor = page.next
        if cursor is None or len(found) >= MOST or time.monotonic() > until:
            return found, cursor, unreadable
