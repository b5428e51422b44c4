"""The commands about the ledger, as an auditor and an operator use them: words and exit codes."""

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest

from server.ledger import Reader
from server.room import open_room

pytestmark = pytest.mark.integration
CLI = [sys.executable, "-m", "server.cli"]


def run(*words, cwd=None):
    return subprocess.run([*CLI, *map(str, words)], capture_output=True, text=True, timeout=120, cwd=cwd)


@pytest.fixture(scope="module")
def asked(published_room, tmp_path_factory):
    """A room in which three questions were asked."""
    root = tmp_path_factory.mktemp("asked") / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "ledger*"))
    for sql in ("SELECT count(*) FROM person", "SELECT 1", "DELETE FROM person"):
        run("query", sql, "--room", root)
    return root


@pytest.fixture
def room(asked, tmp_path):
    """A copy of it."""
    return shutil.copytree(asked, tmp_path / "room", ignore=shutil.ignore_patterns("snapshots"))


def test_verify_tells_what_it_read(room):
    result = run("audit", "verify", "--room", room)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Ledger verified: 6 entries, none changed, dropped or moved; ")
    found = json.loads(run("audit", "verify", "--room", room, "--json", "--since", "2020-01-01").stdout)
    assert (found["ok"], found["entries"], found["checked"], found["open_calls"]) == (True, 6, 6, [])


def test_a_checkpoint_kept_elsewhere_is_held_against_the_ledger(room, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text(run("audit", "checkpoint", "--room", room).stdout)
    assert run("audit", "verify", "--room", room, "--checkpoint", kept).returncode == 0
    with sqlite3.connect(room / "ledger.db") as db:  # an older copy of everything
        first = db.execute("SELECT note FROM checkpoint ORDER BY size").fetchone()[0]
        db.execute("DELETE FROM entry WHERE seq > 1")
        db.execute("DELETE FROM checkpoint WHERE size > 1")
        db.execute("UPDATE head SET size = 1, note = ?", [first])
    db.close()
    (room / "ledger.checkpoint").write_text(first)
    assert run("audit", "verify", "--room", room).returncode == 0
    result = run("audit", "verify", "--room", room, "--checkpoint", kept)
    assert (result.returncode, "at entry 2: entries 2 to 6" in result.stderr) == (1, True)
    assert run("audit", "verify", "--room", room, "--checkpoint", tmp_path / "absent").returncode == 2
    assert run("audit", "verify", "--room", room, "--key", kept).returncode == 2


def test_an_auditor_checks_an_export_without_us(room, tmp_path):
    folder = tmp_path / "auditor"
    folder.mkdir()
    result = run("audit", "export", folder / "log.jsonl", "--room", room, "--with-verifier")
    assert (result.returncode, "wrote 6 entries" in result.stdout) == (0, True)
    with Reader(open_room(room).ledger_url) as reader:
        call = next(reader.calls()).call_id
    (folder / "proof.json").write_text(run("audit", "prove", call, "--room", room).stdout)
    shutil.copy(room / "keys" / "signing.pub.pem", folder)
    for words in (["log.jsonl"], ["--proof", "proof.json"]):
        command = [sys.executable, "-I", "-S", "verify_ledger.py", *words, "--key", "signing.pub.pem"]
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, env={})
        assert (found.returncode, found.stdout.startswith("HOLDS: ")) == (0, True), found.stderr
    assert run("audit", "prove", "no such call", "--room", room).returncode == 2


def test_the_signing_key_is_rotated(room, tmp_path):
    shutil.copy(room / "keys" / "signing.pub.pem", tmp_path / "first.pem")
    result = run("audit", "rotate-key", "--room", room)
    assert (result.returncode, "is in force" in result.stdout) == (0, True)
    assert (room / "keys" / "signing.pub.pem").read_bytes() != (tmp_path / "first.pem").read_bytes()
    for words in ((), ("--key", tmp_path / "first.pem")):
        assert run("audit", "verify", "--room", room, *words).returncode == 0


def test_a_loss_is_accepted_only_where_there_is_one_and_stays_told(room):
    assert run("audit", "accept-loss", "--room", room).returncode == 2
    shutil.copy(room / "ledger.db", room / "backup")
    assert run("releases", "rotate-key", "--room", room).returncode == 0  # one more entry
    shutil.copy(room / "backup", room / "ledger.db")
    refused = run("releases", "rotate-key", "--room", room)
    assert (refused.returncode, "ends at entry 6, but 7 were written" in refused.stderr) == (1, True)
    result = run("audit", "accept-loss", "--room", room)
    assert (result.returncode, "Entries 7 to 7 are written down as lost" in result.stderr) == (0, True)
    assert run("releases", "rotate-key", "--room", room).returncode == 0
    found = json.loads(run("audit", "verify", "--room", room, "--json").stdout)
    assert (found["ok"], found["kind"], found["first_bad"], found["entries"]) == (False, "truncated", 7, 8)


def test_show_lists_the_latest_calls(room):
    shown = json.loads(run("audit", "show", "--room", room, "--limit", "2", "--json").stdout)
    assert [one["status"] for one in shown] == ["answered", "refused"]
    assert shown[0]["at"] < shown[1]["at"]
