"""Every signed statement of a ledger's tree that a verifier can find: in the database, beside it, at the witness, and handed in."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from data.errors import BadRequest
from server.ledger.files import read_newest, read_notes
from server.ledger.notes import Signed, parse


@dataclass(frozen=True)
class Statement:
    """A checkpoint and where it was found, in words."""

    source: str
    signed: Signed


@dataclass(frozen=True)
class Stated:
    """What was found. `head` is the database's own last word; `broken` names what should be a statement and is none."""

    head_size: int
    head: Signed | None
    statements: tuple[Statement, ...]
    kept: int
    broken: tuple[str, ...]


def beside(checkpoint: Path) -> tuple[list[Statement], list[str]]:
    """The statement in the checkpoint file, and what is wrong with the file."""
    try:
        signed = read_newest(checkpoint)
    except ValueError as error:
        return [], [str(error)]
    return [Statement("the checkpoint file", signed)] if signed is not None else [], []


def elsewhere(files: Iterable[Path], what: str) -> tuple[list[Statement], list[str]]:
    """Statements in files kept elsewhere, and warnings. Raises BadRequest where one cannot be read: then nothing can be said by it."""
    found, warnings = [], []
    for path in files:
        try:
            notes, others = read_notes(path)
        except ValueError as error:
            raise BadRequest(
                f"{what.capitalize()} {path} cannot be read.", "Check the path, or leave it out."
            ) from error
        if not notes:
            raise BadRequest(
                f"{what.capitalize()} {path} holds no signed checkpoint.", "Check that it is the right file."
            )
        found += [Statement(f"{what} {path.name}", one) for one in notes]
        warnings += [f"{what} {path.name} holds lines that are no signed checkpoint"] if others else []
    return found, warnings


def in_database(connection: Connection) -> Stated:
    """The head and the kept checkpoints, as they are in the database."""
    statements, broken, head = [], [], None
    row = connection.exec_driver_sql("SELECT size, note FROM head WHERE id = 1").first()
    if row is None:
        broken.append("the signed head is missing")
    elif row[1]:
        head = _parsed(row[1])
        statements += [Statement("the signed head", head)] if head is not None else []
        broken += ["the signed head is not readable"] if head is None or head.checkpoint.size != row[0] else []
    kept = connection.exec_driver_sql("SELECT size, note FROM checkpoint ORDER BY size").fetchall()
    for size, note in kept:
        signed = _parsed(note)
        if signed is None or signed.checkpoint.size != size:
            broken.append(f"the kept checkpoint of entry {size} is not readable")
        else:
            statements.append(Statement("a kept checkpoint", signed))
    return Stated(int(row[0]) if row is not None else 0, head, tuple(statements), len(kept), tuple(broken))


def _parsed(note: object) -> Signed | None:
    try:
        return parse(note if isinstance(note, str) else "")
    except ValueError:
        return None
