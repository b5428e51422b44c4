"""HL7 v2 messages to staging: results of ORU^R01, patients, visits and merges of ADT. One message is one record, numbered in its file.

A message that cannot be used is rejected with its number; its neighbours stay. Message types not read are counted, not dropped; of them only
the people they name are read, so that these can be found in texts.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import duckdb

from data.normalise.extract import adt, oru, people
from data.normalise.extract.er7 import Segment, component, field, messages, plain, segments
from data.normalise.extract.related import Related
from data.normalise.extract.rows import Rows
from data.types import Progress, Stored, no_progress

MEDIA = ("hl7v2",)
# What the quality report may name: types and triggers as HL7 writes them (tables 0076 and 0003), not whatever stands there.
_KIND = re.compile(r"[A-Z]{3}\^([A-Z]\d\d)?")
Reject = Callable[[str, str], None]


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the messages of all files to the staging tables."""
    rows = Rows(con)
    related = Related(rows)
    for done, one in enumerate(stored, 1):
        _file(rows, related, one)
        if done % 20 == 0:
            progress("extracting HL7 v2", done, len(stored))
    rows.close()


def _file(rows: Rows, related: Related, stored: Stored) -> None:
    origin = {"source": stored.source, "system": stored.system, "seq": stored.seq, "blob": stored.digest}
    damage: list[str] = []
    number = 0
    for number, message in enumerate(messages(stored.path, damage.append), 1):
        _message(rows, related, {**origin, "line": number}, message)
    for place, told in enumerate(damage):  # lines from 0 down: the file, not one of its messages
        rows.add("reject", {**origin, "line": -place, "rule": "damaged-file", "reason": told})
    received = {"source": stored.source, "blob": stored.digest, "name": stored.name, "media": stored.media}
    rows.add("received", {**received, "records": number + len(damage)})


def _message(rows: Rows, related: Related, origin: dict[str, Any], message: bytes | None) -> None:
    def reject(rule: str, reason: str) -> None:
        rows.add("reject", {**origin, "rule": rule, "reason": reason})

    if message is None:
        return reject("too-long", "the message is far too long")
    try:
        parts = segments(message)
    except ValueError:
        return reject("unreadable-message", "the message cannot be parsed")
    kind, trigger = _type(parts[0])
    understood = kind == "ORU" or (kind == "ADT" and trigger in adt.TRIGGERS)
    people.stage(related, origin, parts, told=understood)
    if not understood:
        what = f"HL7 {kind}^{trigger}".rstrip("^") if _KIND.fullmatch(f"{kind}^{trigger}") else "HL7 of no known type"
        rows.add("not_understood", {**origin, "what": what, "records": 1})
        return None
    pid = next((one for one in parts if one[0] == "PID"), None)
    numbers = identifiers(field(pid, 3))
    if pid is None or not numbers:
        return reject("no-pid", "the message names no patient (PID-3)")
    _patient(rows, origin, pid, numbers, plain(field(parts[0], 10)))
    if kind == "ADT":
        adt.stage(rows, origin, trigger, parts)
    else:
        oru.stage(rows, origin, parts, numbers[0][1])
    return None


def _type(msh: Segment) -> tuple[str, str]:
    text = field(msh, 9)
    return component(text, 1) or "", component(text, 2) or ""


def _patient(
    rows: Rows, origin: dict[str, Any], pid: Segment, numbers: list[tuple[str, str]], control: str | None
) -> None:
    name, address = field(pid, 5).split("~")[0], field(pid, 11).split("~")[0]
    rows.add("patient", {
        **origin, "record_id": control or None, "mrn": numbers[0][1],
        "identifiers": [f"{system}|{value}" for system, value in numbers],
        "family": component(component(name, 1) or "", 1, "&"), "given": component(name, 2), "birth_date": field(pid, 7)[:8] or None,
        "sex": component(field(pid, 8), 1), "race": component(field(pid, 10).split("~")[0], 1),
        "ethnicity": component(field(pid, 22).split("~")[0], 1),
        "street": component(component(address, 1) or "", 1, "&"), "city": component(address, 3), "state": component(address, 4),
        "zip": component(address, 5), "phone": component(field(pid, 13).split("~")[0], 1),
        "death_datetime": field(pid, 29) or None,
    })  # fmt: skip


def identifiers(repeated: str) -> list[tuple[str, str]]:
    """(assigning authority, number) of each identifier of a CX field; the first is how this source names the patient."""
    return [
        ((component(part, 4) or "HL7").split("&")[0], number)
        for part in repeated.split("~")
        if (number := component(part, 1))
    ]
