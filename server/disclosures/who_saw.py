"""Which record-level answers showed a person: read from the lists of persons sealed with them, through the index of answers that have one.

The list of every such answer is opened in turn and asked for the person's key; nothing else of it is taken apart. Columns the entries are
found by are bound by their leaves, so what is left out here would show in `audit verify`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyroaring import BitMap64

from data.errors import Damaged
from server.disclosures.persons import Person
from server.ledger import Keys, Reader, RecordedCall
from server.ledger.read import told
from server.ledger.schema import placed

_NONCE = 12
_AT_ONCE = 5000
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


def _lists(reader: Reader, since: datetime | None, looked: Looked) -> Iterator[tuple[str, bytes]]:
    after, count = 0, 0
    sql = _SQL.format(since=" AND at >= ?" if since is not None else "")
    bound = (told(since),) if since is not None else ()
    while True:
        with reader.connection() as connection:
            if connection is None:
                return
            rows = connection.exec_driver_sql(placed(connection, sql), (after, *bound, _AT_ONCE)).fetchall()
        yield from ((call_id, sealed) for _, call_id, sealed in rows)
        count += len(rows)
        looked(count)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def _found(
    lists: Iterable[tuple[str, bytes]], keys: Keys, wanted: dict[int, int]
) -> Iterator[tuple[str, frozenset[int]]]:
    """(call, keys of the person in its list), of calls that have one. The cipher is made once: there may be a million lists."""
    decrypt, deserialize, sought = AESGCM(keys.sealing).decrypt, BitMap64.deserialize, tuple(wanted)
    try:
        for call_id, sealed in lists:
            shown = deserialize(decrypt(sealed[:_NONCE], bytes(sealed[_NONCE:]), call_id.encode()))
            for key in sought:
                if key in shown:
                    yield call_id, frozenset(wanted[one] for one in sought if one in shown)
                    break
    except InvalidTag as error:
        raise Damaged(
            "A sealed list of persons cannot be opened.", "Use the sealing key of the room that recorded it."
        ) from error


def _between(at: str, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= told(since)) and (until is None or at < told(until))
