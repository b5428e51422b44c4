"""Which record-level answers showed a person: read from the lists of persons sealed with them, through the index of answers that have one.

The list of every such answer is opened in turn and asked for the person's key. No index of persons is kept beside the ledger: it could
lie. Columns the entries are found by are bound by their leaves, so what is left out here would show in `audit verify`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyroaring import BitMap64

from data.errors import Damaged
from server.disclosures.persons import Person
from server.ledger import Entry, Keys, Reader, RecordedCall
from server.ledger.read import told
from server.ledger.schema import placed

_NONCE = 12
_AT_ONCE = 20_000
_WORD = 2**64
_SQL = "SELECT seq, call_id, sealed FROM entry WHERE kind = 'outcome' AND sealed IS NOT NULL AND seq > ?{since} ORDER BY seq LIMIT ?"
Looked = Callable[[int], None]


@dataclass(frozen=True)
class Sight:
    """A recorded call whose answer showed the person, and the key that stood in it."""

    call: RecordedCall
    key: int


def sights(
    reader: Reader,
    keys: Keys,
    person: Person,
    since: datetime | None = None,
    until: datetime | None = None,
    looked: Looked = lambda _: None,
) -> Iterator[Sight]:
    """The record-level answers that showed the person, in the order they were given. Raises Damaged where a list cannot be opened.

    `since` and `until` bound when the call began. `looked` is told now and then how many lists were opened.
    """
    wanted = {key % _WORD: key for key in person.keys}
    for call_id, found in _found(_lists(reader, since, looked), keys, wanted):
        call = reader.call(call_id)
        if call is None or not _between(call.intent.at, since, until):
            continue
        mine = person.in_snapshot(str(call.intent.body["snapshot"]))
        for key in sorted(found & mine):
            yield Sight(call, key)
            break


def persons_shown(keys: Keys, outcome: Entry) -> set[int] | None:
    """The persons a recorded answer showed, by their keys in its release; None where no list was kept. Raises Damaged."""
    if outcome.sealed is None:
        return None
    shown = BitMap64.deserialize(keys.unseal(outcome.call_id, outcome.sealed))
    return {one if one < _WORD // 2 else one - _WORD for one in shown}


def _lists(reader: Reader, since: datetime | None, looked: Looked) -> Iterator[tuple[str, bytes]]:
    after, count = 0, 0
    sql = _SQL.format(since=" AND at >= ?" if since is not None else "")
    bound = (told(since),) if since is not None else ()
    while True:
        with reader.connection() as connection:
            if connection is None:
                return
            rows = connection.exec_driver_sql(placed(connection, sql), (after, *bound, _AT_ONCE)).fetchall()
        for _, call_id, sealed in rows:
            yield call_id, sealed
        count += len(rows)
        looked(count)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def _found(
    lists: Iterable[tuple[str, bytes]], keys: Keys, wanted: dict[int, int]
) -> Iterator[tuple[str, frozenset[int]]]:
    """(call, keys of the person in its list), of calls that have one.

    There may be a million lists, so the cipher is made once, and only a list that may hold the person is taken apart: one in which the upper
    half of a key stands, as the portable form of 64-bit roaring bitmaps writes it (RoaringFormatSpec, "Extension for 64-bit implementations").
    """
    decrypt, sought = AESGCM(keys.sealing).decrypt, tuple(wanted)
    halves = tuple({(key >> 32).to_bytes(4, "little") for key in sought})
    try:
        for call_id, sealed in lists:
            plain = decrypt(sealed[:_NONCE], sealed[_NONCE:], call_id.encode())
            for half in halves:
                if half in plain:
                    shown = BitMap64.deserialize(plain)
                    if found := frozenset(wanted[one] for one in sought if one in shown):
                        yield call_id, found
                    break
    except InvalidTag as error:
        raise Damaged(
            "A sealed list of persons cannot be opened.", "Use the sealing key of the room that recorded it."
        ) from error


def _between(at: str, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= told(since)) and (until is None or at < told(until))
