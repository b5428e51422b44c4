"""Publishing is all or nothing: killed at any moment the old snapshot serves, and the next run ends at the same snapshot."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest

from data.errors import Busy, Damaged, ReadingRoomError
from data.raw import RawStore
from data.snapshots import files, open_current, verify_snapshot
from data.synthetic.hospital import generate
from server.filling import ingest_room, publish_room
from server.ledger import load_or_create_keys
from server.room import init_room, open_room

KILLS = 50 if os.environ.get("READINGROOM_LONG") else 10
pytestmark = pytest.mark.integration


@pytest.fixture
def room(changeable_room):
    return changeable_room


def change_input(room):
    """One more patient arrives, so that the next publish has something to do."""
    folder = room.root / "more"
    folder.mkdir(exist_ok=True)
    (folder / "Patient.ndjson").write_text(
        '{"resourceType":"Patient","id":"more","gender":"female","birthDate":"1990-02-03"}\n'
    )
    text = (room.root / "readingroom.yaml").read_text()
    if "name: more" not in text:
        added = text.replace(
            "sources:\n", "sources:\n  - {name: more, kind: fhir-ndjson, system: ehr, path: more}\n", 1
        )
        (room.root / "readingroom.yaml").write_text(added)


def command(*words):
    return [sys.executable, "-m", "server.cli", *map(str, words)]


def test_killed_publisher_leaves_the_old_snapshot(room):
    before = open_current(room.snapshots_path).id
    change_input(room)
    subprocess.run(command("ingest", "--room", room.root), check=True, capture_output=True)
    draw = random.Random(5)
    for _ in range(4):
        process = subprocess.Popen(
            command("publish", "--room", room.root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(draw.uniform(0.3, 2.2))
        process.kill()
        process.wait()
        current = open_current(room.snapshots_path)
        verify_snapshot(current)
        if current.id != before:
            break
    first = publish_room(open_room(room.root)).id
    assert first != before
    shutil.rmtree(room.root / "snapshots" / first)
    (room.root / "published.json").unlink()
    assert publish_room(open_room(room.root)).id == first
    assert not list((room.root / "snapshots").glob(".building*"))


# Imports once, then does ingest and publish in a fork for every line it is sent, so that many kills do not cost many starts.
FORKS = """
import os, sys
from pathlib import Path
from server.filling import ingest_room, publish_room
from server.room import open_room
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        room = open_room(Path(sys.argv[1]))
        ingest_room(room)
        publish_room(room)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_many_kills_lose_nothing(tmp_path):
    """Ingest and publish of the same hospital, killed at random points, end at the snapshot of a room that was left in peace."""
    generate(tmp_path / "hospital", 60, 3)
    rooms = [tmp_path / name for name in ("peace", "killed")]
    for root in rooms:
        init_room(root)
        os.symlink(tmp_path / "hospital", root / "hospital")
    peace, killed = (open_room(root) for root in rooms)
    load_or_create_keys(peace.keys_path)
    shutil.copytree(peace.keys_path, killed.keys_path)
    began = time.monotonic()
    ingest_room(peace)
    wanted = publish_room(peace).id
    whole = time.monotonic() - began
    draw = random.Random(7)
    ends = []
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, str(rooms[1])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as forks:
        for _ in range(KILLS):
            if (rooms[1] / "current").exists():  # from the beginning again, with what is in the raw store
                shutil.rmtree(rooms[1] / "snapshots")
                (rooms[1] / "current").unlink()
                (rooms[1] / "published.json").unlink(missing_ok=True)
                if len(ends) < 25:
                    shutil.rmtree(rooms[1] / "raw")
            forks.stdin.write("\n")
            forks.stdin.flush()
            child = int(forks.stdout.readline())
            time.sleep(draw.uniform(0, whole))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            ends.append(int(forks.stdout.readline()))
        forks.stdin.close()
    assert ends.count(signal.SIGKILL) >= KILLS // 2
    ingest_room(killed)
    assert publish_room(killed).id == wanted
    verify_snapshot(open_current(killed.snapshots_path))
    stored = RawStore(killed.raw_path).arrivals()
    assert len({(one.source, one.name) for one in stored}) == len(stored) == len(RawStore(peace.raw_path).arrivals())
    assert not list((rooms[1] / "snapshots").glob(".building*"))


def test_killed_ingest_goes_on(hospital, tmp_path):
    subprocess.run(command("init", tmp_path), check=True, capture_output=True)
    os.symlink(hospital, tmp_path / "hospital")
    for wait in (0.8, 1.0, 1.2):
        process = subprocess.Popen(
            command("ingest", "--room", tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(wait)
        process.kill()
        process.wait()
    subprocess.run(command("ingest", "--room", tmp_path), check=True, capture_output=True)
    stored = RawStore(tmp_path / "raw").arrivals()
    assert len({(one.source, one.name) for one in stored}) == len(stored)
    assert all(one.path.stat().st_size == one.size for one in stored)


def test_snapshot_is_the_same_on_any_threads_and_machine(room):
    """The digest is over rows, not files: another directory, other threads, the same id."""
    identity = open_current(room.snapshots_path).id
    shutil.rmtree(room.root / "snapshots")
    for name in ("current", "published.json"):
        (room.root / name).unlink()
    assert publish_room(room, threads=1).id == identity


def test_second_publisher_is_told(room):
    change_input(room)
    with files.locked(room.snapshots_path / "publish.lock"), pytest.raises(Busy):
        publish_room(room)


def test_full_disk_harms_nothing(room, monkeypatch):
    before = open_current(room.snapshots_path).id
    change_input(room)
    subprocess.run(command("ingest", "--room", room.root), check=True, capture_output=True)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["data.snapshots.publish"], "write_rows", full)
    with pytest.raises(ReadingRoomError, match="disk"):
        publish_room(open_room(room.root))
    assert open_current(room.snapshots_path).id == before
    assert not list((room.root / "snapshots").glob(".building*"))


def test_damaged_file_is_named(room):
    snapshot = open_current(room.snapshots_path)
    path = snapshot.path / "releases" / "limited" / "serving.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as con:
        con.execute("DELETE FROM death")
    with pytest.raises(Damaged, match=r"serving\.duckdb"):
        verify_snapshot(snapshot)
