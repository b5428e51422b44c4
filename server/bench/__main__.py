"""Measures a ledger made for it beside a published room, and prints JSON. `make bench` runs it; alone: `python -m server.bench ROOM`."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from server.bench.many import fill, with_ledger
from server.bench.reading import pages, verified, who_saw
from server.bench.writing import one_caller, together
from server.room import Room, open_room

_ENTRIES = 1_000_000


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m server.bench", description=__doc__)
    parser.add_argument("room", type=Path, help="a room that is published; nothing is written into it")
    parser.add_argument("--entries", type=int, default=_ENTRIES, help="entries of the ledger that is read")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="readingroom-bench-") as directory:
        sys.stdout.write(json.dumps(measure(open_room(asked.room), Path(directory), asked.entries)) + "\n")


def measure(published: Room, directory: Path, entries: int) -> dict[str, Any]:
    """Figures by name; seconds, milliseconds and numbers a second as their names say."""
    figures: dict[str, Any] = {"one_caller_ms_a_pair": one_caller(directory), "pairs_a_second_64": together(directory)}
    room = with_ledger(published, directory)
    fill(room, entries)
    return {**figures, **verified(room), **who_saw(room), "pages_ms": pages(room)}


if __name__ == "__main__":
    main()
