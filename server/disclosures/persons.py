"""Finds a person by a pseudonym as an answer showed it, or by a record number, in the vaults of the snapshots that are kept.

One person has a key in the source, a pseudonym, and another pseudonym in `safe_harbor` releases; all are looked for, in every snapshot.
Only for auditors: it opens the vault, which no query worker can.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from data.errors import BadRequest, Damaged
from data.snapshots import Snapshot, list_snapshots
from data.snapshots.keys import make_macros
from server.room import Room

_SAFE_HARBOR = "('0x' || left(rr_hmac('safe_harbor:person:' || k.person_id), 13))::BIGINT"


@dataclass(frozen=True)
class Person:
    """Every key a person has, in any release of any kept snapshot, and by snapshot. `shown`: how the person is called in what is handed out.

    `unknown`: snapshots whose pseudonym key is not here, so that their `safe_harbor` keys could not be worked out.
    """

    shown: int
    keys: frozenset[int]
    by_snapshot: dict[str, frozenset[int]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def in_snapshot(self, snapshot: str) -> frozenset[int]:
        """The keys to look for in an answer from that snapshot; all of them where the snapshot is not kept."""
        return self.by_snapshot.get(snapshot, self.keys)


def require_sealing_key(room: Room) -> None:
    """Raises BadRequest where the sealing key is not here: then nobody can say who was shown. Makes no key."""
    if not (room.keys_path / "sealing.key").is_file():
        raise BadRequest(
            f"The sealing key is not in {room.keys_path}, so the lists of persons shown cannot be opened.",
            "Ask who keeps sealing.key. Without it the ledger can be verified, and `audit what-did` shows counts.",
        )


def find_person(room: Room, pseudonym: int | None = None, mrn: str | None = None, source: str | None = None) -> Person:
    """The person of a pseudonym or of a record number (of one source where it is named). Raises BadRequest where there is none, or several."""
    if (pseudonym is None) == (mrn is None):
        raise BadRequest("Name a person by the pseudonym shown, or with --mrn NUMBER.")
    vaults = [_Vault(room, one) for one in list_snapshots(room.snapshots_path)]
    if not vaults:
        raise BadRequest(
            "No snapshot is kept in this room, so nobody can be looked up.", "Run `readingroom snapshots`."
        )
    found = {one.id: _named(one, pseudonym, mrn, source) for one in vaults}
    _require_one(found, mrn)
    numbers = {number for one in vaults for number in one.numbers(found[one.id])}
    for one in vaults:  # the same person may be linked otherwise in another snapshot: followed by record numbers
        found[one.id] |= one.persons_of(numbers)
    by_snapshot = {one.id: frozenset(one.keys(found[one.id])) for one in vaults}
    keys = frozenset().union(*by_snapshot.values(), {pseudonym} if pseudonym is not None else ())
    shown = (
        pseudonym if pseudonym is not None else next(filter(None, (one.shown(found[one.id]) for one in vaults[::-1])))
    )
    return Person(shown, keys, by_snapshot, tuple(one.id for one in vaults if not one.knows_safe_harbor))


def _named(vault: "_Vault", pseudonym: int | None, mrn: str | None, source: str | None) -> set[int]:
    return vault.persons_by_key(pseudonym) if pseudonym is not None else vault.persons_by_number(mrn or "", source)


def _require_one(found: dict[str, set[int]], mrn: str | None) -> None:
    several = next((snapshot for snapshot, persons in found.items() if len(persons) > 1), None)
    if several is not None:
        raise BadRequest(
            f"In snapshot {several} that number belongs to more than one person.",
            "Say whose number it is: --source NAME.",
        )
    if not any(found.values()):
        what = "record number" if mrn is not None else "pseudonym"
        raise BadRequest(
            f"No kept snapshot knows a person of that {what}.",
            "See `readingroom snapshots`; a retired one took its vault along.",
        )


class _Vault:
    """The vault of one snapshot, read where it lies."""

    def __init__(self, room: Room, snapshot: Snapshot) -> None:
        self.id, self._path = snapshot.id, snapshot.path / "vault"
        self._con = duckdb.connect()
        try:
            make_macros(self._con, room.pseudonym_key.of(snapshot.manifest.key_fingerprint))
            self.knows_safe_harbor = True
        except BadRequest:
            self.knows_safe_harbor = False

    def persons_by_key(self, key: int) -> set[int]:
        other = f" OR {_SAFE_HARBOR} = ?" if self.knows_safe_harbor else ""
        values = [key] * (3 if other else 2)
        sql = f"SELECT person_id FROM {self._file('person_key')} k WHERE person_id = ? OR pseudonym = ?{other}"
        return {int(row[0]) for row in self._rows(sql, values)}

    def persons_by_number(self, mrn: str, source: str | None) -> set[int]:
        sql = f"SELECT person_id FROM {self._file('patient_index')} WHERE mrn = ?" + (
            " AND source = ?" if source else ""
        )
        found = {int(row[0]) for row in self._rows(sql, [mrn, *([source] if source else [])])}
        if not source:
            more = f"SELECT person_id FROM {self._file('patient_identity')} WHERE medical_record_number = ?"
            found |= {int(row[0]) for row in self._rows(more, [mrn])}
        return found

    def numbers(self, persons: set[int]) -> Iterator[tuple[str, str]]:
        """(source, number) of persons."""
        sql = f"SELECT source, mrn FROM {self._file('patient_index')} WHERE person_id IN (SELECT unnest(?))"
        yield from ((str(source), str(mrn)) for source, mrn in self._rows(sql, [sorted(persons)]))

    def persons_of(self, numbers: set[tuple[str, str]]) -> set[int]:
        """Persons who have one of these numbers."""
        if not numbers:
            return set()
        sources, mrns = zip(*sorted(numbers), strict=True)
        sql = (
            f"SELECT DISTINCT person_id FROM {self._file('patient_index')} "
            "JOIN (SELECT unnest(?) AS source, unnest(?) AS mrn) USING (source, mrn)"
        )
        return {int(row[0]) for row in self._rows(sql, [list(sources), list(mrns)])}

    def keys(self, persons: set[int]) -> Iterator[int]:
        """Every key of these persons."""
        other = f", {_SAFE_HARBOR}" if self.knows_safe_harbor else ""
        sql = f"SELECT k.person_id, pseudonym{other} FROM {self._file('person_key')} k WHERE k.person_id IN (SELECT unnest(?))"
        for row in self._rows(sql, [sorted(persons)]):
            yield from (int(key) for key in row)

    def shown(self, persons: set[int]) -> int | None:
        """The pseudonym of the first of them."""
        sql = f"SELECT min(pseudonym) FROM {self._file('person_key')} WHERE person_id IN (SELECT unnest(?))"
        ((pseudonym,),) = self._rows(sql, [sorted(persons)])
        return int(pseudonym) if pseudonym is not None else None

    def _file(self, table: str) -> str:
        return "read_parquet('" + str(self._path / f"{table}.parquet").replace("'", "''") + "')"

    def _rows(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            return list(self._con.execute(sql, values).fetchall())
        except duckdb.Error as error:
            raise Damaged(f"The vault in {self._path} cannot be read.", "Restore the snapshot from a copy.") from error
