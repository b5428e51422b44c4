"""Who saw a person: the record-level answers whose sealed list of persons holds one of the person's keys. For roles that may unseal.

The number goes by POST, so that it stays out of addresses and their history, and into the note only as an HMAC under the sealing key.
"""

import hashlib
import hmac
from collections import deque
from typing import Any

from starlette.responses import Response

from data.errors import Refused
from server.console import asked
from server.console.calls import line
from server.console.desk import Visit
from server.console.rendering import render
from server.disclosures import find_person, require_sealing_key, sights

MOST = 200


def persons(visit: Visit) -> Response:
    """The form."""
    visit.note("who-saw form")
    return _page(visit)


def who_saw(visit: Visit) -> Response:
    """The form with what was found, newest first."""
    if not visit.who.unseals:
        raise Refused("Your role may not open who was shown.", allowed="Ask someone whose role may unseal.")
    house, number = visit.console.house, asked.whole_number(visit.form, "person")
    since, until = asked.span(visit.form)
    require_sealing_key(house.room)
    visit.note("who-saw", person=person_digest(house.keys.sealing, number))
    person = find_person(house.room, number)
    newest: deque[dict[str, Any]] = deque(maxlen=MOST)
    count = 0
    for sight in sights(visit.console.reader, house.keys, person, since, until):
        newest.appendleft(line(sight.call))
        count += 1
    told = {name: visit.form.get(name, "") for name in ("since", "until")}
    return _page(visit, person=str(number), rows=list(newest), count=count, unknown=person.unknown, **told)


def person_digest(sealing: bytes, number: int) -> str:
    """How a note names whom somebody looked for: whoever holds the sealing key can tell, and nobody else."""
    return hmac.new(sealing, f"who-saw {number}".encode(), hashlib.sha256).hexdigest()


def _page(visit: Visit, **found: Any) -> Response:
    empty = {"person": "", "since": "", "until": "", "rows": None, "count": 0, "unknown": ()}
    return render(visit, "persons.html", title="Who saw a person", may=visit.who.unseals, **{**empty, **found})
