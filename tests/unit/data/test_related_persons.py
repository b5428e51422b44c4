"""People besides the patient, and what else is known of the patient (vault.related_person): from FHIR and HL7 v2, and in real data."""

import json

import pytest

from data import normalise
from tests.unit.data.related import of_the_patient, told, whole

pytestmark = pytest.mark.unit
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "birthDate": "1980-01-01",
    "name": [{"family": "Doe", "given": ["Jane"]}],
}
MSH = "MSH|^~\\&|LAB|MAIN|RR|HOSP|20240101||{kind}|C1|P|2.5.1"
PID = "PID|1||L1^^^LAB^MR||Doe^Jane||19800101|F"


def fhir(*resources):
    return "a.ndjson", "fhir+ndjson", b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def message(kind, *segments, pid=PID):
    return "a.hl7", "hl7v2", "\r".join([MSH.format(kind=kind), pid, *segments]).encode() + b"\r"


# --- FHIR R4 --------------------------------------------------------------------------------------------------------


def test_a_contact_of_a_patient_is_a_relative(staged):
    contact = {"name": {"family": "Roe", "given": ["Ann", "Lee"]}, "telecom": [{"system": "phone", "value": "555-0101"}, {"system": "email", "value": "a@b.org"}],
               "address": {"line": ["1 Elm St", "Apt 2"], "city": "Ely", "state": "NV", "postalCode": "89301"}}  # fmt: skip
    con = staged(fhir({**PATIENT, "contact": [contact, {"name": {"text": "Bo Roe"}}]}))
    first = {
        "family": "Roe",
        "given": "Ann Lee",
        "phone": "555-0101",
        "email": "a@b.org",
        "street": "1 Elm St",
        "city": "Ely",
        "state": "NV",
        "zip": "89301",
    }
    rest = {"city": "Ely", "state": "NV", "zip": "89301"}
    assert told(con, "relative") == [first, {"family": "Roe", "given": "Bo"}, {"street": "Apt 2", **rest}]
    assert of_the_patient(con)


def test_all_names_phones_and_addresses_of_a_patient_are_kept(staged):
    """The first of each stands in patient_identity, the others here."""
    con = staged(fhir({
        **PATIENT, "name": [{"family": "Doe", "given": ["Jane", "Quinn"]}, {"use": "maiden", "family": "Roe"}, {"use": "nickname", "given": ["Jj"]}],
        "telecom": [{"system": "phone", "value": "555-0101"}, {"system": "phone", "value": "555-0102"}, {"system": "email", "value": "j@b.org"}],
        "address": [{"line": ["1 Elm St"], "city": "Ely"}, {"text": "2 Oak St"}], "identifier": [{"value": "A77"}, {"system": "urn:x", "value": "B88"}],
    }))  # fmt: skip
    assert whole(con, "patient") == {"Doe", "Jane Quinn", "Roe", "Jj", "555-0102", "j@b.org", "2 Oak St", "FHIR|A77"}
    assert told(con, "relative") == told(con, "staff") == []
    assert of_the_patient(con)


def test_a_patient_of_whom_there_is_no_more_has_no_row(staged):
    con = staged(
        fhir({**PATIENT, "telecom": [{"system": "phone", "value": "555-0101"}], "address": [{"line": ["1 Elm St"]}]})
    )
    assert con.execute("SELECT count(*) FROM vault.related_person").fetchall() == [(0,)]


def test_related_persons_and_family_histories_name_relatives(staged):
    about = {"patient": {"reference": "Patient/p1"}}
    person = {"resourceType": "RelatedPerson", "id": "r1", **about, "name": [{"family": "Roe", "given": ["Ann"]}], "telecom": [{"value": "555-0101"}],
              "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "900-11-2222"}]}  # fmt: skip
    history = {"resourceType": "FamilyMemberHistory", "id": "f1", **about, "name": "Ida Moe"}
    mother = {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName", "valueString": "Lindqvist"}
    con = staged(fhir({**PATIENT, "extension": [mother]}, person, history))
    assert told(con, "relative") == [
        {"family": "Lindqvist"}, {"family": "Moe", "given": "Ida"}, {"family": "Roe", "given": "Ann", "phone": "555-0101", "identifier": "SSN|900-11-2222"},
    ]  # fmt: skip
    assert of_the_patient(con)
    assert con.execute("SELECT count(*) FROM staging.not_understood").fetchall() == [(2,)]


def test_practitioners_are_staff_with_their_numbers(staged):
    numbers = [
        {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1093817465"},
        {"system": "urn:dea", "value": "AB1234563"},
    ]
    doctor = {
        "resourceType": "Practitioner",
        "id": "d1",
        "name": [{"family": "Marsh", "given": ["Helen"]}],
        "identifier": numbers,
        "telecom": [{"value": "555-0107"}],
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "e1",
        "practitioner": {"display": "Eze, Ngozi, MD"},
        "telecom": [{"system": "email", "value": "n@b.org"}],
    }
    con = staged(fhir(PATIENT, doctor, role))
    assert whole(con, "staff") == {
        "Marsh",
        "Helen",
        "NPI|1093817465",
        "urn:dea|AB1234563",
        "555-0107",
        "Eze",
        "Ngozi",
        "n@b.org",
    }


SHOWN = [
    ("Observation", {"performer": [{"display": "Dr. Ana Silva"}, {"reference": "Organization/1", "display": "Sara Lee"}]}, {"Silva"}),
    ("Procedure", {"performer": [{"actor": {"reference": "Practitioner/1", "display": "Silva, Ana"}}, {"actor": {"display": "Tom Ward"}}]}, {"Silva", "Ward"}),
    ("Encounter", {"participant": [{"individual": {"display": "Ana Silva"}, "period": {"start": "2024-01-01"}}]}, {"Silva"}),
    ("MedicationRequest", {"requester": {"reference": "https://x/fhir/PractitionerRole/7/_history/1", "display": "Ana Silva RN"}}, {"Silva"}),
    ("DocumentReference", {"author": [{"reference": "#1", "display": "Ana Silva"}], "authenticator": {"display": "Tom Ward"}}, {"Silva", "Ward"}),
    ("CarePlan", {"author": {"display": "Ana Silva"}}, {"Silva"}),
    ("Condition", {"recorder": {"display": "Ana Silva"}, "asserter": {"display": "Ward A"}}, {"Silva"}),
    ("Claim", {"provider": {"display": "Ana Silva"}, "careTeam": [{"provider": {"display": "Tom Ward"}}]}, {"Silva", "Ward"}),
    ("CareTeam", {"participant": [{"member": {"display": "Ana Silva"}}]}, {"Silva"}),
    ("ImagingStudy", {"referrer": {"display": "Ana Silva"}, "interpreter": [{"display": "General Hospital"}]}, {"Silva"}),
    ("DiagnosticReport", {"resultsInterpreter": [{"display": "Ana Silva"}], "note": [{"authorReference": {"display": "Tom Ward"}, "text": "x"}]}, {"Silva", "Ward"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "families"), SHOWN)
def test_references_show_who_acted(staged, kind, body, families):
    con = staged(fhir(PATIENT, {"resourceType": kind, "id": "x1", "subject": {"reference": "Patient/p1"}, **body}))
    assert {row["family"] for row in told(con, "staff")} == families


def test_references_show_patients_and_relatives_as_such(staged):
    shown = {
        "asserter": {"reference": "RelatedPerson/r1", "display": "Ann Roe"},
        "recorder": {"reference": "Patient/p1", "display": "Jane M Doe"},
    }
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1", "display": "Doe, Janie"},
        **shown,
    }
    con = staged(fhir(PATIENT, condition))
    assert told(con, "relative") == [{"family": "Roe", "given": "Ann"}]
    assert told(con, "patient") == [{"family": "Doe", "given": "Jane M"}, {"family": "Doe", "given": "Janie"}]
    assert told(con, "staff") == []
    assert of_the_patient(con)


def test_the_general_practitioner_and_contained_people(staged):
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Silva", "given": ["Ana"]}]}
    kin = {
        "resourceType": "RelatedPerson",
        "id": "k",
        "patient": {"reference": "Patient/p1"},
        "name": [{"family": "Roe"}],
    }
    report = {
        "resourceType": "DiagnosticReport",
        "id": "x1",
        "subject": {"reference": "Patient/p1"},
        "contained": [doctor, kin, {"resourceType": "Device", "id": "v"}],
    }
    con = staged(fhir({**PATIENT, "generalPractitioner": [{"display": "Dr. Marsh"}]}, report))
    assert told(con, "staff") == [{"family": "Marsh"}, {"family": "Silva", "given": "Ana"}]
    assert told(con, "relative") == [{"family": "Roe"}]
    assert of_the_patient(con)


def test_a_name_shown_in_every_record_is_staged_once(staged):
    many = [{"resourceType": "Observation", "id": f"o{place}", "subject": {"reference": "Patient/p1", "display": "Jane Doe"}, "performer": [{"display": "Ana Silva"}]}
            for place in range(500)]  # fmt: skip
    con = staged(fhir(PATIENT, *many), normalised=False)
    assert con.execute("SELECT count(*) FROM staging.other_person").fetchall() == [(2,)]


@pytest.mark.parametrize("odd", [
    {"name": "x", "telecom": {}, "contact": [1, None, "x", {}], "address": [[]], "identifier": ["7", {"value": {}}], "extension": 5},
    {"name": [None], "contact": {"name": {"given": "Jo"}}, "contained": [3, {"id": "x"}], "generalPractitioner": "x"},
    {"subject": "Patient/9", "performer": [[{"display": "A B"}], 5], "participant": {"display": []}, "author": None, "patient": []},
])  # fmt: skip
def test_what_is_not_as_the_standard_says_costs_nothing_else(staged, odd):
    con = staged(fhir({**PATIENT, "id": "odd", **odd}, {"resourceType": "Practitioner", "id": "q", **odd}, PATIENT))
    assert con.execute("SELECT count(*) FROM vault.patient_index").fetchall() == [(2,)]


# --- HL7 v2 ---------------------------------------------------------------------------------------------------------


def segment(name, **fields):
    """A segment of numbered fields, as in f3."""
    last = max(int(place[1:]) for place in fields)
    return "|".join([name, *(fields.get(f"f{place}", "") for place in range(1, last + 1))])


def test_next_of_kin(staged):
    kin = segment("NK1", f1="1", f2="Roe&&Moe^Ann^Lee", f3="MTH^mother", f4="1 Elm St&Elm St&1^^Ely^NV^89301", f5="(555)555-0101^PRN^PH~^NET^Internet^a@b.org",
                  f6="^^^^^555^5550102", f30="Poe^Ida", f31="555-0103", f33="77^^^H1", f37="900112222")  # fmt: skip
    con = staged(message("ADT^A28", kin))
    assert told(con, "relative") == [
        {"family": "Moe", "given": "Ann Lee", "phone": "555 5550102"}, {"family": "Poe", "given": "Ida", "phone": "555-0103", "identifier": "SSN|900112222"},
        {"family": "Roe", "given": "Ann Lee", "phone": "(555)555-0101", "email": "a@b.org", "street": "1 Elm St", "city": "Ely", "state": "NV", "zip": "89301",
         "identifier": "H1|77"},
    ]  # fmt: skip
    assert of_the_patient(con)


def test_guarantors_and_the_insured(staged):
    paying = segment(
        "GT1", f1="1", f2="G1", f3="Roe^Ann", f4="Roe^Abe", f5="1 Elm St", f6="555-0101", f11="MTH", f12="900112222"
    )
    insured = segment(
        "IN1", f1="1", f6="Jones^Kay", f7="555-0104", f16="Poe^Ida", f17="SPO", f19="2 Oak St", f36="POL77", f49="INS88"
    )
    more = segment("IN2", f2="900113333", f6="MED99", f61="MEM66", f63="555-0105")
    con = staged(message("ADT^A04", paying, insured, more))
    assert whole(con, "relative") == {
        "Roe",
        "Ann",
        "Abe",
        "1 Elm St",
        "555-0101",
        "HL7|G1",
        "SSN|900112222",
        "Poe",
        "Ida",
        "2 Oak St",
        "SSN|900113333",
        "555-0105",
    }
    assert whole(con, "patient") == {"MEMBER|POL77", "HL7|INS88", "MEMBER|MED99", "HL7|MEM66"}
    assert told(con, "staff") == [{"family": "Jones", "given": "Kay", "phone": "555-0104"}]


@pytest.mark.parametrize(
    ("name", "relation"), [("GT1", {"f3": "Doe^Janie", "f11": "SEL"}), ("IN1", {"f16": "Doe^Janie", "f17": "18^Self"})]
)
def test_who_pays_for_oneself_is_the_patient(staged, name, relation):
    con = staged(message("ADT^A04", segment(name, **relation)))
    assert told(con, "patient") == [{"family": "Doe", "given": "Janie"}]
    assert told(con, "relative") == []


def test_all_that_pid_says_of_a_patient(staged):
    pid = segment("PID", f2="X1", f3="L1^^^LAB^MR~E2^^^EHR", f4="A3^^^OLD", f5="Doe^Jane~Roe^Jane^^^^^M", f6="Lindqvist", f7="19800101", f9="Jj^",
                  f11="1 Elm St^^Ely~2 Oak St^^Ely^NV", f13="555-0101~555-0102~^NET^X.400^j@b.org", f14="555-0103", f18="ACC4", f19="900-11-2222", f20="S55^MA")  # fmt: skip
    con = staged(message("ADT^A28", pid=pid))
    assert whole(con, "patient") == {
        "HL7|X1", "OLD|A3", "Roe", "Jane", "Jj", "2 Oak St", "Ely", "NV", "555-0102", "555-0103", "j@b.org", "ACCOUNT|ACC4", "SSN|900-11-2222", "LICENSE|S55",
    }  # fmt: skip
    assert told(con, "relative") == [{"family": "Lindqvist"}]
    assert of_the_patient(con)


def test_a_middle_name_and_an_e_mail_in_the_first_place_are_kept(staged):
    pid = segment("PID", f3="L1", f5="Doe^Jane^Quinn", f11="1 Elm St", f13="j@b.org~555-0102")
    con = staged(message("ADT^A28", pid=pid))
    assert whole(con, "patient") == {"Doe", "Jane Quinn", "j@b.org", "555-0102"}


def test_staff_of_visits_orders_and_results(staged):
    visit = segment(
        "PV1",
        f2="I",
        f7="1093817465^Marsh^Helen^^^Dr.^^^NPI",
        f8="22^Eze^Ngozi",
        f9="^Varga^T~33^Lom^Rita^^^^^&1.2&ISO",
        f17="44^Dahl^Sven",
        f19="V1",
    )
    order = segment("ORC", f1="RE", f10="^Ames^Lu", f12="1184726350^Berg^Bo^^^^^^X^^^^NPI")
    asked = segment(
        "OBR",
        f3="F1",
        f7="20240101",
        f10="5^Coe^Al",
        f16="^Dow^Ed",
        f28="^Eng^Fi~^Fox^Gus",
        f32="66&Gay&Hal^20240101",
        f33="&Hay&Ina",
        f35="&Joy&Kit",
    )
    result = segment("OBX", f2="NM", f3="1^A^LN", f5="5", f11="F", f16="77^Kay^Leo", f25="^Lowe^Max")
    con = staged(message("ORU^R01", "PD1||||88^May^Ned", visit, order, asked, result, "NTE|1||x||99^Nye^Oz"))
    found = {row["family"] for row in told(con, "staff") if "family" in row}
    assert found == {
        "Marsh", "Eze", "Varga", "Lom", "Dahl", "Ames", "Berg", "Coe", "Dow", "Eng", "Fox", "Gay", "Hay", "Joy", "Kay", "Lowe", "May", "Nye",
    }  # fmt: skip
    numbers = {row["identifier"] for row in told(con, "staff") if "identifier" in row}
    assert numbers == {
        "NPI|1093817465",
        "STAFF|22",
        "STAFF|33",
        "STAFF|44",
        "NPI|1184726350",
        "STAFF|5",
        "STAFF|66",
        "STAFF|77",
        "STAFF|88",
        "STAFF|99",
    }


def test_of_messages_that_are_not_read_people_are(staged):
    """A document's author and its patient, who is known by another message; the message itself stays not understood."""
    document = message("MDM^T02", segment("TXA", f2="DS", f5="11^Marsh^Helen", f9="^Eze^Ngozi", f11="^Dahl^Sven", f22="^Lom^Rita^^^^^^^^^^^^20240101"),
                       pid=PID.replace("Doe^Jane", "Roe^Jane"))  # fmt: skip
    con = staged(message("ADT^A28"), document)
    assert {row["family"] for row in told(con, "staff")} == {"Marsh", "Eze", "Dahl", "Lom"}
    assert whole(con, "patient") == {"Roe", "Jane", "LAB|L1"}
    assert con.execute("SELECT what FROM staging.not_understood").fetchall() == [("HL7 MDM^T02",)]
    assert of_the_patient(con)


def test_the_former_name_and_numbers_of_a_merged_patient(staged):
    con = staged(message("ADT^A28"), message("ADT^A40", segment("MRG", f1="L0^^^LAB", f3="ACC3", f7="Roe^Jane")))
    assert whole(con, "patient") == {"LAB|L0", "HL7|ACC3", "Roe", "Jane"}


def test_what_stands_for_no_name_is_none(staged):
    kin = (
        "NK1|1|UNKNOWN^UNKNOWN|MTH||none",
        "NK1|2|SELF",
        'NK1|3|""|""|""|""',
        "NK1|4|^|x",
        "NK1|5|N/A",
        "NK1|6|...",
        "NK1|7|123121234A",
        "NK1|8|a@b",
        "NK1",
    )
    con = staged(message("ADT^A28", *kin, "PV1||I|||||^LAB~^PROVIDER"))
    assert con.execute("SELECT count(*) FROM vault.related_person").fetchall() == [(0,)]


# --- names in one piece ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "family", "given"),
    [
        ("Dr. Mario764 Bayer639", "Bayer639", "Mario764"), ("SILVA, ANA MARIA", "SILVA", "ANA MARIA"), ("Silva, Ana, MD", "Silva", "Ana"),
        ("Ana Silva MD, PhD", "Silva", "Ana"), ("Dr. Silva", "Silva", None), ("Jack Ma", "Ma", "Jack"), ("Ana Do, DO", "Do", "Ana"), ("MA, JACK", "MA", "JACK"),
        ("Smith, John (Cardiology)", "Smith", "John"), ("Jean-Luc O'Neil", "O'Neil", "Jean-Luc"), ("José Núñez", "Núñez", "José"), ("Silva", None, None),
        ("Boston General Hospital", None, None), ("PCP12345", None, None), ("Ward A", None, None), ("Green, LLC", None, None), ("ICU Nurse 3", None, None),
        ("", None, None), (",", None, None), ("Dr.", None, None), ("one two three four five six", None, None),
    ],
)  # fmt: skip
def test_names_written_in_one_piece(staged, written, family, given):
    split = (
        staged().execute("SELECT name.family, name.given FROM (SELECT rr_split_name(?) AS name)", [written]).fetchall()
    )
    assert split == [(family, given)]


# --- the sample hospital and real data ------------------------------------------------------------------------------


def test_the_sample_hospital_tells_of_relatives_and_staff(build, truth):
    roles = dict(
        build.execute(
            "SELECT role, count(DISTINCT (family, given, phone, person_id)) FROM vault.related_person WHERE family IS NOT NULL GROUP BY 1"
        ).fetchall()
    )
    assert roles["relative"] >= truth["persons"] * 2 // 3
    assert roles["staff"] >= 6
    unlinked = build.execute(
        "SELECT count(*) FROM vault.related_person WHERE role <> 'staff' AND person_id IS NULL"
    ).fetchall()
    assert unlinked == [(0,)]


def test_the_books_do_not_count_people(build):
    names = {row[0] for row in build.execute("SELECT DISTINCT table_name FROM quality.metric").fetchall()}
    assert "other_person" not in names
    assert all(book.holds for book in normalise.balance(build))


@pytest.mark.shared
def test_real_messages_name_relatives_and_staff(staged, shared):
    files = sorted((shared / "hl7v2/fhir_converter").glob("*.hl7"))
    con = staged(*((path.name, "hl7v2", path.read_bytes()) for path in files))
    counts = dict(con.execute("SELECT role, count(*) FROM vault.related_person GROUP BY 1").fetchall())
    assert sum(path.read_bytes().replace(b"\n", b"\r").count(b"\rNK1|") for path in files) == 33
    assert counts["relative"] > 20
    assert counts["staff"] > 100
    assert con.execute(
        "SELECT count(*) FROM vault.related_person WHERE family LIKE '%^%' OR given LIKE '%^%' OR phone LIKE '%^%'"
    ).fetchall() == [(0,)]


@pytest.mark.shared
def test_real_resources_name_staff_and_mothers(staged, shared):
    folder = shared / "fhir/synthea_r4_bulk"
    files = [folder / f"{kind}.ndjson.gz" for kind in ("Patient", "Practitioner", "Encounter", "Claim")]
    con = staged(*((path.name, "fhir+ndjson", path.read_bytes()) for path in files))
    mothers = con.execute(
        "SELECT count(DISTINCT person_id) FROM vault.related_person WHERE role = 'relative' AND family IS NOT NULL"
    ).fetchall()
    assert mothers == [(200,)]
    practitioners = con.execute("SELECT count(DISTINCT record_id) FROM staging.provider").fetchall()[0][0]
    named = con.execute(
        "SELECT count(DISTINCT (family, given)) FROM vault.related_person WHERE role = 'staff' AND identifier LIKE 'NPI|%'"
    ).fetchall()[0][0]
    assert 0.9 * practitioners < named <= practitioners


@pytest.mark.shared
def test_real_bundles_name_practitioners_and_no_hospital(staged, shared):
    files = sorted((shared / "fhir/synthea_r4_bundles").glob("*.json.gz"))
    con = staged(*((path.name, "fhir+bundle", path.read_bytes()) for path in files))
    assert (
        con.execute("SELECT count(*) FROM vault.related_person WHERE role = 'staff' AND family IS NOT NULL").fetchall()[
            0
        ][0]
        > 10
    )
    odd = con.execute(
        "SELECT count(*) FROM vault.related_person WHERE role = 'staff' AND (family LIKE '%HOSPITAL%' OR given LIKE '%HOSPITAL%')"
    ).fetchall()
    assert odd == [(0,)]
