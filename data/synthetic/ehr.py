"""The EHR's two voices: FHIR R4 bulk NDJSON (US Core in shape), and HL7 v2 ADT messages."""

import base64
import json
import uuid
from pathlib import Path
from typing import Any, TextIO

from data.synthetic import codes, names
from data.synthetic.notes import note
from data.synthetic.population import Person, Visit
from data.synthetic.relatives import in_ehr, nk1
from data.synthetic.truth import Truth

_SNOMED, _LOINC = "http://snomed.info/sct", "http://loinc.org"
_RXNORM, _CVX = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/cvx"
_TYPES = (
    "Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Procedure", "Immunization",
    "AllergyIntolerance", "DocumentReference", "Practitioner", "Organization",
)  # fmt: skip
_SPACE = uuid.UUID("5f0c6a52-8f0b-4c0e-9a51-3d1e7a6b2c44")
ORGANIZATION = "org-1"


def _coded(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _signed(visit: Visit) -> str:
    given, family, _ = names.CLINICIANS[visit.clinician]
    return f"{given} {family}, MD"


class Fhir:
    """Writes one NDJSON file a resource type."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        directory.mkdir(parents=True)
        self._files: dict[str, TextIO] = {
            kind: (directory / f"{kind}.ndjson").open("w", encoding="utf-8", newline="\n") for kind in _TYPES
        }
        self._truth = truth
        for place, (given, family, npi) in enumerate(names.CLINICIANS):
            identifier: list[dict[str, Any]] = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}]
            self._put(
                "Practitioner",
                f"prac-{place}",
                {"identifier": identifier, "name": [{"family": family, "given": [given]}]},
            )
        self._put("Organization", ORGANIZATION, {"name": "Sample General Hospital"})

    def close(self) -> None:
        """Closes the files."""
        for file in self._files.values():
            file.close()

    def _put(self, kind: str, key: str, body: dict[str, Any]) -> int:
        return self._raw(kind, json.dumps({"resourceType": kind, "id": key, **body}, separators=(",", ":")))

    def _raw(self, kind: str, line: str) -> int:
        self._files[kind].write(line + "\n")
        where = f"ehr/fhir/{kind}.ndjson"
        self._truth.wrote(where)
        return self._truth.received[where]

    def add(self, person: Person) -> None:
        """All resources of a person."""
        self._patient(person)
        for place, visit in enumerate(person.visits):
            self._visit(person, visit, place)
        for place, (condition, visit) in enumerate(person.conditions):
            self._condition(person, visit, condition, place)
        subject = {"subject": {"reference": f"Patient/{person.uuid}"}}
        if person.number % 6 == 0:
            code, name = codes.ALLERGIES[person.number % 3]
            body: dict[str, Any] = {"code": _coded(_SNOMED, code, name), "patient": subject["subject"]}
            body["recordedDate"] = f"{person.visits[0].start.isoformat()}+00:00"
            self._put("AllergyIntolerance", self._id(person, "allergy"), body)

    def _id(self, person: Person, what: str) -> str:
        return str(uuid.uuid5(_SPACE, f"{person.uuid}:{what}"))

    def _patient(self, person: Person) -> None:
        kinds = "http://terminology.hl7.org/CodeSystem/v2-0203"
        numbers: list[dict[str, Any]] = [
            {
                "type": {"coding": [{"system": kinds, "code": "MR"}]},
                "system": "urn:readingroom:ehr",
                "value": person.mrn("EHR"),
            }
        ]
        if person.number % 8:
            numbers.append({"system": "http://hl7.org/fhir/sid/us-ssn", "value": person.ssn})
        core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core"
        code, display = person.race
        ethnicity = ("2135-2", "Hispanic or Latino") if person.hispanic else ("2186-5", "Not Hispanic or Latino")
        extension = [
            {
                "url": f"{core}-race",
                "extension": [{"url": "ombCategory", "valueCoding": {"code": code, "display": display}}],
            },
            {
                "url": f"{core}-ethnicity",
                "extension": [{"url": "ombCategory", "valueCoding": {"code": ethnicity[0], "display": ethnicity[1]}}],
            },
        ]
        body: dict[str, Any] = {
            "extension": extension,
            "identifier": numbers,
            "name": [{"use": "official", "family": person.family, "given": [person.given]}],
            "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
            "gender": person.sex,
            "birthDate": person.birth.isoformat(),
            "address": [
                {
                    "line": [person.street],
                    "city": person.city,
                    "state": person.state,
                    "postalCode": person.zip,
                    "country": "US",
                }
            ],
        }
        if kin := in_ehr(person):
            next_of_kin = _coded("http://terminology.hl7.org/CodeSystem/v2-0131", "N", "Next-of-Kin")
            reached = (("phone", kin.phone), ("email", kin.email))
            telecom = [{"system": system, "value": value} for system, value in reached if value]
            name = {"family": kin.family, "given": [kin.given]}
            body["contact"] = [
                {"relationship": [{**next_of_kin, "text": kin.relation}], "name": name, "telecom": telecom}
            ]
        if person.death:
            body["deceasedDateTime"] = f"{person.death.isoformat()}T12:00:00+00:00"
        self._put("Patient", person.uuid, body)

    def _visit(self, person: Person, visit: Visit, place: int) -> None:
        encounter = self._id(person, f"visit{place}")
        about = {
            "subject": {"reference": f"Patient/{person.uuid}"},
            "encounter": {"reference": f"Encounter/{encounter}"},
        }
        start = f"{visit.start.isoformat()}+00:00"
        act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
        doctor = {"reference": f"Practitioner/prac-{visit.clinician}"}
        self._put("Encounter", encounter, {
            "status": "finished", "class": {"system": act, "code": visit.kind}, "subject": about["subject"],
            "participant": [{"individual": doctor}], "period": {"start": start, "end": f"{visit.end.isoformat()}+00:00"},
            "serviceProvider": {"reference": f"Organization/{ORGANIZATION}"},
        })  # fmt: skip
        self._vitals(person, visit, place, about, start)
        title, text = note(person, visit)
        if place % 2 == 0:
            content = [
                {
                    "attachment": {
                        "contentType": "text/plain",
                        "data": base64.b64encode(text.encode()).decode(),
                        "title": title,
                    }
                }
            ]
            body = {"status": "current", "type": _coded(_LOINC, "11506-3", "Progress note"), "subject": about["subject"], "date": start,
                    "author": [{**doctor, "display": _signed(visit)}], "content": content, "context": {"encounter": [about["encounter"]]}}  # fmt: skip
            self._put("DocumentReference", self._id(person, f"note{place}"), body)
        if place % 3 == 0:
            code, name = codes.PROCEDURES[(person.number + place) % len(codes.PROCEDURES)]
            body = {"status": "completed", "code": _coded(_SNOMED, code, name), **about, "performedDateTime": start}
            self._put("Procedure", self._id(person, f"procedure{place}"), body)
        if place % 4 == 0:
            code, name = codes.VACCINES[person.number % 3]
            body = {"status": "completed", "vaccineCode": _coded(_CVX, code, name), "patient": about["subject"],
                    "encounter": about["encounter"], "occurrenceDateTime": start}  # fmt: skip
            self._put("Immunization", self._id(person, f"vaccine{place}"), body)

    def _vitals(self, person: Person, visit: Visit, place: int, about: dict[str, Any], start: str) -> None:
        seed = (person.number * 31 + place * 17) % 97
        high = any(one.code == "59621000" for one, _ in person.conditions)
        panel = [
            ("8480-6", "Systolic blood pressure", 112 + seed % 20 + 25 * high),
            ("8462-4", "Diastolic blood pressure", 70 + seed % 12 + 12 * high),
        ]
        component = [
            {"code": _coded(_LOINC, code, name), "valueQuantity": {"value": value, "unit": "mm[Hg]", "code": "mm[Hg]"}}
            for code, name, value in panel
        ]
        common = {"status": "final", **about, "effectiveDateTime": start}
        self._put(
            "Observation",
            self._id(person, f"bp{place}"),
            {**common, "code": _coded(_LOINC, "85354-9", "Blood pressure panel"), "component": component},
        )
        weight = {"value": round(55 + (person.number * 13 % 40) + seed / 50, 1), "unit": "kg", "code": "kg"}
        self._put(
            "Observation",
            self._id(person, f"weight{place}"),
            {**common, "code": _coded(_LOINC, "29463-7", "Body weight"), "valueQuantity": weight},
        )
        if place == 0:
            smoker = ("266919005", "Never smoker") if seed % 4 else ("449868002", "Smokes tobacco daily")
            body = {
                **common,
                "code": _coded(_LOINC, "72166-2", "Tobacco smoking status"),
                "valueCodeableConcept": _coded(_SNOMED, *smoker),
            }
            self._put("Observation", self._id(person, "smoking"), body)

    def _condition(self, person: Person, visit: Visit, condition: codes.Condition, place: int) -> None:
        encounter = self._id(person, f"visit{person.visits.index(visit)}")
        about = {
            "subject": {"reference": f"Patient/{person.uuid}"},
            "encounter": {"reference": f"Encounter/{encounter}"},
        }
        start = f"{visit.start.isoformat()}+00:00"
        body = {
            "code": _coded(_SNOMED, condition.code, condition.name),
            **about,
            "onsetDateTime": start,
            "recordedDate": start,
        }
        self._put("Condition", self._id(person, f"condition{place}"), body)
        for drug in condition.drugs:
            order = {"status": "active", "intent": "order", "medicationCodeableConcept": _coded(_RXNORM, drug, codes.DRUGS[drug]),
                     **about, "authoredOn": start, "requester": {"reference": f"Practitioner/prac-{visit.clinician}"}}  # fmt: skip
            self._put("MedicationRequest", self._id(person, f"drug{place}{drug}"), order)

    def break_some(self, person: Person) -> None:
        """Plants duplicates and broken records, each noted in the key."""

        def observation(value: dict[str, Any]) -> str:
            base = {"resourceType": "Observation", "status": "final", "code": _coded(_LOINC, "29463-7", "Body weight")}
            quantity = {"valueQuantity": {"value": 70, "unit": "kg", "code": "kg"}}
            return json.dumps(
                {
                    **base,
                    "subject": {"reference": f"Patient/{person.uuid}"},
                    "effectiveDateTime": "2024-05-05",
                    **quantity,
                    **value,
                }
            )

        where = "ehr/fhir/Observation.ndjson"
        whole = observation({"id": "planted-twice"})
        self._raw("Observation", whole)
        cases = [
            ("duplicate", whole, "duplicate", ""),
            ("truncated-json", whole[:60], "quarantined", "broken-json"),
            (
                "unknown-person",
                observation({"id": "planted-nobody", "subject": {"reference": "Patient/nobody"}}),
                "quarantined",
                "unknown-person",
            ),
            (
                "zero-date",
                observation({"id": "planted-zero", "effectiveDateTime": "0000-00-00"}),
                "quarantined",
                "bad-date",
            ),
            (
                "far-future",
                observation({"id": "planted-future", "effectiveDateTime": "2199-01-01"}),
                "quarantined",
                "implausible-date",
            ),
            ("no-id", observation({}), "quarantined", "no-id"),
            ("entered-in-error", observation({"id": "planted-error", "status": "entered-in-error"}), "retracted", ""),
        ]
        for case, line, becomes, rule in cases:
            self._truth.plant(case, where, self._raw("Observation", line), becomes, rule=rule)


class Adt:
    """Writes ADT^A01, A03, A04 and A08 messages, a file for every five hundred persons, and a few A40 merges."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        directory.mkdir(parents=True)
        self._directory, self._truth = directory, truth

    def add(self, person: Person) -> None:
        """Registration or admission of the last visit, and its discharge."""
        visit = person.visits[-1]
        kinds = ("A01", "A03") if visit.kind == "IMP" else ("A04",)
        messages = [self._message(person, visit, kind) for kind in kinds]
        if person.number % 50 == 3:
            messages.append(self._message(person, visit, "A08"))
        if person.number % 200 == 7:
            messages.append(self._message(person, visit, "A40") + f"MRG|X{person.number:08d}^^^EHR^MR\r")
        path = self._directory / f"adt-{(person.number - 1) // 500:05d}.hl7"
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write("".join(messages))
        self._truth.wrote(f"ehr/adt/{path.name}", len(messages))

    def _message(self, person: Person, visit: Visit, kind: str) -> str:
        at = (visit.end if kind == "A03" else visit.start).strftime("%Y%m%d%H%M%S")
        control = f"ADT{person.number:07d}{kind}"
        given, family, npi = names.CLINICIANS[visit.clinician]
        sex = person.sex[0].upper()
        where = codes.WARDS[person.number % 5]
        leave = visit.end.strftime("%Y%m%d%H%M%S") if kind == "A03" else ""
        return (
            f"MSH|^~\\&|EHR|HOSP|RR|HOSP|{at}||ADT^{kind}|{control}|P|2.5\r"
            f"EVN|{kind}|{at}\r"
            f"PID|1||{person.mrn('EHR')}^^^EHR^MR||{person.family}^{person.given}||{person.birth:%Y%m%d}|{sex}|||"
            f"{person.street}^^{person.city}^{person.state}^{person.zip}||{person.phone}\r"
            f"{nk1(person)}PV1|1|{ {'IMP': 'I', 'EMER': 'E', 'AMB': 'O'}[visit.kind] }|{where}^^^HOSP||||{npi}^{family}^{given}|||||||||||"
            f"|{visit.key}|||||||||||||||||||||||||{visit.start:%Y%m%d%H%M%S}|{leave}\r"
        )
