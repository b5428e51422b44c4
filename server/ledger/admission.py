"""Whether a ledger may be written on: held, when it is opened, against what was stated of it outside the database.

A database that ends before what the checkpoint file or the witness states is an older copy, or was cut off; one that has another root there was
forked. To write on would bury that. A loss that a person accepted stands as an entry, and is let pass from then on.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection

from data.errors import Damaged
from server.ledger.files import last_note, read_newest
from server.ledger.linear import head_path, read_head
from server.ledger.notes import Signed
from server.ledger.schema import RARE
from server.ledger.tree import StoredTree

log = structlog.get_logger()


@dataclass(frozen=True)
class Outside:
    """What is stated of a ledger outside its database, by the key in force: checkpoints, and the end of the line it once was."""

    checkpoints: tuple[Signed, ...]
    line: int


@dataclass(frozen=True)
class Loss:
    """Entries that were written once and are not there; `note` is the checkpoint that states them, or empty."""

    first: int
    last: int
    note: str


def outside(checkpoint: Path, witness: Path | None, key: Ed25519PublicKey) -> Outside:
    """Reads the files. To be called before the database is read, so that it never states more than is there by then."""
    found: list[Signed | None] = []
    line = None
    try:
        found.append(read_newest(checkpoint))
        line = read_head(head_path(checkpoint), key)
    except ValueError as error:
        log.warning("ledger.checkpoint_unreadable", problem=str(error))  # `audit verify` says the same
    if witness is not None:
        found.append(last_note(witness))
    return Outside(
        tuple(one for one in found if one is not None and one.is_by(key)), line.seq if line is not None else 0
    )


def admitted(connection: Connection, told: Outside, known: int) -> Loss | None:
    """What is missing, if anything; `known` is how far this process saw it. Raises Damaged where the ledger was forked."""
    size = int(connection.exec_driver_sql("SELECT size FROM head WHERE id = 1").scalar_one())
    accepted = _accepted(connection)
    open_ = [
        one for one in told.checkpoints if not any(first <= one.checkpoint.size <= last for first, last in accepted)
    ]
    beyond = [one for one in open_ if one.checkpoint.size > size]
    line = 0 if any(first <= told.line <= last for first, last in accepted) else told.line
    last = max([known, line, *(one.checkpoint.size for one in beyond)])
    if last > size:
        note = max(beyond, key=lambda one: one.checkpoint.size).note if beyond else ""
        return Loss(size + 1, last, note)
    for one in open_:
        if StoredTree(connection, one.checkpoint.size).frontier().root() != one.checkpoint.root:
            raise forked(one.checkpoint.size)
    return None


def _accepted(connection: Connection) -> list[tuple[int, int]]:
    rows = connection.exec_driver_sql(f"SELECT body FROM entry WHERE kind = 'loss' AND {RARE} ORDER BY seq").fetchall()
    lost = [json.loads(text)["lost"] for (text,) in rows]
    return [(int(one["first"]), int(one["last"])) for one in lost]


def older_copy(loss: Loss) -> Damaged:
    """The error for a ledger that ends before what is known to have been written."""
    return Damaged(
        f"The ledger ends at entry {loss.first - 1}, but {loss.last} were written: this is an older copy, or its end was cut off. "
        "Nothing is answered.",
        "Put the newer copy back. If it is lost, `readingroom audit accept-loss` writes that down and goes on from here.",
        code="ledger_unwritable",
    )


def forked(size: int) -> Damaged:
    """The error for a ledger that has other entries than a checkpoint says."""
    return Damaged(
        f"The ledger has other entries up to {size} than a checkpoint outside it states: it was forked or changed. Nothing is answered.",
        "`readingroom audit verify` says more. Restore the ledger from a copy.",
        code="ledger_unwritable",
    )


def damaged() -> Damaged:
    """The error for a ledger whose end does not hold."""
    return Damaged(
        "The ledger's end is not what its signed head says, so nothing is answered.",
        "`readingroom audit verify` names the entry. Restore the ledger from a copy.",
        code="ledger_unwritable",
    )
