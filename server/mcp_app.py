"""The MCP face of the house: the tools as the protocol lists them, and calls handed to the pipeline.

The SDK's low-level server is used, so that arguments reach the pipeline unchecked: a call with wrong arguments is recorded like any
other. Principals come from the transport: one fixed for stdio, the request's own over HTTP.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as McpTool

from server.call import Principal, Request
from server.house import House
from server.pipeline import answer
from server.records import VERSION
from tools import TOOLS

INSTRUCTIONS = (
    "Reading Room answers questions over a hospital's data under a policy. Ask describe_data first, then count_cohort, search_notes or query. "
    "A refusal says which rule and what you may ask instead. Withheld cells are null: do not try to derive them."
)
# W3C Trace Context, section 3.2: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
Who = Callable[["ServerRequestContext[Any, Any]"], Principal]


def build(house: House, who: Who) -> "Server[Any]":
    """The MCP server of a house; `who` gives the principal of a request."""
    limiter = anyio.CapacityLimiter(house.room.settings.engine.workers * 8)

    async def list_tools(
        ctx: "ServerRequestContext[Any, Any]", params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=_LISTED)

    async def call_tool(ctx: "ServerRequestContext[Any, Any]", params: CallToolRequestParams) -> CallToolResult:
        request = Request(params.name, dict(params.arguments or {}), who(ctx))
        reply = await anyio.to_thread.run_sync(answer, house, request, limiter=limiter)
        text = TextContent(type="text", text=reply.text)
        return CallToolResult(content=[text], structured_content=reply.structured, is_error=reply.is_error)

    return Server(
        "readingroom", version=VERSION, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


def trace_of(ctx: "ServerRequestContext[Any, Any]") -> str:
    """The client's W3C traceparent, where it sent one in `_meta`; empty where it is none, since it is written down openly."""
    meta: Any = ctx.meta or {}
    sent = str(meta.get("traceparent", ""))
    return sent if _TRACEPARENT.fullmatch(sent) else ""


async def serve_stdio(house: House, principal: Principal) -> None:
    """Serves one person on standard input and output until the client goes away."""

    def who(ctx: "ServerRequestContext[Any, Any]") -> Principal:
        return replace(principal, trace=trace_of(ctx))

    server = build(house, who)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_LISTED = [
    McpTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        output_schema=tool.output.model_json_schema(),
        annotations=_READ_ONLY,
    )
    for tool in TOOLS.values()
]
