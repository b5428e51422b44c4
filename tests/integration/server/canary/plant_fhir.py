"""Needles in FHIR: a resource of every kind that is read, and some that are not, in which every string but dates and links is planted."""

import base64
import json
import re
from pathlib import Path
from typing import Any

from data.synthetic.population import Person
from tests.integration.server.canary.persons import Cast

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T.*)?)?)?")
_LEFT = frozenset({"resourceType", "reference", "contentType", "data"})
_T = ""  # stands for a text to be planted
_CODED = {"coding": [{"system": "urn:local", "version": _T, "code": _T, "display": _T}], "text": _T}
_SNOMED = {"coding": [{"system": "http://snomed.info/sct", "code": "44054006", "display": _T}], "text": _T}
_LOINC = {
    "coding": [{"system": "http://loinc.org", "code": "2345-7", "display": _T}, {"code": _T, "display": _T}],
    "text": _T,
}
_WHO = {"reference": "Practitioner/prac-1", "display": _T}
_ALL = {
    "meta": {"source": _T, "tag": [{"code": _T, "display": _T}]}, "text": {"status": _T, "div": _T}, "language": _T,
    "identifier": [{"use": _T, "system": _T, "value": _T, "assigner": {"display": _T}}], "note": [{"authorString": _T, "text": _T}],
    "extension": [{"url": _T, "valueString": _T}], "contained": [{"resourceType": "RelatedPerson", "name": [{"text": _T, "family": _T}]}],
}  # fmt: skip
_PATIENT = {
    **_ALL,
    "name": [{"text": _T, "prefix": [_T], "suffix": [_T]}, {"use": "old", "family": _T, "given": [_T, _T]}],
    "telecom": [{"rank": 1}, {"system": "email", "value": _T}, {"system": "fax", "value": _T}],
    "gender": _T, "maritalStatus": _CODED, "multipleBirthBoolean": False,
    "address": [{"text": _T, "city": _T, "district": _T, "state": _T, "country": _T, "postalCode": _T}, {"line": [_T, _T], "city": _T}],
    "photo": [{"contentType": "image/png", "title": _T, "data": "X"}], "communication": [{"language": _CODED}],
    "contact": [{"name": {"text": _T, "family": _T}, "telecom": [{"value": _T}], "address": {"line": [_T], "city": _T}, "relationship": [_CODED]}],
    "generalPractitioner": [_WHO], "managingOrganization": {"display": _T},
    "extension": [{"url": _T, "valueString": _T}, {"url": _T, "extension": [{"url": _T, "valueCoding": {"code": _T, "display": _T}}]}],
}  # fmt: skip
_VISITED = {"encounter": {"display": _T}}
_RESULT = {**_ALL, "status": _T, "category": [_CODED], "effectiveDateTime": "2024-03-03", "interpretation": [_CODED], "bodySite": _CODED,
           "method": _CODED, "performer": [_WHO], "device": {"display": _T}, "referenceRange": [{"text": _T}], **_VISITED}  # fmt: skip
_ORDER = {**_ALL, "status": _T, "intent": _T, "authoredOn": "2024-03-03", "requester": _WHO, "reasonCode": [_CODED],
          "dosageInstruction": [{"text": _T, "patientInstruction": _T, "route": _CODED}], **_VISITED}  # fmt: skip
_ATTACHED = {"contentType": "text/plain", "data": "X", "title": _T, "url": _T}

# (kind, what is in it): each becomes one resource, about a person of its own where its kind is about one.
RESOURCES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Encounter", {**_ALL, "status": _T, "class": {"code": _T, "display": _T}, "type": [_CODED], "serviceType": _CODED, "reasonCode": [_CODED],
                   "period": {"start": "2024-03-03T08:00:00Z", "end": "2024-03-03T09:00:00Z"}, "participant": [{"individual": _WHO}],
                   "location": [{"location": {"display": _T}}], "serviceProvider": {"display": _T},
                   "hospitalization": {"admitSource": _CODED, "dischargeDisposition": _CODED}}),
    ("Condition", {**_ALL, "code": _SNOMED, "onsetDateTime": "2024-03-03", "onsetString": _T, "verificationStatus": _CODED, "bodySite": [_CODED],
                   "stage": [{"summary": _CODED}], "asserter": _WHO, **_VISITED}),
    ("Condition", {"code": _CODED, "recordedDate": "2024-03-03"}),
    ("Observation", {**_RESULT, "code": _LOINC, "valueString": _T}),
    ("Observation", {**_RESULT, "code": _LOINC, "valueCodeableConcept": _CODED}),
    ("Observation", {**_RESULT, "code": _CODED, "valueQuantity": {"value": 5, "comparator": _T, "unit": _T, "code": _T}}),
    ("Observation", {**_RESULT, "code": _LOINC, "component": [{"code": _CODED, "valueString": _T}, {"code": _LOINC, "valueString": _T}]}),
    ("Observation", {"status": "final", "code": _CODED, "effectiveDateTime": "2024-03-03", "valueString": _T,
                     "category": [{"coding": [{"code": "social-history"}]}]}),
    ("Observation", {"status": "final", "code": _LOINC, "effectiveDateTime": "2024-03-03", "valueQuantity": {"value": _T, "unit": "mg/dL"}}),
    ("Observation", {"status": "final", "code": _LOINC, "effectiveDateTime": _T, "valueString": _T}),
    ("MedicationRequest", {**_ORDER, "medicationCodeableConcept": _CODED}),
    ("MedicationStatement", {**_ALL, "status": _T, "medicationCodeableConcept": _CODED, "effectiveDateTime": "2024-03-03", "dosage": [{"text": _T}]}),
    ("Procedure", {**_ALL, "status": _T, "code": _CODED, "performedDateTime": "2024-03-03", "performer": [{"actor": _WHO}], "outcome": _CODED,
                   "complication": [_CODED], "followUp": [_CODED], "location": {"display": _T}, **_VISITED}),
    ("Immunization", {**_ALL, "status": _T, "vaccineCode": _CODED, "occurrenceDateTime": "2024-03-03", "lotNumber": _T, "site": _CODED,
                      "statusReason": _CODED, "manufacturer": {"display": _T}}),
    ("AllergyIntolerance", {**_ALL, "code": _CODED, "recordedDate": "2024-03-03", "reaction": [{"description": _T, "manifestation": [_CODED]}]}),
    ("DocumentReference", {**_ALL, "status": _T, "type": _CODED, "date": "2024-03-03T08:00:00Z", "description": _T, "author": [_WHO],
                           "content": [{"attachment": _ATTACHED}, {"attachment": _ATTACHED}]}),
    ("Claim", {**_ALL, "status": _T, "created": "2024-03-03", "insurance": [{"coverage": {"display": _T}}], "insurer": {"display": _T},
               "diagnosis": [{"diagnosisCodeableConcept": _CODED}], "total": {"value": 5, "currency": _T}}),
    ("ImagingStudy", {**_ALL, "status": _T, "started": "2024-03-03T08:00:00Z", "description": _T, "referrer": _WHO,
                      "series": [{"uid": _T, "description": _T, "modality": {"code": _T}, "bodySite": {"code": _T, "display": _T}}]}),
    ("DiagnosticReport", {**_ALL, "status": _T, "code": _CODED, "conclusion": _T, "conclusionCode": [_CODED], "presentedForm": [_ATTACHED]}),
    ("FamilyMemberHistory", {**_ALL, "status": _T, "name": _T, "relationship": _CODED, "condition": [{"code": _CODED, "note": [{"text": _T}]}]}),
    ("Communication", {**_ALL, "status": _T, "payload": [{"contentString": _T}]}),
    ("RelatedPerson", {**_ALL, "name": [{"family": _T, "given": [_T]}], "telecom": [{"value": _T}], "address": [{"line": [_T]}]}),
    ("Practitioner", {**_ALL, "name": [{"family": _T, "given": [_T], "prefix": [_T]}], "telecom": [{"value": _T}], "address": [{"line": [_T]}],
                      "qualification": [{"code": _CODED, "issuer": {"display": _T}}]}),
    ("Organization", {**_ALL, "name": _T, "alias": [_T], "telecom": [{"value": _T}], "address": [{"line": [_T], "city": _T}],
                      "contact": [{"name": {"text": _T}}]}),
    ("Nobody knows this kind", {**_ALL}),
)  # fmt: skip


def plant_fhir(folder: Path, cast: Cast) -> None:
    """Adds the resources to the files of their kinds; fills up one patient; breaks one line."""
    for place, (kind, body) in enumerate(RESOURCES):
        person = cast.persons[(place * 3 + 1) % len(cast.persons)]
        about = {"subject": {"reference": f"Patient/{person.uuid}", "display": _T}}
        about |= {"patient": about["subject"], "beneficiary": about["subject"]}
        named = cast.manifest.plant(f"ehr: {kind}#{place}.id").partition("@")[0]
        whole = {**_planted(cast, person, f"ehr: {kind}#{place}", {**about, **body}), "resourceType": kind, "id": named}
        if kind == "Nobody knows this kind":
            whole["resourceType"] = cast.manifest.plant(f"ehr: {kind}.resourceType").partition("@")[0]
        _append(folder / f"{kind.replace(' ', '')}.ndjson", json.dumps(whole))
    _append(
        folder / "Observation.ndjson",
        json.dumps({"resourceType": "Observation", "note": cast.text("ehr: a broken line")})[:-2],
    )
    _fill_patient(folder / "Patient.ndjson", cast, cast.persons[4])


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _fill_patient(path: Path, cast: Cast, person: Person) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(place for place, line in enumerate(lines) if f'"id":"{person.uuid}"' in line)
    known = json.loads(lines[place])
    planted = _planted(cast, person, "ehr: Patient", _PATIENT)
    for name, value in planted.items():
        if name in ("name", "telecom", "address"):  # who the patient is stays, more is said of it
            known[name] = [{**value[0], **known[name][0], **_typed(value[0])}, *value[1:]]
        else:
            known[name] = known[name] + value if name in ("identifier", "extension") else value
    lines[place] = json.dumps(known)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _typed(address: dict[str, Any]) -> dict[str, Any]:
    """Of an address what was typed into city and state goes before what is known."""
    return {name: address[name] for name in ("city", "state", "postalCode", "country") if name in address}


def _planted(cast: Cast, person: Person, where: str, value: Any) -> Any:
    """The value with a needle in every text that is neither date nor link."""
    if isinstance(value, dict):
        return {name: _filled(cast, person, f"{where}.{name}", name, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_planted(cast, person, f"{where}[{place}]", one) for place, one in enumerate(value)]
    return cast.text(where, person) if value == _T else value


def _filled(cast: Cast, person: Person, where: str, name: str, value: Any) -> Any:
    if name == "data":
        return base64.b64encode(cast.text(where, person).encode()).decode()
    if name == "div":
        return f"<div>{cast.text(where, person)}</div>"
    if name in _LEFT or (isinstance(value, str) and value and _DATE.fullmatch(value)):
        return value
    return _planted(cast, person, where, value)
