"""Group commit: callers that come together are written together, by one of them.

Who comes while nobody writes, leads: takes all that wait, writes them in one go, then hands the lead to one who came meanwhile. Each caller
sleeps on a gate of its own, so a commit wakes those it was for and no others.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar


@dataclass(eq=False, kw_only=True)
class Item:
    """What a caller hands in. Who writes it sets `error` where it was not written."""

    error: Exception | None = None
    done: bool = False
    leads: bool = False
    gate: threading.Lock = field(default_factory=threading.Lock)  # held until it is done or leads


T = TypeVar("T", bound=Item)


class Group(Generic[T]):
    """See the module. `write` is called by one thread at a time; it sets errors and never raises."""

    def __init__(self, write: Callable[[list[T]], None], seconds: float) -> None:
        self._write, self._seconds = write, seconds
        self._lock = threading.Lock()
        self._waiting: list[T] = []
        self._led = False

    def put(self, item: T) -> None:
        """Returns when the item was written. Raises its error, or TimeoutError where nobody took it up in time."""
        item.gate.acquire()
        with self._lock:
            self._waiting.append(item)
            item.leads, self._led = not self._led, True
        if not item.leads:
            self._sleep(item)
        if not item.done:
            self._lead(item)
        if item.error is not None:
            raise item.error

    def _sleep(self, item: T) -> None:
        if item.gate.acquire(timeout=self._seconds):
            return
        with self._lock:
            if item in self._waiting and not item.leads:
                self._waiting.remove(item)
                raise TimeoutError
        item.gate.acquire()  # it is being written just now, which has a bound of its own

    def _lead(self, own: T) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
        try:
            self._write(batch)
        except BaseException as error:  # a bug, or an interrupt: nobody may take his item for written
            for one in batch:
                one.error = one.error or RuntimeError(f"not written ({type(error).__name__})")
            raise
        finally:
            with self._lock:
                after = self._waiting[0] if self._waiting else None
                if after is not None:
                    after.leads = True
                self._led = after is not None
            for one in batch:
                one.done = True
                if one is not own:
                    one.gate.release()
            if after is not None:
                after.gate.release()
