"""A room of its own for tests of evidence: the published room's data and snapshot, with a ledger and a policy that tests may change."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from server.call import Principal, Reply, Request
from server.cli import app
from server.house import open_house
from server.pipeline import answer
from server.room import Room, open_room

PURPOSES = {"researcher": "HRESCH", "analyst": "HOPERAT", "clinician": "TREAT"}


def copied(room: Room, to: Path, *without: str) -> Room:
    """A second room that holds the same snapshots and keys, and no record of calls."""
    ignore = shutil.ignore_patterns("ledger*", "answered", "hospital", "raw", "policies", *without)
    shutil.copytree(room.root, to, ignore=ignore)
    return open_room(to)


@pytest.fixture
def room(published_room: Room, tmp_path: Path) -> Room:
    """See the module."""
    return copied(published_room, tmp_path / "room")


@pytest.fixture
def asked(room: Room) -> Iterator[Callable[..., Reply]]:
    """Asks the room: `asked(sql, role, subject, session)`."""
    house = open_house(room)

    def ask(
        sql: str,
        role: str = "researcher",
        subject: str = "s",
        session: str = "one",
        tool: str = "query",
        **arguments: object,
    ) -> Reply:
        told = {"sql": sql, **arguments} if sql else arguments
        return answer(house, Request(tool, told, Principal(subject, role, PURPOSES[role], session)))

    yield ask
    house.close()


@pytest.fixture
def run(room: Room) -> Callable[..., Result]:
    """Runs a command of the room's command line."""

    def command(*words: str, at: Room = room) -> Result:
        return CliRunner().invoke(app, [*words, "--room", str(at.root)])

    return command
