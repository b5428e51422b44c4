"""Recorded calls as FHIR R4 AuditEvent resources, by IHE Basic Audit Log Patterns (BALP 1.1): profiles Query and PatientQuery.

One event a call. Where persons are asked for, a record-level answer is one event for each person it showed, as PatientQuery has it (its
entity for the patient stands once); the events of one call share its id as transaction. Calls that were refused or failed follow the
pattern and claim no profile: BALP's are for success. The question itself is sealed, so the query entity carries its digest.

Sources: hl7.org/fhir/R4/auditevent.html; profiles.ihe.net/ITI/BALP.
"""

import base64
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from server.ledger import RecordedCall
from server.records import VERSION

_HL7 = "http://terminology.hl7.org/CodeSystem/"
_PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_NAMES = uuid.UUID("6b1c6ef2-54ac-5d0a-9c2a-5f5be0a0f0d1")  # of our own, for ids made from a call and a person
# Outcome by how the call ended, after DICOM: 0 success, 4 minor, 8 serious, 12 major failure.
_OUTCOMES = {"answered": "0", "refused": "4", "out_of_bounds": "8", "failed": "8", "open": "12"}
Json = dict[str, Any]


def audit_events(call: RecordedCall, origin: str, persons: Iterable[int] | None = None) -> Iterator[Json]:
    """The call's events. `origin` names the ledger, and so the server; `persons` are the keys an answer showed, None where nobody asks."""
    shown = sorted(persons) if persons is not None else []
    if not shown:
        yield _event(call, origin, None)
    for person in shown:
        yield _event(call, origin, person)


def _event(call: RecordedCall, origin: str, person: int | None) -> Json:
    intent, outcome = call.intent.body, call.outcome.body if call.outcome is not None else {}
    status = str(outcome.get("status", "open"))
    event: Json = {
        "resourceType": "AuditEvent",
        "id": str(uuid.uuid5(_NAMES, f"{call.call_id} {'' if person is None else person}")),
        "type": _coding(f"{_HL7}audit-event-type", "rest", "Restful Operation"),
        "subtype": [
            _coding("http://hl7.org/fhir/restful-interaction", "search", "search"),
            _coding("urn:readingroom:tool", str(intent["tool"]) or "none"),
        ],
        "action": "E",
        "period": {"start": call.intent.at, **({"end": call.outcome.at} if call.outcome is not None else {})},
        "recorded": call.intent.at,
        "outcome": _OUTCOMES[status],
        "outcomeDesc": _words(status, outcome),
        "purposeOfEvent": [_concept(f"{_HL7}v3-ActReason", str(intent["purpose"]) or "none")],
        "agent": [_client(intent), _server(origin), _user(intent)],
        "source": {
            "observer": {
                "display": f"Reading Room {intent.get('readingroom', VERSION)}",
                "identifier": {"value": origin},
            },
            "type": [_coding(f"{_HL7}security-source-type", "4", "Application Server")],
        },
        "entity": [_transaction(call), _query(intent), _result(intent, outcome)],
    }
    if status == "answered":
        event["meta"] = {"profile": [_PROFILE + ("Query" if person is None else "PatientQuery")]}
    if person is not None:
        event["entity"].append(_patient(intent, person))
    return event


def _client(intent: Json) -> Json:
    session = str(intent["session"]) or "none"
    return {
        "type": _concept(_DCM, "110153", "Source Role ID"),
        "who": {"identifier": {"system": "urn:readingroom:session", "value": session}},
        "requestor": False,
        "network": {"address": f"urn:readingroom:session:{session}", "type": "5"},
    }


def _server(origin: str) -> Json:
    return {
        "type": _concept(_DCM, "110152", "Destination Role ID"),
        "who": {"identifier": {"system": "urn:readingroom:ledger", "value": origin}},
        "requestor": False,
        "network": {"address": origin, "type": "5"},
    }


def _user(intent: Json) -> Json:
    return {
        "type": _concept(f"{_HL7}v3-ParticipationType", "IRCP", "information recipient"),
        "who": {"identifier": {"system": "urn:readingroom:subject", "value": str(intent["subject"]) or "none"}},
        "name": str(intent["subject"]) or "none",
        "requestor": True,
        "role": [{"text": str(intent["role"]) or "none"}],
        "policy": [f"urn:readingroom:policy:{intent['policy']}"],
        "purposeOfUse": [_concept(f"{_HL7}v3-ActReason", str(intent["purpose"]) or "none")],
    }


def _transaction(call: RecordedCall) -> Json:
    system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
    return {"type": _coding(system, "XrequestId"), "what": {"identifier": {"value": call.call_id}}}


def _query(intent: Json) -> Json:
    told = f"sha-256 {intent['arguments']}"
    return {
        "type": _coding(f"{_HL7}audit-entity-type", "2", "System Object"),
        "role": _coding(f"{_HL7}object-role", "24", "Query"),
        "description": "Digest of the arguments, which are sealed in the ledger.",
        "query": base64.b64encode(told.encode()).decode(),
    }


def _result(intent: Json, outcome: Json) -> Json:
    details = {
        "verdict": intent["verdict"],
        "release": intent["release"],
        "mode": intent["mode"],
        "snapshot": intent["snapshot"],
        "tables": " ".join(intent["tables"]),
        "sql-sha-256": intent["sql"],
        "trace-id": intent.get("trace_id", ""),
        "rule": outcome.get("rule", ""),
        "result-sha-256": outcome.get("result", ""),
        "rows": outcome.get("rows", 0),
        "cells-hidden": outcome.get("cells_hidden", 0),
        "persons": outcome.get("persons"),
    }
    return {
        "type": _coding(f"{_HL7}audit-entity-type", "4", "Other"),
        "role": _coding(f"{_HL7}object-role", "3", "Report"),
        "name": "answer",
        "detail": [
            {"type": name, "valueString": str(value)} for name, value in details.items() if value not in ("", None)
        ],
    }


def _patient(intent: Json, person: int) -> Json:
    return {
        "type": _coding(f"{_HL7}audit-entity-type", "1", "Person"),
        "role": _coding(f"{_HL7}object-role", "1", "Patient"),
        "what": {
            "type": "Patient",
            "identifier": {"system": f"urn:readingroom:person:{intent['release']}", "value": str(person)},
        },
    }


def _words(status: str, outcome: Json) -> str:
    if status == "open":
        return "no outcome: the server stopped before the call ended"
    return f"{status} {outcome['rule'] or outcome['code']}".strip()


def _coding(system: str, code: str, display: str = "") -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def _concept(system: str, code: str, display: str = "") -> Json:
    return {"coding": [_coding(system, code, display)]}
