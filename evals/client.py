"""How evals talk to Reading Room: as an MCP client over stdio, with the server as a process of its own. They import nothing of it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters


def server_command(room: Path, role: str, purpose: str) -> StdioServerParameters:
    """The command that serves a room to one person, as a desktop assistant would start it."""
    words = ["-m", "server.cli", "serve", "--room", str(room), "--role", role, "--purpose", purpose]
    return StdioServerParameters(command=sys.executable, args=words)


@asynccontextmanager
async def connected(room: Path, role: str, purpose: str) -> AsyncIterator[Client]:
    """A client connected to the room as a role for a purpose."""
    async with Client(server_command(room, role, purpose)) as client:
        yield client


async def ask(client: Client, tool: str, arguments: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """(answered, structured content) of one call."""
    result = await client.call_tool(tool, arguments)
    return not result.is_error, dict(result.structured_content or {})
