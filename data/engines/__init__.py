"""Engines run judged SQL on a release. DuckDB in sandboxed worker processes is the embedded one."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data.engines.pool import Pool, default_workers
from data.engines.sandbox import landlock_abi
from data.errors import BadRequest, OutOfBounds
from data.types import Limits, Rows

GRACE_SECONDS = 1.5  # between a worker's own time bound and the moment it is given up
_KEPT_POOLS = 8


@dataclass(frozen=True)
class SandboxFacts:
    """Which walls this machine's kernel gives to workers."""

    landlock: bool
    abi: int


class DuckDBEngine:
    """An `Engine` of worker processes, each on one release's serving file, read-only, behind the walls of `sandbox.py`."""

    def __init__(self, workers: int | None = None, unsafe_skip: tuple[str, ...] = ()) -> None:
        """`unsafe_skip` leaves out settings of DuckDB's own wall, so that tests can try the ones behind it."""
        self._workers = workers or default_workers()
        self._unsafe_skip = unsafe_skip
        self._pools: dict[tuple[Path, int, int], Pool] = {}
        self._lock = threading.Lock()

    def run(self, serving: Path, sql: str, params: Mapping[str, object], limits: Limits) -> Rows:
        """See `data.types.Engine`."""
        begun = time.monotonic()
        pool = self._pool(serving, limits)
        worker = pool.take(begun + limits.seconds)
        left = max(0.05, begun + limits.seconds - time.monotonic())
        request = {"sql": sql, "params": dict(params), "seconds": left, "rows": limits.rows, "bytes": limits.bytes}
        try:
            header, payload = worker.ask(request, time.monotonic() + left + GRACE_SECONDS)
            if header.get("error") == "broken":
                worker.kill()
        finally:
            pool.give(worker)
        if "error" in header:
            raise _explained(header, limits)
        with pa.ipc.open_stream(payload) as reader:
            table = reader.read_all()
        return Rows(table, bool(header["truncated"]), time.monotonic() - begun)

    def warm(self, serving: Path, limits: Limits | None = None) -> None:
        """Starts a worker now, so that the first question need not wait for it."""
        limits = limits or Limits()
        pool = self._pool(serving, limits)
        pool.give(pool.take(time.monotonic() + limits.seconds))

    def sandbox(self) -> SandboxFacts:
        """What the kernel offers; workers use all of it."""
        abi = landlock_abi()
        return SandboxFacts(abi > 0, abi)

    def close(self) -> None:
        """Ends all workers."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _pool(self, serving: Path, limits: Limits) -> Pool:
        key = (serving, limits.memory_mb, limits.threads)
        retired: list[Pool] = []
        with self._lock:
            pool = self._pools.pop(key, None)
            if pool is None:
                settings = {
                    "memory_mb": limits.memory_mb,
                    "threads": limits.threads,
                    "unsafe_skip": list(self._unsafe_skip),
                }
                pool = Pool(serving, self._workers, settings)
            self._pools[key] = pool  # the latest used is last
            while len(self._pools) > _KEPT_POOLS:
                retired.append(self._pools.pop(next(iter(self._pools))))
        for old in retired:
            old.close()
        return pool


def _explained(header: dict[str, object], limits: Limits) -> Exception:
    match header["error"]:
        case "time":
            return OutOfBounds(
                f"The query ran longer than {limits.seconds:g} seconds and was stopped.", "Ask for less."
            )
        case "memory":
            return OutOfBounds(
                f"The query needed more than {limits.memory_mb} MiB of memory.", "Ask for less at a time."
            )
        case "bytes":
            return OutOfBounds(f"One row of the answer takes more than {limits.bytes} bytes.", "Ask for less of it.")
        case "interrupted":
            return OutOfBounds("The query was interrupted.", "Ask again.")
        case "broken":
            return OutOfBounds("The query broke the worker that ran it.", "Write it in another way.")
        case "statement":
            return BadRequest("The query is not one SELECT that DuckDB can read.", "Ask one SELECT at a time.")
        case _:
            return _failed(str(header.get("kind", "")))


def _failed(kind: str) -> BadRequest:
    """One and the same for all that data may cause: which cast or division failed would tell of values."""
    withheld = "The database's own words are withheld: they may hold data."
    if kind:
        return BadRequest(f"The query cannot be run as it is written ({kind}).", f"Check types and names. {withheld}")
    return BadRequest("The query failed while running.", f"Check types, casts, divisions and parameters. {withheld}")
