"""Writes one release: each table as its `select` says, into one read-only DuckDB file and into Parquet beside it.

The serving file is what a query worker opens; Parquet is the canonical form that is verified. A release must hold as
many rows of a table as the snapshot, or the publish stops: a row lost in a join would be an error nobody sees. The index of its notes is
made of the notes as they were just written, never of another text.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import duckdb

from data.catalogue.model import Catalogue, Table
from data.errors import Damaged
from data.snapshots.digest import parquet_facts, quoted
from data.snapshots.model import ReleaseFacts, TableFacts
from data.snapshots.note_index import index_sql
from data.snapshots.tables import file_name, most_rows, sort_order
from data.types import Progress, Release

SERVING = "serving.duckdb"


def definition(release: Release, catalogue: Catalogue) -> str:
    """Digest of what a release is: its ground, and columns and SQL of every table."""
    held = [name for name in catalogue if release.columns(name)]
    lines = [
        release.name,
        release.ground,
        *(f"{name}\n{release.columns(name)}\n{release.select(name)}" for name in held),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_release(
    con: duckdb.DuckDBPyConnection,
    release: Release,
    catalogue: Catalogue,
    tables: dict[str, TableFacts],
    folder: Path,
    progress: Progress,
) -> ReleaseFacts:
    """Make `folder` with the serving file and one Parquet file a table."""
    folder.mkdir(parents=True)
    temporary, serving = folder / f".{SERVING}.new", folder / SERVING
    held = [table for table in catalogue.values() if release.columns(table.name)]
    con.execute(f"ATTACH {quoted(str(temporary))} AS serving")
    facts = {}
    try:
        con.execute("CREATE SCHEMA serving.operations")
        for done, table in enumerate(held):
            progress(f"release {release.name}", done, len(held))
            write = _write_index if table.made_of else _write_table
            facts[table.name] = write(con, release, table, tables, folder)
        con.execute("CHECKPOINT serving")
    finally:
        con.execute("DETACH serving")
    temporary.chmod(0o444)
    temporary.replace(serving)
    return ReleaseFacts(release.ground, definition(release, catalogue), facts)


def _write_table(
    con: duckdb.DuckDBPyConnection, release: Release, table: Table, tables: Mapping[str, TableFacts], folder: Path
) -> TableFacts:
    select, whole = release.select(table.name), tables[table.name]
    key = table.key if set(table.keys) <= set(release.columns(table.name)) else None
    target = _create(con, table, select, sort_order(con, select, key))
    made = _copied(con, release, table, folder, whole.max_rows_per_person)
    if made.rows != whole.rows:
        raise Damaged(
            f"Release {release.name} holds {made.rows} rows of table {table.name}, the snapshot {whole.rows}.",
            "A person_id without a row in table person, or a key that joins twice: mend the normaliser or the release.",
        )
    if table.unit == "person" and _count(con, f"SELECT count(*) FROM {target} WHERE person_id IS NULL"):
        raise Damaged(
            f"Release {release.name} holds rows of table {table.name} without a person, whom disclosure control could not count.",
            "Mend the normaliser: rows of nobody belong into quarantine.",
        )
    return made


def _write_index(
    con: duckdb.DuckDBPyConnection, release: Release, table: Table, _tables: Mapping[str, TableFacts], folder: Path
) -> TableFacts:
    """An index of the notes, of those in the serving file: as the release says, without its text being put together once more."""
    if release.select(table.name) != index_sql(table.name, f"({release.select('note')})"):
        raise Damaged(
            f"Release {release.name} says that its table {table.name} is made of something else than its own notes.",
            "Compile the release again.",
        )
    target = _create(con, table, index_sql(table.name, "serving.main.note"), table.key)
    return _copied(con, release, table, folder, most_rows(con, target))


def _create(con: duckdb.DuckDBPyConnection, table: Table, select: str, order: str) -> str:
    target = f"serving.{table.name}" if "." in table.name else f"serving.main.{table.name}"
    con.execute(f"CREATE TABLE {target} AS {select} ORDER BY {order}")
    return target


def _copied(
    con: duckdb.DuckDBPyConnection, release: Release, table: Table, folder: Path, most: int | None
) -> TableFacts:
    """The Parquet file of a table that was created, and its facts."""
    target = f"serving.{table.name}" if "." in table.name else f"serving.main.{table.name}"
    path = folder / file_name(table.name)
    con.execute(f"COPY {target} TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    made = parquet_facts(con, path, most)
    if tuple(name for name, _ in made.columns) != release.columns(table.name):
        raise Damaged(f"Release {release.name} says other columns of table {table.name} than its SQL gives.")
    return made


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchall()
    return int(row[0][0])
