"""Which recorded calls to replay: those of a session, one call, those of a time, or a random share of them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from data.errors import BadRequest
from server.ledger import Reader, RecordedCall, Wanted


@dataclass(frozen=True)
class Pick:
    """What is asked for; all of it must hold. `share` (0 to 1) takes each call by chance, drawn by `seed`, so that a draw can be repeated."""

    session: str | None = None
    call: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    share: float = 1.0
    seed: int = 0


def picked(reader: Reader, pick: Pick) -> Iterator[RecordedCall]:
    """The calls, in the order they began. Raises BadRequest where one is named that is not recorded."""
    if pick.call is not None:
        found = reader.call(pick.call)
        if found is None:
            raise BadRequest(f"No call {pick.call} is recorded.", "See `readingroom audit show`.")
        yield found
        return
    draw = random.Random(pick.seed)  # noqa: S311 - chooses a sample, guards nothing
    for one in reader.calls(Wanted(session=pick.session, since=pick.since, until=pick.until)):
        if draw.random() < pick.share:
            yield one


def share_of(text: str) -> float:
    """A share written as `5%` or `0.05`. Raises BadRequest unless it lies above 0 and is at most all."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise BadRequest(f"A sample is a share such as 5% or 0.05, not '{text}'.")
    return share
