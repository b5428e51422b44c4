"""The command `rehearse`: plants a misuse in a room over the sample hospital, for auditors to practise on (docs/tutorial/audit.md).

Real calls through the whole pipeline: two clinicians and a researcher at their work, and a clinician who looks through the records of people
who share a family name, and at one of them again and again. Nothing is written into the ledger but what those calls leave there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from data.errors import BadRequest, ReadingRoomError
from server.call import Principal, Request
from server.cli.show import RoomOption, out, progress
from server.house import House, open_house
from server.pipeline import answer
from server.room import Room, open_room

_MISUSED = 130  # calls; more than the alert of the policy that `init` writes
_VICTIM_EACH = 6  # every sixth call comes back to one person
_NAMES = "SELECT family_name FROM patient_identity GROUP BY family_name ORDER BY count(*) DESC, family_name LIMIT 1"
Asked = tuple[str, str, str, str, str, dict[str, object]]


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(rehearse)


def rehearse(room: RoomOption = None) -> None:
    """Plant a misuse to practise an audit on. Only in a room over the sample hospital of `readingroom sample`."""
    opened = open_room(room)
    _require_sample(opened)
    house = open_house(opened)
    count = 0
    try:
        with progress() as told:
            for count, (subject, session, role, purpose, tool, arguments) in enumerate(_calls(house), 1):
                told("rehearsing", count, None)
                reply = answer(house, Request(tool, arguments, Principal(subject, role, purpose, session)))
                if reply.is_error:
                    raise ReadingRoomError("A call of the rehearsal was refused.", reply.text)
    finally:
        house.close()
    out.print(
        f"{count} calls were made, among them a misuse. Find it: readingroom audit alerts --room {opened.root}",
        soft_wrap=True,
    )


def _require_sample(room: Room) -> None:
    places = [room.source_path(one) for one in room.settings.sources]
    held = {parent for place in places if place is not None for parent in (place, *place.parents)}
    if not any((Path(one) / "truth.json").is_file() for one in held):
        raise BadRequest(
            "This room is not over the sample hospital: its record is no place to practise.",
            "Make one with `readingroom demo`.",
        )


def _calls(house: House) -> Iterator[Asked]:
    for subject, start in (("clinician-2", 3), ("clinician-5", 11)):
        for person in _persons(house, "", 40)[start : start + 4]:
            yield _clinician(subject, "ward-round", _record(person))
    yield "researcher-1", "study", "researcher", "HRESCH", "count_cohort", {"conditions": ["44054006"]}
    family = str(_rows(house, _NAMES)[0][0])
    persons = _persons(house, family, 20)
    victim = persons[len(persons) // 2]
    looked_for = (
        f"SELECT person_id, given_name, birth_date FROM patient_identity WHERE family_name = '{_quoted(family)}'"
    )
    yield _clinician("clinician-7", "night-shift", looked_for)
    for number in range(_MISUSED):
        person = victim if number % _VICTIM_EACH == 0 else persons[number % len(persons)]
        yield _clinician("clinician-7", "night-shift", _record(person))


def _clinician(subject: str, session: str, sql: str) -> Asked:
    return subject, session, "clinician", "TREAT", "query", {"sql": sql}


def _record(person: int) -> str:
    return f"SELECT person_id, condition_start_date, condition_source_value FROM condition_occurrence WHERE person_id = {person}"


def _persons(house: House, family: str, most: int) -> list[int]:
    named = f"AND i.family_name = '{_quoted(family)}'" if family else ""
    sql = (
        "SELECT DISTINCT i.person_id FROM patient_identity i JOIN condition_occurrence c ON c.person_id = i.person_id "
        f"WHERE i.family_name IS NOT NULL {named} ORDER BY 1 LIMIT {most}"
    )
    return [int(row[0]) for row in _rows(house, sql)]


def _rows(house: House, sql: str) -> list[list[Any]]:
    """Whom to look at: asked as the rehearsal itself, recorded like every call."""
    principal = Principal("rehearsal", "clinician", "TREAT", "rehearsal")
    reply = answer(house, Request("query", {"sql": sql}, principal))
    if reply.is_error or not reply.structured["rows"]:
        raise ReadingRoomError("Nobody was found to rehearse with.", reply.text)
    rows: list[list[Any]] = reply.structured["rows"]
    return rows


def _quoted(text: str) -> str:
    return text.replace("'", "''")
