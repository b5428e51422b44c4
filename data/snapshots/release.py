"""Writes one release: each table as its `select` says, into one read-only DuckDB file and into Parquet beside it.

The serving file is what a query worker opens; Parquet is the canonical form that is verified. A release must hold as
many rows of a table as the snapshot, or the publish stops: a row lost in a join would be an error nobody sees.
"""

import hashlib
from pathlib import Path

import duckdb

from data.catalogue.model import Catalogue, Table
from data.errors import Damaged
from data.snapshots.digest import parquet_facts, quoted
from data.snapshots.model import ReleaseFacts, TableFacts
from data.snapshots.tables import file_name, sort_order
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
            facts[table.name] = _write_table(con, release, table, tables[table.name], folder)
        con.execute("CHECKPOINT serving")
    finally:
        con.execute("DETACH serving")
    temporary.chmod(0o444)
    temporary.replace(serving)
    return ReleaseFacts(release.ground, definition(release, catalogue), facts)


def _write_table(
    con: duckdb.DuckDBPyConnection, release: Release, table: Table, whole: TableFacts, folder: Path
) -> TableFacts:
    target = f"serving.{table.name}" if "." in table.name else f"serving.main.{table.name}"
    select = release.select(table.name)
    key = table.key if set(table.keys) <= set(release.columns(table.name)) else None
    con.execute(f"CREATE TABLE {target} AS {select} ORDER BY {sort_order(con, select, key)}")
    path = folder / file_name(table.name)
    con.execute(f"COPY {target} TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    made = parquet_facts(con, path, whole.max_rows_per_person)
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
    if tuple(name for name, _ in made.columns) != release.columns(table.name):
        raise Damaged(f"Release {release.name} says other columns of table {table.name} than its SQL gives.")
    return made


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchall()
    return int(row[0][0])
