"""The other side of the comparison: the plainest MCP tool on the same DuckDB file, on the official SDK, governed by nothing."""

import sys

import duckdb
from mcp.server import MCPServer

connection = duckdb.connect(sys.argv[1], read_only=True)
connection.execute("SET threads = 2")
connection.execute("SET enable_progress_bar = false")
server = MCPServer("bare")


@server.tool()
def query(sql: str) -> dict[str, object]:
    """Run SQL."""
    table = connection.sql(sql).to_arrow_table()
    return {
        "columns": table.column_names,
        "rows": [[_plain(value) for value in row.values()] for row in table.to_pylist()],
    }


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


if __name__ == "__main__":
    server.run()
