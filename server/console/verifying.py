"""Verifies the ledger in a process of its own, `readingroom audit verify`, so that no call waits for it. The last result is kept."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from server.ledger import Verification
from server.room import Room


@dataclass(frozen=True)
class Verified:
    """A finished verification: when it began, how long it took in seconds, and what came out; or why it could not be done."""

    at: str
    seconds: float
    result: Verification | None
    problem: str = ""


class Verifying:
    """At most one verification at a time."""

    def __init__(self, room: Room) -> None:
        self._room, self._lock = room, Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread: Thread | None = None
        self.since = ""  # when the one under way began; empty where none is
        self.last: Verified | None = None

    def start(self) -> bool:
        """Begins one; False where one is under way."""
        with self._lock:
            if self.since:
                return False
            self.since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            self._process = subprocess.Popen(  # noqa: S603 - our own command, on the room that is open
                [sys.executable, "-m", "server.cli", "audit", "verify", "--json", "--room", str(self._room.root)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=Path(__file__).parents[2],
            )
            self._thread = Thread(target=self._wait, args=(self._process,), name="console-verify", daemon=True)
            self._thread.start()
            return True

    def _wait(self, process: "subprocess.Popen[str]") -> None:
        begun = time.monotonic()
        told, _ = process.communicate()
        seconds, result, problem = time.monotonic() - begun, None, ""
        try:
            found: dict[str, Any] = json.loads(told)
            lists = {name: tuple(found[name]) for name in ("open_calls", "warnings")}
            result = Verification(**{**found, **lists})
        except (ValueError, KeyError, TypeError):
            problem = "It could not be done. Run `readingroom audit verify` in the room to see why."
        with self._lock:
            self.last = Verified(self.since, seconds, result, problem)
            self.since = ""

    def close(self) -> None:
        """Ends one under way."""
        with self._lock:
            process, thread = self._process, self._thread
        if process is not None and thread is not None:
            process.terminate()
            thread.join()
