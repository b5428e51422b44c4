"""Whether the ledger holds: every entry is hashed anew, the tree is built from nothing, and every signed statement of it is compared.

Trusted is one public key. Looked for, entry by entry: 1. entries missing, inserted or out of order; 2. columns, body or sealed bytes
changed; 3. the line of entries from before the ledger was a tree; 4. stored hashes that are not the tree's; 5. checkpoints that state another
tree or are not signed by the key in force. At the end: 6. statements of entries that are not there, and entries that none covers; 7. losses
written down; 8. a SQLite file whose pages or indexes are not in order; 9. a clock that went back. The first entry that does not hold is named.
"""

import json
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from data.errors import Damaged
from server.ledger.bulk import one_state, raw_rows
from server.ledger.keychain import BadLink, KeyChain, key_chain, origin_of
from server.ledger.linear import GENESIS, BrokenLine, head_path, read_head
from server.ledger.merkle import STORED_HEIGHT
from server.ledger.read import Reader, told
from server.ledger.schema import RARE, placed, reading_uri
from server.ledger.statements import Stated, Statement, beside, elsewhere, in_database
from server.ledger.tree import StoredTree
from server.ledger.walk import Bad, Walk


@dataclass(frozen=True)
class Verification:
    """What checking found: `first_bad` is the first entry that does not hold, `problem` says how, `kind` in a word.

    Kinds: missing, order, changed, tree, fork, signature, key, truncated, uncovered, file, clock, unreadable. `checked` counts the entries
    hashed anew, `checkpoints` the statements that were looked at; `warnings` is what an auditor should know though all holds.
    """

    ok: bool
    entries: int
    first_bad: int | None
    problem: str | None
    open_calls: tuple[str, ...]
    kind: str = ""
    checked: int = 0
    checkpoints: int = 0
    root: str = ""
    warnings: tuple[str, ...] = ()


@dataclass
class _Evidence:
    """What is known from outside the database before it is read."""

    checkpoint: Path
    key: Ed25519PublicKey
    statements: list[Statement]
    broken: list[str]
    warnings: list[str] = field(default_factory=list)


def verify(
    url: str,
    head_path: Path,
    key: Ed25519PublicKey,
    witness: Path | None = None,
    checkpoints: Sequence[Path] = (),
    since: datetime | None = None,
) -> Verification:
    """Walks the whole ledger. `since` leaves the content of older entries unread; that they are those that were signed is proven all the same.

    `witness` and `checkpoints` are files of signed checkpoints kept elsewhere. Raises BadRequest where they cannot be read.
    """
    held, unread = elsewhere([witness] if witness is not None else [], "the witness")
    given, _ = elsewhere(checkpoints, "the checkpoint")
    near, broken = beside(head_path)  # before the database, so that it never states more than is read there
    evidence = _Evidence(head_path, key, [*near, *held, *given], broken, unread)
    try:
        with Reader(url) as reader, reader.connection() as connection:
            if connection is None:
                return _nothing(evidence)
            with _Integrity(url if since is None else None) as integrity, one_state(connection):
                return _verified(connection, evidence, since, integrity)
    except BrokenLine as error:
        return Verification(False, error.seq - 1, error.seq, error.problem, (), "changed")
    except Damaged as error:
        return Verification(False, 0, 1, error.message, (), "unreadable")


def _nothing(evidence: _Evidence) -> Verification:
    """What there is to say where no entry was ever written, or all of them are gone."""
    stated = max((one.signed.checkpoint.size for one in evidence.statements), default=0)
    try:
        line = read_head(head_path(evidence.checkpoint), evidence.key)
    except ValueError as error:
        return Verification(False, 0, 1, str(error), (), "file")
    stated = max(stated, line.seq if line is not None else 0)
    if stated:
        return Verification(False, 0, 1, f"entries 1 to {stated}, which were signed, are missing", (), "truncated")
    return Verification(True, 0, None, None, ())


def _verified(
    connection: Connection, evidence: _Evidence, since: datetime | None, integrity: "_Integrity"
) -> Verification:
    walk: Walk | None = None
    stated = None
    first = 0
    try:
        stated = in_database(connection)
        statements = [*stated.statements, *evidence.statements]
        chain = _chain(connection, stated, statements, evidence.key)
        walk, first = _begun(connection, chain, statements, since)
        with closing(raw_rows(connection, first)) as lists:
            for rows in lists:
                walk.take(rows)
        _finish(connection, walk, chain, stated, evidence)
        integrity.check(walk.tree.size)
        _check_clock(walk)
    except Bad as bad:
        return _found(walk, first, stated, evidence, bad)
    except BadLink as bad:
        return _found(walk, first, stated, evidence, Bad(bad.seq, "key", bad.problem))
    except (SQLAlchemyError, Damaged, TypeError, ValueError, _driver_error(connection)) as error:
        seq = walk.tree.size + 1 if walk is not None else 1
        problem = f"the database cannot be read here ({type(error).__name__})"
        return _found(walk, first, stated, evidence, Bad(seq, "unreadable", problem))
    return _found(walk, first, stated, evidence, None)


def _found(walk: Walk | None, first: int, stated: Stated | None, evidence: _Evidence, bad: Bad | None) -> Verification:
    size = walk.tree.size if walk is not None else 0
    return Verification(
        bad is None,
        size,
        bad.seq if bad is not None else None,
        bad.problem if bad is not None else None,
        tuple(call.decode("utf-8", "replace") for call in walk.open_calls) if walk is not None else (),
        bad.kind if bad is not None else "",
        size - first,
        len(evidence.statements) + (len(stated.statements) if stated is not None else 0),
        walk.tree.root().hex() if walk is not None else "",
        tuple(evidence.warnings),
    )


def _chain(
    connection: Connection, stated: Stated, statements: list[Statement], key: Ed25519PublicKey
) -> KeyChain:  # fmt: skip
    """The signing keys in order. Raises Bad where a statement is of another ledger."""
    origin = stated.head.checkpoint.origin if stated.head is not None else origin_of(key)
    for one in statements:
        if one.signed.checkpoint.origin != origin:
            raise Bad(1, "fork", f"{one.source} is of another ledger")
    rows = connection.exec_driver_sql(
        f"SELECT seq, body FROM entry WHERE kind = 'key' AND {RARE} ORDER BY seq"
    ).fetchall()
    return key_chain([(int(seq), _body(seq, body)) for seq, body in rows], origin, key)


def _body(seq: int, text: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise Bad(seq, "changed", "the entry was changed") from error
    return body


def _begun(
    connection: Connection, chain: KeyChain, statements: list[Statement], since: datetime | None
) -> tuple[Walk, int]:
    """The walk at its beginning, and the entry after which it begins."""
    first = _first_of(connection, since) if since is not None else 0
    tree = StoredTree(connection, first).frontier()
    nodes = {
        (int(level), int(number)): bytes(own)
        for level, number, own in connection.exec_driver_sql("SELECT level, number, hash FROM node")
    }
    walk = Walk(tree, chain, statements, nodes)
    for size in walk.stated_up_to(first):
        walk.compare(size, StoredTree(connection, size).frontier().root())
    if first:
        row = connection.exec_driver_sql(
            placed(connection, "SELECT seq, hash FROM entry WHERE seq = ?"), (first,)
        ).first()
        walk.line = (first, row[1]) if row is not None and row[1] else (0, GENESIS)
    return walk, first


def _first_of(connection: Connection, since: datetime) -> int:
    """The entry, a multiple of 256, after which all entries of that time and later stand."""
    sql = placed(connection, "SELECT min(seq) FROM entry WHERE at >= ?")
    found = connection.exec_driver_sql(sql, (told(since),)).scalar()
    if found is None:
        found = connection.exec_driver_sql("SELECT max(seq) FROM entry").scalar() or 1
    return int(found) - 1 >> STORED_HEIGHT << STORED_HEIGHT


def _finish(connection: Connection, walk: Walk, chain: KeyChain, stated: Stated, evidence: _Evidence) -> None:
    """What can only be said when all entries were seen. Raises Bad."""
    size = walk.tree.size
    for one in walk.left():
        beyond = one.signed.checkpoint.size
        raise Bad(size + 1, "truncated", f"entries {size + 1} to {beyond}, which {one.source} states, are missing")
    if stated.head_size > size:
        raise Bad(size + 1, "truncated", f"entries {size + 1} to {stated.head_size} are missing")
    for problem in (*stated.broken, *evidence.broken):
        raise Bad(max(size, 1), "file", problem)
    lost = connection.exec_driver_sql(
        f"SELECT seq, body FROM entry WHERE kind = 'loss' AND {RARE} ORDER BY seq"
    ).first()
    if lost is not None:
        raise Bad(int(lost[0]), "truncated", "entries were lost before this one, as it says itself")
    _check_line_head(connection, walk, chain, evidence)
    covered = stated.head.checkpoint.size if stated.head is not None else walk.line[0]
    if covered < size:
        raise Bad(covered + 1, "uncovered", "no signed head covers the entries from here on")
    if sum(size >> level for level in range(STORED_HEIGHT, size.bit_length(), STORED_HEIGHT)) != walk.nodes:
        raise Bad(size, "tree", "hashes are stored of entries that are not there")
    if not any(one.source == "the checkpoint file" for one in evidence.statements) and not evidence.checkpoint.exists():
        if stated.kept > 1:
            raise Bad(size, "file", f"the checkpoint file {evidence.checkpoint.name} is missing")
        if size and stated.head is not None:
            evidence.warnings.append(f"there is no checkpoint file {evidence.checkpoint.name} yet")


def _check_line_head(connection: Connection, walk: Walk, chain: KeyChain, evidence: _Evidence) -> None:
    """The signed head that the line of old entries had."""
    size = walk.line[0]
    try:
        head = read_head(head_path(evidence.checkpoint), chain.keys[0][1])
    except ValueError as error:
        raise Bad(max(size, 1), "file", str(error)) from error
    if head is None:
        if size and size == walk.tree.size:
            raise Bad(size, "file", "the signed head file is missing")
        return
    if head.seq > size:
        raise Bad(
            size + 1, "truncated", f"entries {size + 1} to {head.seq}, which the old head file states, are missing"
        )
    sql = placed(connection, "SELECT hash FROM entry WHERE seq = ?")
    if connection.exec_driver_sql(sql, (head.seq,)).scalar() != head.hash:
        raise Bad(head.seq, "fork", "the old head file states another entry here")


def _check_clock(walk: Walk) -> None:
    if walk.clock:
        more = f", and {len(walk.clock) - 1} times more" if len(walk.clock) > 1 else ""
        raise Bad(walk.clock[0], "clock", f"the entry is dated before earlier ones: the clock was set back here{more}")


def _driver_error(connection: Connection) -> type[Exception]:
    error: type[Exception] = connection.dialect.loaded_dbapi.Error
    return error


class _Integrity:
    """SQLite's own check of pages and indexes, in a thread and connection of its own: an entry that an index lacks would not be shown."""

    def __init__(self, url: str | None) -> None:
        self._problem = ""
        parsed = make_url(url) if url is not None else None
        self._path = parsed.database if parsed is not None and parsed.get_backend_name() == "sqlite" else None
        self._thread = threading.Thread(target=self._work, name="ledger-integrity") if self._path else None

    def __enter__(self) -> "_Integrity":
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.join()

    def check(self, size: int) -> None:
        """Raises Bad where the file is not in order."""
        if self._thread is not None:
            self._thread.join()
        if self._problem:
            raise Bad(max(size, 1), "unreadable", f"the database file is not in order: {self._problem}")

    def _work(self) -> None:
        try:
            with closing(sqlite3.connect(reading_uri(self._path or ""), uri=True, timeout=10)) as database:
                found: Any = database.execute("PRAGMA integrity_check(1)").fetchone()
                others = database.execute(
                    "SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')"
                ).fetchone()
            self._problem = "" if found[0] == "ok" else str(found[0]).splitlines()[-1]
            self._problem = self._problem or ("it has triggers or views, which no ledger has" if others[0] else "")
        except sqlite3.Error as error:
            self._problem = type(error).__name__
