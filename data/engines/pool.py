"""Query workers kept ready, one pool a serving file and size. Hands them out in order of asking, replaces the lost.

Every wait has a deadline. A worker that dies, hangs or is killed costs the call it had and nothing else.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from data.engines import wire
from data.errors import OutOfBounds, ReadingRoomError

START_SECONDS = 20.0
# A child of this process inherits nothing of its environment: no key, no token, no proxy.
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # nor does Arrow start a thread before Landlock
}


class Worker:
    """One worker process and the socket to it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "data.engines.worker", str(theirs.fileno()), json.dumps(settings)],
                pass_fds=(theirs.fileno(),),
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.sock = ours
        self.facts: dict[str, Any] = {}

    def await_ready(self) -> None:
        """Waits for the worker's first word. Raises ReadingRoomError when it does not come."""
        try:
            self.facts, _ = wire.receive(self.sock, time.monotonic() + START_SECONDS)
        except (EOFError, OSError, TimeoutError) as error:
            self.kill()
            raise ReadingRoomError(
                "A query worker did not start.",
                "Check memory and that the snapshot's serving file is whole: `readingroom doctor`.",
                code="worker",
            ) from error
        if not self.facts.get("ready"):
            self.kill()
            raise ReadingRoomError(
                f"A query worker had {self.facts.get('unbound')} threads that its sandbox does not bind, so it was stopped.",
                "Check which versions of duckdb, numpy and pyarrow are installed: `readingroom doctor`.",
                code="worker",
            )

    def ask(self, request: dict[str, Any], deadline: float) -> tuple[dict[str, Any], bytes]:
        """One question. Raises OutOfBounds when the worker is lost or silent past the deadline; it is then killed."""
        try:
            wire.send(self.sock, request)
            return wire.receive(self.sock, deadline)
        except TimeoutError as error:
            self.kill()
            raise OutOfBounds(
                "The query worker did not answer in time and was stopped.", "Ask for less, or ask again."
            ) from error
        except (EOFError, OSError, ValueError) as error:
            self.kill()
            raise OutOfBounds(
                "The query worker was lost while answering.", "Ask again; if it repeats, ask for less."
            ) from error

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Ends the process and frees what is held of it."""
        self.process.kill()
        self.process.wait()
        self.sock.close()


class Pool:
    """Up to `size` workers on one serving file; started when first needed."""

    def __init__(self, serving: Path, size: int, settings: dict[str, Any]) -> None:
        self._settings = {**settings, "serving": str(serving.resolve())}
        self._size = size
        self._idle: list[Worker] = []
        self._count = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def take(self, deadline: float) -> Worker:
        """An idle worker, or a new one, in order of asking. Raises OutOfBounds at the deadline."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or not (self._idle or self._count < self._size):
                    if self._closed or not self._changed.wait(max(0.0, deadline - time.monotonic())):
                        raise OutOfBounds("All query workers are busy.", "Ask again in a moment.")
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.kill()
                self._count -= 1
            self._count += 1
        return self._started()

    def _started(self) -> Worker:
        try:
            worker = Worker(self._settings)
            worker.await_ready()
        except BaseException:
            self._forget()
            raise
        return worker

    def give(self, worker: Worker) -> None:
        """Takes a worker back; a dead one, or one of a closed pool, is forgotten."""
        with self._changed:
            if worker.alive and worker.sock.fileno() >= 0 and not self._closed:
                self._idle.append(worker)
                self._changed.notify_all()
                return
        worker.kill()
        self._forget()

    def _forget(self) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Ends idle workers now, the others when they are given back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._count -= len(idle)
            self._changed.notify_all()
        for worker in idle:
            worker.kill()


def default_workers() -> int:
    """Workers where nothing is said: one a core, at most four."""
    return min(4, os.cpu_count() or 1)
