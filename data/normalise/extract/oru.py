"""Results of ORU^R01: one event an OBX (HL7 2.3 to 2.8, chapter 7).

A result is known by its order, code and sub-id, so that a correction (OBX-11 of C) takes the place of what it corrects; an OBX that comes
twice in one message under the same three gets a number. Numbers are read from NM, SN and plain ST (`<5`), kept as text where they are
more than one number (`1:160`, `5-10`).
"""

import re
from typing import Any

from data.normalise.extract.er7 import Segment, component, field, plain
from data.normalise.extract.rows import Rows

_NUMBER = re.compile(r"(<=|>=|<|>|=)?\s*([-+]?\d+(?:\.\d+)?|[-+]?\.\d+)$")
_RANGE = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(?:-|to|\.\.)\s*([-+]?\d+(?:\.\d+)?)")
_BOUND = re.compile(r"(<=?|>=?)\s*([-+]?\d+(?:\.\d+)?)")
_SYSTEMS = {"LN": "LOINC", "SCT": "SNOMED", "SNM": "SNOMED", "I10": "ICD10CM"}
_CODED, _ENCAPSULATED = ("CE", "CWE", "CNE", "CF"), ("ED", "RP")


def stage(rows: Rows, origin: dict[str, Any], parts: list[Segment], mrn: str) -> None:
    """The results of one message."""
    order, observed, place = "", "", 0
    seen: dict[str, int] = {}
    for part in parts:
        if part[0] == "OBR":
            order = component(field(part, 3), 1) or component(field(part, 2), 1) or ""
            place, observed = place + 1, field(part, 7)
        elif part[0] == "OBX":
            named = order or f"{origin['blob'][:12]}:{origin['line']}:{place}"
            record = f"{named}:{component(field(part, 3), 1) or ''}:{plain(field(part, 4))}"
            seen[record] = seen.get(record, 0) + 1
            again = "" if seen[record] == 1 else f"#{seen[record]}"
            rows.add(
                "event",
                {**origin, "kind": "measurement", "mrn": mrn, "record_id": record + again, **_result(part, observed)},
            )


def _result(obx: Segment, observed: str) -> dict[str, Any]:
    identifier, kind, raw = field(obx, 3), field(obx, 2), field(obx, 5)
    code, display, system = component(identifier, 1), component(identifier, 2), component(identifier, 3)
    if (
        _SYSTEMS.get(system or "", "LOCAL") == "LOCAL" and component(identifier, 6) in _SYSTEMS
    ):  # the alternate is the standard one
        code, display, system = component(identifier, 4), component(identifier, 5), component(identifier, 6)
    text = _text(kind, raw)
    number = _NUMBER.match(text) if text and kind in ("NM", "SN", "ST", "") else None
    low, high = _range(field(obx, 7))
    coded = kind in _CODED
    return {
        "code_system": _SYSTEMS.get(system or "", "LOCAL"), "code": code, "display": display,
        "start_at": field(obx, 14) or observed or None, "value_text": text,
        "value_number": number[2] if number else None, "value_operator": number[1] if number else None,
        "value_code": component(raw, 1) if coded else None,
        "value_code_system": _SYSTEMS.get(component(raw, 3) or "", "LOCAL") if coded else None,
        "unit": component(field(obx, 6), 1), "range_low": low, "range_high": high, "status": field(obx, 11) or None,
        "numeric_expected": kind == "NM" and text is not None,
    }  # fmt: skip


def _text(kind: str, raw: str) -> str | None:
    """What was measured, as one text."""
    if not raw or kind in _ENCAPSULATED:
        return None
    if kind == "SN":  # comparator ^ number ^ separator or suffix ^ number
        return "".join(plain(piece) for piece in raw.split("^")) or None
    if kind in _CODED:
        return component(raw, 2) or component(raw, 1)
    return "\n".join(plain(piece) for piece in raw.split("~")) or None


def _range(text: str) -> tuple[str | None, str | None]:
    if span := _RANGE.match(text):
        return span[1], span[2]
    if bound := _BOUND.match(text):
        return (None, bound[2]) if bound[1][0] == "<" else (bound[2], None)
    return None, None
