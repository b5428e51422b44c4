"""Digests of logical content: the rows of a Parquet file in its order, whatever the bytes, threads or machine.

Each row becomes text in which no two different rows look alike (NULL as `~`, text with its length before it), each text
a SHA-256 in DuckDB, and all of these, in order, one SHA-256. Rows are never kept in memory. Publishing and verifying
call the same function, so what is verified is what was written.
"""

import hashlib
from pathlib import Path

import duckdb
import pyarrow as pa

from data.snapshots.model import TableFacts

_BATCH = 65536


def parquet_facts(con: duckdb.DuckDBPyConnection, path: Path, max_rows_per_person: int | None = None) -> TableFacts:
    """Digest, rows and columns of one Parquet file."""
    source = f"read_parquet({quoted(str(path))})"
    described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    columns = tuple((str(row[0]), str(row[1])) for row in described)
    total = hashlib.sha256("".join(f"{name} {kind}\n" for name, kind in columns).encode())
    rows = 0
    for batch in con.sql(f"SELECT unhex(sha256({_row_text(columns)})) AS h FROM {source}").to_arrow_reader(_BATCH):
        total.update(_bytes(batch.column(0)))
        rows += batch.num_rows
    return TableFacts(total.hexdigest(), rows, columns, max_rows_per_person)


def _bytes(hashes: pa.Array) -> bytes:
    """The 32-byte values of an Arrow column, one after the other."""
    start, data = hashes.offset, hashes.cast(pa.binary())
    values: memoryview = memoryview(data.buffers()[2]) if len(data) else memoryview(b"")
    return values[start * 32 : (start + len(data)) * 32].tobytes()


def _row_text(columns: tuple[tuple[str, str], ...]) -> str:
    return f"concat_ws(',', {', '.join(_cell(name, kind) for name, kind in columns)})"


def _cell(name: str, kind: str) -> str:
    column = f'"{name}"'
    if kind in {"BIGINT", "INTEGER", "DATE", "TIMESTAMP", "BOOLEAN"} or kind.startswith("DECIMAL"):
        return f"coalesce({column}::VARCHAR, '~')"
    text = f"{column}::VARCHAR" if kind == "VARCHAR" else f"to_json({column})::VARCHAR"
    return f"coalesce(strlen({text}) || ':' || {text}, '~')"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
