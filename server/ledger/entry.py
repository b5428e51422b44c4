"""One entry of the ledger, and the bytes of it that the tree's leaf is the hash of. Those who read calls see `Entry`.

What calls are looked up by (subject, session, snapshot, status) stands in columns of its own and is bound with the rest: the leaf is put
together from the columns, so none of them can be changed unseen. Together they are one canonical JSON object (RFC 8785).
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from json.encoder import encode_basestring
from typing import Any

from server.ledger.canonical import canonical_json

CLOCK_BOUND = 60.0  # seconds that an entry may be dated before an earlier one: two servers' clocks may differ so much
LIFTED = ("session", "snapshot", "status", "subject")
Columns = tuple[str | None, str | None, str | None, str | None]  # of those names
_TO_ESCAPE = re.compile(rb'[\x00-\x1f"\\]').search


@dataclass(frozen=True)
class Entry:
    """One entry as stored. `text` is what of the body stands in no column of its own, as canonical JSON.

    `linear` is (hash before it, own hash) of an entry written before the ledger was a tree; its text is then the whole body.
    """

    seq: int
    at: str
    kind: str
    call_id: str
    session: str | None
    snapshot: str | None
    status: str | None
    subject: str | None
    text: str
    sealed: bytes | None
    linear: tuple[str, str] | None = None

    @cached_property
    def body(self) -> dict[str, Any]:
        """The body as data."""
        body: dict[str, Any] = json.loads(self.text)
        if self.linear is None:
            body.update({name: value for name in LIFTED if (value := getattr(self, name)) is not None})
        return body

    @property
    def written(self) -> bytes:
        """The bytes the leaf is the hash of."""
        linear = (self.linear[0].encode(), self.linear[1].encode()) if self.linear is not None else None
        columns = tuple(value.encode() if (value := getattr(self, name)) is not None else None for name in LIFTED)
        fields = (self.at.encode(), self.kind.encode(), self.call_id.encode())
        return written(self.seq, *fields, columns, self.text.encode(), self.sealed, linear)


def divided(body: dict[str, Any]) -> tuple[Columns, str]:
    """A body's columns, in the order of LIFTED, and the text of the rest. PostgreSQL has no text with NUL: such a value stays in the rest."""
    lifted = {name: value for name in LIFTED if isinstance(value := body.get(name), str) and "\0" not in value}
    rest = {name: value for name, value in body.items() if name not in lifted}
    session, snapshot, status, subject = map(lifted.get, LIFTED)
    return (session, snapshot, status, subject), canonical_json(rest).decode()


def written(
    seq: int,
    at: bytes,
    kind: bytes,
    call_id: bytes,
    columns: tuple[bytes | None, ...],
    text: bytes,
    sealed: bytes | None,
    linear: tuple[bytes, bytes] | None = None,
) -> bytes:
    """An entry's canonical JSON, of its columns as UTF-8. Sealed bytes stand in it by their SHA-256.

    No two sets of columns give the same bytes: all but the text are escaped, and the text ends where the known keys after it begin.
    """
    shut = b"null" if sealed is None else b'"' + hashlib.sha256(sealed).hexdigest().encode() + b'"'
    was = b"" if linear is None else b',"linear":{"hash":"%b","prev":"%b"}' % (_inner(linear[1]), _inner(linear[0]))
    named = b"" if linear is not None else _named(columns)
    return b'{"at":"%b","body":%b,"call":"%b","kind":"%b"%b,"sealed":%b,"seq":%d%b}' % (
        _inner(at), text, _inner(call_id), _inner(kind), was, shut, seq, named,
    )  # fmt: skip


@lru_cache(maxsize=65536)
def _named(columns: tuple[bytes | None, ...]) -> bytes:
    pairs = zip(LIFTED, columns, strict=True)
    return b"".join(b',"%b":"%b"' % (name.encode(), _inner(value)) for name, value in pairs if value is not None)


def _inner(value: bytes) -> bytes:
    """UTF-8 text as it stands between the quotes of a JSON string."""
    return encode_basestring(value.decode())[1:-1].encode() if _TO_ESCAPE(value) else value
