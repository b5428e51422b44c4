"""The record in others' forms: valid FHIR by BALP's patterns, OCSF's required attributes, CEF's escaping; no person unless asked for."""

import base64
import json
import re

import pytest

from server.exports import audit_events, cef, ocsf
from server.ledger import Entry, RecordedCall
from server.ledger.entry import divided

pytestmark = pytest.mark.unit
INTENT = {
    "subject": "eve|=\\", "role": "clinician", "purpose": "TREAT", "session": "s\n1", "trace": "", "trace_id": "", "tool": "query",
    "tool_version": "1", "arguments": "a" * 64, "policy": "b" * 64, "snapshot": "c" * 16, "release": "identified", "mode": "record",
    "break_glass": False, "verdict": "allowed", "rule": "", "obligations": ["bounds"], "tables": ["main.patient_identity", "main.note"],
    "sql": "d" * 64, "engine": "duckdb 2", "redactor": "1", "readingroom": "0.1.0", "versions": {},
}  # fmt: skip
OUTCOME = {
    "status": "answered", "code": "", "rule": "", "result": "e" * 64, "rows": 3, "truncated": False, "cells_hidden": 0, "redacted": 0,
    "persons": 2, "persons_sealed": 2, "microseconds": {},
}  # fmt: skip


def call(outcome=OUTCOME, **intent) -> RecordedCall:
    made = []
    for seq, kind, body in ((1, "intent", {**INTENT, **intent}), (2, "outcome", outcome)):
        columns, text = divided(body) if body is not None else ((), "")
        if body is not None:
            made.append(Entry(seq, f"2026-01-02T03:04:05.{seq}00000Z", kind, "f" * 32, *columns, text, None))
    return RecordedCall("f" * 32, made[0], made[1] if len(made) > 1 else None)


REFUSED = {
    **OUTCOME,
    "status": "refused",
    "code": "refused",
    "rule": "column-not-granted",
    "persons": None,
    "result": "",
    "rows": 0,
}
FAILED = {**OUTCOME, "status": "failed", "code": "crashed", "persons": None}
EVERY = [
    pytest.param(call(), None, id="answered"),
    pytest.param(call(), {7, 5}, id="persons"),
    pytest.param(call(REFUSED), None, id="refused"),
    pytest.param(call(FAILED), None, id="failed"),
    pytest.param(call(None), None, id="open"),
    pytest.param(
        call(REFUSED, tool="", subject="", role="", purpose="", snapshot="", release="", tables=[], sql=""),
        None,
        id="empty",
    ),
]


@pytest.mark.parametrize(("recorded", "persons"), EVERY)
def test_events_are_valid_fhir(recorded, persons):
    """Held against the models of fhir.resources, and against what BALP's profiles add (cardinalities and fixed codes)."""
    models = pytest.importorskip("fhir.resources.R4B.auditevent", reason="fhir.resources is not installed")
    events = list(audit_events(recorded, "readingroom/abc", persons))
    assert len(events) == len(persons or [0])
    assert len({event["id"] for event in events}) == len(events)
    for event in events:
        models.AuditEvent.model_validate(event)
        _follows_balp(event, persons)
        assert '""' not in json.dumps(event)


def _follows_balp(event, persons):
    """IHE.BasicAudit.Query and PatientQuery of BALP 1.1, slice by slice."""
    assert (event["type"]["code"], event["action"]) == ("rest", "E")
    assert "search" in {one["code"] for one in event["subtype"]}
    agents = {one["type"]["coding"][0]["code"]: one for one in event["agent"]}
    assert set(agents) == {"110153", "110152", "IRCP"}
    assert all("network" in agents[code] and "who" in agents[code] for code in ("110153", "110152"))
    assert agents["IRCP"]["requestor"] is True
    assert not {"network", "media"} & set(agents["IRCP"])
    (query,) = [one for one in event["entity"] if one["type"]["code"] == "2"]
    assert query["role"]["code"] == "24"
    assert not {"what", "lifecycle", "detail"} & set(query)
    assert base64.b64decode(query["query"]).decode() == "sha-256 " + "a" * 64
    (transaction,) = [one for one in event["entity"] if one["type"]["code"] == "XrequestId"]
    assert transaction["what"]["identifier"]["value"] == "f" * 32
    patients = [one for one in event["entity"] if one["type"]["code"] == "1"]
    profile = event.get("meta", {}).get("profile", [""])[0].rsplit(".", 1)[-1]
    if persons:
        assert (len(patients), patients[0]["role"]["code"], patients[0]["what"]["type"]) == (1, "1", "Patient")
        assert profile == "PatientQuery"
    else:
        assert patients == []
        assert profile == ("Query" if event["outcome"] == "0" else "")


def test_outcomes_are_graded():
    outcomes = [next(audit_events(call(one), "o"))["outcome"] for one in (OUTCOME, REFUSED, FAILED, None)]
    assert outcomes == ["0", "4", "8", "12"]
    assert next(audit_events(call(REFUSED), "o"))["outcomeDesc"] == "refused column-not-granted"


@pytest.mark.parametrize(("recorded", "persons"), EVERY)
def test_ocsf_has_what_its_class_requires(recorded, persons):
    """Required by OCSF 1.3 for class 6005; `type_uid` is class_uid * 100 + activity_id."""
    line = ocsf(recorded, persons)
    event = json.loads(line)
    assert "\n" not in line
    assert {
        "activity_id",
        "category_uid",
        "class_uid",
        "metadata",
        "severity_id",
        "time",
        "type_uid",
        "actor",
        "src_endpoint",
        "database",
    } <= set(event)
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"] == 600504
    assert event["category_uid"] == event["class_uid"] // 1000
    assert {"product", "version"} <= set(event["metadata"])
    assert (event["status_id"] == 1) == (event["status_code"] == "answered")
    assert event["time"] == 1767323045100
    assert event["unmapped"].get("persons_shown") == (sorted(persons) if persons else None)
    assert event.get("duration", 100) == 100


def parsed(line: str) -> tuple[list[str], dict[str, str]]:
    """A reader of CEF written from its standard: seven bars that are not escaped, then pairs."""
    *head, tail = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    pairs = re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?=\s\w+=|$)", tail)
    return head, {key: re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value) for key, value in pairs}


@pytest.mark.parametrize(("recorded", "persons"), EVERY)
def test_cef_reads_back(recorded, persons):
    line = cef(recorded, persons)
    assert "\n" not in line
    head, fields = parsed(line)
    assert head[:3] == ["CEF:0", "Reading Room", "readingroom"]
    assert len(head) == 7
    assert 0 <= int(head[6]) <= 10
    assert fields["externalId"] == "f" * 32
    assert fields["rt"] == "1767323045100"
    assert fields.get("suser", "") == recorded.intent.body["subject"]
    assert fields.get("cs6", "") == recorded.intent.body["session"]
    assert ("flexString1" in fields) == bool(persons)
    assert all(fields.get(key.removesuffix("Label")) for key in fields)


def test_emergencies_stand_out():
    assert json.loads(ocsf(call(break_glass=True)))["severity"] == "High"
    assert cef(call(break_glass=True)).split("|")[6] == "8"


def test_bars_in_a_tool_name_stay_in_their_field():
    head, _ = parsed(cef(call(REFUSED, tool="a|b\\|c\nd")))
    assert len(head) == 7
    assert head[4] == "a\\|b\\\\\\|c d:refused"
