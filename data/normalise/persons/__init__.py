"""The patient index: links the patients of all systems into persons, by stated rules; each link keeps its rule and confidence.

In order: what a steward decided; `merged` (the source itself says so: ADT A40); `identifier` (two systems state the same number);
`demographics` (same name, birth date and sex, and at most one candidate in each source); `probable` (Fellegi and Sunter's model, by splink).
A steward's word that two are different persons is stronger than every rule. Doubts go to a review list and are never guessed. Nothing is
changed in the sources: without the decision, or the message, the next publish has the persons apart again.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from importlib import resources

import duckdb
import pyarrow as pa

from data.normalise.persons.decisions import Decision, read_decisions
from data.normalise.persons.groups import Groups, Key

__all__ = ["Decision", "link", "read_decisions"]

PRIORITY = {"ehr": 0, "research": 1, "laboratory": 2, "imaging": 3, "operations": 4}
SURE, DOUBTFUL = 0.99, 0.5  # of the match probability: linked from here; on the review list from here
Doubt = tuple[str, str, str, str, str, float]  # source, number, other source, other number, rule, confidence


class _Index:
    """The work under way: patients, their groups, the rule and confidence of each link, the review list."""

    def __init__(self, con: duckdb.DuckDBPyConnection, decisions: Sequence[Decision]) -> None:
        self.con = con
        rows = con.execute("SELECT source, mrn, system FROM known ORDER BY source, mrn").fetchall()
        self.systems: dict[Key, str] = {(source, mrn): system for source, mrn, system in rows}
        self.groups = Groups([one.pair for one in decisions if one.verdict == "apart"])
        self.rules: dict[Key, tuple[str, float]] = {}
        self.review: set[Doubt] = set()

    def join(self, one: Key, other: Key, rule: str, confidence: float) -> None:
        """Links two patients, unless a steward keeps them, or others of their groups, apart."""
        if self.groups.root(one) == self.groups.root(other):
            return
        if not self.groups.join(one, other):
            self.doubt(one, other, "kept-apart", confidence)
            return
        for key in (one, other):
            self.rules.setdefault(key, (rule, confidence))

    def doubt(self, one: Key, other: Key, rule: str, confidence: float) -> None:
        """Leaves two patients to a steward."""
        first, second = sorted((one, other))
        self.review.add((*first, *second, rule, round(confidence, 6)))


def link(con: duckdb.DuckDBPyConnection, decisions: Sequence[Decision] = ()) -> None:
    """Makes vault.patient_index (source, mrn, person_id, rule, confidence) and vault.review from staging.patient and staging.merge."""
    con.execute(resources.files("data.normalise.persons").joinpath("known.sql").read_text(encoding="utf-8"))
    index = _Index(con, decisions)
    for one in decisions:
        if one.verdict == "same" and all(key in index.systems for key in one.pair):
            index.join(*one.pair, "steward", 1.0)
    merges = "SELECT DISTINCT source, mrn, from_mrn FROM staging.merge ORDER BY ALL"
    for source, mrn, gone in con.execute(merges).fetchall():
        if (source, mrn) in index.systems:
            index.join((source, mrn), (source, gone), "merged", 1.0)
    _by_identifier(index)
    _by_demographics(index)
    _by_probability(index)
    _write(index)


def _by_identifier(index: _Index) -> None:
    """Holders of one identifier; those whose birth date and sex both contradict the first holder's are left to a steward."""
    holders = index.con.execute(
        "WITH held AS (SELECT unnest(identifiers) AS identifier, source, mrn, birth, sex FROM known) "
        "SELECT first.source, first.mrn, other.source, other.mrn, "
        "first.birth <> '' AND other.birth <> '' AND first.birth <> other.birth "
        "AND first.sex <> '' AND other.sex <> '' AND first.sex <> other.sex "
        "FROM (SELECT identifier, arg_min(held, (source, mrn)) AS first FROM held GROUP BY identifier HAVING count(*) > 1) f "
        "JOIN held AS other USING (identifier) WHERE (other.source, other.mrn) <> (first.source, first.mrn) ORDER BY ALL"
    ).fetchall()
    for source, mrn, other_source, other_mrn, contradicted in holders:
        if contradicted:
            index.doubt((source, mrn), (other_source, other_mrn), "identifier-contradicted", DOUBTFUL)
        else:
            index.join((source, mrn), (other_source, other_mrn), "identifier", 1.0)


def _by_demographics(index: _Index) -> None:
    rows = index.con.execute(
        "SELECT list((source, mrn) ORDER BY source, mrn) FROM known WHERE family <> '' AND given <> '' AND birth <> '' AND sex <> '' "
        "GROUP BY family, given, birth, sex HAVING count(*) > 1 ORDER BY 1"
    ).fetchall()
    for (alike,) in rows:
        keys = [tuple(key.values()) if isinstance(key, dict) else tuple(key) for key in alike]
        roots = {index.groups.root(key): key for key in reversed(keys)}
        if len(roots) < 2:
            continue
        first, *others = (roots[root] for root in sorted(roots))
        several = len({key[0] for key in keys}) < len(keys)  # one source knows two such: which is meant cannot be told
        for other in others:
            if several:
                index.doubt(first, other, "several-alike", DOUBTFUL)
            else:
                index.join(first, other, "demographics", 0.99)


def _by_probability(index: _Index) -> None:
    """Pairs that splink finds alike. Linked where sure, each side's only such partner, and no source knows both."""
    from data.normalise.persons.probable import pairs  # noqa: PLC0415  # splink takes long to import; only this needs it

    found = [
        found for found in pairs(index.con, DOUBTFUL) if index.groups.root(found[0]) != index.groups.root(found[1])
    ]
    partners: dict[Key, set[Key]] = defaultdict(set)
    for one, other, *_ in found:
        partners[index.groups.root(one)].add(index.groups.root(other))
        partners[index.groups.root(other)].add(index.groups.root(one))
    sources = index.groups.sources()
    for one, other, confidence, named in found:
        first, second = index.groups.root(one), index.groups.root(other)
        if first == second:
            continue
        only = len(partners[first]) == 1 and len(partners[second]) == 1
        both = sources.get(first, {one[0]}) & sources.get(second, {other[0]})
        if confidence >= SURE and named and only and not both:
            index.join(one, other, "probable", confidence)
        else:
            index.doubt(one, other, "perhaps-same", confidence)


def _write(index: _Index) -> None:
    members: dict[Key, list[Key]] = defaultdict(list)
    for key in index.systems:
        members[index.groups.root(key)].append(key)
    persons = {
        root: _person_id(min((PRIORITY.get(index.systems[key], 9), *key) for key in keys))
        for root, keys in members.items()
    }
    alone = ("alone", 1.0)
    rows = ((*key, persons[index.groups.root(key)], *index.rules.get(key, alone)) for key in index.systems)
    _table(index.con, "patient_index", ["source", "mrn", "person_id", "rule", "confidence"], list(rows))
    columns = ["source", "mrn", "other_source", "other_mrn", "rule", "confidence"]
    _table(index.con, "review", columns, sorted(index.review))


def _person_id(anchor: tuple[int, str, str]) -> int:
    text = f"{anchor[1]}\n{anchor[2]}"
    return 1 + int(hashlib.sha256(text.encode()).hexdigest()[:13], 16)


def _table(con: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    kinds = {"person_id": pa.int64(), "confidence": pa.float64()}
    arrays = [
        pa.array([row[place] for row in rows], kinds.get(column, pa.string())) for place, column in enumerate(columns)
    ]
    con.register("linked_rows", pa.table(arrays, names=columns))
    con.execute(
        f"CREATE OR REPLACE TABLE vault.{name} AS SELECT * REPLACE (confidence::DECIMAL(7,6) AS confidence) FROM linked_rows"
    )
    con.unregister("linked_rows")
