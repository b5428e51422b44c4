"""Accounting of disclosures, 45 CFR 164.528: who received which of a person's health information, when, and what for.

The rule leaves out, in (a)(1), disclosures for treatment, payment and health care operations (i) and those of a limited data set (viii). What is
de-identified is no protected health information, 164.514(a), nor are counts over groups held to the policy's threshold. They are counted
here and listed with `everything`. The rule's other exceptions (to the person, by authorization ...) are not the record's to know.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from policies.model import Policy, parse_policy
from server.disclosures.line import line
from server.disclosures.seen import Seen
from server.ledger import RecordedCall
from server.room import Room

YEARS = 6  # 164.528(a)(1): in the six years prior to the request
COLUMNS = ("date", "recipient", "disclosed", "purpose", "accountable", "call")
_PURPOSES = {
    "TREAT": ("treatment", "treatment"),
    "ETREAT": ("emergency treatment", "treatment"),
    "HPAYMT": ("payment", "payment"),
    "HOPERAT": ("health care operations", "health care operations"),
    "HQUALIMP": ("quality improvement", "health care operations"),
    "PATADMIN": ("patient administration", "health care operations"),
    "HRESCH": ("research", ""),
    "CLINTRCH": ("clinical trial research", ""),
    "PUBHLTH": ("public health", ""),
}
_BASES = {
    "limited": "limited data set",
    "deidentified": "de-identified",
    "safe_harbor": "de-identified",
}


@dataclass(frozen=True)
class Disclosure:
    """One line of the accounting, by 164.528(b)(2). `left_out` says why the rule does not ask for it; empty where it does."""

    at: str
    recipient: str
    disclosed: str
    purpose: str
    left_out: str
    call: str


@dataclass(frozen=True)
class Accounting:
    """The accounting of one person over a time. `counted`: how many were left out, by reason."""

    person: int
    since: datetime
    until: datetime
    lines: tuple[Disclosure, ...]
    counted: dict[str, int]
    unknown: tuple[tuple[str, str], ...]
    stopped: bool
    anchor: str


def since_default(now: datetime) -> datetime:
    """Six years before."""
    try:
        return now.replace(year=now.year - YEARS)
    except ValueError:  # 29 February
        return now.replace(year=now.year - YEARS, day=28)


def accounting(
    room: Room, person: int, found: Seen, span: tuple[datetime, datetime], everything: bool = False, anchor: str = ""
) -> Accounting:
    """The accounting of what was found about a person. `anchor` says which state of the ledger it rests on."""
    bases = _Bases(room)
    calls = sorted([*found.shown, *found.rested], key=lambda one: one.intent.at)
    lines = [_disclosure(one, bases.base_of(one)) for one in calls]
    left_out = Counter(one.left_out for one in lines if one.left_out)
    kept = tuple(one for one in lines if everything or not one.left_out)
    unknown = tuple((call.call_id, reason) for call, reason in found.unknown)
    return Accounting(person, *span, kept, dict(left_out.most_common()), unknown, found.stopped, anchor)


def as_html(told: Accounting) -> str:
    """The accounting as a page that prints well."""
    pages = Environment(loader=PackageLoader("server", "pages"), autoescape=True, undefined=StrictUndefined)
    made = datetime.now(UTC)
    return pages.get_template("accounting.html").render(told=told, made=made)


def as_csv(told: Accounting) -> str:
    """The accounting as CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in told.lines:
        accountable = f"no: {one.left_out}" if one.left_out else "yes"
        writer.writerow(
            [_inert(cell) for cell in (one.at, one.recipient, one.disclosed, one.purpose, accountable, one.call)]
        )
    return out.getvalue()


def _disclosure(call: RecordedCall, base: str) -> Disclosure:
    told = line(call)
    purpose, kept_out = _PURPOSES.get(told["purpose"], (told["purpose"], ""))
    emergency = ", with an emergency stated" if told["break_glass"] else ""
    left_out = _BASES.get(base, "") or ("count over groups" if told["mode"] == "aggregate" else kept_out)
    return Disclosure(
        at=f"{told['at'][:19].replace('T', ' ')} UTC",
        recipient=f"{told['subject']} ({told['role']})",
        disclosed=_disclosed(told),
        purpose=f"{purpose} ({told['purpose']}){emergency}",
        left_out=left_out,
        call=call.call_id,
    )


def _disclosed(told: dict[str, Any]) -> str:
    tables = ", ".join(name.removeprefix("main.").replace("_", " ") for name in told["tables"])
    persons = f", about {told['persons']} persons" if told["persons"] else ""
    return f"{told['rows']} rows of {tables or 'no table'}{persons}; release {told['release']}"


def _inert(cell: str) -> str:
    return f"'{cell}" if cell[:1] in "=+-@\t\r" and cell else cell


class _Bases:
    """Which of the four releases a call's release is made of: its own policy says so. Unknown: taken for identified."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._policies: dict[str, Policy | None] = {}

    def base_of(self, call: RecordedCall) -> str:
        release, digest = str(call.intent.body["release"]), str(call.intent.body["policy"])
        if release in _BASES or release == "identified":
            return release
        if digest not in self._policies:
            path = self._room.policies_path / f"{digest}.yaml"
            kept = parse_policy(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else None
            self._policies[digest] = kept
        policy = self._policies[digest]
        custom = policy.releases.get(release) if policy is not None else None
        return custom.base if custom is not None else "identified"


def unknown_lines(told: Accounting) -> Iterable[str]:
    """What the accounting could not look into, in words."""
    yield from (f"{call}: {reason}" for call, reason in told.unknown)
    if told.stopped:
        yield "there were more calls than were to be executed again"
