"""What a console holds open: the house whose calls it replays, a reader of the ledger, who is signed in, and work under way.

The console writes one kind of thing: notes to the ledger of who looked at what. A page whose note cannot be written is not shown.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from server.console.sessions import Sessions, Viewer
from server.console.tally import Tally
from server.console.verifying import Verifying
from server.house import House
from server.ledger import Reader

ONCE = 60.0  # seconds


class Console:
    """A console of a house. The house stays the caller's to close."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sessions = Sessions()
        self.tally = Tally(lambda: self.reader)
        self.verifying = Verifying(house.room)
        self.replaying = Lock()  # one at a time: a replay takes a query worker
        self._noted: dict[tuple[Viewer, str], float] = {}
        self._reader, self._lock = Reader(house.room.ledger_url), Lock()

    @property
    def reader(self) -> Reader:
        """The ledger, for reading; opened anew while nothing was written to it yet."""
        with self._lock:
            if self._reader.size() == 0:
                self._reader.close()
                self._reader = Reader(self.house.room.ledger_url)
            return self._reader

    def viewer(self, subject: str, role: str) -> Viewer:
        """Someone of a console role, with what that role may see."""
        return Viewer(subject, role, role in self.house.room.settings.console.unseal)

    def note(self, viewer: Viewer, page: str, **facts: object) -> None:
        """Records who looked at what. Raises ReadingRoomError where the ledger cannot be written."""
        told = {name: value for name, value in facts.items() if value not in ("", None, [])}
        self.house.ledger.note({"console": page, "viewer": viewer.subject, "role": viewer.role, **told})

    def note_once(self, viewer: Viewer, page: str, clock: Callable[[], float] = time.monotonic) -> None:
        """The same for a page that a browser asks for again and again while it waits: at most one note a minute."""
        key, now = (viewer, page), clock()
        if now - self._noted.get(key, -ONCE) >= ONCE:
            self.note(viewer, page)
            self._noted = {one: at for one, at in self._noted.items() if now - at < ONCE} | {key: now}

    def close(self) -> None:
        """Ends what is under way and lets go of the ledger's reader."""
        self.tally.close()
        self.verifying.close()
        self._reader.close()


@dataclass(frozen=True)
class Visit:
    """One request to a page: who looks, what was asked, and the token its forms carry."""

    console: Console
    viewer: Viewer | None
    session: str
    form_token: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    secure: bool = False

    @property
    def who(self) -> Viewer:
        """The viewer; a page that is not open has one."""
        if self.viewer is None:
            raise LookupError("an open page asked who looks")
        return self.viewer

    def note(self, page: str, **facts: object) -> None:
        """Records that the viewer looked at a page."""
        self.console.note(self.who, page, **facts)

    def note_once(self, page: str) -> None:
        """Records it at most once a minute."""
        self.console.note_once(self.who, page)
