"""Who is signed in: sessions held in memory, one-time links, and the token that each form carries.

A session's id is made here at sign-in and never taken from a browser, so none can be planted (session fixation, OWASP ASVS 5.0 V7.2.4). The
form token is an HMAC of the session's id (OWASP CSRF prevention, signed double submit), so it needs no store.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from server.room import Token

COOKIE = "readingroom_console"
IDLE = 30 * 60.0
LONGEST = 8 * 3600.0
LINK_LASTS = 10 * 60.0
MOST_SESSIONS = 1000
MOST_FAILURES = 10  # in a minute, from one address


@dataclass(frozen=True)
class Viewer:
    """Who looks. `unseals`: whether the role may see questions in words."""

    subject: str
    role: str
    unseals: bool


@dataclass
class _Session:
    viewer: Viewer
    begun: float
    seen: float


class Sessions:
    """Signed-in viewers. Times are seconds of `clock`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._secret = secrets.token_bytes(32)
        self._held: OrderedDict[str, _Session] = OrderedDict()
        self._links: dict[str, tuple[Viewer, float]] = {}
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    @staticmethod
    def new_id() -> str:
        """An id that cannot be guessed; it stands for nobody until `begin` gives one out."""
        return secrets.token_urlsafe(32)

    def form_token(self, session: str) -> str:
        """What a form of that session must carry."""
        return hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()

    def fits(self, session: str, token: str) -> bool:
        """Whether a form's token is that session's."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())

    def begin(self, viewer: Viewer) -> str:
        """Signs in; gives the new session's id."""
        session, now = self.new_id(), self._clock()
        with self._lock:
            self._held[_digest(session)] = _Session(viewer, now, now)
            while len(self._held) > MOST_SESSIONS:
                self._held.popitem(last=False)
        return session

    def viewer(self, session: str) -> Viewer | None:
        """Who is signed in under that id; None after half an hour without a page, or eight hours."""
        now, key = self._clock(), _digest(session)
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            if now - held.seen > IDLE or now - held.begun > LONGEST:
                del self._held[key]
                return None
            held.seen = now
            return held.viewer

    def end(self, session: str) -> None:
        """Signs out."""
        with self._lock:
            self._held.pop(_digest(session), None)

    def link(self, viewer: Viewer) -> str:
        """A secret that signs in once, within ten minutes."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._links[_digest(secret)] = (viewer, self._clock())
        return secret

    def take_link(self, secret: str) -> Viewer | None:
        """The viewer of a link, which is then spent."""
        with self._lock:
            viewer, made = self._links.pop(_digest(secret), (None, 0.0))
        return viewer if self._clock() - made <= LINK_LASTS else None

    def failed(self, address: str) -> None:
        """Counts a sign-in that failed."""
        with self._lock:
            self._failures.setdefault(address, deque(maxlen=MOST_FAILURES)).append(self._clock())
            while len(self._failures) > MOST_SESSIONS:
                self._failures.popitem(last=False)

    def must_wait(self, address: str) -> bool:
        """Whether an address failed too often in the last minute."""
        with self._lock:
            times = self._failures.get(address, deque())
            return len(times) == MOST_FAILURES and times[0] > self._clock() - 60.0


def of_token(tokens: Sequence[Token], secret: str) -> Token | None:
    """The token of a secret. All are compared, so that time tells nothing."""
    digest, found = _digest(secret.strip()), None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token
    return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
