"""The second form: a Merkle tree. Entries of the first form are carried over with every field as it was, and become leaves.

Their line is checked on the way: what does not hold is not carried over, for it would look whole afterwards.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from server.ledger.entry import LIFTED, Entry, divided
from server.ledger.linear import GENESIS, BrokenLine, entry_hash
from server.ledger.merkle import Frontier, leaf_hash

revision = "2_merkle"
down_revision = "1_linear"
_AT_ONCE = 1000
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OLD = sa.text(
    "SELECT seq, kind, call_id, at, body, sealed, prev, hash FROM entry_linear WHERE seq > :last ORDER BY seq LIMIT :most"
)


def upgrade() -> None:
    """Makes the tree's tables and carries the old entries over."""
    op.rename_table("entry", "entry_linear")
    entry, node, head = _make_tables()
    tree, last = Frontier(), GENESIS
    for batch in _old_entries():
        rows = []
        for one in batch:
            _check(one, tree.size + 1, last)
            rows.append(_row(one, tree))
            last = one.hash
        op.bulk_insert(entry, rows)
        op.bulk_insert(node, [{"level": level, "number": number, "hash": own} for level, number, own in tree.complete])
        tree.complete.clear()
    op.bulk_insert(head, [{"id": 1, "size": tree.size, "note": ""}])
    op.drop_table("entry_linear")
    _make_indexes()


def _make_tables() -> tuple[sa.Table, sa.Table, sa.Table]:
    texts = [sa.Column(name, sa.Text) for name in LIFTED]
    entry = op.create_table(
        "entry",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        *texts,
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("prev", sa.String(64)),
        sa.Column("hash", sa.String(64)),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    node = op.create_table(
        "node",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    head = op.create_table(
        "head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", _NUMBER, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    return entry, node, head


def _make_indexes() -> None:
    op.create_index("entry_call", "entry", ["call_id", "kind"])
    op.create_index("entry_at", "entry", ["at", "kind"])
    for name in LIFTED:
        _partial_index(f"entry_{name}", [name, "seq"], f"{name} IS NOT NULL")
    _partial_index("entry_rare", ["kind", "seq"], "kind NOT IN ('intent', 'outcome')")
    _partial_index("entry_persons", ["seq"], "kind = 'outcome' AND sealed IS NOT NULL")


def _partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "entry", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _old_entries() -> Iterator[list[Any]]:
    connection, last = op.get_bind(), 0
    while rows := connection.execute(_OLD, {"last": last, "most": _AT_ONCE}).fetchall():
        yield list(rows)
        last = rows[-1].seq


def _check(old: Any, seq: int, last: str) -> None:
    if old.seq != seq:
        raise BrokenLine(seq, "an entry is missing here")
    if old.prev != last:
        raise BrokenLine(seq, "the entry does not follow the one before it")
    if entry_hash(old.seq, old.kind, old.call_id, old.at, old.body, old.sealed, old.prev) != old.hash:
        raise BrokenLine(seq, "the entry was changed")


def _row(old: Any, tree: Frontier) -> dict[str, Any]:
    columns, _ = divided(json.loads(old.body))
    entry = Entry(old.seq, old.at, old.kind, old.call_id, *columns, old.body, old.sealed, (old.prev, old.hash))
    leaf = leaf_hash(entry.written)
    tree.push(leaf)
    named = dict(zip(LIFTED, columns, strict=True))
    kept = {name: getattr(old, name) for name in ("seq", "at", "kind", "call_id", "body", "sealed", "prev", "hash")}
    return {**kept, **named, "leaf": leaf}
