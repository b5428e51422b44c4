"""Redacts the texts of the build into two tables that the releases join: vault.redacted_text and vault.person_text.

A text without marks stays as it is, for everyone: redacted_text (source, key, text). Any other is rewritten for each person
in whose record it stands: person_text (source, key, person_id, text, dated_text), dates moved in the one and kept in the other, person_id
NULL where the table is about no person. `source` is table.column, `key` what rr_text_key makes of the text. A text that is in neither
comes out as NULL. What is an identity the redactor says; each distinct text is searched once, and what was found is kept (see `marks`).

Nothing here holds more texts at a time than a batch: at most TEXTS, and about BYTES, or one larger text alone.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from data.catalogue.model import Catalogue, Column, Table
from data.errors import ReadingRoomError
from data.snapshots import marks
from data.snapshots.tables import source_name
from data.types import Progress, Redactor

TEXTS, BYTES = 5000, 16 << 20
# A short text is its own key, which costs nothing; the key of a long one is its SHA-256 in hex, as long as no short one is.
_KEY = (
    "CREATE OR REPLACE TEMP MACRO rr_text_key(value) AS CASE WHEN strlen(value) < 64 THEN value ELSE sha256(value) END"
)


@dataclass(frozen=True)
class Redacted:
    """Distinct texts, those that were not the same for everyone, and what was found, by kind. The same however much of it was kept."""

    texts: int
    changed: int
    kinds: Mapping[str, int]


def redact_texts(
    con: duckdb.DuckDBPyConnection, catalogue: Catalogue, redactor: Redactor, root: Path, progress: Progress
) -> Redacted:
    """Fill both tables, on a connection that has the build and vault.person_key; `root` is where what was found is kept."""
    con.execute(_KEY)
    con.execute("DROP SCHEMA IF EXISTS redaction CASCADE")
    con.execute("CREATE SCHEMA redaction")
    con.execute(f"CREATE TABLE redaction.text AS {_distinct_texts(catalogue)}")
    with marks.attached(con, root):
        _search(con, redactor, progress)
    kinds = _complete(con, redactor, progress)
    _write(con, catalogue, redactor, progress)
    texts, changed = _count(con, "redaction.text"), _count(con, "redaction.changed")
    con.execute("DROP SCHEMA redaction CASCADE")
    return Redacted(texts, changed, dict(sorted(kinds.items())))


def source_of(table: Table, column: Column) -> str:
    """By which name both tables know the texts of a column."""
    return f"{table.name}.{column.name}"


def person_of(table: Table) -> str:
    """SQL of the person in whose record a row `src` stands; NULL where it stands in nobody's."""
    return "src.person_id" if any(column.name == "person_id" for column in table.columns) else "NULL"


# --- the steps --------------------------------------------------------------------------------------------------------


def _search(con: duckdb.DuckDBPyConnection, redactor: Redactor, progress: Progress) -> None:
    """Search the texts of which nothing is kept yet, keep what is found batch by batch, and take over what is known of all.

    redaction.found: (place, number, size, marks) of every text.
    """
    known = f"SELECT digest, marks FROM {marks.FOUND} WHERE finding = ?"
    con.execute(
        "CREATE TABLE redaction.wanted AS SELECT row_number() OVER (ORDER BY number) - 1 AS place, number, size "
        f"FROM redaction.text ANTI JOIN ({known}) USING (digest) ORDER BY number",
        [redactor.finding],
    )
    total = _count(con, "redaction.text")
    done = total - _count(con, "redaction.wanted")
    progress("redact", done, total)
    for batch in _batches(con, "redaction.wanted"):
        found = _as_many(batch, redactor.search(batch.column("text").to_pylist()))
        marks.add(con, redactor.finding, batch.column("digest"), found)
        done += batch.num_rows
        progress("redact", done, total)
    con.execute("CREATE OR REPLACE TABLE kept.main.present AS SELECT digest FROM redaction.text")
    con.execute(
        "CREATE TABLE redaction.found AS SELECT number AS place, number, size, marks "
        f"FROM redaction.text JOIN ({known}) USING (digest) ORDER BY number",
        [redactor.finding],
    )
    if _count(con, "redaction.found") != total:
        raise ReadingRoomError(f"Of {total} texts not each was searched once.", "Publish again.")


def _complete(con: duckdb.DuckDBPyConnection, redactor: Redactor, progress: Progress) -> Counter[str]:
    """redaction.changed: (number, marks) of the texts that are not to stay as they are. All others are the same for everyone."""
    con.execute("CREATE TABLE redaction.changed (number BIGINT, marks VARCHAR)")
    kinds: Counter[str] = Counter()
    total, done = _count(con, "redaction.found"), 0
    for batch in _batches(con, "redaction.found"):
        texts, found = (batch.column(name).to_pylist() for name in ("text", "marks"))
        complete = _as_many(batch, redactor.complete(texts, found))
        made = pa.table({"number": batch.column("number"), "marks": pa.array(complete, pa.string())})
        _insert(con, "INSERT INTO redaction.changed SELECT number, marks FROM rr_made WHERE marks <> ''", made)
        for one in filter(None, complete):
            kinds.update(_kinds(one))
        done += batch.num_rows
        progress("known identifiers", done, total)
    con.execute(
        "CREATE OR REPLACE TABLE vault.redacted_text AS SELECT unnest(sources) AS source, key, text "
        "FROM redaction.text ANTI JOIN redaction.changed USING (number)"
    )
    return kinds


def _write(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, redactor: Redactor, progress: Progress) -> None:
    """Rewrite each of the others once for each person in whose record it stands."""
    con.execute(f"CREATE TABLE redaction.pair AS {_pairs(catalogue)}")
    con.execute(
        "CREATE OR REPLACE TABLE vault.person_text "
        "(source VARCHAR, key VARCHAR, person_id BIGINT, text VARCHAR, dated_text VARCHAR)"
    )
    total, done = _count(con, "redaction.pair"), 0
    for batch in _batches(con, "redaction.pair"):
        texts, found, persons, shifts = (
            batch.column(name).to_pylist() for name in ("text", "marks", "person_id", "shift_days")
        )
        made = batch.select(["sources", "key", "person_id"])
        for name, keep_dates in (("text", False), ("dated_text", True)):
            written = _as_many(batch, redactor.write(texts, found, persons, shifts, keep_dates))
            made = made.append_column(name, pa.array(written, pa.string()))
        _insert(con, "INSERT INTO vault.person_text SELECT unnest(sources), * EXCLUDE (sources) FROM rr_made", made)
        done += batch.num_rows
        progress("rewrite", done, total)


# --- what the steps read ----------------------------------------------------------------------------------------------


def _text_columns(catalogue: Catalogue) -> Iterator[tuple[Table, Column]]:
    for table in catalogue.values():
        for column in table.columns:
            if "free_text" in column.tags:
                yield table, column


def _distinct_texts(catalogue: Catalogue) -> str:
    """SELECT of (number, key, digest, text, size in bytes, sources)."""
    parts = " UNION ALL ".join(
        f"SELECT DISTINCT '{source_of(table, column)}' AS source, {column.name} AS text "
        f"FROM {source_name(table.name)} WHERE {column.name} IS NOT NULL"
        for table, column in _text_columns(catalogue)
    )
    return (
        "SELECT row_number() OVER () - 1 AS number, rr_text_key(text) AS key, unhex(sha256(text)) AS digest, text, "
        f"strlen(text) AS size, sources FROM (SELECT text, list(source) AS sources FROM ({parts}) GROUP BY text)"
    )


def _pairs(catalogue: Catalogue) -> str:
    """SELECT of (place, number, size, marks, person_id, shift_days, sources), one row for each text to be rewritten and person it stands by."""
    parts = " UNION ALL ".join(
        f"SELECT DISTINCT '{source_of(table, column)}' AS source, t.number, {person_of(table)}::BIGINT AS person_id "
        f"FROM {source_name(table.name)} AS src JOIN (FROM redaction.text SEMI JOIN redaction.changed USING (number) "
        f"WHERE list_contains(sources, '{source_of(table, column)}')) AS t ON t.key = rr_text_key(src.{column.name})"
        for table, column in _text_columns(catalogue)
    )
    return (
        "SELECT row_number() OVER (ORDER BY p.number, p.person_id) - 1 AS place, p.number, t.size + strlen(c.marks) AS size, c.marks, "
        "p.person_id, k.shift_days, p.sources "
        f"FROM (SELECT number, person_id, list(source) AS sources FROM ({parts}) GROUP BY number, person_id) AS p "
        "JOIN redaction.changed AS c USING (number) JOIN redaction.text AS t USING (number) "
        "LEFT JOIN vault.person_key AS k ON k.person_id = p.person_id ORDER BY p.number, p.person_id"
    )


def _batches(con: duckdb.DuckDBPyConnection, name: str) -> Iterator[pa.Table]:
    """The rows of a table (place 0, 1, ..., number of a text in the same order, size, ...) with the text, its key and digest."""
    start = 0
    while True:
        held = con.execute(
            f"SELECT size, number FROM {name} WHERE place >= {start} AND place < {start + TEXTS} ORDER BY place"
        ).fetchall()
        if not held:
            return
        fitting = _fitting([size for size, _ in held])
        low, high = held[0][1], held[fitting - 1][1]
        yield con.sql(
            f"SELECT p.*, t.text, t.key, t.digest FROM {name} AS p JOIN redaction.text AS t ON t.number = p.number "
            f"WHERE p.place >= {start} AND p.place < {start + fitting} AND t.number BETWEEN {low} AND {high} ORDER BY p.place"
        ).to_arrow_table()
        start += fitting


def _fitting(sizes: Sequence[int]) -> int:
    """How many of the first fit into a batch; always one."""
    held = 0
    for place, size in enumerate(sizes):
        held += size
        if held > BYTES:
            return max(place, 1)
    return len(sizes)


def _as_many(batch: pa.Table, given: list[str]) -> list[str]:
    if len(given) != batch.num_rows:
        raise ReadingRoomError("The redactor gave back another number of texts than it was given.")
    return given


def _kinds(found: str) -> Counter[str]:
    try:
        return Counter(str(place[2]) for place in json.loads(found))
    except (ValueError, TypeError, LookupError):
        raise ReadingRoomError("The redactor's marks are not the JSON list that its protocol says.") from None


def _insert(con: duckdb.DuckDBPyConnection, sql: str, made: pa.Table) -> None:
    con.register("rr_made", made)
    con.execute(sql)
    con.unregister("rr_made")


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(con.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0])
