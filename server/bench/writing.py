"""How many pairs of intent and outcome a ledger takes, each on disk before its caller goes on."""

import statistics
import threading
import time
import uuid
from pathlib import Path

from server.ledger import Ledger, load_or_create_keys

_WRITERS, _EACH, _ALONE, _ROUNDS = 64, 100, 300, 3
_INTENT = {"subject": "someone", "role": "researcher", "session": "one", "tool": "query", "arguments": "0" * 64}
_OUTCOME = {"status": "answered", "rows": 7, "result": "0" * 64, "microseconds": {"run": 900, "render": 60}}


def one_caller(directory: Path) -> float:
    """Median milliseconds of a pair where nobody else writes."""
    ledger, taken = _ledger(directory / "alone"), []
    for _ in range(_ALONE):
        begun = time.perf_counter()
        _pair(ledger)
        taken.append((time.perf_counter() - begun) * 1000)
    ledger.close()
    return round(statistics.median(taken), 3)


def together(directory: Path) -> int:
    """Pairs a second of 64 callers, the median of three rounds."""
    return round(statistics.median(_round(directory / f"round{number}") for number in range(_ROUNDS)))


def _round(directory: Path) -> float:
    ledger = _ledger(directory)

    def write() -> None:
        for _ in range(_EACH):
            _pair(ledger)

    writers = [threading.Thread(target=write) for _ in range(_WRITERS)]
    begun = time.perf_counter()
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    seconds = time.perf_counter() - begun
    ledger.close()
    return _WRITERS * _EACH / seconds


def _pair(ledger: Ledger) -> None:
    call = uuid.uuid4().hex
    ledger.intent(call, _INTENT, bytes(200))
    ledger.outcome(call, _OUTCOME)


def _ledger(directory: Path) -> Ledger:
    directory.mkdir()
    url = f"sqlite:///{directory / 'ledger.db'}"
    return Ledger(url, directory / "ledger.checkpoint", load_or_create_keys(directory / "keys"))
