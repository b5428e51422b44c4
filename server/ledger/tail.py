"""The written end of the ledger: takes a batch of entries into the tree, signs the new head, all in one transaction.

One thread at a time calls it. Several processes may write one ledger: each transaction first takes the write lock and the head as it is now,
so all write in one order and none forks. Before anything is added the end found is held against what this process last wrote, what the
checkpoint file states, and the signature: a ledger that was changed, or is an older copy, is not written on.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from data.errors import Damaged
from server.ledger.admission import Loss, admitted, damaged, older_copy, outside
from server.ledger.entry import CLOCK_BOUND, Columns, Entry
from server.ledger.files import EVERY_ENTRIES, EVERY_SECONDS
from server.ledger.group import Item
from server.ledger.keychain import key_name, origin_of
from server.ledger.keys import Keys, put_in_force, signing_keys
from server.ledger.merkle import Frontier, leaf_hash
from server.ledger.notes import Checkpoint, Signed, parse, raw, sign
from server.ledger.schema import ENTRY, begin, placed, require_form
from server.ledger.tree import StoredTree, grown

log = structlog.get_logger()

_CATCH_UP = 4096  # entries of other processes taken in one by one; past that the tree is read anew
_COLUMNS = [column.name for column in ENTRY.columns]


@dataclass(eq=False, kw_only=True)
class Draft(Item):
    """An entry that waits for its place.

    `rotates_to` is the key that signs from this entry on. `probe` writes no entry; with `keep` it keeps the head.
    """

    kind: str = ""
    call_id: str = ""
    at: str = ""
    columns: Columns = (None, None, None, None)
    text: str = "{}"
    sealed: bytes | None = None
    rotates_to: Ed25519PrivateKey | None = None
    probe: bool = False
    keep: bool = False
    seq: int = 0


class Tail:
    """See the module. `head` is the newest signed checkpoint, once something was written or read."""

    def __init__(self, engine: Engine, checkpoint: Path, keys: Keys, witness: Path | None = None) -> None:
        self._engine, self._checkpoint, self._keys, self._witness = engine, checkpoint, keys, witness
        self.signing = keys.signing
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._tree = Frontier()
        self.head: Signed | None = None
        self._kept, self._kept_at = 0, 0.0
        self._latest_at = ""
        self.accepts_loss = False
        self.lost: Loss | None = None

    @property
    def origin(self) -> str:
        """What the log is called in its checkpoints."""
        return _origin(self.head, self.signing)

    def write(self, batch: Sequence[Draft]) -> tuple[Signed | None, bool]:
        """Writes the entries and gives the head, and whether it was kept. Raises where any of it cannot be: then nothing was written."""
        connection = self._open()
        begin(connection)
        try:
            tree, head = self._end(connection)
            drafts, keep = [one for one in batch if not one.probe], any(one.keep for one in batch)
            if not drafts and not (keep and head is not None and head.checkpoint.size > self._kept):
                self._taken(tree, head)
                connection.exec_driver_sql("ROLLBACK")
                return head, False
            if drafts:
                self._insert(connection, tree, drafts)
                head = self._sign(connection, tree, drafts, _origin(head, self.signing))
            kept = head is not None and self._keep(connection, head, keep)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise
        self._taken(tree, head)
        self._after(drafts, kept)
        return head, kept

    def drop(self) -> None:
        """Lets go of the connection; the next write opens one anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    # --- the end as it is found ---------------------------------------------------------------------------------------

    def _open(self) -> Connection:
        if self._connection is not None and self._file != self._file_now():
            self.drop()  # the file was put away or replaced: what is written to it would be seen by nobody
        if self._connection is None:
            told = outside(self._checkpoint, self._witness, self.signing.public_key())
            self._connection = self._engine.connect()
            require_form(self._connection, may_write=True)
            self._file = self._file_now()
            newest = self._connection.exec_driver_sql("SELECT max(size) FROM checkpoint").scalar()
            self._kept, self._kept_at = int(newest or 0), time.monotonic()
            self._latest_at = self._connection.exec_driver_sql("SELECT max(at) FROM entry").scalar() or ""
            self.lost = admitted(self._connection, told, self._tree.size)
            if self.lost is not None and not self.accepts_loss:
                raise older_copy(self.lost)
        return self._connection

    def _file_now(self) -> tuple[int, int] | None:
        if self._engine.dialect.name != "sqlite" or not self._engine.url.database:
            return None
        try:
            facts = Path(self._engine.url.database).stat()
        except FileNotFoundError:
            return (0, 0)
        return facts.st_dev, facts.st_ino

    def _end(self, connection: Connection) -> tuple[Frontier, Signed | None]:
        """The tree and head as they are now, under the write lock."""
        lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
        size, note = connection.exec_driver_sql(f"SELECT size, note FROM head WHERE id = 1{lock}").one()
        if self.head is not None and note == self.head.note:
            return self._tree.copy(), self.head
        if size < self._tree.size:
            raise older_copy(Loss(size + 1, self._tree.size, ""))
        near = self._tree.size > 0 and size - self._tree.size <= _CATCH_UP
        tree = grown(connection, self._tree, size) if near else StoredTree(connection, size).frontier()
        return tree, self._checked(note, tree)

    def _checked(self, note: str, tree: Frontier) -> Signed | None:
        if not note:  # nothing is written yet, or only what an older version wrote
            return None
        try:
            head = parse(note)
        except ValueError as error:
            raise damaged() from error
        if not head.is_by(self.signing.public_key()):
            self._take_rotated(head)
        if (head.checkpoint.size, head.checkpoint.root) != (tree.size, tree.root()):
            raise damaged()
        return head

    def _take_rotated(self, head: Signed) -> None:
        """Another process may have put another key in force; then it lies in the key directory."""
        for key in signing_keys(self._keys.directory) if self._keys.directory is not None else ():
            if head.is_by(key.public_key()):
                self._put_in_force(key)
                return
        raise Damaged(
            "The ledger is signed with another key than this room has, so nothing is answered.",
            "Put the ledger's signing key into the key directory as signing.pem (mode 600). If it is lost, name a new ledger in "
            "readingroom.yaml and keep the old one: it still verifies with its public key.",
            code="ledger_unwritable",
        )

    def _put_in_force(self, key: Ed25519PrivateKey) -> None:
        old, self.signing = self.signing.public_key(), key
        if self._keys.directory is not None and raw(old) != raw(key.public_key()):
            put_in_force(self._keys.directory, old, key_name(old))

    # --- what is written ----------------------------------------------------------------------------------------------

    def _insert(self, connection: Connection, tree: Frontier, drafts: Sequence[Draft]) -> None:
        rows = []
        for one in drafts:
            one.seq = tree.size + 1
            entry = Entry(one.seq, one.at, one.kind, one.call_id, *one.columns, one.text, one.sealed)
            leaf = leaf_hash(entry.written)
            tree.push(leaf)
            rows.append((one.seq, one.at, one.kind, one.call_id, *one.columns, one.text, one.sealed, None, None, leaf))
        marks = ", ".join("?" * len(_COLUMNS))
        connection.exec_driver_sql(
            placed(connection, f"INSERT INTO entry ({', '.join(_COLUMNS)}) VALUES ({marks})"), rows
        )
        if tree.complete:
            insert = placed(connection, "INSERT INTO node (level, number, hash) VALUES (?, ?, ?)")
            connection.exec_driver_sql(insert, tree.complete)

    def _sign(self, connection: Connection, tree: Frontier, drafts: Sequence[Draft], origin: str) -> Signed:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        keys = [self.signing, *(one.rotates_to for one in drafts if one.rotates_to is not None)]
        note = sign(Checkpoint(origin, tree.size, tree.root(), at), keys[-1])
        update = placed(connection, "UPDATE head SET size = ?, note = ? WHERE id = 1")
        connection.exec_driver_sql(update, (tree.size, note))
        return parse(note)

    def _keep(self, connection: Connection, head: Signed, keep: bool) -> bool:
        size = head.checkpoint.size
        many = self._kept == 0 or size - self._kept >= EVERY_ENTRIES
        due = many or time.monotonic() - self._kept_at >= EVERY_SECONDS
        if size <= self._kept or not (due or keep):
            return False
        insert = placed(connection, "INSERT INTO checkpoint (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING")
        connection.exec_driver_sql(insert, (size, head.note))
        return True

    def _taken(self, tree: Frontier, head: Signed | None) -> None:
        tree.complete.clear()
        self._tree, self.head = tree, head

    def _after(self, drafts: Sequence[Draft], kept: bool) -> None:
        if kept and self.head is not None:
            self._kept, self._kept_at = self.head.checkpoint.size, time.monotonic()
        for one in drafts:
            if one.rotates_to is not None:
                self._put_in_force(one.rotates_to)
        self._watch_clock(drafts)

    def _watch_clock(self, drafts: Sequence[Draft]) -> None:
        """Says so when time goes back; `audit verify` finds it in the entries."""
        earliest = min((one.at for one in drafts), default="")
        if self._latest_at and earliest and _seconds(self._latest_at) - _seconds(earliest) > CLOCK_BOUND:
            log.warning("ledger.clock_set_back", behind=self._latest_at)
            self._latest_at = ""
        self._latest_at = max(self._latest_at, *(one.at for one in drafts)) if drafts else self._latest_at

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.exec_driver_sql("ROLLBACK")
        except SQLAlchemyError:
            self.drop()  # the transaction ends with the connection


def _origin(head: Signed | None, signing: Ed25519PrivateKey) -> str:
    return head.checkpoint.origin if head is not None else origin_of(signing.public_key())


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
