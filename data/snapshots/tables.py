"""Writes tables to Parquet in one fixed order of rows, and checks that the build holds what the catalogue says.

The order is the key, then, where keys repeat, all other columns, so the same rows give the same file order on any
number of threads. Nothing here changes a value.
"""

from pathlib import Path

import duckdb

from data.catalogue.model import Catalogue, Table
from data.errors import ReadingRoomError
from data.snapshots.digest import parquet_facts, quoted
from data.snapshots.model import TableFacts


def source_name(table: str) -> str:
    """Where the build keeps a table of the catalogue."""
    return table if "." in table else f"cdm.{table}"


def file_name(table: str) -> str:
    """The Parquet file of a table."""
    return f"{table}.parquet"


def check_build(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    """The build has every table and column of the catalogue; patient_identity may lie in the vault instead of cdm."""
    con.execute("CREATE SCHEMA IF NOT EXISTS vault")
    have = _have(con)
    if "vault.patient_identity" in have and "cdm.patient_identity" not in have:
        con.execute("CREATE VIEW cdm.patient_identity AS FROM vault.patient_identity")
        have = _have(con)
    for table in catalogue.values():
        if (columns := have.get(source_name(table.name))) is None:
            raise ReadingRoomError(f"The build has no table {table.name}.", "The builder must make it, empty or not.")
        if missing := [column.name for column in table.columns if column.name not in columns]:
            raise ReadingRoomError(f"The build's table {table.name} lacks columns {', '.join(missing)}.")


def _have(con: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    have: dict[str, set[str]] = {}
    for schema, table, column in con.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
    ).fetchall():
        have.setdefault(f"{schema}.{table}", set()).add(column)
    return have


_MEANS = {"redacted_text", "person_text", "withheld_value", "snapshot_day", "person_first"}


def vault_tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of the vault that are kept: all but what is only a means of publishing."""
    rows = con.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'vault'").fetchall()
    return sorted({row[0] for row in rows} - _MEANS)


def write_table(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> TableFacts:
    """One table of the catalogue, in the catalogue's types and order of columns."""
    items = ", ".join(f"CAST({column.name} AS {column.type}) AS {column.name}" for column in table.columns)
    source = source_name(table.name)
    most = most_rows(con, source) if table.unit == "person" else None
    return write_rows(con, f"SELECT {items} FROM {source}", table.key, path, most)


def write_rows(
    con: duckdb.DuckDBPyConnection, select: str, key: str | None, path: Path, most: int | None = None
) -> TableFacts:
    """The rows of a SELECT, sorted by the key (or by all columns), as zstd Parquet."""
    order = sort_order(con, select, key)
    con.execute(f"COPY ({select} ORDER BY {order}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    return parquet_facts(con, path, most)


def sort_order(con: duckdb.DuckDBPyConnection, select: str, key: str | None) -> str:
    """An ORDER BY that leaves no two different rows in doubt."""
    if key is None:
        return "ALL"
    rows, keys = con.sql(f"SELECT count(*), count(DISTINCT ({key})) FROM ({select})").fetchall()[0]
    if rows == keys:
        return key
    names = [row[0] for row in con.execute(f"DESCRIBE {select}").fetchall()]
    return ", ".join([key, *(f'"{name}"' for name in names if name not in key.split(","))])


def most_rows(con: duckdb.DuckDBPyConnection, source: str) -> int:
    """The most rows any one person has in a table."""
    counts = f"SELECT count(*) AS n FROM {source} GROUP BY person_id"
    return int(con.sql(f"SELECT coalesce(max(n), 0) FROM ({counts})").fetchall()[0][0])
