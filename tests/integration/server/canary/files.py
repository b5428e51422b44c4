"""What comes out as a channel, and files as channels: their names, their bytes, and of tables the values, however they lie packed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Channel:
    """Something that came out. `asked`: what its reader had sent and so may read again. `plain`: large; its values are channels, too."""

    name: str
    content: bytes
    asked: str = ""
    plain: bool = False


def files_in(folder: Path, kept: tuple[str, ...]) -> Iterator[Channel]:
    """Every file but those kept, by its name and its bytes; of tables the values, too, however they lie packed."""
    left_out = [path for pattern in kept for path in folder.glob(pattern)]
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.is_relative_to(one) for one in left_out)
    ]
    yield Channel(
        f"names of files in {folder.name}", "\n".join(str(path.relative_to(folder)) for path in paths).encode()
    )
    with duckdb.connect() as con:
        for path in paths:
            name, content = f"file {path.relative_to(folder.parent)}", path.read_bytes()
            packed = path.suffix == ".duckdb" or content.startswith(b"PAR1")
            yield Channel(name, content, plain=packed)
            if packed:
                yield from _values(con, path, name)


def _values(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> Iterator[Channel]:
    """The texts of each column of a table file."""
    if path.suffix != ".duckdb":
        table = path.stem.rpartition(".")[2]
        con.execute(f"CREATE VIEW \"{table}\" AS FROM read_parquet('{path}')")
        yield from _columns(con, "memory", name)
        con.execute(f'DROP VIEW "{table}"')
    else:
        con.execute(f"ATTACH '{path}' AS looked_at (READ_ONLY)")
        yield from _columns(con, "looked_at", name)
        con.execute("DETACH looked_at")


def _columns(con: duckdb.DuckDBPyConnection, database: str, name: str) -> Iterator[Channel]:
    listed = "SELECT schema_name, table_name, list(column_name) FROM duckdb_columns() WHERE database_name = ? AND data_type SIMILAR TO ? GROUP BY ALL"
    for schema, table, columns in con.execute(listed, [database, "VARCHAR.*|BLOB|JSON|STRUCT.*|MAP.*"]).fetchall():
        texts = ", ".join(f"string_agg(DISTINCT {column}::VARCHAR, chr(10))" for column in columns)
        row = con.execute(f'SELECT {texts} FROM {database}."{schema}"."{table}"').fetchall()[0]
        for column, text in zip(columns, row, strict=True):
            yield Channel(f"{name}: {table}.{column}", (text or "").encode())
