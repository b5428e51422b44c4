"""Publishing is all or nothing: killed at any moment the old snapshot serves, and the next run ends at the same snapshot."""

import os
import random
import shutil
import subprocess
import sys
import time

import duckdb
import pytest

from data.errors import Busy, Damaged, ReadingRoomError
from data.raw import RawStore
from data.snapshots import files, open_current, verify_snapshot
from server.filling import publish_room
from server.room import open_room

pytestmark = pytest.mark.integration


@pytest.fixture
def room(published_room, tmp_path):
    root = tmp_path / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "ledger*"))
    os.symlink(published_room.root / "hospital", root / "hospital")
    return open_room(root)


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
    for _ in range(8):
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
