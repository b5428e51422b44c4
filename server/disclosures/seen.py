"""All that is known of one person in the record: which answers showed it, which rest on it, and of which that cannot be said."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from data.types import Progress, no_progress
from server.disclosures.derive import Deriver
from server.disclosures.persons import Person, require_sealing_key
from server.disclosures.who_saw import sights
from server.house import open_house
from server.ledger import Reader, RecordedCall, Wanted, load_or_create_keys
from server.room import Room


@dataclass
class Seen:
    """Answers that showed the person by their list; record-level ones without a list that rest on it; aggregates with how many cells count it;
    and calls of which it cannot be said, each with the reason. `stopped`: there were more calls than were to be executed.
    """

    shown: list[RecordedCall] = field(default_factory=list)
    rested: list[RecordedCall] = field(default_factory=list)
    aggregates: list[tuple[RecordedCall, int]] = field(default_factory=list)
    unknown: list[tuple[RecordedCall, str]] = field(default_factory=list)
    stopped: bool = False


@dataclass(frozen=True)
class Asked:
    """A person and a time. `derive`: which answers without a list are executed again, at most `most` of them."""

    person: Person
    since: datetime | None = None
    until: datetime | None = None
    derive: Literal["none", "record", "all"] = "none"
    most: int = 10_000


def seen(room: Room, asked: Asked, told: Progress = no_progress) -> Seen:
    """Everything that is asked about a person. Raises BadRequest where the sealing key is not here."""
    require_sealing_key(room)
    found = Seen()
    with Reader(room.ledger_url) as reader:
        keys = load_or_create_keys(room.keys_path)
        lists = sights(reader, keys, asked.person, asked.since, asked.until, lambda n: told("reading lists", n, None))
        found.shown = [one.call for one in lists]
        if asked.derive != "none":
            _derive(room, reader, asked, found, told)
    return found


def _derive(room: Room, reader: Reader, asked: Asked, found: Seen, told: Progress) -> None:
    house = open_house(room)
    try:
        deriver = Deriver(house, asked.person)
        for number, call in enumerate(_unlisted(reader, asked)):
            if number == asked.most:
                found.stopped = True
                break
            told("executing again", number + 1, None)
            one = deriver.derived(call)
            if one.found == "aggregate":
                found.aggregates.append((call, one.cells))
            elif one.found == "record":
                found.rested.append(call)
            elif one.found == "unknown":
                found.unknown.append((call, one.reason))
    finally:
        house.close()


def _unlisted(reader: Reader, asked: Asked) -> Iterator[RecordedCall]:
    for call in reader.calls(Wanted(status="answered", since=asked.since, until=asked.until)):
        listed = call.outcome is None or call.outcome.sealed is not None
        if not listed and (asked.derive == "all" or call.intent.body["mode"] == "record"):
            yield call
