"""The dear search over several processes where there is much of it. What is found rests on each text alone, so the number does not matter.

Processes are started by `spawn`, not by fork: the publisher has threads of DuckDB's. Each loads the lists and, where a doubt is met, the model.
"""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from weakref import finalize

from policies.redaction.finder import Finder
from policies.redaction.passes import searching
from policies.redaction.settings import Settings
from policies.redaction.spans import Span

_WORTH = 300_000  # characters of a batch from which further processes are worth their start
_MOST = 8
_mine: list[Finder] = []


class Searching:
    """Finds as `passes.searching(settings)` does, in this process or in several."""

    def __init__(self, settings: Settings, processes: int | None = None) -> None:
        self._settings = settings
        self._finder = searching(settings)
        self._processes = processes or min(len(os.sched_getaffinity(0)), _MOST)
        self._pool: ProcessPoolExecutor | None = None
        self.version = self._finder.version

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """For each text the identifiers in it."""
        if self._processes == 1 or (self._pool is None and sum(map(len, texts)) < _WORTH):
            return self._finder.find(texts)
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, spawn, _start, (self._settings,))
            finalize(self, self._pool.shutdown, wait=False, cancel_futures=True)
        size = max(1, len(texts) // (self._processes * 4))
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        return [spans for part in self._pool.map(_find, parts) for spans in part]


def _start(settings: Settings) -> None:
    _mine[:] = [searching(settings)]


def _find(texts: Sequence[str]) -> list[list[Span]]:
    return _mine[0].find(texts)
