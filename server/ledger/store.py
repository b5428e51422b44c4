"""Writes the ledger: entries stand in one order, and are on disk before the caller goes on.

Callers that come together are written together (see group.py), and each batch is signed (see tail.py). What cannot be written is an error
for its caller, who then must not answer; the next call tries anew.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from data.errors import BadRequest, ReadingRoomError
from server.ledger.entry import divided
from server.ledger.files import Publisher, Witness
from server.ledger.group import Group
from server.ledger.keychain import introduction, key_name
from server.ledger.keys import Keys, next_signing_key
from server.ledger.schema import WAIT_SECONDS, make_engine
from server.ledger.tail import Draft, Tail

log = structlog.get_logger()


def unwritable(error: BaseException) -> ReadingRoomError:
    """The error for a ledger that cannot be written; the database's own words stay out, they may quote the entry."""
    return ReadingRoomError(
        f"The ledger cannot be written ({type(error).__name__}), so nothing is answered.",
        "Check the disk and the permissions of the ledger's file; the next call tries again.",
        code="ledger_unwritable",
    )


class Ledger:
    """Append-only. Safe to share between threads; several processes may write one ledger.

    `head` is the file beside the database that gets the newest checkpoint. `durable`: an entry is on disk before its caller goes on.
    """

    def __init__(
        self,
        url: str,
        head: Path,
        keys: Keys,
        durable: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        witness: Witness | None = None,
    ) -> None:
        self._engine = make_engine(url, durable)
        self._tail = Tail(self._engine, head, keys, witness.path if witness is not None else None)
        self._group: Group[Draft] = Group(self._write, WAIT_SECONDS)
        self._publisher = Publisher(head, witness)
        self._keys, self._clock, self._head = keys, clock, head

    def intent(self, call_id: str, body: dict[str, Any], sealed: bytes | None = None) -> int:
        """Records what is about to be done; gives the entry's place."""
        return self._append("intent", call_id, body, sealed)

    def outcome(self, call_id: str, body: dict[str, Any], sealed: bytes | None = None) -> int:
        """Records how it ended; gives the entry's place. `sealed` holds the persons shown."""
        return self._append("outcome", call_id, body, sealed)

    def note(self, body: dict[str, Any]) -> int:
        """Records something that belongs to no call: an alert, a pruning."""
        return self._append("note", "", body, None)

    def rotate_key(self) -> tuple[str, str]:
        """Puts a new signing key in force, introduced by an entry both keys sign; gives the names of the old and the new."""
        if self._keys.directory is None:
            raise BadRequest("These keys have no directory, so a new one cannot be kept.")
        self.check()
        old, new = self._tail.signing, next_signing_key(self._keys.directory)
        self._append("key", "", introduction(self._tail.origin, old, new), None, rotates_to=new)
        return key_name(old.public_key()), key_name(new.public_key())

    def accept_loss(self) -> tuple[int, int]:
        """Goes on from an older copy: writes down what is missing, and gives its first and last entry. Raises BadRequest where nothing is."""
        self._tail.accepts_loss = True
        self.check()
        lost = self._tail.lost
        if lost is None:
            raise BadRequest("Nothing is missing from the ledger.", "Run `readingroom audit verify`.")
        self._head.unlink(missing_ok=True)  # the statement in it goes into the entry
        self._append("loss", "", {"lost": {"first": lost.first, "last": lost.last, "checkpoint": lost.note}}, None)
        return lost.first, lost.last

    def check(self) -> None:
        """Raises ReadingRoomError where the ledger cannot be written now."""
        self._put(Draft(probe=True))

    def close(self) -> None:
        """Keeps and brings out the last checkpoint, and lets go of the database."""
        try:
            self._group.put(Draft(probe=True, keep=True))
        except (ReadingRoomError, TimeoutError) as error:
            log.warning("ledger.closed_unkept", error=type(error).__name__)
        self._publisher.close()
        self._tail.drop()
        self._engine.dispose()

    def _append(self, kind: str, call_id: str, body: dict[str, Any], sealed: bytes | None, **more: Any) -> int:
        at = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        columns, text = divided(body)
        draft = Draft(kind=kind, call_id=call_id, at=at, columns=columns, text=text, sealed=sealed, **more)
        self._put(draft)
        return draft.seq

    def _put(self, draft: Draft) -> None:
        self._publisher.require()
        try:
            self._group.put(draft)
        except TimeoutError as error:
            raise unwritable(error) from error

    def _write(self, batch: list[Draft]) -> None:
        try:
            head, kept = self._tail.write(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may take his entry for written
            self._tail.drop()
            for one in batch:
                one.error = error if isinstance(error, ReadingRoomError) else unwritable(error)
            return
        if head is not None and any(not one.probe or one.keep for one in batch):
            self._publisher.tell(head, kept)
