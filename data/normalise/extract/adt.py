"""ADT events: admissions, transfers, discharges and their cancellations as visits, merges of two numbers of one patient (HL7 2.5.1, chapter 3).

A visit is told in parts: each message says what it knows. What it does not say is NULL and leaves what was known; what it takes back
(a cancelled discharge) is the empty text.
"""

from typing import Any

from data.normalise.extract.er7 import Segment, component, field
from data.normalise.extract.rows import Rows

_BEGIN = frozenset({"A01", "A04", "A05"})
_VISITS = _BEGIN | {"A02", "A03", "A06", "A07", "A08", "A13"}
_CANCELLED = frozenset({"A11", "A38"})
_MERGES = frozenset({"A18", "A34", "A36", "A40", "A47"})
TRIGGERS = _VISITS | _CANCELLED | _MERGES | {"A28", "A31"}
_CLASSES = {"I": "IMP", "E": "EMER", "O": "AMB", "P": "AMB", "R": "AMB"}


def stage(rows: Rows, origin: dict[str, Any], trigger: str, parts: list[Segment]) -> None:
    """What an ADT message says beyond the patient."""
    if trigger in _MERGES:
        _merges(rows, origin, parts)
        return
    pv1 = next((one for one in parts if one[0] == "PV1"), None)
    number = component(field(pv1, 19), 1)
    pid = next(one for one in parts if one[0] == "PID")
    mrn = component(field(pid, 3).split("~")[0], 1)
    if number is None:
        return
    if trigger in _CANCELLED:
        rows.add("deleted", {**origin, "record_id": number, "kind": "visit"})
    elif trigger in _VISITS:
        happened = component(field(next((one for one in parts if one[0] == "EVN"), None), 2), 1)
        code = component(field(pv1, 2), 1)
        end = component(field(pv1, 45), 1) or (happened if trigger == "A03" else "" if trigger == "A13" else None)
        rows.add("visit", {
            **origin, "record_id": number, "mrn": mrn, "class_code": _CLASSES.get(code or "", code),
            "start_at": component(field(pv1, 44), 1) or (happened if trigger in _BEGIN else None), "end_at": end,
            "status": "in-progress" if not end else "finished", "provider_key": component(field(pv1, 7).split("~")[0], 1),
            "partial": True, "visit_number": number,
        })  # fmt: skip


def _merges(rows: Rows, origin: dict[str, Any], parts: list[Segment]) -> None:
    """Each MRG segment names the number that the PID before it takes the place of."""
    mrn: str | None = None
    for part in parts:
        if part[0] == "PID":
            mrn = component(field(part, 3).split("~")[0], 1)
        elif part[0] == "MRG" and mrn:
            for old in field(part, 1).split("~"):
                if (gone := component(old, 1)) and gone != mrn:
                    rows.add("merge", {**origin, "mrn": mrn, "from_mrn": gone})
