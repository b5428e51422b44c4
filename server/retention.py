"""Retention: which snapshots may go. Entries of the ledger never do, nor what is sealed with them: each leaf binds it.

A snapshot is needed while a call answered from it is kept to be replayed: six years at least, for which HIPAA has documentation kept
(45 CFR 164.316(b)(2)(i), and 164.528 asks for an accounting of six years), and as long as the room says. The one in force always stays.
Taking one away is itself an entry, written before it is done.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from data.errors import BadRequest, ReadingRoomError
from data.snapshots import list_snapshots, retire
from server.ledger import Ledger, Reader, Wanted
from server.ledger.read import told
from server.quality import current_id
from server.room import Room

LAW_YEARS = 6


@dataclass(frozen=True)
class Held:
    """A snapshot, when the last call was answered from it (empty: none was), and why it stays; empty where it may go."""

    snapshot: str
    created: str
    last_call: str
    stays: str

    @property
    def may_go(self) -> bool:
        """Whether nothing needs it any more."""
        return not self.stays


def years_before(now: datetime, years: int) -> datetime:
    """The same day, years earlier; the 28th where there is none."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)


def check_before(room: Room, before: datetime, keep_years: int | None, now: datetime) -> datetime:
    """`before` in UTC. Raises BadRequest where law, the room or the command still needs calls of that time."""
    years = max(LAW_YEARS, room.settings.ledger.keep_years, keep_years or 0)
    bound, asked = years_before(now, years), before.replace(tzinfo=before.tzinfo or UTC)
    if asked > bound:
        why = "HIPAA, 45 CFR 164.316(b)(2)(i)" if years == LAW_YEARS else "ledger.keep_years or --keep-years"
        raise BadRequest(
            f"Calls since {bound:%Y-%m-%d} are kept to be replayed: {years} years ({why}).",
            f"Say --before {bound:%Y-%m-%d} or an earlier day.",
        )
    return asked


def held(room: Room, before: datetime) -> list[Held]:
    """Every snapshot of the room, oldest first, with what keeps it."""
    current = current_id(room.snapshots_path)
    found = []
    with Reader(room.ledger_url) as reader:
        for one in list_snapshots(room.snapshots_path):
            calls = reader.page(Wanted(snapshot=one.id), limit=1).calls
            last = calls[0].intent.at if calls else ""
            newest = last or f"{one.manifest.created}"
            stays = "it is in force" if one.id == current else ""
            if not stays and newest >= told(before):
                stays = f"a call of {last[:10]} rests on it" if last else f"it was made on {newest[:10]}"
            found.append(Held(one.id, one.manifest.created, last, stays))
    return found


def prune(room: Room, ledger: Ledger, going: Sequence[Held], before: datetime, by: str) -> int:
    """Takes away the snapshots that may go, each after an entry that says so; gives the last entry's place, 0 where nothing went."""
    seq = 0
    for one in going:
        if not one.may_go:
            raise BadRequest(f"Snapshot {one.snapshot} stays: {one.stays}.")
        body = {
            "snapshot": one.snapshot,
            "created": one.created,
            "last_call": one.last_call,
            "before": told(before),
            "by": by,
        }
        seq = ledger.note({"pruned": body})
        try:
            retire(room.snapshots_path, one.snapshot)
        except (ReadingRoomError, OSError) as error:
            ledger.note({"not_pruned": {"snapshot": one.snapshot, "entry": seq, "error": type(error).__name__}})
            raise
        # Earlier answers on it: nobody can be answered from it now, so none is to be compared with them.
        shutil.rmtree(room.answered_path / one.snapshot, ignore_errors=True)
    return seq
