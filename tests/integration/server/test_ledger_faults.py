"""What may happen to a ledger in service: killed under load, no room on the disk, no right to write, a witness that is away, two processes."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from structlog.testing import capture_logs

from data.errors import ReadingRoomError
from server import pipeline
from server.call import Principal, Request
from server.house import open_house
from server.ledger import Ledger, Reader, Witness, calls, load_or_create_keys, public_key, verify
from server.ledger.files import read_notes
from server.room import open_room

pytestmark = pytest.mark.integration
WRITER = Path(__file__).with_name("ledger_writer.py")
ROUNDS = int(os.environ.get("READINGROOM_KILL_ROUNDS", "200" if os.environ.get("READINGROOM_LONG") else "12"))


def written(output):
    """The whole lines of what a writer printed: calls that were answered."""
    return [line for line in output.split("\n")[:-1] if len(line) == 32]


def test_no_answered_call_is_lost_to_a_kill(tmp_path):
    """Killed again and again under load: every call that was answered has its pair, the tree verifies each time, and it is written on."""
    draw, url = random.Random(1), f"sqlite:///{tmp_path / 'ledger.db'}"
    answered = set()
    for number in range(ROUNDS):
        command = [sys.executable, str(WRITER), url, str(tmp_path), "8", "100000"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = process.stdout.readline()
        assert first, process.stderr.read()
        time.sleep(draw.uniform(0.0, 0.3))
        process.kill()
        output, errors = process.communicate(timeout=30)
        assert errors == ""
        answered |= set(written(first + output))
        found = verify(url, tmp_path / "one.checkpoint", public_key(tmp_path / "keys"))
        assert found.ok, f"round {number}: {found.problem}"
        recorded = {one.call_id: one for one in calls(url)}
        assert answered <= {call for call, one in recorded.items() if one.outcome is not None}
        assert set(found.open_calls) == {call for call, one in recorded.items() if one.outcome is None}
    assert len(answered) > ROUNDS * 8


def test_two_processes_on_one_file_keep_one_order(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    command = [sys.executable, str(WRITER), url, str(tmp_path), "4", "50"]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")]
    answered = [written(process.communicate(timeout=120)[0]) for process in running]
    assert [len(some) for some in answered] == [200, 200]
    beside = [tmp_path / "two.checkpoint"]
    found = verify(url, tmp_path / "one.checkpoint", public_key(tmp_path / "keys"), checkpoints=beside)
    assert (found.ok, found.entries, found.open_calls) == (True, 800, ()), found.problem


FULL = """
import resource, sys
from pathlib import Path
from data.errors import ReadingRoomError
from server.ledger import Ledger, load_or_create_keys
root = Path(sys.argv[1])
ledger = Ledger(f"sqlite:///{root / 'ledger.db'}", root / "ledger.checkpoint", load_or_create_keys(root / "keys"))
ledger.intent("before", {})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
refused = 0
for number in range(1000):
    try:
        ledger.intent(f"call{number}", {"text": "MARKER" * 200})
        ledger.outcome(f"call{number}", {"status": "answered"})
    except ReadingRoomError as error:
        assert error.code == "ledger_unwritable", error.code
        assert "cannot be written" in error.message and "MARKER" not in str(error), error.message
        refused += 1
        if refused == 5:
            break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.check()
ledger.intent("after", {})
ledger.outcome("after", {"status": "answered"})
ledger.close()
print(refused)
"""


def test_a_full_disk_refuses_and_service_comes_back(tmp_path):
    """Files may grow no further: calls are refused with a reason; when there is room again they are answered, by the same server."""
    result = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-1] == "5"
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    found = verify(url, tmp_path / "ledger.checkpoint", public_key(tmp_path / "keys"))
    assert found.ok, found.problem
    recorded = {one.call_id: one for one in calls(url)}
    assert recorded["after"].outcome is not None
    assert len(recorded) > 10


READ_ONLY = """
import os, sys
from pathlib import Path
from data.errors import ReadingRoomError
from server.ledger import Ledger, load_or_create_keys
root = Path(sys.argv[1])
keys = load_or_create_keys(root / "keys")
if os.getuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)  # root may write whatever the permissions say
ledger = Ledger(f"sqlite:///{root / 'ledger.db'}", root / "ledger.checkpoint", keys)
def write():
    try:
        return ledger.intent("x", {"text": "MARKER"})
    except ReadingRoomError as error:
        assert "MARKER" not in str(error)
        return f"{error.code}: {error.message}"
print(write())
if os.getuid() == 0:
    os.seteuid(0)
for path in root.glob("ledger.*"):
    path.chmod(0o666)
root.chmod(0o777)
if os.getuid() == 0:
    os.seteuid(65534)
print(write())
ledger.close()
"""


def test_a_ledger_that_may_not_be_written_refuses_and_service_comes_back(tmp_path):
    root = tmp_path / "room"
    root.mkdir()
    keys = load_or_create_keys(root / "keys")
    url = f"sqlite:///{root / 'ledger.db'}"
    ledger = Ledger(url, root / "ledger.checkpoint", keys)
    ledger.intent("before", {})
    ledger.close()
    for parent in (tmp_path, *tmp_path.parents[:3]):  # so that another user finds the way
        parent.chmod(parent.stat().st_mode | 0o755)
    for path in root.glob("ledger.*"):
        path.chmod(0o444)
    root.chmod(0o555)
    environment = {**os.environ, "READINGROOM_LOG": "error"}
    result = subprocess.run(
        [sys.executable, "-c", READ_ONLY, root], capture_output=True, text=True, timeout=60, env=environment
    )
    assert result.returncode == 0, result.stderr
    refused, then = result.stdout.splitlines()[0], result.stdout.splitlines()[-1]
    assert refused.startswith("ledger_unwritable: The ledger cannot be written (OperationalError)")
    assert then == "2"
    assert verify(url, root / "ledger.checkpoint", public_key(root / "keys")).ok


def test_a_ledger_on_a_read_only_copy_is_verified_where_it_lies(tmp_path):
    """Handed to an auditor on a medium that cannot be written: no file is made beside it."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    ledger = Ledger(
        f"sqlite:///{source / 'ledger.db'}", source / "ledger.checkpoint", load_or_create_keys(source / "keys")
    )
    ledger.note({})
    ledger.close()
    shutil.copytree(source, copy)
    before = sorted(one.name for one in copy.iterdir())
    code = (
        "import os, sys; from pathlib import Path; from server.ledger import public_key, verify\n"
        "root = Path(sys.argv[1]); key = public_key(root / 'keys')\n"
        "if os.getuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
        "found = verify(f\"sqlite:///{root / 'ledger.db'}\", root / 'ledger.checkpoint', key)\n"
        "print(found.ok, found.entries, found.problem)"
    )
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o755)
    for path in copy.glob("ledger.*"):
        path.chmod(0o444)
    copy.chmod(0o555)
    result = subprocess.run([sys.executable, "-c", code, copy], capture_output=True, text=True, timeout=60)
    assert result.stdout == "True 1 None\n", result.stderr
    assert sorted(one.name for one in copy.iterdir()) == before


@pytest.mark.parametrize("required", [False, True])
def test_a_witness_that_is_away_is_told(tmp_path, required):
    """By the setting: the log says so and calls go on, or nothing is answered until the witness is back."""
    away, path = tmp_path / "mount", tmp_path / "mount" / "witness"
    ledger = Ledger(
        f"sqlite:///{tmp_path / 'l.db'}",
        tmp_path / "c",
        load_or_create_keys(tmp_path / "keys"),
        witness=Witness(path, required),
    )
    with capture_logs() as told:
        if required:
            with pytest.raises(ReadingRoomError, match="witness file cannot be written") as error:
                ledger.intent("x", {})
            assert error.value.code == "ledger_unwritable"
            with pytest.raises(ReadingRoomError, match="witness"):
                ledger.check()
        else:
            assert ledger.intent("x", {}) == 1
            ledger.check()
            for _ in range(100):
                if told:
                    break
                time.sleep(0.05)
    assert ("ledger.unwritable", "witness") in {(one["event"], one["file"]) for one in told}
    away.mkdir()
    assert ledger.intent("y", {}) == (1 if required else 2)
    ledger.close()
    assert read_notes(path)[0][-1].checkpoint.size == (1 if required else 2)


def test_idle_time_does_not_keep_a_checkpoint_back(tmp_path, monkeypatch):
    """The newest checkpoint goes out some seconds after the last entry, though no further one comes."""
    monkeypatch.setattr("server.ledger.files.EVERY_SECONDS", 0.2)
    witness = tmp_path / "witness"
    ledger = Ledger(
        f"sqlite:///{tmp_path / 'l.db'}",
        tmp_path / "c",
        load_or_create_keys(tmp_path / "keys"),
        witness=Witness(witness),
    )
    for _ in range(3):
        ledger.note({})
    for _ in range(100):
        if witness.exists() and read_notes(witness)[0][-1:] and read_notes(witness)[0][-1].checkpoint.size == 3:
            break
        time.sleep(0.05)
    assert read_notes(witness)[0][-1].checkpoint.size == 3
    ledger.close()


ASKER = """
import sys, threading
from pathlib import Path
from server.call import Principal, Request
from server.house import open_house
from server.pipeline import answer
from server.room import open_room
house, lock = open_house(open_room(Path(sys.argv[1]))), threading.Lock()
def ask(subject):
    while True:
        reply = answer(house, Request("query", {"sql": "SELECT count(*) FROM person"}, Principal(subject, "researcher", "HRESCH", "killed")))
        with lock:
            sys.stdout.write(("" if reply.is_error else reply.call) + "\\n")
            sys.stdout.flush()
for number in range(4):
    threading.Thread(target=ask, args=(f"asker{number}",)).start()
"""


@pytest.fixture
def room(published_room, tmp_path):
    root = tmp_path / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "ledger*"))
    return root


def test_a_killed_server_leaves_open_calls_that_are_told(room):
    """The whole way of a call, killed in the midst: what was answered has its outcome, what was begun is reported, and the next server goes on."""
    opened, answered = open_room(room), set()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", ASKER, room], stdout=subprocess.PIPE, text=True)
        output = process.stdout.readline()
        time.sleep(0.4)
        process.kill()
        output += process.communicate(timeout=30)[0]
        answered |= set(written(output))
        found = verify(opened.ledger_url, opened.ledger_head, public_key(opened.keys_path))
        assert found.ok, found.problem
        with Reader(opened.ledger_url) as reader:
            assert answered <= {
                one.call_id for one in reader.calls() if one.outcome is not None and one.outcome.status == "answered"
            }
            assert sorted(reader.open_calls()) == sorted(found.open_calls)
    assert len(answered) > 10


def test_a_room_with_a_wrong_key_answers_nothing_and_says_why(room):
    house = open_house(open_room(room))
    ask = Request("query", {"sql": "SELECT count(*) FROM person"}, Principal("t", "researcher", "HRESCH", "s"))
    assert not pipeline.answer(house, ask).is_error
    house.close()
    (room / "keys" / "signing.pem").unlink()
    house = open_house(open_room(room))
    reply = pipeline.answer(house, ask)
    assert reply.structured["error"]["code"] == "ledger_unwritable"
    assert "signing.pem" in reply.structured["error"]["advice"]
    assert [one for one in house.problems() if "signed with another key" in one]
    house.close()


def test_the_rooms_witness_is_written_and_verified(room):
    settings = yaml.safe_load((room / "readingroom.yaml").read_text())
    settings["ledger"] |= {"witness": "elsewhere/witness", "witness_required": True}
    (room / "readingroom.yaml").write_text(yaml.safe_dump(settings))
    ask = Request("query", {"sql": "SELECT count(*) FROM person"}, Principal("t", "researcher", "HRESCH", "s"))
    house = open_house(open_room(room))
    assert "witness" in pipeline.answer(house, ask).structured["error"]["message"]
    (room / "elsewhere").mkdir()
    assert not pipeline.answer(house, ask).is_error
    house.close()
    opened = open_room(room)
    assert opened.witness_path == room / "elsewhere" / "witness"
    found = verify(opened.ledger_url, opened.ledger_head, public_key(opened.keys_path), opened.witness_path)
    assert (found.ok, found.warnings) == (True, ())
    assert read_notes(opened.witness_path)[0][-1].checkpoint.size == found.entries
