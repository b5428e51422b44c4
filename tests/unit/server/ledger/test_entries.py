"""The ledger: whatever is done to a recorded entry is found, and the first entry that does not hold is named."""

import sqlite3
import threading

import pytest
from structlog.testing import capture_logs

from data.errors import BadRequest, Damaged, ReadingRoomError
from server.ledger import calls, load_or_create_keys

pytestmark = pytest.mark.unit


def test_untouched_ledger_verifies(book):
    found = book.verify()
    assert (found.ok, found.entries, found.open_calls) == (True, 10, ())


@pytest.mark.parametrize(
    ("statements", "first_bad"),
    [
        (["UPDATE entry SET body = replace(body, 'query', 'queri') WHERE seq = 3"], 3),
        (["UPDATE entry SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 4"], 4),
        (["UPDATE entry SET sealed = x'00' WHERE seq = 5"], 5),
        (["UPDATE entry SET call_id = 'other' WHERE seq = 2"], 2),
        (["DELETE FROM entry WHERE seq = 6"], 6),
        (["DELETE FROM entry WHERE seq > 8"], 9),
        (["DELETE FROM entry"], 1),
        (["UPDATE entry SET seq = 99 WHERE seq = 3", "UPDATE entry SET seq = 3 WHERE seq = 4", "UPDATE entry SET seq = 4 WHERE seq = 99"], 3),
        (["INSERT INTO entry SELECT 11, at, kind, call_id, session, snapshot, status, subject, body, sealed, prev, hash, leaf FROM entry WHERE seq = 10"], 11),
    ],
)  # fmt: skip
def test_every_edit_is_found(book, statements, first_bad):
    book.edit(*statements)
    found = book.verify()
    assert (found.ok, found.first_bad) == (False, first_bad)


def test_every_changed_byte_of_a_body_is_found(book):
    """A value of any byte is noticed, so no answer can be recorded otherwise afterwards."""
    with sqlite3.connect(book.file) as db:
        body = db.execute("SELECT body FROM entry WHERE seq = 4").fetchone()[0]
        for place in range(len(body)):
            changed = body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]
            db.execute("UPDATE entry SET body = ? WHERE seq = 4", [changed])
            db.commit()
            assert book.verify().first_bad == 4


def test_removed_head_file_is_found(book):
    book.head.unlink()
    assert not book.verify().ok


def test_intent_without_outcome_is_reported(book):
    ledger = book.open()
    ledger.intent("lost", {"tool": "query"})
    ledger.close()
    assert book.verify().open_calls == ("lost",)


def test_arguments_are_sealed_in_the_file(book):
    """What was asked may name a patient, so it is not in the file in plain."""
    assert b"MARKER" not in book.file.read_bytes()
    call = next(iter(calls(book.url)))
    assert book.keys.unseal(call.call_id, call.intent.sealed) == b"MARKER-of-a-patient"
    with pytest.raises(Damaged):
        book.keys.unseal("another call", call.intent.sealed)


def test_threads_share_one_order(book):
    ledger = book.open()
    threads = [
        threading.Thread(target=lambda name=name: [ledger.note({"by": name}) for _ in range(20)]) for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    found = book.verify()
    assert (found.ok, found.entries) == (True, 170)


def test_two_ledgers_on_one_file_do_not_fork(book):
    first, second = book.open(), book.open()
    for _ in range(5):
        first.note({"by": "first"})
        second.note({"by": "second"})
    with capture_logs() as told:
        second.close()
        first.close()  # with nothing to keep that the other has not kept
    assert told == []
    assert (book.verify().ok, book.verify().entries) == (True, 20)


def test_unwritable_ledger_is_an_error_and_recovers(book):
    ledger = book.open()
    with sqlite3.connect(book.file) as db:
        db.execute("ALTER TABLE entry RENAME TO elsewhere")
    with pytest.raises(ReadingRoomError) as error:
        ledger.intent("x", {})
    assert error.value.code == "ledger_unwritable"
    with sqlite3.connect(book.file) as db:
        db.execute("DROP TABLE IF EXISTS entry")
        db.execute("ALTER TABLE elsewhere RENAME TO entry")
    assert ledger.intent("x", {}) == 11
    ledger.close()


def test_keys_others_can_read_are_refused(book):
    (book.root / "keys" / "sealing.key").chmod(0o644)
    with pytest.raises(BadRequest, match="chmod 600"):
        load_or_create_keys(book.root / "keys")
