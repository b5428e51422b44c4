"""Policies the room has had, by digest: one as it was written, and what differs between two, in text and in what grants reach."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from data.errors import BadRequest, ReadingRoomError
from policies.model import Policy, parse_policy
from policies.workbench.compare import grants_changed
from server.console.desk import Visit
from server.console.gate import not_found
from server.console.rendering import render
from server.console.sqldiff import lines_changed

_DIGEST = re.compile(r"[0-9a-f]{64}")
MOST = 200


@dataclass(frozen=True)
class Kept:
    """A policy file of the room."""

    digest: str
    since: str
    in_force: bool


def policies(visit: Visit) -> Response:
    """The list, newest first."""
    visit.note("policies")
    return render(
        visit,
        "policies.html",
        title="Policy",
        rows=_kept(visit)[:MOST],
        contact=visit.console.house.judge.policy.contact,
    )


def policy(visit: Visit) -> Response:
    """One policy as it was written."""
    digest = visit.path["digest"]
    text = _text(visit, digest)
    if text is None:
        return not_found(visit)
    visit.note("policy", policy=digest)
    parsed, problem = _parsed(text, digest)
    in_force = digest == visit.console.house.judge.digest
    return render(
        visit, "policy.html", title=f"Policy {digest[:12]}", digest=digest, text=text, parsed=parsed, problem=problem, in_force=in_force
    )  # fmt: skip


def compared(visit: Visit) -> Response:
    """Two policies: the lines that differ, and the columns and terms that grants gain and lose."""
    one, other = visit.query.get("one", ""), visit.query.get("other", "")
    old, new = _text(visit, one), _text(visit, other)
    if old is None or new is None:
        return not_found(visit)
    visit.note("policies compared", one=one, other=other)
    before, after = _parsed(old, one)[0], _parsed(new, other)[0]
    changes = list(grants_changed(before, after)) if before is not None and after is not None else None
    lines = list(lines_changed(old, new))
    return render(visit, "compared.html", title="Two policies", one=one, other=other, lines=lines, changes=changes)


def _kept(visit: Visit) -> list[Kept]:
    folder = visit.console.house.room.policies_path
    paths = folder.glob("*.yaml") if folder.is_dir() else ()
    found = [(path.stat().st_mtime, path) for path in paths if _DIGEST.fullmatch(path.stem)]
    now = visit.console.house.judge.digest
    return [
        Kept(path.stem, datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M"), path.stem == now)
        for at, path in sorted(found, reverse=True)
    ]


def _text(visit: Visit, digest: str) -> str | None:
    """The text of a policy. A digest is 64 hexadecimal digits and nothing else, so it names no other file."""
    if not _DIGEST.fullmatch(digest):
        return None
    path = visit.console.house.room.policies_path / f"{digest}.yaml"
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest("That policy's file cannot be read.", "Restore it from a copy.") from error


def _parsed(text: str, digest: str) -> tuple[Policy | None, str]:
    """The policy and what is wrong with it: that it cannot be read, or is not the one its name says."""
    try:
        parsed = parse_policy(text, f"{digest}.yaml")
    except ReadingRoomError as error:
        return None, str(error)
    return (
        parsed,
        "" if parsed.digest() == digest else "This file is not the policy that its name says: it was changed.",
    )
