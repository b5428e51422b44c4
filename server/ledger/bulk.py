"""Entries as bytes, many a second: the driver's own rows, without objects, in one transaction that sees one state of the ledger."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from server.ledger.schema import placed

_AT_ONCE = 256
_TEXTS = ("at", "kind", "call_id", "session", "snapshot", "status", "subject", "body")
_AFTER = ("sealed", "prev", "hash", "leaf")


@contextmanager
def one_state(connection: Connection) -> Iterator[None]:
    """What is read inside is as of one moment, whoever writes meanwhile."""
    sqlite = connection.dialect.name == "sqlite"
    connection.exec_driver_sql("BEGIN" if sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


def raw_rows(connection: Connection, after: int) -> Generator[list[tuple[Any, ...]]]:
    """Rows from the entry past `after` on, in lists of 256: seq, then as bytes the texts, sealed, prev, hash and leaf.

    What was read before an error of the driver comes out before it.
    """
    driver: Any = connection.connection.driver_connection
    cursor = _cursor(connection, driver, after)
    rows: list[tuple[Any, ...]] = []
    try:
        for row in cursor:
            rows.append(row)
            if len(rows) == _AT_ONCE:
                yield rows
                rows = []
        yield rows
    except Exception:
        yield rows
        raise
    finally:
        cursor.close()
        if connection.dialect.name == "sqlite":
            driver.text_factory = str


def _cursor(connection: Connection, driver: Any, after: int) -> Any:
    columns = [*_TEXTS, *_AFTER]
    if connection.dialect.name == "sqlite":
        driver.text_factory = bytes
        cursor = driver.cursor()
    else:
        cursor = driver.cursor(name="verify")
        texts = {*_TEXTS, "prev", "hash"}
        columns = [f"convert_to({name}, 'UTF8')" if name in texts else name for name in columns]
    sql = f"SELECT seq, {', '.join(columns)} FROM entry WHERE seq > ? ORDER BY seq"
    cursor.execute(placed(connection, sql), (after,))
    return cursor
