"""The command `doctor`: looks over the machine and the room and says what is missing, in the order in which it would hurt."""

import shutil
import sys
from dataclasses import dataclass

import duckdb
import typer
from rich.markup import escape

from data.engines import DuckDBEngine
from data.errors import ReadingRoomError
from data.normalise import STARTER_VERSION, open_vocabulary, read_decisions
from data.snapshots import open_current
from data.sources.listening import Listens
from policies.model import load_policy
from server.cli.audit import verify_room
from server.cli.show import JsonOption, RoomOption, out, print_json
from server.filling import connector_of
from server.room import Room, open_room


@dataclass(frozen=True)
class Finding:
    """One thing looked at: fine or not, in words."""

    name: str
    ok: bool
    words: str


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(doctor)


def doctor(room: RoomOption = None, as_json: JsonOption = False) -> None:
    """Check this machine and the room: sandbox, disk, policy, snapshot, ledger."""
    findings = [*_machine(), *_room(room)]
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok[/green]  " if finding.ok else "[red]no[/red]  "
            out.print(f"{mark}{finding.name}: {escape(finding.words)}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _machine() -> list[Finding]:
    engine = DuckDBEngine(workers=1)
    sandbox = engine.sandbox()
    engine.close()
    words = (
        f"Landlock ABI {sandbox.abi}"
        if sandbox.landlock
        else "no Landlock: workers are not sandboxed, identified data is not served"
    )
    return [
        Finding("python", sys.version_info >= (3, 11), sys.version.split()[0]),
        Finding("duckdb", True, duckdb.__version__),
        Finding("sandbox", sandbox.landlock, words),
    ]


def _room(directory: object) -> list[Finding]:
    try:
        room = open_room(directory)  # type: ignore[arg-type]
    except ReadingRoomError as error:
        return [Finding("room", False, str(error))]
    free = shutil.disk_usage(room.root).free / 2**30
    return [
        Finding("room", True, str(room.root)),
        Finding("disk", free > 1, f"{free:.1f} GiB free"),
        *(_sources(room)),
        _checked("vocabulary", lambda: _vocabulary(room)),
        _checked("decisions on who is who", lambda: f"{len(read_decisions(room.links_path))} in force"),
        _checked("policy", lambda: f"{len(load_policy(room.policy_path).grants)} grants"),
        _checked("snapshot", lambda: f"{open_current(room.snapshots_path).id}"),
        _ledger(room),
    ]


def _sources(room: Room) -> list[Finding]:
    found = []
    for source in room.settings.sources:
        name, path = f"source {source.name}", room.source_path(source)
        try:
            listens = isinstance(connector_of(room, source), Listens)
        except ReadingRoomError as error:
            found.append(Finding(name, False, str(error)))
            continue
        there = path is None or path.exists() or listens
        found.append(Finding(name, there, source.kind if there else f"there is no {path}"))
    return found


def _vocabulary(room: Room) -> str:
    given = room.settings.vocabulary
    return open_vocabulary(room.root / given).version if given else STARTER_VERSION


def _checked(name: str, check: "object") -> Finding:
    try:
        return Finding(name, True, check())  # type: ignore[operator]
    except ReadingRoomError as error:
        return Finding(name, False, str(error))


def _ledger(room: Room) -> Finding:
    try:
        result = verify_room(room)
    except ReadingRoomError as error:
        return Finding("ledger", False, str(error))
    return Finding(
        "ledger", result.ok, f"{result.entries} entries" if result.ok else f"entry {result.first_bad}: {result.problem}"
    )
