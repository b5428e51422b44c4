"""The ledger's state: its size and signed checkpoints, and whether it verifies. This page is shown even where no note can be written."""

import base64
from typing import Any

from starlette.responses import RedirectResponse, Response

from data.errors import ReadingRoomError
from server.console.desk import Visit
from server.console.rendering import PREFIX, render
from server.ledger import public_key
from server.ledger.keychain import key_name
from server.ledger.notes import Signed

SHOWN = 25


def ledger(visit: Visit) -> Response:
    """The page."""
    unwritable = ""
    try:
        visit.note_once("ledger")
    except ReadingRoomError as error:
        unwritable = error.message
    reader, verifying = visit.console.reader, visit.console.verifying
    room = visit.console.house.room
    return render(
        visit,
        "ledger.html",
        title="Ledger",
        unwritable=unwritable,
        size=reader.size(),
        checkpoints=[_told(one) for one in reader.checkpoints(SHOWN)],
        newest=_told(newest) if (newest := reader.newest()) is not None else None,
        key=key_name(public_key(room.keys_path)),
        witness=room.witness_path is not None,
        durable=room.settings.ledger.durable,
        running=verifying.since,
        last=verifying.last,
    )


def verified(visit: Visit) -> Response:
    """Begins a verification, unless one is under way, and goes back to the page, which shows how it stands."""
    visit.note("verify")
    visit.console.verifying.start()
    return RedirectResponse(f"{PREFIX}/ledger", 303)


def _told(signed: Signed) -> dict[str, Any]:
    one = signed.checkpoint
    return {
        "size": one.size, "at": one.at, "root": base64.b64encode(one.root).decode(), "origin": one.origin,
        "note": signed.note, "signatures": len(signed.signatures),
    }  # fmt: skip
