"""Links the patients of all systems into persons, by stated rules; every link keeps its rule, every doubt goes to a review list.

Rules, in order: `identifier` (two systems state the same number), `demographics` (same name, birth date and sex, and at most one
candidate in each source). A shared number with contradicting birth date and sex links nothing. Doubts are never guessed.
"""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

PRIORITY = {"ehr": 0, "research": 1, "laboratory": 2, "imaging": 3, "operations": 4}
Key = tuple[str, str]  # source, number in it
Doubt = tuple[str, str, str, str, str]  # source, number, other source, other number, rule


@dataclass
class _Known:
    """A patient as one source knows it."""

    key: Key
    system: str
    identifiers: set[str] = field(default_factory=set)
    family: str = ""
    given: str = ""
    birth: str = ""
    sex: str = ""

    @property
    def demographics(self) -> tuple[str, str, str, str] | None:
        whole = (self.family, self.given, self.birth, self.sex)
        return whole if all(whole) else None


class _Groups:
    """Union-find over patients."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def root(self, key: Key) -> Key:
        parent = self._parent.setdefault(key, key)
        while parent != key:
            self._parent[key] = self._parent.setdefault(parent, parent)
            key, parent = parent, self._parent[key]
        return key

    def join(self, one: Key, other: Key) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first


def link(con: duckdb.DuckDBPyConnection) -> None:
    """Makes vault.patient_index (source, mrn, person_id, rule) and vault.review from staging.patient."""
    patients = _read(con)
    groups, rules = _Groups(), dict.fromkeys(patients, "alone")
    review: list[Doubt] = []
    _by_identifier(patients, groups, rules, review)
    _by_demographics(patients, groups, rules, review)
    _doubts(patients, groups, review)
    members: dict[Key, list[Key]] = defaultdict(list)
    for key in patients:
        members[groups.root(key)].append(key)
    persons = {
        root: _person_id(min((PRIORITY.get(patients[key].system, 9), *key) for key in keys))
        for root, keys in members.items()
    }
    index = sorted((*key, persons[groups.root(key)], rules[key]) for key in patients)
    _write(con, "patient_index", ["source", "mrn", "person_id", "rule"], index)
    _write(con, "review", ["source", "mrn", "other_source", "other_mrn", "rule"], sorted(set(review)))


def _read(con: duckdb.DuckDBPyConnection) -> dict[Key, _Known]:
    rows = con.execute(
        "SELECT source, mrn, system, identifiers, family, given, birth_date, sex FROM staging.patient "
        "WHERE mrn IS NOT NULL ORDER BY source, mrn, seq, line"
    )
    patients: dict[Key, _Known] = {}
    while batch := rows.fetchmany(50_000):
        for source, mrn, system, identifiers, family, given, birth, sex in batch:
            one = patients.setdefault((source, mrn), _Known((source, mrn), system))
            one.identifiers.update(identifiers or ())
            one.family, one.given = _plain(family) or one.family, _plain(given) or one.given
            one.birth = (birth or "").replace("-", "")[:8] or one.birth
            one.sex = (sex or "")[:1].upper() or one.sex
    return patients


def _plain(name: str | None) -> str:
    folded = unicodedata.normalize("NFKD", name or "")
    return "".join(char for char in folded.casefold() if char.isalpha())


def _by_identifier(patients: dict[Key, _Known], groups: _Groups, rules: dict[Key, str], review: list[Doubt]) -> None:
    holders: dict[str, list[Key]] = defaultdict(list)
    for key, one in patients.items():
        for identifier in one.identifiers:
            holders[identifier].append(key)
    for identifier in sorted(holders):
        first, *others = holders[identifier]
        for other in others:
            if _contradict(patients[first], patients[other]):
                review.append((*first, *other, "identifier-contradicted"))
                continue
            groups.join(first, other)
            rules[first] = rules[other] = "identifier"


def _contradict(one: _Known, other: _Known) -> bool:
    births = bool(one.birth and other.birth and one.birth != other.birth)
    return births and bool(one.sex and other.sex and one.sex != other.sex)


def _by_demographics(patients: dict[Key, _Known], groups: _Groups, rules: dict[Key, str], review: list[Doubt]) -> None:
    alike: dict[tuple[str, str, str, str], dict[Key, list[Key]]] = defaultdict(lambda: defaultdict(list))
    for key, one in patients.items():
        if one.demographics is not None:
            alike[one.demographics][groups.root(key)].append(key)
    for candidates in alike.values():
        if len(candidates) < 2:
            continue
        first, *others = sorted(candidates)
        keys = [key for root in sorted(candidates) for key in candidates[root]]
        if len({key[0] for key in keys}) < len(
            keys
        ):  # one source knows two such persons: which is meant cannot be told
            review.extend((*candidates[first][0], *candidates[other][0], "several-alike") for other in others)
            continue
        for other in others:
            groups.join(first, other)
        for key in keys:
            rules[key] = "demographics" if rules[key] == "alone" else rules[key]


def _doubts(patients: dict[Key, _Known], groups: _Groups, review: list[Doubt]) -> None:
    """Patients known to one source alone whose birth date, sex and one name fit another person: perhaps a typing error."""
    sizes: dict[Key, int] = defaultdict(int)
    near: dict[tuple[str, str, str], list[Key]] = defaultdict(list)
    for key, one in patients.items():
        sizes[groups.root(key)] += 1
        if one.birth and one.sex:
            for name in (f"f:{one.family}", f"g:{one.given}"):
                near[(one.birth, one.sex, name)].append(key)
    for keys in near.values():
        for alone in (key for key in keys if sizes[groups.root(key)] == 1):
            other = next((key for key in keys if groups.root(key) != groups.root(alone)), None)
            if other is not None and patients[alone].demographics and patients[other].demographics:
                review.append((*min(alone, other), *max(alone, other), "name-nearly-alike"))


def _person_id(anchor: tuple[int, str, str]) -> int:
    text = f"{anchor[1]}\n{anchor[2]}"
    return 1 + int(hashlib.sha256(text.encode()).hexdigest()[:13], 16)


def _write(con: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    types = [pa.int64() if column == "person_id" else pa.string() for column in columns]
    arrays = [pa.array([row[place] for row in rows], type_) for place, type_ in enumerate(types)]
    con.register("linked_rows", pa.table(arrays, names=columns))
    con.execute(f"CREATE OR REPLACE TABLE vault.{name} AS SELECT * FROM linked_rows")
    con.unregister("linked_rows")
