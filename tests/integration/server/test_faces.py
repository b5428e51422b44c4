"""The server's faces: MCP over stdio and HTTP with real clients, metrics and health, and the command line's words and exit codes."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import anyio
import httpx2
import pytest
import yaml
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from server.ledger import entries
from server.room import open_room

pytestmark = pytest.mark.integration
CLI = [sys.executable, "-m", "server.cli"]


def run(*words, cwd=None, **more):
    return subprocess.run([*CLI, *map(str, words)], capture_output=True, text=True, timeout=120, cwd=cwd, **more)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(base):
    for _ in range(100):
        try:
            return urllib.request.urlopen(f"{base}/healthz", timeout=1).close()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not come up")


def test_session_over_stdio(published_room):
    async def session():
        command = StdioServerParameters(
            command=sys.executable, args=[*CLI[1:], "serve", "--room", str(published_room.root)]
        )
        async with Client(command) as client:
            tools = await client.list_tools()
            answers = [
                await client.call_tool("query", {"sql": sql})
                for sql in ("SELECT count(*) AS n FROM person", "DELETE FROM person")
            ]
            return {tool.name for tool in tools.tools}, answers

    tools, (count, refused) = anyio.run(session)
    assert tools == {"describe_data", "query", "count_cohort", "search_notes", "explain_policy"}
    assert count.structured_content["rows"][0][0] >= 250
    assert refused.is_error
    assert refused.structured_content["error"]["rule"] == "select-only"


def test_http_asks_for_a_token_and_measures(published_room, tmp_path):
    root = tmp_path / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "ledger*"))
    secret = "a secret of the client"
    settings = yaml.safe_load((root / "readingroom.yaml").read_text())
    digest = hashlib.sha256(secret.encode()).hexdigest()
    settings["tokens"] = [{"sha256": digest, "subject": "ana", "role": "analyst", "purpose": "HOPERAT"}]
    (root / "readingroom.yaml").write_text(yaml.safe_dump(settings))
    port = free_port()
    server = subprocess.Popen(
        [*CLI, "serve", "--room", str(root), "--http", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(base)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(
                urllib.request.Request(f"{base}/mcp", b"{}", {"Content-Type": "application/json"}), timeout=5
            )

        async def session():
            http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"})
            async with http, Client(streamable_http_client(f"{base}/mcp", http_client=http)) as client:
                return await client.call_tool("query", {"sql": "SELECT count(*) AS n FROM bed_stay"})

        result = anyio.run(session)
        assert result.structured_content["rows"][0][0] > 0
        with urllib.request.urlopen(f"{base}/readyz", timeout=5) as reply:
            assert json.load(reply) == {"ready": True, "problems": []}
        with urllib.request.urlopen(f"{base}/metrics", timeout=5) as reply:
            assert b'readingroom_calls_total{role="analyst",status="answered",tool="query"} 1.0' in reply.read()
        taken = run("serve", "--room", root, "--http", f"127.0.0.1:{port}")
        assert taken.returncode == 1
        assert f"Port {port}" in taken.stderr
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


def test_open_address_without_tokens_is_refused(published_room):
    result = run("serve", "--room", published_room.root, "--http", f"0.0.0.0:{free_port()}")
    assert result.returncode == 2
    assert "token" in result.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["query", "SELECT count(*) FROM person"], 0),
        (["query", "SELECT count(*) FROM person", "--json"], 0),
        (["query", "SELECT person_id FROM person"], 1),
        (["query", "SELEC"], 2),
        (["query"], 2),
        (["explain", "SELECT count(*) FROM person"], 0),
        (["explain", "SELECT note_text FROM note"], 1),
        (["query", "SELECT 1", "--role", "nobody"], 1),
        (["audit", "verify", "--json"], 0),
        (["audit", "show"], 0),
        (["replay", "no-such-session"], 1),
        (["doctor"], 0),
        (["no-such-command"], 2),
    ],
)
def test_exit_codes_say_how_it_ended(published_room, words, code):
    result = run(*words, cwd=published_room.root)
    assert result.returncode == code, result.stderr


def test_json_answer_has_what_scripts_need(published_room):
    answer = json.loads(run("query", "SELECT 1 AS one", "--json", cwd=published_room.root).stdout)
    assert {"columns", "rows", "truncated", "cells_hidden", "snapshot", "verdict"} <= set(answer)


def test_smoke_suite_is_all_right(published_room, tmp_path):
    result = run("eval", "run", "smoke", "--room", published_room.root, "--report", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((tmp_path / "smoke.json").read_text())
    assert (report["answer"], report["refusal"]) == ({"right": 20, "asked": 20}, {"right": 10, "asked": 10})
    assert "answers right: 20 of 20" in (tmp_path / "smoke.md").read_text()


def test_changed_ledger_fails_verification(published_room, tmp_path):
    import sqlite3

    root = tmp_path / "room"
    assert run("query", "SELECT 1", "--room", published_room.root).returncode == 0
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "snapshots"))
    with sqlite3.connect(root / "ledger.db") as db:
        db.execute("UPDATE entry SET body = replace(body, 'query', 'quary') WHERE seq = 1")
    result = run("audit", "verify", "--room", root)
    assert result.returncode == 1
    assert "entry 1" in result.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: (root / "readingroom.yaml").write_text("sources: [\n"), "readingroom.yaml:2"),
        (lambda root: (root / "readingroom.yaml").write_text("surces: []\n"), "surces"),
        (lambda root: (root / "policy.yaml").write_text((root / "policy.yaml").read_text().replace('"operations.*"', '"nowhere"')), "nowhere"),
        (lambda root: (root / "policy.yaml").write_text((root / "policy.yaml").read_text().replace("tags: [person_key,", "hide: [person.zipp]\n    tags: [person_key,", 1)), "person.zipp"),
        (lambda root: (root / "policy.yaml").unlink(), "policy.yaml"),
        (lambda root: (root / "current").unlink(), "publish"),
    ],
)  # fmt: skip
def test_wrong_files_are_named(published_room, tmp_path, change, words):
    root = tmp_path / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "snapshots", "ledger*"))
    change(root)
    result = run("query", "SELECT 1", "--room", root)
    assert result.returncode in (1, 2)
    assert words in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_failed_source_does_not_stop_the_others(hospital, tmp_path):
    assert run("init", tmp_path).returncode == 0
    os.symlink(hospital, tmp_path / "hospital")
    settings = (tmp_path / "readingroom.yaml").read_text()
    (tmp_path / "readingroom.yaml").write_text(settings.replace("hospital/imaging", "hospital/nowhere"))
    result = run("ingest", "--room", tmp_path)
    assert result.returncode == 1
    assert "imaging" in result.stderr
    assert "registry: 6 new" in result.stdout


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="cutting the network needs root and unshare"
)
def test_demo_runs_with_the_network_cut(tmp_path):
    words = ["unshare", "--net", *CLI, "demo", "--room", str(tmp_path / "demo"), "--persons", "120"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stderr
    assert "6 of 6 answers identical" in result.stdout


EMERGENCY = """
  - {role: emergency, purpose: ETREAT, release: limited, mode: record, tables: [person], tags: [person_key, clinical, quasi_identifier],
     rows: [own_state], break_glass: true}
row_filters:
  own_state: {meaning: persons who live in the asker's state,
    keep: "SELECT p.person_id FROM person p JOIN location l USING (location_id) WHERE l.state = $state"}
"""


@pytest.fixture
def emergency_room(published_room, tmp_path):
    """The room with a grant for emergencies, and a token and a local profile that may use it."""
    root = tmp_path / "room"
    shutil.copytree(published_room.root, root, ignore=shutil.ignore_patterns("hospital", "raw", "ledger*"))
    policy = (
        (root / "policy.yaml").read_text().replace("\n# The policy's own test", EMERGENCY + "\n# The policy's own test")
    )
    (root / "policy.yaml").write_text(policy)
    settings = yaml.safe_load((root / "readingroom.yaml").read_text())
    profile = {"role": "emergency", "purpose": "ETREAT", "attributes": {"state": "MA"}}
    settings["tokens"] = [{"sha256": hashlib.sha256(b"x").hexdigest(), "subject": "ana", **profile}]
    settings["local"] = profile
    (root / "readingroom.yaml").write_text(yaml.safe_dump(settings))
    return root


def test_break_glass_on_the_command_line_needs_a_reason_and_raises_an_alert(emergency_room):
    sql = "SELECT count(*) AS n FROM person"
    refused = run("query", sql, "--room", emergency_room, "--json")
    assert json.loads(refused.stdout)["error"]["rule"] == "break-glass"
    short = run("query", sql, "--room", emergency_room, "--json", "--break-glass", "urgent")
    assert json.loads(short.stdout)["error"]["rule"] == "break-glass"
    opened = run(
        "query", sql, "--room", emergency_room, "--json", "--break-glass", "unconscious patient in the emergency room"
    )
    assert 0 < json.loads(opened.stdout)["rows"][0][0] < 250  # of the asker's state only
    alerts = [one.body for one in entries(open_room(emergency_room).ledger_url) if one.body.get("alert")]
    assert {one["alert"] for one in alerts} == {"break-glass"}
    assert "unconscious" not in json.dumps(alerts)


def test_break_glass_over_http_is_a_header(emergency_room):
    port = free_port()
    server = subprocess.Popen(
        [
            *CLI,
            "serve",
            "--room",
            str(emergency_room),
            "--http",
            f"127.0.0.1:{port}",
            "--role",
            "researcher",
            "--purpose",
            "HRESCH",
        ],
        stderr=subprocess.DEVNULL,
    )

    async def asked(headers):
        client = httpx2.AsyncClient(headers={"Authorization": "Bearer x", **headers})
        async with (
            client,
            Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=client)) as session,
        ):
            return await session.call_tool("query", {"sql": "SELECT count(*) AS n FROM person"})

    try:
        wait_for(f"http://127.0.0.1:{port}")
        assert anyio.run(asked, {}).structured_content["error"]["rule"] == "break-glass"
        opened = anyio.run(asked, {"Reading-Room-Break-Glass": "unconscious patient in the emergency room"})
        assert opened.structured_content["rows"][0][0] > 0
    finally:
        server.terminate()
        server.wait(10)
