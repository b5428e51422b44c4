"""What is done to a ledger by someone who knows how it is made, and lacks only the signing key: each is found, at the entry or between two checkpoints."""

import gc
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.errors import BadRequest, ReadingRoomError
from server.ledger import Reader, Witness, verify
from server.ledger.files import read_notes

from .forger import refit

pytestmark = pytest.mark.unit
COLUMNS = "at, kind, call_id, session, snapshot, status, subject, body, sealed, prev, hash, leaf"


@pytest.fixture
def long(new_book):
    """600 entries: two full blocks of stored hashes and some, kept checkpoints at 1, 257, 513 and the end."""
    book = new_book("long")
    ledger = book.open()
    for number in range(600):
        ledger.note({"number": number})
    ledger.close()
    assert [size for (size,) in book.read("SELECT size FROM checkpoint ORDER BY size")] == [1, 257, 513, 600]
    return book


def test_a_long_ledger_verifies(long):
    found = long.verify()
    assert (found.ok, found.entries, found.checked, found.checkpoints) == (True, 600, 600, 6)


def test_verifying_keeps_no_hold_of_the_database(long):
    """A connection left open is the first to attach: who reads after a crash then does not recover what was committed last."""
    gc.disable()  # which would close it some time
    try:
        assert long.verify().ok
        held = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    finally:
        gc.enable()
    assert not [path for path in held if str(path).startswith(str(long.file))]


@pytest.mark.parametrize(
    ("edit", "kind", "first_bad", "words"),
    [
        ("UPDATE entry SET body = '{\"number\":9}' WHERE seq = 300", "fork", 258, "entries 258 to 513"),
        ("DELETE FROM entry WHERE seq = 100", "fork", 2, "entries 2 to 257"),
        ("DELETE FROM entry WHERE seq > 550", "truncated", 551, "entries 551 to 600"),
        (f"INSERT INTO entry SELECT 601, {COLUMNS} FROM entry WHERE seq = 7", "uncovered", 601, "no signed head"),
        (f"INSERT INTO entry SELECT 0, {COLUMNS} FROM entry WHERE seq = 7", "fork", 1, "another entry"),
        ("UPDATE entry SET seq = CASE seq WHEN 599 THEN 700 ELSE 599 END WHERE seq IN (599, 600)", "fork", 514, "entries 514 to 600"),
        ("UPDATE entry SET kind = 'loss' WHERE seq = 20", "fork", 2, "entries 2 to 257"),
    ],
)  # fmt: skip
def test_forgeries_in_which_everything_fits_are_found(long, edit, kind, first_bad, words):
    """The forger sets every leaf and stored hash anew; only the signatures he cannot make."""
    if "CASE" in edit:
        long.edit("UPDATE entry SET seq = 1000 WHERE seq = 599", "UPDATE entry SET seq = 599 WHERE seq = 600")
    else:
        long.edit(edit)
    refit(long.file)
    found = long.verify()
    assert (found.ok, found.kind, found.first_bad) == (False, kind, first_bad)
    assert words in found.problem


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        ("UPDATE node SET hash = zeroblob(32) WHERE level = 8 AND number = 1", "tree"),
        ("DELETE FROM node WHERE number = 0", "tree"),
        ("INSERT INTO node VALUES (8, 2, zeroblob(32))", "tree"),
        ("UPDATE entry SET leaf = zeroblob(32) WHERE seq = 400", "changed"),
        ("DELETE FROM head", "file"),
        ("UPDATE head SET note = ''", "uncovered"),
        ("UPDATE head SET size = 599", "file"),
        ("UPDATE head SET note = (SELECT note FROM checkpoint WHERE size = 513), size = 513", "uncovered"),
        ("UPDATE checkpoint SET note = 'nothing' WHERE size = 257", "file"),
        ("UPDATE checkpoint SET note = replace(note, 'time 2', 'time 1') WHERE size = 257", "signature"),
        ("CREATE TRIGGER quiet AFTER INSERT ON entry BEGIN DELETE FROM entry WHERE kind = 'alert'; END", "unreadable"),
        ("DROP TABLE checkpoint", "unreadable"),
    ],
)
def test_what_is_stored_beside_the_entries_is_checked_too(long, edit, kind):
    long.edit(edit)
    found = long.verify()
    assert (found.ok, found.kind) == (False, kind), found.problem


def test_a_ledger_signed_with_a_forgers_key_is_not_ours(long, new_book):
    """He may make a whole ledger with a key of his own; a public key or checkpoint that he does not hold gives him away."""
    other, kept = new_book("other", 300), long.root / "kept elsewhere"
    shutil.copy(long.head, kept)
    shutil.copy(other.file, long.file)
    shutil.copy(other.head, long.head)
    assert long.verify().kind == "key" or long.verify().kind == "signature"
    assert verify(long.url, long.head, other.public).ok
    found = verify(long.url, long.head, other.public, checkpoints=[kept])
    assert (found.ok, found.kind, found.problem) == (
        False,
        "fork",
        "the checkpoint kept elsewhere is of another ledger",
    )


def test_an_older_copy_is_found_from_a_checkpoint_held_elsewhere(long):
    """Everything of the room is put back as it was: all fits, but not what the auditor keeps."""
    backup = long.root / "backup"
    backup.mkdir()
    for path in (long.file, long.head):
        shutil.copy(path, backup)
    ledger = long.open()
    for number in range(10):
        ledger.note({"after the backup": number})
    ledger.close()
    with Reader(long.url) as reader:
        (long.root / "auditor").write_text(reader.newest().note)
    for path in (long.file, long.head):
        shutil.copy(backup / path.name, path)
    assert long.verify().ok
    found = long.verify(checkpoints=[long.root / "auditor"])
    assert (found.ok, found.kind, found.first_bad) == (False, "truncated", 601)
    long.write(10)  # and the server goes on, so that the sizes are as they should be
    found = long.verify(checkpoints=[long.root / "auditor"])
    assert (found.ok, found.kind, found.first_bad) == (False, "fork", 601)
    assert "the checkpoint auditor" in found.problem


def test_an_older_database_beside_its_newer_checkpoint_is_not_written_on(long):
    shutil.copy(long.file, long.root / "backup")
    long.write(1)
    shutil.copy(long.root / "backup", long.file)
    assert (long.verify().kind, long.verify().first_bad) == ("truncated", 601)
    ledger = long.open()
    with pytest.raises(ReadingRoomError, match="ends at entry 600, but 602 were written") as error:
        ledger.intent("x", {})
    assert error.value.code == "ledger_unwritable"
    ledger.close()


def test_a_loss_that_is_written_down_stays_found(long):
    shutil.copy(long.file, long.root / "backup")
    long.write(2)
    shutil.copy(long.root / "backup", long.file)
    ledger = long.open()
    assert ledger.accept_loss() == (601, 604)
    ledger.close()
    long.write(5)
    found = long.verify()
    assert (found.ok, found.kind, found.first_bad, found.entries) == (False, "truncated", 601, 611)
    whole = long.open()
    with pytest.raises(BadRequest, match="Nothing is missing"):
        whole.accept_loss()
    whole.close()


def test_the_database_of_a_running_server_cannot_be_swapped(long):
    """Neither an older copy nor an empty file in its place gets new entries: they would be seen by nobody."""
    shutil.copy(long.file, long.root / "backup")
    ledger = long.open()
    ledger.note({"one": "more"})
    (long.root / "backup").replace(long.file)
    for suffix in ("-wal", "-shm"):
        (long.root / f"ledger.db{suffix}").unlink(missing_ok=True)
    with pytest.raises(ReadingRoomError, match="ends at entry 600, but 601 were written"):
        ledger.note({"one": "more"})
    long.file.unlink()
    with pytest.raises(ReadingRoomError, match="ends at entry 0, but 601 were written"):
        ledger.note({"one": "more"})
    ledger.close()


def test_the_witness_keeps_an_older_copy_of_everything_from_being_written_on(long):
    """Database and checkpoint file are put back together; the witness alone knows better, and a server that may read it says so."""
    witness = Witness(long.root / "witness")
    long.write(1, witness=witness)
    backup = long.root / "backup"
    backup.mkdir()
    for path in (long.file, long.head):
        shutil.copy(path, backup)
    long.write(2, witness=witness)
    for path in (long.file, long.head):
        shutil.copy(backup / path.name, path)
    ledger = long.open(witness=witness)
    with pytest.raises(ReadingRoomError, match="ends at entry 602, but 606 were written"):
        ledger.note({})
    ledger.close()
    long.write(5)  # by a server that is not told of the witness: the sizes are past it, the roots are not its
    ledger = long.open(witness=witness)
    with pytest.raises(ReadingRoomError, match="other entries up to 606"):
        ledger.note({})
    ledger.close()
    assert long.verify(witness=witness.path).kind == "fork"


def test_after_an_accepted_loss_the_witness_is_written_on(long):
    witness = Witness(long.root / "witness")
    long.write(1, witness=witness)
    shutil.copy(long.file, long.root / "backup")
    long.write(2, witness=witness)
    shutil.copy(long.root / "backup", long.file)
    ledger = long.open(witness=witness)
    assert ledger.accept_loss() == (603, 606)
    ledger.close()
    long.write(5, witness=witness)
    assert read_notes(witness.path)[0][-1].checkpoint.size == 613
    assert long.verify(witness=witness.path).kind == "fork"
    assert (long.verify().kind, long.verify().first_bad) == ("truncated", 603)


@pytest.mark.parametrize(
    ("beside", "words"), [(True, "other entries up to 600"), (False, "not what its signed head says")]
)
def test_a_changed_end_is_not_written_on(long, beside, words):
    long.edit("UPDATE entry SET leaf = zeroblob(32) WHERE seq = 600")
    if not beside:
        long.head.unlink()
    ledger = long.open()
    with pytest.raises(ReadingRoomError, match=words):
        ledger.note({})
    ledger.close()


def test_the_witness_tells_what_the_room_forgot(new_book):
    book = new_book("witnessed")
    witness = Witness(book.root / "witness")
    book.write(3, witness=witness)
    backup = book.root / "backup"
    shutil.copytree(book.root, backup)
    book.write(3, witness=witness)
    assert book.verify(witness=witness.path).ok
    assert len(read_notes(witness.path)[0]) >= 2
    for name in ("ledger.db", "ledger.checkpoint"):
        shutil.copy(backup / name, book.root)
    assert book.verify().ok
    assert book.verify(witness=witness.path).first_bad == 7
    with pytest.raises(BadRequest, match="cannot be read"):
        book.verify(witness=book.root / "nowhere")
    (book.root / "empty").write_text("")
    with pytest.raises(BadRequest, match="holds no signed checkpoint"):
        book.verify(checkpoints=[book.root / "empty"])


def test_a_clock_that_went_back_is_named(new_book):
    book, now = new_book("clock"), [datetime(2025, 3, 1, tzinfo=UTC)]
    ledger = book.open(clock=lambda: now[0])
    for step in (1, 1, -30, 45, -3600, 1, 7200):  # half a minute is what two servers' clocks may differ by
        now[0] += timedelta(seconds=step)
        ledger.note({"step": step})
    ledger.close()
    found = book.verify()
    assert (found.ok, found.kind, found.first_bad) == (False, "clock", 5)


def test_a_later_day_is_checked_by_itself(new_book):
    """With --since old content is left unread; that it is what was signed is proven by the stored tree and the root."""
    book, now = new_book("days"), [datetime(2025, 3, 1, tzinfo=UTC)]
    ledger = book.open(clock=lambda: now[0])
    for number in range(700):
        now[0] = datetime(2025, 3, 1, tzinfo=UTC) + timedelta(minutes=number)
        ledger.note({"number": number})
    ledger.close()
    since = datetime(2025, 3, 1, tzinfo=UTC) + timedelta(minutes=600)
    found = book.verify(since=since)
    assert (found.ok, found.entries, found.checked) == (True, 700, 700 - 512)
    assert book.verify(since=datetime(2026, 1, 1, tzinfo=UTC)).checked == 700 - 512
    book.edit("UPDATE entry SET body = '{\"number\":9}' WHERE seq = 650")
    assert book.verify(since=since).first_bad == 650
    book.edit("UPDATE entry SET body = '{\"number\":649}' WHERE seq = 650")
    assert book.verify(since=since).ok
    book.edit("UPDATE node SET hash = zeroblob(32) WHERE number = 0")
    assert not book.verify(since=since).ok


def test_no_ledger_and_no_trace_of_one_is_whole(new_book):
    book = new_book("empty")
    assert (book.verify().ok, book.verify().entries) == (True, 0)
    book.write(2)
    book.file.unlink()
    assert (book.verify().kind, book.verify().first_bad) == ("truncated", 1)


def test_a_ledger_is_verified_while_it_is_written(new_book):
    import threading

    book = new_book("live")
    ledger, stop = book.open(), threading.Event()
    ledger.note({})

    def write():
        while not stop.is_set():
            ledger.note({"x": 1})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert [found for _ in range(10) if not (found := book.verify()).ok] == []
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        ledger.close()
    assert book.verify().ok
