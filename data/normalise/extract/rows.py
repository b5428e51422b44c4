"""Hands rows made in Python to a staging table, many at a time."""

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from data.normalise.extract.staging import TABLES, column_names

_BATCH = 20_000


class Rows:
    """Gathers rows by staging table and writes them in batches; `close` writes the rest."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._waiting: dict[str, list[tuple[Any, ...]]] = {}
        self._names = {name: column_names(name) for name in TABLES}

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """One row; what it leaves out is NULL."""
        waiting = self._waiting.setdefault(table, [])
        waiting.append(tuple(map(row.get, self._names[table])))
        if len(waiting) >= _BATCH:
            self._write(table)

    def close(self) -> None:
        """Writes what is waiting."""
        for table in list(self._waiting):
            self._write(table)

    def _write(self, table: str) -> None:
        rows = self._waiting.pop(table)
        columns = {name: pa.array([row[place] for row in rows]) for place, name in enumerate(self._names[table])}
        self._con.register("staged_rows", pa.table(columns))
        self._con.execute(f"INSERT INTO staging.{table} SELECT * FROM staged_rows")
        self._con.unregister("staged_rows")
