"""The house: everything a call needs, opened once. Made by `open_house`, closed by `close`; the pipeline is handed it.

It holds no state of a call. Snapshots are looked up here, so that a publish is seen by the next call and an old call keeps its own.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from data.catalogue.model import catalogue
from data.engines import DuckDBEngine
from data.errors import BadRequest, ReadingRoomError, Refused
from data.snapshots import MAX_SHIFT, Snapshot, open_current, open_snapshot
from data.snapshots.vault import vault_of
from policies.decide import Judge
from policies.disclosure.profile import Sizes
from policies.guard.resolve import Schema
from policies.model import Grant, Policy, granted_schema, load_policy, parse_policy
from policies.redaction import Known, SecondLine, read_known
from policies.releases import base_column
from policies.verdict import Judged
from server.earlier import Answers, Budgets
from server.earlier.budget import DAY, seconds_of
from server.ledger import Keys, Ledger, Wanted, Witness, calls, load_or_create_keys
from server.metrics import Metrics
from server.room import Room
from server.traces import Traces
from server.watch import Watch


class Snapshots:
    """The published snapshots of a room: the current one, looked up anew when the pointer moves, and pinned old ones."""

    def __init__(self, root: Path, opened: Callable[[str], None]) -> None:
        self._root, self._opened = root, opened
        self._known: dict[str, Snapshot] = {}
        self._stamp: tuple[int, int] | None = None
        self._current: Snapshot | None = None
        self._lock = Lock()

    def current(self) -> Snapshot:
        """The snapshot now served. Raises where none is published."""
        try:
            facts = (self._root / "current").stat()
        except OSError:
            return open_current(self._root)  # raises with advice
        stamp = (facts.st_mtime_ns, facts.st_ino)
        with self._lock:
            if self._current is None or stamp != self._stamp:
                self._current = open_current(self._root)
                self._stamp = stamp
                self._known[self._current.id] = self._current
                self._opened(self._current.id)
            return self._current

    def pinned(self, identity: str) -> Snapshot:
        """The snapshot of that id, current or not. Raises where it was retired."""
        with self._lock:
            if identity not in self._known:
                self._known[identity] = open_snapshot(self._root, identity)
            return self._known[identity]


class House:
    """See the module. `threads` is how many threads a query may use."""

    def __init__(
        self, room: Room, judge: Judge, engine: DuckDBEngine, ledger: Ledger, keys: Keys, traces: Traces
    ) -> None:
        self.room, self.judge, self.engine, self.ledger, self.keys, self.traces = (
            room,
            judge,
            engine,
            ledger,
            keys,
            traces,
        )
        self.threads = room.settings.engine.threads
        self.metrics = Metrics()
        self.snapshots = Snapshots(room.snapshots_path, self.metrics.serving)
        self.redaction = SecondLine()
        self.watch = Watch(self._alerted)
        memory = room.settings.engine.memory_mb
        self.answers = Answers(room.answered_path, keys, engine, memory, self.threads)
        self.budgets = Budgets(lambda: answered_since(room.ledger_url, time.time() - DAY))
        self._judges = {judge.digest: judge}
        self._sizes: dict[tuple[str, str], Sizes] = {}
        self._schemas: dict[tuple[str, Grant], tuple[Schema, Schema]] = {}
        self._sandboxed = engine.sandbox().landlock

    def _alerted(self, kind: str, facts: dict[str, object]) -> None:
        self.metrics.alerted(kind)
        self.ledger.note({"alert": kind, **facts})

    def schemas(self, snapshot: Snapshot, grant: Grant) -> tuple[Schema, Schema]:
        """What the grant's release holds, and what of it is granted: table -> column -> type. Remembered by snapshot and grant."""
        key = (snapshot.id, grant)
        if key not in self._schemas:
            held = {name: dict(facts.columns) for name, facts in snapshot.tables(grant.release).items()}
            self._schemas[key] = (held, granted_schema(grant, held, catalogue()))
        return self._schemas[key]

    def sizes(self, snapshot: Snapshot, grant: Grant) -> Sizes:
        """Rows of the grant's release by table, and the most rows any one person has in each. Remembered."""
        key = (snapshot.id, grant.release)
        if key not in self._sizes:
            tables = snapshot.tables(grant.release).items()
            self._sizes[key] = Sizes(
                {name: facts.rows for name, facts in tables},
                {name: facts.max_rows_per_person for name, facts in tables},
                date.fromisoformat(snapshot.manifest.as_of)
                + timedelta(days=MAX_SHIFT),  # days are shifted by so much at most
            )
        return self._sizes[key]

    def known_of(
        self, snapshot: Snapshot | None, judged: Judged, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Known | None:
        """What the vault knows of the persons of a result with free text, by its column person_id; None where it has neither."""
        based = (base_column(catalogue()[table], column) for table, column in judged.facts.columns)
        free = any("free_text" in base.tags for base in based if base is not None)
        if snapshot is None or not free or "person_id" not in columns:
            return None
        place = list(columns).index("person_id")
        persons = tuple(sorted({one for row in rows if isinstance(one := row[place], int)}))
        return _known_of(snapshot.path, persons) if persons else None

    def require_sandbox(self, grant: Grant) -> None:
        """Without Landlock the identified release is not served: then only the guard would stand before it."""
        if (
            self.judge.policy.base_of(grant.release) == "identified"
            and isinstance(self.engine, DuckDBEngine)
            and not self._sandboxed
        ):
            raise Refused(
                "This machine's kernel has no Landlock, so identified data is not served.",
                rule="sandbox-required",
                allowed="Ask for a release without identities, or run on Linux 5.13 or newer.",
                ask=self.judge.policy.contact,
            )

    def under_policy(self, digest: str) -> "House":
        """The same house under the policy of a digest, for replay; itself where it is the one in force."""
        if digest == self.judge.digest:
            return self
        if digest not in self._judges:
            path = self.room.policies_path / f"{digest}.yaml"
            if not path.is_file():
                raise BadRequest(f"The policy {digest[:12]} of that call is not kept in {self.room.policies_path}.")
            self._judges[digest] = Judge(parse_policy(path.read_text(encoding="utf-8"), str(path)))
        other = copy(self)
        other.judge = self._judges[digest]
        return other

    def know_policy(self, policy: Policy) -> None:
        """Takes in a policy that is not kept here, so that calls recorded elsewhere can be replayed under it."""
        self._judges.setdefault(policy.digest(), Judge(policy))

    def problems(self) -> list[str]:
        """What keeps the house from answering; empty when it is ready. Names, no values."""
        found = []
        for name, check in (("snapshot", self.snapshots.current), ("ledger", self.ledger.check)):
            try:
                check()
            except ReadingRoomError as error:
                found.append(f"{name}: {error.message}")
        return found

    def close(self) -> None:
        """Stops workers, closes the ledger, sends waiting spans."""
        self.engine.close()
        self.ledger.close()
        self.traces.close()


def open_house(room: Room, threads: int | None = None, traces: Traces | None = None, **engine: Any) -> House:
    """Opens a room for asking. `threads` overrides the room's; further words go to the engine."""
    policy = load_policy(room.policy_path)
    _keep_policy(room, policy.digest())
    keys = load_or_create_keys(room.keys_path)
    settings = room.settings
    ledger = open_ledger(room, keys)
    duckdb = DuckDBEngine(workers=settings.engine.workers, **engine)
    house = House(room, Judge(policy), duckdb, ledger, keys, traces or Traces.from_environment())
    if threads is not None:
        house.threads = threads
    return house


def open_ledger(room: Room, keys: Keys) -> Ledger:
    """The room's ledger, to be written; its file and database are opened with the first entry."""
    told, path = room.settings.ledger, room.witness_path
    witness = Witness(path, told.witness_required) if path is not None else None
    return Ledger(room.ledger_url, room.ledger_head, keys, durable=told.durable, witness=witness)


def _keep_policy(room: Room, digest: str) -> None:
    """Keeps the policy file by its digest, so that calls made under it can be replayed after it changes."""
    path = room.policies_path / f"{digest}.yaml"
    if path.exists():
        return
    room.policies_path.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=room.policies_path, delete=False) as file:
        file.write(room.policy_path.read_bytes())
    Path(file.name).replace(path)


def answered_since(url: str, since: float) -> Iterator[tuple[str, str, float, int, int]]:
    """(subject, role, time, rows, persons) of the calls the ledger says were answered since a time."""
    for call in calls(url, wanted=Wanted(since=datetime.fromtimestamp(since, UTC))):
        if call.outcome is None or call.outcome.status != "answered":
            continue
        body, outcome = call.intent.body, call.outcome.body
        at = seconds_of(call.intent.at)
        yield str(body["subject"]), str(body["role"]), at, int(outcome["rows"]), int(outcome["persons"] or 0)


@lru_cache(maxsize=64)
def _known_of(snapshot: Path, persons: tuple[int, ...]) -> Known:
    with vault_of(snapshot, persons) as con:
        return read_known(con)
