"""Drives the running system as its users do, and gathers everything that comes out of it anywhere, as named channels.

Needed once: some forty seconds. What goes on side by side is what goes on side by side in a hospital.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import httpx2
import yaml
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.integration.server.canary import pages, sessions
from tests.integration.server.canary.files import Channel, files_in
from tests.integration.server.canary.plant import GRANTS, HASTY, Planted, plant
from tests.integration.server.canary.plant_hl7 import plant_often
from tests.integration.server.canary.questions import endless
from tests.integration.server.canary.receiver import Received, receiver

REPOSITORY = Path(__file__).parents[4]
COMMANDS = "tests.integration.server.canary.commands"
CLI = [sys.executable, "-m", "server.cli"]
CAN_CUT = os.geteuid() == 0 and shutil.which("unshare") is not None
# Where identities are meant to be: what came in, the snapshot as it was normalised, and the release for those who treat.
_KEPT = ("hospital", "raw", "keys", "snapshots/*/vault", "snapshots/*/tables", "snapshots/*/releases/identified")
_NAME = re.compile(r"[a-z]+(?:-[a-z]+)?|--json|--html|--failed")
ALONE = "publisher"  # who asks over stdio; the others ask over HTTP


@dataclass
class Collected:
    """All of it."""

    planted: Planted
    channels: list[Channel] = field(default_factory=list)
    tools: set[str] = field(default_factory=set)
    traces: Received = field(default_factory=lambda: Received(""))
    codes: dict[str, int] = field(default_factory=dict)

    def keep(self, name: str, asked: str, content: str | bytes) -> None:
        """One more channel."""
        self.channels.append(Channel(name, content.encode() if isinstance(content, str) else content, asked))


def collect(root: Path) -> Collected:
    """Fills a room in `root` and uses it."""
    for name in ("room", "temporary", "home"):
        (root / name).mkdir()
    found = Collected(plant(root / "room"))
    with receiver() as received:
        found.traces = received
        env = {
            **os.environ, "TMPDIR": str(root / "temporary"), "HOME": str(root / "home"), "READINGROOM_LOG": "debug", "PYTHONPATH": str(REPOSITORY),
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "COLUMNS": "1000", "TERM": "dumb", "NO_COLOR": "1",
        }  # fmt: skip
        _filled(found, env, root)
        _used(found, env, root)
        _afterwards(found, env)
        found.keep("traces: bytes", "", b"\n".join(received.raw))
        found.keep("traces: JSON", "", "\n".join(received.told))
    for place in ("temporary", "home"):
        found.channels += files_in(root / place, ())
    found.channels += files_in(root / "room", _KEPT)
    return found


# --- commands ---------------------------------------------------------------------------------------------------------


def _commands(found: Collected, env: dict[str, str], when: str, words: list[list[str]], *, cut: bool = False) -> None:
    """Commands in one process: what each prints is a channel, and the process's standard error."""
    asked = json.dumps(words)
    whole = [*(["unshare", "--net"] if cut and CAN_CUT else []), sys.executable, "-m", COMMANDS]
    told = subprocess.run(whole, input=asked, capture_output=True, text=True, timeout=300, env=env, cwd=env["TMPDIR"])
    found.keep(f"stderr of commands {when}", asked, told.stderr)
    for one in json.loads(told.stdout):
        name = f"command {' '.join(word for word in one['words'][:2] if _NAME.fullmatch(word))} ({when})"
        found.codes[name] = one["code"]
        found.keep(name, json.dumps(one["words"]), one["stdout"])


def _afterwards(found: Collected, env: dict[str, str]) -> None:
    """What stewards, auditors and developers look at."""
    room, cast, reports = str(found.planted.room.root), found.planted.cast, found.planted.room.root

    def text(where: str) -> str:
        return cast.text(f"asked: command {where}").replace("'", "")

    releases = sorted({release for _, release, _ in GRANTS.values()})
    words = [
        ["audit", "verify", "--json"], ["audit", "show", "--limit", "1000"], ["audit", "show", "--limit", "1000", "--json"],
        ["quality", "--failed"], ["quality", "--json"], ["quality", "--html", str(reports / "quality.html")],
        *(["releases", "show", name] for name in releases), *(["releases", "show", name, "--json"] for name in releases),
        ["releases", "show", "--html", str(reports / "releases.html")], ["snapshots", "--json"], ["sources", "--json"], ["sources"], ["doctor"],
        ["quarantine", "show"], ["quarantine", "show", "--json"], ["quarantine", "show", "--records", "--json"], ["persons", "review", "--json"],
        ["lineage", "note", "1"], ["lineage", "person", text("a row")], ["policy", "test"], ["policy", "explain", text("a policy question")],
        ["replay", "broken", "--json"], ["replay", text("a session")], ["query", f"SELECT count(*) AS n FROM note WHERE note_text LIKE '{text('a literal')}'"],
        ["query", f"SELECT * FROM '{text('a file')}'", "--json"], ["explain", f"SELECT '{text('a question')}'"],
        ["audit", "what-did", text("a subject")], ["audit", "what-did", "researcher-1", "--json"], ["audit", "alerts", "--json"],
        ["audit", "who-saw", text("a person")], ["audit", "who-saw", "--mrn", text("a record number")],
        ["audit", "export", str(reports / "ledger.jsonl")], ["audit", "export-fhir", "--out", str(reports / "events.ndjson"), "--persons"],
        ["audit", "export-siem", "--format", "ocsf", "--out", str(reports / "events.ocsf"), "--persons"],
        ["audit", "export-siem", "--format", "cef", "--out", str(reports / "events.cef")],
    ]  # fmt: skip
    _commands(found, env, "afterwards", [*([*one, "--room", room] for one in words), [text("no command")]])


# --- use --------------------------------------------------------------------------------------------------------------


def _filled(found: Collected, env: dict[str, str], root: Path) -> None:
    """Two deliveries, each ingested and published, so that there is drift to tell of; with the network cut where it can be."""
    room = root / "room"
    plant_often(root, found.planted.cast)
    moved = ["move", str(root / "oru-often.hl7"), str(room / "hospital" / "laboratory")]
    fill = [["ingest", "--room", str(room)], ["publish", "--room", str(room)]]
    _commands(found, env, "at first", [*fill, moved, *fill], cut=True)


def _used(found: Collected, env: dict[str, str], root: Path) -> None:
    """Sessions, and meanwhile a broken server and an evaluation."""
    room, cast = found.planted.room.root, found.planted.cast
    secret = cast.text("asked: what a broken step quotes")
    meanwhile = [["crash", str(room), secret], ["eval", "run", "smoke", "--room", str(room)]]
    with _server(found, env, room, root / "http.log") as (base, pid, tokens), ThreadPoolExecutor() as pool:
        work = [
            pool.submit(_over_http, found, base, pid, tokens),
            pool.submit(_over_stdio, found, env, root / "stdio.log"),
            pool.submit(_commands, found, env, "meanwhile", meanwhile),
        ]
        for one in work:
            one.result()
        for role in (pages.STEWARD, pages.AUDITOR):
            pages.walk(base, role, tokens[role], cast, found.keep)
        pages.rude(base, cast, found.keep)
        for path in ("healthz", "readyz", "metrics"):
            with urllib.request.urlopen(f"{base}/{path}", timeout=10) as reply:
                found.keep(f"/{path}", "", reply.read())
        for path in room.glob("ledger*"):  # with what is not checkpointed yet
            found.keep(f"file {path.name} while it is open", "", path.read_bytes())
    for name in ("http", "stdio"):
        found.keep(f"log of the server over {name}", "", (root / f"{name}.log").read_bytes())


class _server:  # noqa: N801  # used as a function
    """The server over HTTP, with a token a role, while the block runs."""

    def __init__(self, found: Collected, env: dict[str, str], room: Path, log: Path) -> None:
        self.found, self.env, self.room, self.log = found, env, room, log

    def __enter__(self) -> tuple[str, int, dict[str, str]]:
        purposes = {**{role: purpose for role, (purpose, *_) in GRANTS.items()}, HASTY[0]: HASTY[1]}
        purposes |= dict.fromkeys((pages.STEWARD, pages.AUDITOR), "HOPERAT")
        tokens = {role: f"secret-of-{role}" for role in purposes}
        path = self.room / "readingroom.yaml"
        settings = yaml.safe_load(path.read_text())
        settings["tokens"] = [
            {"sha256": hashlib.sha256(tokens[role].encode()).hexdigest(), "subject": f"{role}-1", "role": role, "purpose": purpose}
            for role, purpose in purposes.items()
        ]  # fmt: skip
        path.write_text(yaml.safe_dump(settings))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{sock.getsockname()[1]}"
        self._errors = self.log.open("w")
        words = [*CLI, "serve", "--room", str(self.room), "--http", address]
        self._process = subprocess.Popen(
            words, stdout=self._errors, stderr=self._errors, env=self.env, cwd=self.env["TMPDIR"]
        )
        sessions.wait_for(f"http://{address}")
        return f"http://{address}", self._process.pid, tokens

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self.found.codes["serve"] = self._process.wait(30)
        self._errors.close()


def _over_http(found: Collected, base: str, pid: int, tokens: dict[str, str]) -> None:
    cast = found.planted.cast

    async def held() -> None:
        for role, (_, _, mode) in GRANTS.items():
            if role != ALONE:
                found.tools |= await sessions.over_http(
                    base, tokens[role], role, cast, mode, found.keep, role == "researcher"
                )
        await _bounded(found, base, pid, tokens[HASTY[0]])

    anyio.run(held)
    sessions.rude_http(base, tokens["reader"], cast, found.keep)


async def _bounded(found: Collected, base: str, pid: int, token: str) -> None:
    """A query that runs into its bound of time, and one whose worker is killed under it."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{base}/mcp", http_client=http)) as client,
    ):

        async def ask(where: str) -> None:
            arguments = endless(found.planted.cast, where)
            result = await client.call_tool("query", arguments)
            found.keep(f"HTTP hasty: {where}", json.dumps(arguments), result.model_dump_json())

        await ask("a slow query")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "a query whose worker is lost")
            await anyio.sleep(0.5)
            for worker in _children(pid):
                os.kill(worker, signal.SIGKILL)


def _children(pid: int) -> Iterator[int]:
    """Processes that a process of ours started."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            yield int(path.parent.name)


def _over_stdio(found: Collected, env: dict[str, str], log: Path) -> None:
    room, cast = found.planted.room.root, found.planted.cast
    purpose, _, mode = GRANTS[ALONE]
    alone = {name: value for name, value in env.items() if not name.startswith("OTEL")} if CAN_CUT else env
    found.tools |= anyio.run(
        partial(sessions.over_stdio, room, ALONE, purpose, cast, mode, found.keep, alone, log, not CAN_CUT)
    )
    sessions.rude_stdio(room, cast, found.keep, env, log)
