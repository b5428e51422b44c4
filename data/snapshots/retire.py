"""Retires a snapshot: takes its folder away, vault and all. Whether it may go is for others to know; the one in force never does."""

import shutil
from pathlib import Path

from data.errors import BadRequest
from data.snapshots import files, store


def retire(root: Path, snapshot: str) -> None:
    """Removes the snapshot's files. Raises BadRequest where it is in force or not there, Busy while another process publishes.

    Its folder first gets a name that the next publish sweeps away, so that a crash leaves no half of a snapshot.
    """
    with files.locked(root / store.LOCK):
        held = store.open_snapshot(root, snapshot)
        if store.open_current(root).id == snapshot:
            raise BadRequest(f"Snapshot {snapshot} is in force and stays.", "Publish another first.")
        going = held.path.with_name(f"{files.BUILDING}retired-{snapshot}")
        held.path.rename(going)
        files.fsync(going.parent)
        shutil.rmtree(going)
