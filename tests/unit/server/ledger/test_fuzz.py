"""Every byte of a ledger of a thousand entries is changed in turn, and every change is found."""

import random
import sqlite3

import pytest

from server.ledger import verify
from server.ledger.bulk import one_state, raw_rows
from server.ledger.keychain import KeyChain
from server.ledger.merkle import Frontier
from server.ledger.read import Reader
from server.ledger.walk import Bad, Walk

pytestmark = pytest.mark.unit
NAMES = (
    "seq",
    "at",
    "kind",
    "call_id",
    "session",
    "snapshot",
    "status",
    "subject",
    "body",
    "sealed",
    "prev",
    "hash",
    "leaf",
)
TABLES = ("entry", "node", "head", "checkpoint", "ledger_version")
FLIPS_OF_THE_FILE = 300


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """500 calls, 1,000 entries."""
    from .conftest import Book

    book = Book(tmp_path_factory.mktemp("thousand"))
    book.write(500)
    assert (book.verify().ok, book.verify().entries) == (True, 1000)
    return book


def flipped(value, place, bit):
    changed = bytearray(value)
    changed[place] ^= 1 << bit
    return bytes(changed)


def variants(value, draw):
    """The value with each of its bytes changed in turn, one bit of each; and cut, lengthened, dropped."""
    if isinstance(value, int):
        return [value ^ (1 << bit) for bit in range(63)]
    if value is None:
        return [b"", b"x", 0]
    shorter = [value[:-1], value + b"\0", value + b" ", None]
    return [*(flipped(value, place, draw.randrange(8)) for place in range(len(value))), *shorter]


def test_every_byte_of_every_field_of_every_entry_counts(thousand):
    """As the walk of `verify` reads them: about 220 changes an entry."""
    draw, tried, missed = random.Random(1), 0, []
    with Reader(thousand.url) as reader, reader.connection() as connection, one_state(connection):
        rows = [row for some in raw_rows(connection, 0) for row in some]
    nodes = {(level, number): own for level, number, own in thousand.read("SELECT level, number, hash FROM node")}
    walk = Walk(Frontier(), KeyChain(((0, thousand.public),)), [], nodes)
    for row in rows:
        for column, value in enumerate(row):
            for other in variants(value, draw):
                tried += 1
                try:
                    walk.take([(*row[:column], other, *row[column + 1 :])])
                except Bad as bad:
                    if bad.seq == row[0]:
                        continue
                missed.append((row[0], NAMES[column]))
        walk.take([row])  # and as it is, it holds
    assert missed == []
    assert tried > 200_000


def test_a_byte_of_each_entry_changed_in_the_database_is_named(thousand, new_book):
    """The whole way through the file, for one byte of one field of every fifth entry, whichever."""
    draw = random.Random(2)
    with sqlite3.connect(thousand.file, isolation_level=None) as db:
        db.text_factory = bytes
        for seq in range(1, 1001, 5):
            row = db.execute(f"SELECT {', '.join(NAMES)} FROM entry WHERE seq = ?", [seq]).fetchone()
            column = draw.choice([place for place, value in enumerate(row) if value and place])
            other = flipped(row[column], draw.randrange(len(row[column])), draw.randrange(8))
            blob = NAMES[column] in ("sealed", "leaf")
            change = f"UPDATE entry SET {NAMES[column]} = {'?' if blob else 'CAST(? AS TEXT)'} WHERE seq = ?"
            db.execute(change, [other, seq])
            found = thousand.verify()
            assert (found.ok, found.first_bad) == (False, seq), NAMES[column]
            db.execute(change, [row[column], seq])
    db.close()
    assert thousand.verify().ok


@pytest.mark.parametrize("where", ["head", "checkpoint", "file"])
def test_every_byte_of_a_checkpoint_counts(new_book, where):
    book = new_book("short", 2)
    tables = {"head": "SELECT note FROM head", "checkpoint": "SELECT note FROM checkpoint WHERE size = 4"}
    note = book.head.read_text() if where == "file" else book.read(tables[where])[0][0]
    told, missed = note.encode(), []
    for place in range(len(told)):
        other = flipped(told, place, place % 8)
        if where == "file":
            book.head.write_bytes(other)
        else:
            book.edit(
                f"UPDATE {where} SET note = CAST(? AS TEXT)" + (" WHERE size = 4" if where == "checkpoint" else ""),
                values=(other,),
            )
        missed += [place] if book.verify().ok else []
    assert missed == []


def content(file):
    """All that the tables hold, or None where it cannot be read."""
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            db.text_factory = bytes
            return [db.execute(f"SELECT * FROM {table} NOT INDEXED").fetchall() for table in TABLES]
    except sqlite3.Error:
        return None
    finally:
        db.close()


def test_bytes_of_the_file_that_change_what_it_holds_are_found(thousand, new_book):
    """Bytes all over the file, pages' own bytes included. What changes nothing that is held may be let through; nothing else may."""
    whole, before, copy = thousand.file.read_bytes(), content(thousand.file), new_book("copy")
    copy.head.write_bytes(thousand.head.read_bytes())
    draw, counted, missed = random.Random(3), 0, []
    step = len(whole) // FLIPS_OF_THE_FILE
    for begin in range(0, len(whole) - step, step):
        place = begin + draw.randrange(step)
        copy.file.write_bytes(flipped(whole, place, draw.randrange(8)))
        changed = content(copy.file) != before
        counted += changed
        found = verify(copy.url, copy.head, thousand.public)
        missed += [place] if changed and found.ok else []
    assert missed == []
    assert counted > FLIPS_OF_THE_FILE / 4


def test_torn_and_overwritten_pages_are_found(thousand, new_book):
    whole, copy = thousand.file.read_bytes(), new_book("pages")
    copy.head.write_bytes(thousand.head.read_bytes())
    for number in range(1, len(whole) // 4096, len(whole) // 4096 // 25):
        for page in (bytes(4096), whole[4096:8192] if number != 1 else bytes(4096)):
            copy.file.write_bytes(whole[: number * 4096] + page + whole[(number + 1) * 4096 :])
            if content(copy.file) != content(thousand.file):
                assert not verify(copy.url, copy.head, thousand.public).ok, number
    copy.file.write_bytes(whole[: len(whole) // 2])
    assert not verify(copy.url, copy.head, thousand.public).ok
