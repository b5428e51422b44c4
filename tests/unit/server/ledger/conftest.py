"""A ledger of its own for each test: files, keys, and what an outsider with the file in hand could do to it."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.ledger import Ledger, Verification, load_or_create_keys, public_key, verify

OLD = Path(__file__).parents[3] / "fixtures" / "linear_ledger"


class Book:
    """A ledger on disk. `write` records calls, `edit` changes the file behind the ledger's back, `verify` looks at it."""

    def __init__(self, root: Path) -> None:
        self.root, self.file, self.head = root, root / "ledger.db", root / "ledger.checkpoint"
        self.keys = load_or_create_keys(root / "keys")
        self.public = public_key(root / "keys")
        self.url = f"sqlite:///{self.file}"

    def open(self, **more: Any) -> Ledger:
        return Ledger(self.url, self.head, self.keys, **{"durable": False, **more})

    def write(self, count: int, **more: Any) -> None:
        ledger = self.open(**more)
        for number in range(count):
            sealed = self.keys.seal(f"call{number}", b"MARKER-of-a-patient")
            ledger.intent(f"call{number}", {"tool": "query", "session": "s", "subject": f"u{number % 3}"}, sealed)
            ledger.outcome(f"call{number}", {"status": "answered", "rows": number})
        ledger.close()

    def edit(self, *statements: str, values: tuple[Any, ...] = ()) -> None:
        with sqlite3.connect(self.file) as db:
            for statement in statements:
                db.execute(statement, values)
        db.close()

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.file) as db:
            found = db.execute(sql).fetchall()
        db.close()
        return found

    def read_plan(self, sql: str, values: tuple[Any, ...]) -> list[str]:
        with sqlite3.connect(self.file) as db:
            plan = db.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
        db.close()
        return [line[-1] for line in plan]

    def verify(self, **more: Any) -> Verification:
        return verify(self.url, self.head, self.public, **more)


@pytest.fixture
def new_book(tmp_path: Path) -> Callable[..., Book]:
    """Makes a ledger in a folder of that name, with `count` calls."""

    def made(name: str = "one", count: int = 0, **more: Any) -> Book:
        (tmp_path / name).mkdir(exist_ok=True)
        book = Book(tmp_path / name)
        if count:
            book.write(count, **more)
        return book

    return made


@pytest.fixture
def book(new_book: Callable[..., Book]) -> Book:
    """A ledger of five calls, ten entries."""
    return new_book("book", 5)


@pytest.fixture
def old(new_book: Callable[..., Book], tmp_path: Path) -> Book:
    """The old ledger on disk, with the key it was signed with."""
    keys = tmp_path / "old" / "keys"
    keys.mkdir(parents=True, mode=0o700)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).private_bytes(*form)
    for name, content in (("signing.pem", pem), ("sealing.key", bytes(32))):
        (keys / name).write_bytes(content)
        (keys / name).chmod(0o600)
    book = new_book("old")
    with sqlite3.connect(book.file) as db:
        db.executescript((OLD / "ledger.sql").read_text())
    db.close()
    shutil.copy(OLD / "ledger.head", book.root)
    return book
