"""A query worker: a process that opens one release's serving file, shuts itself in, and answers judged SQL one at a time.

Started by `pool.py` with a socket and a JSON configuration; never by hand. It trusts nothing it is sent: the SQL runs read-only, in a
configuration that is locked, behind the walls of `sandbox.py`. What DuckDB says of an error stays here, since it may hold a value.
"""

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data.engines import sandbox, wire

_LOCKED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "enable_progress_bar": "false",
    "preserve_insertion_order": "true",
    "TimeZone": "'UTC'",
    "default_null_order": "'nulls_last'",
    "enable_external_access": "false",
    "lock_configuration": "true",  # last: nothing can be set after it
}


def main() -> None:
    """Opens, confines, says what holds, then serves until the socket closes."""
    settings = json.loads(sys.argv[2])
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        serving = Path(settings["serving"])
        connection = _opened(serving, settings)
        abi = sandbox.confine(serving.parent, settings["memory_mb"])
        _lock(connection, settings)
        watchdog = Watchdog(connection)
        wire.send(sock, {"ready": True, "landlock": abi, "pid": os.getpid()})
        while True:
            try:
                request, _ = wire.receive(sock)
            except EOFError:
                return
            wire.send(sock, *_answered(connection, watchdog, request))


def _opened(serving: Path, settings: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Opens the file with one thread only: Landlock binds the thread that asks for it and those it starts later, no other."""
    connection = duckdb.connect(str(serving), read_only=True, config={"threads": 1})
    connection.execute(f"SET memory_limit = '{int(settings['memory_mb'])}MiB'")
    # Warm: what is imported or mapped lazily must be there before the walls are.
    _bytes(connection.sql("SELECT $x + 1.5 AS x, 'a' AS y", params={"x": 1}).to_arrow_table())
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, settings: dict[str, Any]) -> None:
    """Starts DuckDB's other threads, now behind the walls, and locks its configuration."""
    connection.execute(f"SET threads = {int(settings['threads'])}")
    for name, value in _LOCKED.items():
        if name not in settings.get("unsafe_skip", ()):
            connection.execute(f"SET {name} = {value}")


class Watchdog:
    """Interrupts a query past its deadline. One thread that looks every few hundredths of a second costs a call nothing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._deadline: float | None = None
        self.barked = False
        threading.Thread(target=self._watch, daemon=True).start()

    def start(self, seconds: float) -> None:
        """Sets the bound of the query that begins now."""
        self.barked, self._deadline = False, time.monotonic() + seconds

    def stop(self) -> None:
        """The query is over."""
        self._deadline = None

    def _watch(self) -> None:
        parent = os.getppid()
        while True:
            time.sleep(0.02)
            if (
                os.getppid() != parent
            ):  # the server is gone; a death signal would fire when only the thread that started us ended
                os._exit(1)
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self.barked = True
                self._connection.interrupt()


def _answered(
    connection: duckdb.DuckDBPyConnection, watchdog: Watchdog, request: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    watchdog.start(request["seconds"])
    try:
        return _run(connection, request)
    except duckdb.InterruptException:
        return {"error": "time" if watchdog.barked else "interrupted"}, b""
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
        return {"error": "memory"}, b""
    except duckdb.Error as error:
        return {"error": "sql", "kind": type(error).__name__}, b""
    finally:
        watchdog.stop()


def _run(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    rows = int(request["rows"])
    bounded = f"SELECT * FROM (\n{request['sql']}\n) AS answer LIMIT {rows + 1}"
    relation = connection.sql(bounded, params=request["params"] or None)
    table = relation.to_arrow_table()
    truncated = table.num_rows > rows
    table = table.slice(0, rows)
    if table.nbytes > request["bytes"]:
        kept = max(1, int(rows * request["bytes"] / table.nbytes))
        table, truncated = table.slice(0, min(kept, table.num_rows)), True
    return {"truncated": truncated}, _bytes(table)


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


if __name__ == "__main__":
    main()
