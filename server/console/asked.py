"""What an address asks for, checked: dates, cursors, names. What does not fit is a BadRequest that names the field and not the value."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from data.errors import BadRequest
from server.console.find import Filters
from server.console.rendering import PREFIX
from server.ledger import Wanted

STATUSES = ("answered", "refused", "out_of_bounds", "failed", "open")
FIELDS = ("text", "subject", "session", "role", "tool", "status", "rule", "snapshot", "since", "until")
LONGEST = 500


def filters(query: Mapping[str, str]) -> Filters:
    """The filters of the page of calls."""
    told = {name: query.get(name, "").strip() for name in FIELDS}
    for name, value in told.items():
        if len(value) > LONGEST:
            raise BadRequest(f"The field {name} is too long.")
    if told["status"] and told["status"] not in STATUSES:
        raise BadRequest("The field status is none that a call can have.", f"There are: {', '.join(STATUSES)}.")
    since, until = span(told)
    wanted = Wanted(
        session=told["session"] or None,
        subject=told["subject"] or None,
        snapshot=told["snapshot"] or None,
        status=told["status"] or None,
        since=since,
        until=until,
    )
    return Filters(wanted, told["role"], told["tool"], told["rule"], told["text"])


def span(query: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """The days `since` and `until`, both included, as moments of which the second is not."""
    since, until = (_day(query.get(name, "").strip(), name) for name in ("since", "until"))
    return since, until + timedelta(days=1) if until is not None else None


def cursor(query: Mapping[str, str]) -> int | None:
    """Where a list goes on."""
    told = query.get("cursor", "")
    if not told:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", told):
        raise BadRequest("The field cursor is no number.")
    return int(told)


def whole_number(query: Mapping[str, str], name: str) -> int:
    """A number, maybe negative, of at most 19 digits."""
    told = query.get(name, "").strip()
    if not re.fullmatch(r"-?[0-9]{1,19}", told) or not -(2**63) <= int(told) < 2**63:
        raise BadRequest(f"The field {name} is no whole number.", "Give the number the release shows for the person.")
    return int(told)


def link(path: str, query: Mapping[str, object], **more: object) -> str:
    """An address of the console, with what was asked and more; empty values are left out."""
    kept = {name: value for name, value in {**query, **more}.items() if value not in ("", None)}
    return f"{PREFIX}{path}{'?' if kept else ''}{urlencode(kept)}"


def _day(told: str, name: str) -> datetime | None:
    if not told:
        return None
    try:
        day = date.fromisoformat(told)
        return datetime(min(max(day.year, 1970), 9000), day.month, day.day, tzinfo=UTC)  # far enough either way
    except ValueError as error:
        raise BadRequest(f"The field {name} is no date.", "Write it as 2025-12-31.") from error
