"""Reads the ledger: entries, calls, and whether all of it holds. Never writes; needs no key but the public one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from data.errors import Damaged
from server.ledger.chain import GENESIS, Entry, Head, entry_hash, read_head
from server.ledger.store import ENTRY, make_engine


@dataclass(frozen=True)
class RecordedCall:
    """A call as recorded: its intent and, unless the server stopped before, its outcome."""

    call_id: str
    intent: Entry
    outcome: Entry | None


@dataclass(frozen=True)
class Verification:
    """What checking found: `first_bad` is the first entry that does not hold, `problem` says how."""

    ok: bool
    entries: int
    first_bad: int | None
    problem: str | None
    open_calls: tuple[str, ...]


def entries(url: str) -> Iterator[Entry]:
    """All entries in order; none where the ledger was never written. Raises Damaged where it cannot be read."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execution_options(yield_per=5000).execute(select(ENTRY).order_by(ENTRY.c.seq))
            for row in rows:
                yield Entry(*row)
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        raise Damaged(f"The ledger cannot be read ({type(error).__name__}).", "Restore it from a copy.") from error
    finally:
        engine.dispose()


def calls(url: str, session: str | None = None) -> Iterator[RecordedCall]:
    """Recorded calls in the order of their intents; only those of a session where one is named."""
    kept = list(entries(url))
    outcomes = {entry.call_id: entry for entry in kept if entry.kind == "outcome"}
    for entry in kept:
        if entry.kind == "intent" and (session is None or entry.body.get("session") == session):
            yield RecordedCall(entry.call_id, entry, outcomes.get(entry.call_id))


def verify(url: str, head_path: Path, key: Ed25519PublicKey) -> Verification:
    """Walks the whole chain: finds any changed, dropped, inserted or reordered entry and a cut-off tail."""
    count, prev = 0, GENESIS
    heads: dict[int, str] = {}
    open_calls: dict[str, None] = {}

    def bad(seq: int, problem: str) -> Verification:
        return Verification(False, count, seq, problem, tuple(open_calls))

    try:
        head = read_head(head_path, key)
        for entry in entries(url):
            if entry.seq != count + 1:
                return bad(
                    count + 1,
                    "an entry is missing here" if entry.seq > count + 1 else "an entry stands out of order here",
                )
            if entry.prev != prev:
                return bad(entry.seq, "the entry does not follow the one before it")
            own = entry_hash(entry.seq, entry.kind, entry.call_id, entry.at, entry.text, entry.sealed, entry.prev)
            if own != entry.hash:
                return bad(entry.seq, "the entry was changed")
            count, prev = entry.seq, own
            if head is not None and head.seq == count:
                heads[count] = own
            if entry.kind == "intent":
                open_calls[entry.call_id] = None
            elif entry.kind == "outcome":
                open_calls.pop(entry.call_id, None)
    except (ValueError, TypeError, Damaged) as error:
        return bad(count + 1, str(error))
    return _against_head(count, head, heads, tuple(open_calls))


def _against_head(count: int, head: Head | None, seen: dict[int, str], open_calls: tuple[str, ...]) -> Verification:
    if head is None and count:
        return Verification(False, count, count, "the signed head file is missing", open_calls)
    if head is not None and head.seq > count:
        problem = f"entries {count + 1} to {head.seq}, which the signed head states, are missing"
        return Verification(False, count, count + 1, problem, open_calls)
    if head is not None and seen.get(head.seq) != head.hash:
        return Verification(False, count, head.seq, "the signed head states another entry here", open_calls)
    return Verification(True, count, None, None, open_calls)
