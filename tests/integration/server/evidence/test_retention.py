"""Retention: what law, room or a call still needs stays, what goes is an entry first, and the ledger verifies after."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from data.errors import BadRequest, Busy
from data.snapshots import files, list_snapshots, retire
from data.snapshots.model import snapshot_id, to_json
from data.snapshots.store import LOCK, read_manifest
from server.call import Principal, Request
from server.house import open_house
from server.ledger import Reader, entries
from server.pipeline import answer
from server.retention import years_before
from server.room import open_room

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)
LONG_AGO = years_before(NOW, 7)


@pytest.fixture
def old(room):
    """An older snapshot beside the one in force: the same files made seven years ago, with a day of its own and so an id of its own."""
    from dataclasses import replace

    (first,) = (room.root / "snapshots").iterdir()
    manifest = replace(read_manifest(first), as_of="2001-01-01", created=LONG_AGO.strftime("%Y-%m-%dT%H:%M:%SZ"))
    manifest = replace(manifest, id=snapshot_id(manifest))
    path = first.with_name(manifest.id)
    shutil.copytree(first, path)
    (path / "manifest.json").write_text(to_json(manifest))
    return manifest.id


def ask(room, snapshot, at):
    """A call answered from that snapshot at that time."""
    current = (room.root / "current").read_text()
    (room.root / "current").write_text(f"{snapshot}\n")
    house = open_house(room)
    house.ledger._clock = lambda: at
    reply = answer(
        house,
        Request("query", {"sql": "SELECT count(*) AS n FROM person"}, Principal("s", "researcher", "HRESCH", "one")),
    )
    assert not reply.is_error, reply.text
    house.close()
    (room.root / "current").write_text(current)


def day(moment):
    return moment.strftime("%Y-%m-%d")


def test_what_no_call_needs_goes_and_is_an_entry(room, old, run):
    ask(room, old, LONG_AGO)
    assert list_snapshots(room.root)[0].id == old
    assert (room.answered_path / old).is_dir()
    shown = run("audit", "prune", "--before", day(NOW - timedelta(days=6 * 366)))
    assert shown.exit_code == 0
    assert "it goes" in shown.stdout
    assert "Nothing was taken away." in shown.stdout
    assert (room.root / "snapshots" / old).is_dir()
    result = run("audit", "prune", "--before", day(NOW - timedelta(days=6 * 366)), "--yes")
    assert "1 snapshots taken away" in result.stdout, result.output
    assert not (room.root / "snapshots" / old).exists()
    assert not (room.answered_path / old).exists()
    assert [one.name for one in (room.root / "snapshots").iterdir()] == [(room.root / "current").read_text().strip()]
    (note,) = [one.body["pruned"] for one in entries(room.ledger_url) if one.kind == "note"]
    assert (note["snapshot"], note["last_call"][:10]) == (old, day(LONG_AGO))
    assert run("audit", "verify").exit_code == 0
    told = json.loads(run("replay", "--json").stdout)
    assert told["not_replayable"] == 1
    assert f"Snapshot {old} of that call was retired" in told["calls"][0]["reason"]


@pytest.mark.parametrize(("years", "words"), [(5.9, "164.316(b)(2)(i)"), (0, "164.316(b)(2)(i)")])
def test_six_years_are_never_pruned(room, old, run, years, words):
    ask(room, old, LONG_AGO)
    error = run(
        "audit", "prune", "--before", day(NOW - timedelta(days=365 * years)), "--keep-years", "1", "--yes"
    ).exception
    assert isinstance(error, BadRequest)
    assert words in str(error)
    assert (room.root / "snapshots" / old).is_dir()


def test_the_room_and_the_command_may_ask_for_more(room, old, run):
    ask(room, old, LONG_AGO)
    before = day(NOW - timedelta(days=366 * 6))
    assert isinstance(run("audit", "prune", "--before", before, "--keep-years", "8", "--yes").exception, BadRequest)
    settings = room.root / "readingroom.yaml"
    settings.write_text(settings.read_text().replace("  durable: true", "  durable: true\n  keep_years: 9"))
    error = run("audit", "prune", "--before", before, "--yes").exception
    assert isinstance(error, BadRequest)
    assert "ledger.keep_years" in str(error)
    settings.write_text(settings.read_text().replace("keep_years: 9", "keep_years: 5"))
    with pytest.raises(BadRequest, match="keep_years"):
        open_room(room.root)


def test_a_later_call_and_the_one_in_force_stay(room, old, run):
    ask(room, old, LONG_AGO)
    ask(room, old, NOW - timedelta(days=365))
    told = json.loads(run("audit", "prune", "--before", day(LONG_AGO), "--yes", "--json").stdout)
    stays = {one["snapshot"]: one["stays"] for one in told["snapshots"]}
    assert stays[old] == f"a call of {day(NOW - timedelta(days=365))} rests on it"
    assert stays[(room.root / "current").read_text().strip()] == "it is in force"
    assert len(list_snapshots(room.root)) == 2
    with Reader(room.ledger_url) as reader:
        assert [one for one in reader.entries(kind="note") if "pruned" in one.body] == []


def test_what_was_said_to_go_and_did_not_is_said(room, old, run):
    ask(room, old, LONG_AGO)
    with files.locked(room.root / LOCK):
        assert isinstance(
            run("audit", "prune", "--before", day(years_before(NOW, 6) - timedelta(days=2)), "--yes").exception, Busy
        )
    assert (room.root / "snapshots" / old).is_dir()
    said, unsaid = (one for one in entries(room.ledger_url) if one.kind == "note")
    assert unsaid.body["not_pruned"] == {"snapshot": old, "entry": said.seq, "error": "Busy"}


def test_retiring_is_refused_where_it_must_be(room, old):
    current = (room.root / "current").read_text().strip()
    with pytest.raises(BadRequest, match="is in force"):
        retire(room.root, current)
    with pytest.raises(BadRequest):
        retire(room.root, "0" * 16)
    with files.locked(room.root / LOCK), pytest.raises(Busy):
        retire(room.root, old)
    retire(room.root, old)
    assert files.sweep(room.root / "snapshots") == 0
