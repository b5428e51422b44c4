"""Remembers which questions were answered, and refuses one whose cells beside theirs would give a small group away.

What is kept is one sealed line a question in `answered/SNAPSHOT/`: the SELECTs that say whom its cells rest on. The persons themselves are
looked up only when there is something to compare, and only in memory. A line is written before the answer leaves. Each principal has a
file, or each role where the policy lets a whole role's answers count.
"""

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from data.engines.canonical import digest
from data.errors import OutOfBounds, Refused
from data.snapshots import Snapshot
from data.types import Engine, Limits
from policies.disclosure.overlap import Answered, answered, comparable, isolates
from policies.model import Grant
from policies.verdict import Judged, Witnessed
from server.ledger import Keys

_SEALED_AS = "answered"
_MOST_ROWS = 20_000_000
_MOST_BYTES = 600_000_000
_SECONDS = 60.0  # that looking up whom large cells count may take, once a question


@dataclass(frozen=True)
class _Question:
    """A question's witnesses, with the values of its parameters."""

    release: str
    witnesses: tuple[Witnessed, ...]
    parameters: Mapping[str, Any]
    k: int

    @property
    def key(self) -> str:
        witnesses = [asdict(one) for one in self.witnesses]
        return digest([self.release], [], [witnesses, sorted(self.parameters.items()), self.k])

    def told_before(self, one: Witnessed, earlier: "_Question") -> bool:
        """Whether an earlier question had just these cells and told as much of each: then it was held against the others already."""
        same = {name: self.parameters[name] for name in one.parameters}
        return not one.mixed and any(
            other.sql == one.sql
            and same == {name: earlier.parameters[name] for name in other.parameters}
            and all(set(kinds) <= set(before) for kinds, before in zip(one.told, other.told, strict=False))
            for other in earlier.witnesses
        )


@dataclass
class _Asker:
    """What one principal, or one role, was answered on one snapshot."""

    path: Path
    lock: Lock = field(default_factory=Lock)
    read: int = 0
    questions: dict[str, _Question] = field(default_factory=dict)
    cells: dict[str, tuple[Answered, ...]] = field(default_factory=dict)


class Answers:
    """All answered questions of a room. Safe to share between threads and between processes."""

    def __init__(self, folder: Path, keys: Keys, engine: Engine, memory_mb: int, threads: int) -> None:
        self._folder, self._keys, self._engine = folder, keys, engine
        self._memory_mb, self._threads = memory_mb, threads
        self._askers: dict[Path, _Asker] = {}
        self._lock = Lock()

    def remember(
        self, judged: Judged, parameters: Mapping[str, Any], grant: Grant, subject: str, snapshot: Snapshot
    ) -> None:
        """Keeps the question, or raises Refused by the rule `overlap`. What was answered before may always be asked again."""
        if not judged.witnesses or grant.overlap == "none":
            return
        used = {name: parameters[name] for name in judged.parameters}
        question = _Question(judged.release, judged.witnesses, used, judged.hide_below)
        asker = self._asker(grant, subject, snapshot)
        with asker.lock, _locked(asker.path):
            self._read(asker)
            if question.key in asker.questions:
                return
            earlier = [one for one in asker.questions.values() if one.release == question.release]
            if earlier or len(question.witnesses) > 1 or any(one.mixed for one in question.witnesses):
                self._compare(asker, question, earlier, grant, snapshot)
            self._write(asker, question)

    def _compare(
        self, asker: _Asker, question: _Question, earlier: list[_Question], grant: Grant, snapshot: Snapshot
    ) -> None:
        new = [one for one in question.witnesses if not any(question.told_before(one, other) for other in earlier)]
        met = [one for one in earlier if any(comparable(part, other) for part in new for other in one.witnesses)]
        if not met and len(question.witnesses) < 2 and not any(one.mixed for one in new):
            return
        cells = self._cells(asker, question, grant, snapshot)
        old = [part for one in met for part in self._cells(asker, one, grant, snapshot)]
        if isolates(cells, old, question.k):
            asker.cells.pop(question.key, None)
            raise Refused(
                f"Beside an earlier answer, this one would tell about fewer than {question.k} persons.",
                rule="overlap",
                allowed=f"Ask for groups that are the same as before, or differ from them by at least {question.k} persons.",
            )

    def _cells(self, asker: _Asker, question: _Question, grant: Grant, snapshot: Snapshot) -> tuple[Answered, ...]:
        if question.key not in asker.cells:
            limits = Limits(
                max(grant.bounds.seconds, _SECONDS), _MOST_ROWS, _MOST_BYTES, self._memory_mb, self._threads
            )
            parts = []
            for one in question.witnesses:
                needed = {name: question.parameters[name] for name in one.parameters}
                raw = self._engine.run(snapshot.serving(question.release), one.sql, needed, limits)
                if raw.truncated:
                    raise OutOfBounds(
                        "The answer is too fine to be compared with earlier ones.", "Ask for fewer groups."
                    )
                parts.append(answered(raw.table, one.told, one.tables, question.k, one.one_level, one.mixed))
            asker.cells[question.key] = tuple(parts)
        return asker.cells[question.key]

    def _asker(self, grant: Grant, subject: str, snapshot: Snapshot) -> _Asker:
        who = f"role {grant.role}" if grant.overlap == "role" else f"subject {subject} {grant.role}"
        path = self._folder / snapshot.id / f"{hashlib.sha256(who.encode()).hexdigest()[:32]}.lines"
        with self._lock:
            return self._askers.setdefault(path, _Asker(path))

    def _read(self, asker: _Asker) -> None:
        """Takes in the lines that were added since, by this process or another."""
        with asker.path.open("rb") as file:
            file.seek(asker.read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # torn by a kill: its answer never left
                asker.read += len(line)
                plain = json.loads(self._keys.unseal(_SEALED_AS, base64.b64decode(line)))
                witnesses = tuple(_witnessed(one) for one in plain["witnesses"])
                question = _Question(plain["release"], witnesses, plain["parameters"], plain["k"])
                asker.questions[question.key] = question

    def _write(self, asker: _Asker, question: _Question) -> None:
        plain = {
            "release": question.release,
            "witnesses": [asdict(one) for one in question.witnesses],
            "parameters": dict(question.parameters),
            "k": question.k,
        }
        line = base64.b64encode(self._keys.seal(_SEALED_AS, json.dumps(plain).encode())) + b"\n"
        with asker.path.open("r+b") as file:
            file.truncate(asker.read)
            file.seek(asker.read)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        asker.read += len(line)
        asker.questions[question.key] = question


def _witnessed(kept: Mapping[str, Any]) -> Witnessed:
    lists = {name: tuple(kept[name]) for name in ("told", "tables", "parameters")}
    return Witnessed(str(kept["sql"]), **lists, one_level=bool(kept["one_level"]), mixed=bool(kept.get("mixed", False)))


@contextmanager
def _locked(path: Path) -> Any:
    """Holds the file for this process; made where missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
