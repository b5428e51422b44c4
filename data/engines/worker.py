"""A query worker: a process that opens one release's serving file, shuts itself in, and answers judged SQL one at a time.

Started by `pool.py` with a socket and a JSON configuration; never by hand. It trusts nothing it is sent: the SQL must be one SELECT, and
runs read-only, in a configuration that is locked, behind the walls of `sandbox.py`. Each question has a connection of its own, so that none
leaves anything for the next. What DuckDB says of an error stays here, since it may hold a value.
"""

import json
import os
import socket
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data.engines import sandbox, wire

_LOCKED = {  # all set globally: a question's own connection takes nothing from the one that sets them
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # no variable of this program is a table
    "preserve_insertion_order": "true",
    "TimeZone": "'UTC'",
    "default_null_order": "'nulls_last'",
    "enable_external_access": "false",
    "lock_configuration": "true",  # last: nothing can be set after it
}
# Kinds of failure that a question's own words cause. Each may also come of data, so planning must fail in the same way.
_AS_WRITTEN = ("BinderException", "CatalogException")


class NotOneSelect(Exception):
    """The text is no statement, several, one of another kind, or does not parse."""


def main() -> None:
    """Opens, confines, says what holds, then serves until the socket closes."""
    settings = json.loads(sys.argv[2])
    warnings.simplefilter("ignore")  # nobody would read them
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        serving = Path(settings["serving"])
        connection = _opened(serving, settings)
        unbound = sandbox.threads() - 1
        abi = sandbox.confine(serving.parent, settings["memory_mb"])
        _lock(connection, settings)
        wire.send(sock, {"ready": not (abi and unbound), "landlock": abi, "unbound": unbound, "pid": os.getpid()})
        _serve(sock, connection)


def _serve(sock: socket.socket, connection: duckdb.DuckDBPyConnection) -> None:
    """A connection for each question, which ends with it: no transaction, view, table, variable, prepared statement or seed stays."""
    watchdog = Watchdog()
    header: dict[str, Any] = {}
    while header.get("error") != "broken":
        with connection.cursor() as cursor:  # made before the question comes, closed after the answer went
            try:
                request, _ = wire.receive(sock)
            except EOFError:
                return
            header, payload = _answered(cursor, watchdog, request)
            wire.send(sock, header, payload)


def _opened(serving: Path, settings: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Opens the file with one thread only: Landlock binds the thread that asks for it and those it starts later, no other.

    Asynchronous threads would be started here; for a local file they save nothing that could be measured, so there are none. Nothing is
    spilt to disk: where memory ends, the query does.
    """
    config: dict[str, Any] = {"threads": 1, "async_threads": 0, "temp_directory": ""}
    connection = duckdb.connect(str(serving), read_only=True, config=config)
    connection.execute(f"SET GLOBAL memory_limit = '{int(settings['memory_mb'])}MiB'")
    # Warm: what is imported or mapped lazily must be there before the walls are.
    _bytes(connection.sql("SELECT $x + 1.5 AS x, 'a' AS y", params={"x": 1}).to_arrow_table())
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, settings: dict[str, Any]) -> None:
    """Starts DuckDB's other threads, now behind the walls, and locks its configuration."""
    connection.execute(f"SET GLOBAL threads = {int(settings['threads'])}")
    for name, value in _LOCKED.items():
        if name not in settings.get("unsafe_skip", ()):
            connection.execute(f"SET GLOBAL {name} = {value}")


class Watchdog:
    """Interrupts a query past its deadline. One thread that looks every few hundredths of a second costs a call nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: tuple[duckdb.DuckDBPyConnection, float] | None = None
        self.barked = False
        threading.Thread(target=self._watch, daemon=True).start()

    def start(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> None:
        """Sets the bound of the query that begins now."""
        with self._lock:
            self.barked, self._watched = False, (cursor, time.monotonic() + seconds)

    def stop(self) -> None:
        """The query is over."""
        with self._lock:
            self._watched = None

    def _watch(self) -> None:
        parent = os.getppid()
        while True:
            time.sleep(0.02)
            if (
                os.getppid() != parent
            ):  # the server is gone; a death signal would fire when only the thread that started us ended
                os._exit(1)
            with self._lock:  # so that no other query than the one that is late is interrupted
                if self._watched is not None and time.monotonic() > self._watched[1]:
                    self.barked = True
                    self._watched[0].interrupt()


def _answered(
    cursor: duckdb.DuckDBPyConnection, watchdog: Watchdog, request: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """The answer, or the kind of failure."""
    watchdog.start(cursor, request["seconds"])
    try:
        return _run(cursor, request)
    except duckdb.InterruptException:
        return {"error": "time" if watchdog.barked else "interrupted"}, b""
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
        return {"error": "memory"}, b""
    except (duckdb.FatalException, duckdb.InternalException):  # after it DuckDB answers nothing more
        return {"error": "broken"}, b""
    except NotOneSelect:
        return {"error": "statement"}, b""
    except duckdb.Error as error:
        return {"error": "sql", "kind": _kind(cursor, request, error)}, b""
    except (pa.ArrowException, RuntimeError, ValueError, TypeError, OverflowError):  # of parameters and of Arrow
        return {"error": "sql", "kind": ""}, b""
    finally:
        watchdog.stop()


def _run(cursor: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    rows = int(request["rows"])
    cursor.execute(_one_select(cursor, request["sql"], rows), request["params"] or None)
    table: pa.Table = cursor.to_arrow_table()
    truncated = table.num_rows > rows
    table = table.slice(0, rows)
    kept = rows
    while table.nbytes > request["bytes"]:
        kept = min(int(kept * request["bytes"] / table.nbytes), table.num_rows - 1)
        if kept < 1:
            return {"error": "bytes"}, b""
        table, truncated = table.slice(0, kept), True
    return {"truncated": truncated}, _bytes(table)


def _one_select(cursor: duckdb.DuckDBPyConnection, sql: str, rows: int) -> duckdb.Statement:
    """The question within a frame that gives at most one row more than may leave; together they must be one SELECT.

    DuckDB counts a WITH that writes among its SELECTs, but takes none within a FROM. A text that closes the frame and opens another
    asks for more rows at most.
    """
    try:
        statements = cursor.extract_statements(f"SELECT * FROM (\n{sql}\n) AS answer LIMIT {rows + 1}")
    except duckdb.Error as error:
        raise NotOneSelect from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise NotOneSelect
    return statements[0]


def _kind(cursor: duckdb.DuckDBPyConnection, request: dict[str, Any], error: duckdb.Error) -> str:
    """The name of a failure that the words of the question cause and that comes without looking at data; otherwise nothing."""
    kind = type(error).__name__
    if kind not in _AS_WRITTEN:
        return ""
    try:
        planned = f"EXPLAIN {_one_select(cursor, request['sql'], 1).query}"
        cursor.execute(planned, request["params"] or None)
    except duckdb.Error as again:
        return kind if type(again).__name__ == kind else ""
    return ""


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


if __name__ == "__main__":
    main()
