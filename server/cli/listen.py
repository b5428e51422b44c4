"""The command `readingroom listen`: takes what source systems send (HL7 v2 by MLLP, images by C-STORE) until it is stopped."""

import signal
import threading
from contextlib import ExitStack
from typing import Annotated

import typer

from data.errors import BadRequest, ReadingRoomError
from data.raw import RawStore
from data.sources.listening import Listener, Listens, SpoolDirectory
from server.cli.show import RoomOption, err, out
from server.filling import connector_of
from server.room import open_room


def add(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(listen)


def listen(
    room: RoomOption = None,
    every: Annotated[
        float, typer.Option(min=0.1, help="Seconds between moves of what was received into the raw store.")
    ] = 10.0,
) -> None:
    """Receive what sources send, acknowledge it once it is on disk, and move it into the raw store. Stop with Ctrl-C; nothing is lost."""
    opened = open_room(room)
    store = RawStore(opened.raw_path)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        listening: list[tuple[SpoolDirectory, Listener]] = []
        for source in opened.settings.sources:
            connector = connector_of(opened, source)
            if isinstance(connector, SpoolDirectory) and isinstance(connector, Listens):
                listener = connector.listen()
                stack.callback(listener.close)
                listening.append((connector, listener))
                host, port = listener.address
                out.print(f"{source.name}: listening on {host}:{port} ({source.kind})")
        if not listening:
            raise BadRequest(
                "No source of this room listens.", "Add one of kind hl7v2-mllp or dicom-store to readingroom.yaml."
            )
        while not stop.wait(every):
            _move(store, listening)
    _move(store, listening)
    for connector, listener in listening:
        out.print(f"{connector.name}: {listener.received} received, {listener.refused} refused")


def _move(store: RawStore, listening: list[tuple[SpoolDirectory, Listener]]) -> None:
    """What was received goes into the raw store and leaves the spool; a failure is said and tried again the next time."""
    for connector, _ in listening:
        try:
            before = connector.waiting()
            if before:
                store.ingest(connector)
                connector.clear(store.holds(connector.name, before))
        except ReadingRoomError as error:
            err.print(f"{connector.name}: {error}", markup=False, soft_wrap=True)
