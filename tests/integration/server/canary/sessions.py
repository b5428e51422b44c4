"""Sessions over real stdio and real HTTP, by the MCP client as assistants hold them, and by hand where a client would be too polite."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation

from tests.integration.server.canary.persons import Cast
from tests.integration.server.canary.questions import FAILING, Question, any_arguments, counts_of, rows_of, telling

SERVE = [sys.executable, "-m", "server.cli", "serve"]
Keep = Callable[[str, str, str], None]  # channel, what was asked, what came back
Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def session(client: Client, channel: str, cast: Cast, mode: str, keep: Keep, tell: bool) -> set[str]:
    """Asks for everything, with `tell` in questions that carry needles, too, and keeps what comes back; gives the tools that the server lists."""
    listed = await client.list_tools()
    tools = {tool.name: tool.input_schema for tool in listed.tools}
    keep(f"{channel}: tools", "", listed.model_dump_json())

    async def ask(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        meta = {
            "traceparent": cast.manifest.plant(f"asked: traceparent of {tool}"[:60]),
            "tracestate": f"x={cast.word()}",
            "baggage": cast.text("asked: baggage"),
        }
        asked = json.dumps([tool, arguments, meta])
        try:
            result = await client.call_tool(tool, arguments, meta=meta)
        except MCPError as error:
            keep(channel, asked, f"{error} {error.error!r}")
            return {}
        keep(channel, asked, result.model_dump_json())
        return result.structured_content or {}

    questions: list[Question] = [(name, any_arguments(schema, cast, name)) for name, schema in tools.items()]
    tables = (await ask("describe_data", {}))["tables"]
    if mode == "record":
        questions += [*map(rows_of, tables), ("describe_data", {"table": tables[0]["name"]})]
    else:
        for table in tables:
            questions += counts_of((await ask("describe_data", {"table": table["name"]}))["tables"][0])
    for tool, arguments in [*questions, *FAILING, *(telling(cast) if tell else ())]:
        await ask(tool, arguments)
    return set(tools)


async def over_stdio(
    room: Path, role: str, purpose: str, cast: Cast, mode: str, keep: Keep, env: dict[str, str], log: Path, net: bool
) -> set[str]:
    """A session with a server of its own; with the network cut where it can be."""
    words = [*([] if net else ["unshare", "--net"]), *SERVE, "--room", str(room), "--role", role, "--purpose", purpose]
    command = StdioServerParameters(command=words[0], args=words[1:], env=env)
    who = Implementation(name=cast.text("asked: client name"), version=cast.text("asked: client version"))
    with log.open("a") as errors:
        async with Client(stdio_client(command, errlog=errors), client_info=who) as client:
            return await session(client, f"stdio {role}", cast, mode, keep, tell=True)


async def over_http(base: str, secret: str, role: str, cast: Cast, mode: str, keep: Keep, tell: bool) -> set[str]:
    """A session with the server that is up."""
    headers = {"Authorization": f"Bearer {secret}", "User-Agent": cast.text("asked: User-Agent"), "X-Request-Id": cast.text("asked: X-Request-Id"),
               "traceparent": cast.manifest.plant("asked: header traceparent"), "Reading-Room-Break-Glass": cast.text("asked: break glass")}  # fmt: skip
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{base}/mcp", http_client=http)) as client,
    ):
        return await session(client, f"HTTP {role}", cast, mode, keep, tell)


def rude_http(base: str, secret: str, cast: Cast, keep: Keep) -> None:
    """What no client sends: broken JSON, unknown methods and paths, wrong tokens, headers and hosts of all kinds."""
    post = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {secret}",
    }
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}

    def text(where: str) -> str:
        return cast.text(f"asked: {where}").replace(" ", "_")

    requests: list[tuple[str, dict[str, str], bytes | None]] = [
        ("/mcp", post, f'{{"jsonrpc": "2.0", "{text("broken JSON")}'.encode()),
        ("/mcp", post, b'\xff\xfe{"' + text("not UTF-8").encode()),
        ("/mcp", post, json.dumps({**call, "method": text("a method"), "params": {"x": text("params")}}).encode()),
        ("/mcp", post, json.dumps({**call, "id": text("an id"), "params": {"name": "query", "arguments": text("arguments that are none")}}).encode()),
        ("/mcp", post, json.dumps({**call, "params": {"name": {"x": text("a name that is none")}}}).encode()),
        ("/mcp", post, json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": text("a malformed notification")}}).encode()),
        ("/mcp", post, json.dumps({"jsonrpc": "2.0", "method": text("an unknown notification")}).encode()),
        ("/mcp", post, json.dumps([text("a batch")]).encode()),
        ("/mcp", {**post, "Authorization": f"Bearer {text('a token')}"}, b"{}"),
        ("/mcp", {**post, "Mcp-Session-Id": text("a session id"), "Mcp-Protocol-Version": text("a version")}, json.dumps(call).encode()),
        ("/mcp", {**post, "Host": text("a host")}, json.dumps(call).encode()),
        ("/mcp", {**post, "Origin": f"http://{text('an origin')}"}, json.dumps(call).encode()),
        ("/mcp", {**post, "Content-Type": text("a content type")}, json.dumps(call).encode()),
        ("/mcp", {**post, "Accept": text("an accept")}, json.dumps(call).encode()),
        (f"/{text('a path')}?q={text('a query')}", {"Cookie": text("a cookie"), "Referer": text("a referer")}, None),
        (f"/metrics?{text('a query of metrics')}", {}, None),
    ]  # fmt: skip
    for path, headers, body in requests:
        request = urllib.request.Request(f"{base}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                back = str(reply.headers).encode() + reply.read()
        except urllib.error.HTTPError as error:
            back = str(error.headers).encode() + error.read()
        keep("HTTP by hand", f"{path} {headers} {body!r}", back.decode("latin-1"))
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        words = f"{text('no HTTP at all')} {text('no path')}\r\n\r\n"
        raw.sendall(words.encode())
        keep("HTTP by hand", words, raw.recv(4096).decode("latin-1"))


def rude_stdio(room: Path, cast: Cast, keep: Keep, env: dict[str, str], log: Path) -> None:
    """Lines that are no messages, or malformed ones, by hand; then the end of input."""

    def text(where: str) -> str:
        return cast.text(f"asked: stdio {where}")

    lines = [
        text("no JSON"), json.dumps({"jsonrpc": "2.0", "id": 1, "method": text("a method before initialize")}),
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                    "clientInfo": {"name": text("client name"), "version": "1"}}}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": text("a method")}), json.dumps({"jsonrpc": "1.0", "id": text("an id")}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": text("a malformed notification")}}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": text("a request"), "reason": text("a reason")}}),
        json.dumps({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "query", "arguments": text("arguments that are none")}}),
        json.dumps({"jsonrpc": "2.0", "id": 5, "method": "resources/read", "params": {"uri": f"x://{text('a resource')}"}}),
        json.dumps({"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": f"SELECT '{text('a literal')}' AS x"}}}),
    ]  # fmt: skip
    with log.open("a") as errors:
        server = subprocess.Popen(
            [*SERVE, "--room", str(room)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=env,
            cwd=env["TMPDIR"],
        )
        out, _ = server.communicate("\n".join(lines).encode() + b"\n", timeout=60)
    keep("stdio by hand", "\n".join(lines), out.decode("utf-8", "replace"))


def wait_for(base: str) -> None:
    """Waits until the server answers."""
    for _ in range(300):
        try:
            return urllib.request.urlopen(f"{base}/healthz", timeout=1).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not come up")
