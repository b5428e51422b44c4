"""HL7 v2 messages to staging: ORU^R01 results, and the patients and visits of ADT. Parsing is the library's (`hl7`); tolerance is ours.

Real files carry a byte-order mark, LF for CR, batch envelopes, segments with fields missing. A message that cannot be used is rejected
with its number in the file; its neighbours stay. Message types not read yet are counted, not dropped.
"""

import re
from typing import Any

import duckdb
import hl7

from data.normalise.extract.rows import Rows
from data.types import Stored

_ENVELOPE = re.compile(r"^(FHS|BHS|BTS|FTS)[|]")
_VISITS = frozenset({"A01", "A03", "A04", "A08"})
_PERSONS = _VISITS | {"A05", "A28", "A31"}
_NUMBER = re.compile(r"^\s*(<=|>=|<|>|=)?\s*([-+]?\d+(?:\.\d+)?)\s*$")
_RANGE = re.compile(r"^\s*([-+]?\d+(?:\.\d+)?)\s*-\s*([-+]?\d+(?:\.\d+)?)")
_CLASSES = {"I": "IMP", "E": "EMER", "O": "AMB", "P": "AMB", "R": "AMB"}


def extract(con: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Adds the messages of one file to the staging tables."""
    rows = Rows(con)
    texts = messages(stored.path.read_bytes())
    expanded = sum(_message(rows, stored, number, text) for number, text in enumerate(texts, 1))
    received = {"source": stored.source, "blob": stored.digest, "name": stored.name, "media": stored.media}
    rows.add("received", {**received, "records": len(texts), "expanded": expanded})
    rows.close()


def messages(content: bytes) -> list[str]:
    """The messages of a file, segments ended by CR; what stands before the first MSH is no message unless it is not blank."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.lstrip("\x0b\ufeff") for line in re.split(r"\r\n|\r|\n", text.replace("\x1c", ""))]
    found: list[list[str]] = []
    for line in lines:
        if not line.strip() or _ENVELOPE.match(line):
            continue
        if line.startswith("MSH") or not found:
            found.append([])
        found[-1].append(line)
    return ["\r".join(one) + "\r" for one in found]


def _message(rows: Rows, stored: Stored, number: int, text: str) -> int:
    """Stages one message; gives how many rows beyond one it made."""
    origin = {
        "source": stored.source,
        "system": stored.system,
        "seq": stored.seq,
        "blob": stored.digest,
        "line": number,
    }

    def reject(rule: str, reason: str) -> int:
        rows.add("reject", {**origin, "record_id": None, "rule": rule, "reason": reason})
        return 0

    try:
        message = hl7.parse(text)
        kind, _, trigger = (_field(message.segment("MSH"), 9) + "^").partition("^")
    except (hl7.HL7Exception, KeyError, IndexError, ValueError):
        return reject("unreadable-message", "the message cannot be parsed")
    trigger = trigger.split("^")[0]
    wanted = kind == "ORU" or (kind == "ADT" and trigger in _PERSONS)
    if not wanted:
        what = f"HL7 {kind[:8]}^{trigger[:8]}" if kind.isalnum() else "HL7 without a type"
        rows.add(
            "not_understood",
            {"source": stored.source, "blob": stored.digest, "line": number, "what": what, "records": 1},
        )
        return 0
    pid = _segment(message, "PID")
    mrn = _identifiers(pid)
    if pid is None or not mrn:
        return reject("no-pid", "the message names no patient (PID-3)")
    _patient(rows, origin, pid, mrn, message)
    if kind == "ADT":
        return _visit(rows, origin, message, mrn[0][1]) if trigger in _VISITS else 0
    return _results(rows, origin, message, mrn[0][1])


def _patient(rows: Rows, origin: dict[str, Any], pid: Any, mrn: list[tuple[str, str]], message: Any) -> None:
    names, address = _field(pid, 5).split("^"), _field(pid, 11).split("~")[0].split("^")
    rows.add("patient", {
        **origin, "record_id": _field(message.segment("MSH"), 10) or None, "mrn": mrn[0][1],
        "identifiers": [f"{system}|{value}" for system, value in mrn],
        "family": _text(names, 0), "given": _text(names, 1), "birth_date": _field(pid, 7)[:8] or None,
        "sex": _field(pid, 8) or None, "street": _text(address, 0), "city": _text(address, 2), "state": _text(address, 3),
        "zip": _text(address, 4), "phone": _field(pid, 13).split("^")[0].split("~")[0] or None,
        "death_datetime": _field(pid, 29) or None,
    })  # fmt: skip


def _visit(rows: Rows, origin: dict[str, Any], message: Any, mrn: str) -> int:
    pv1 = _segment(message, "PV1")
    number = _field(pv1, 19).split("^")[0] if pv1 is not None else ""
    if not number:
        return 0
    code = _field(pv1, 2)
    rows.add("visit", {
        **origin, "record_id": number, "mrn": mrn, "class_code": _CLASSES.get(code, code) or None,
        "start_at": _field(pv1, 44) or _field(_segment(message, "EVN"), 2) or None, "end_at": _field(pv1, 45) or None,
        "status": "finished" if _field(pv1, 45) else "in-progress", "provider_key": _field(pv1, 7).split("^")[0] or None,
    })  # fmt: skip
    return 0


def _results(rows: Rows, origin: dict[str, Any], message: Any, mrn: str) -> int:
    order, observed, place, made = "", "", 0, 0
    for segment in message:
        name = str(segment[0])
        if name == "OBR":
            order = (_field(segment, 3) or _field(segment, 2)).split("^")[0]
            place, observed = place + 1, _field(segment, 7)
        elif name == "OBX":
            made += 1
            _result(rows, origin, segment, mrn, order or f"{origin['blob'][:12]}:{origin['line']}:{place}", observed)
    return max(made - 1, 0)


def _result(rows: Rows, origin: dict[str, Any], obx: Any, mrn: str, order: str, observed: str) -> None:
    code, display, system = (*_field(obx, 3).split("^"), "", "", "")[:3]
    kind, raw, status = _field(obx, 2), _field(obx, 5), _field(obx, 11)
    number = _NUMBER.match(raw.replace("^", "") if kind == "SN" else raw)
    span = _RANGE.match(_field(obx, 7))
    coded = raw.split("^") if kind in ("CE", "CWE", "CNE") else []
    rows.add("event", {
        **origin, "kind": "measurement", "mrn": mrn, "record_id": f"{order}:{code}:{_field(obx, 4)}",
        "code_system": {"LN": "LOINC", "SCT": "SNOMED"}.get(system, "LOCAL"), "code": code or None, "display": display or None,
        "start_at": _field(obx, 14) or observed or None, "value_text": (_text(coded, 1) if coded else raw) or None,
        "value_number": number[2] if number and kind in ("NM", "SN") else None, "value_operator": number[1] if number else None,
        "value_code": _text(coded, 0), "value_code_system": "LOCAL" if coded else None, "unit": _field(obx, 6).split("^")[0] or None,
        "range_low": span[1] if span else None, "range_high": span[2] if span else None, "status": status or None,
        "numeric_expected": kind == "NM" and bool(raw),
    })  # fmt: skip


def _identifiers(pid: Any) -> list[tuple[str, str]]:
    """(assigning authority, number) of each identifier in PID-3; the first is how this source names the patient."""
    found = []
    for part in _field(pid, 3).split("~") if pid is not None else []:
        pieces = part.split("^")
        if pieces[0].strip():
            authority = _text(pieces, 3) or "HL7"
            found.append((authority.split("&")[0], pieces[0].strip()))
    return found


def _segment(message: Any, name: str) -> Any:
    try:
        return message.segment(name)
    except KeyError:
        return None


def _field(segment: Any, number: int) -> str:
    """A field's text, escapes undone; empty where it is missing or the HL7 null."""
    if segment is None or number >= len(segment):
        return ""
    text = str(segment[number])
    text = "" if text == '""' else text
    return _unescaped(text) if "\\" in text and number != 2 else text


_ESCAPES = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", ".br": "\n"}


def _unescaped(text: str) -> str:
    return re.sub(r"\\([A-Za-z.]+)\\", lambda match: _ESCAPES.get(match[1], match[0]), text)


def _text(pieces: list[str], place: int) -> str | None:
    return (pieces[place].strip() or None) if place < len(pieces) else None
