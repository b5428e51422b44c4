"""People besides the patient, and what else is known of the patient (vault.related_person): from X12, DICOM, research and operations."""

import csv
import io
import json

import pytest
from pydicom.dataset import Dataset

from data.synthetic.trial import xport
from tests.unit.data.related import of_the_patient, told, whole

pytestmark = pytest.mark.unit


# --- X12 ------------------------------------------------------------------------------------------------------------


def interchange(kind, *body):
    isa = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*0900*^*00501*000000001*0*P*:"
    inner = [f"ST*{kind}*0001", *body]
    return (
        "a.x12",
        "x12",
        "~".join(
            [
                isa,
                "GS*HC*A*B*20260101*0900*1*X*005010X222A1",
                *inner,
                f"SE*{len(inner) + 1}*0001",
                "GE*1*1",
                "IEA*1*1",
                "",
            ]
        ).encode(),
    )


PROVIDER = ("NM1*41*2*BILLING INC*****46*1", "PER*IC*KAY JONES*TE*5550104*EM*k@b.org", "HL*1**20*1", "NM1*85*1*MARSH*HELEN****XX*1093817465", "N3*9 Main St",
            "N4*Boston*MA*02139", "REF*SY*900334444")  # fmt: skip
DEPENDENT = ("HL*2*1*22*1", "SBR*P**GROUP", "NM1*IL*1*ROE*ANN*LEE***MI*M77", "N3*1 Elm St", "N4*Ely*NV*89301", "DMG*D8*19500101*F", "REF*SY*900112222",
             "NM1*PR*2*AETNA*****PI*1", "HL*3*2*23*0", "PAT*19", "NM1*QC*1*DOE*JANE*QUINN", "N3*2 Oak St", "DMG*D8*19800101*F", "PER*IC**TE*5550105")  # fmt: skip
CLAIM = (
    "CLM*C1*10",
    "DTP*472*D8*20240203",
    "REF*EA*MR55",
    "HI*ABK:E119",
    "NM1*DN*1*EZE*NGOZI****XX*1275635249",
    "NM1*82*1*VARGA*TOMAS",
    "NM1*77*2*HOSPITAL",
)
OTHER = ("SBR*S*01", "OI***Y", "NM1*IL*1*POE*IDA****MI*X99", "N3*3 Ash St", "NM1*PR*2*OTHER PAYER*****PI*2")


def claimed(con):
    return con.execute("SELECT mrn, payer FROM staging.claim ORDER BY ALL").fetchall()


def test_the_subscriber_who_is_not_the_patient_is_a_relative(staged):
    con = staged(interchange("837", *PROVIDER, *DEPENDENT, *CLAIM, "CLM*C2*20", "DTP*472*D8*20240204"))
    [relative] = [row for row in told(con, "relative") if "family" in row]
    assert relative == {
        "family": "ROE",
        "given": "ANN LEE",
        "street": "1 Elm St",
        "city": "Ely",
        "state": "NV",
        "zip": "89301",
        "identifier": "MEMBER|M77",
    }
    assert whole(con, "relative") - set(relative.values()) == {"SSN|900112222"}
    assert whole(con, "patient") == {"DOE", "JANE QUINN", "MRN|MR55", "5550105"}
    assert con.execute("SELECT family, street FROM staging.patient").fetchall() == [("DOE", "2 Oak St")] * 2
    assert of_the_patient(con)


def test_who_treats_refers_and_bills_is_staff(staged):
    con = staged(interchange("837", *PROVIDER, *DEPENDENT, *CLAIM))
    assert told(con, "staff") == [
        {"family": "EZE", "given": "NGOZI", "identifier": "NPI|1275635249"}, {"family": "JONES", "given": "KAY", "phone": "5550104", "email": "k@b.org"},
        {"family": "MARSH", "given": "HELEN", "street": "9 Main St", "city": "Boston", "state": "MA", "zip": "02139", "identifier": "NPI|1093817465"},
        {"family": "VARGA", "given": "TOMAS"}, {"identifier": "SSN|900334444"},
    ]  # fmt: skip


def test_another_insurers_subscriber_takes_nobodys_place(staged):
    """Loops 2320 and 2330 stand behind the claim: its patient and payer are who they were."""
    con = staged(interchange("837", *PROVIDER, *DEPENDENT, *CLAIM, *OTHER))
    assert claimed(con) == [("M77", "AETNA")]
    assert {row["family"] for row in told(con, "relative") if "family" in row} == {"ROE", "POE"}
    assert con.execute("SELECT family, street FROM staging.patient").fetchall() == [("DOE", "2 Oak St")]
    assert "MEMBER|X99" in whole(con, "relative")


def test_an_insured_patient_has_no_relative(staged):
    subscriber = ("HL*2*1*22*0", "SBR*P*18", "NM1*IL*1*DOE*JANE****MI*M77", "DMG*D8*19800101*F")
    own = ("SBR*S*18", "NM1*IL*1*DOE*JANIE****MI*X99")
    con = staged(interchange("837", *subscriber, *CLAIM, *own))
    assert told(con, "relative") == []
    assert {"JANIE", "MEMBER|X99"} <= whole(con, "patient")


def test_a_remittance_names_the_insured_beside_the_patient(staged):
    con = staged(interchange(
        "835", "N1*PR*AETNA", "PER*BL*KAY JONES*TE*5550104", "CLP*C1*1*10*5", "NM1*QC*1*DOE*JANE****MI*Q1", "NM1*IL*1*ROE*ANN****MI*M77",
        "NM1*74*1*DOE*JANIE", "NM1*82*1*VARGA*TOMAS****XX*1184726350", "REF*SY*900112222", "DTM*232*20240203",
    ))  # fmt: skip
    assert con.execute("SELECT mrn, family, given FROM staging.patient").fetchall() == [("M77", "DOE", "JANE")]
    assert told(con, "relative") == [{"family": "ROE", "given": "ANN", "identifier": "MEMBER|M77"}]
    assert {"JANIE", "SSN|900112222"} <= whole(con, "patient")
    assert whole(con, "staff") == {"JONES", "KAY", "5550104", "VARGA", "TOMAS", "NPI|1184726350"}
    assert of_the_patient(con)


# --- DICOM ----------------------------------------------------------------------------------------------------------


def header(**attributes):
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    base = {
        "PatientID": "R1",
        "PatientName": "Doe^Jane^Quinn",
        "StudyInstanceUID": "1.2",
        "SeriesInstanceUID": "1.2.3",
        "SOPInstanceUID": "1.2.3.4",
    }
    for name, value in {**base, **attributes}.items():
        setattr(dataset, name, value)
    return "a.json", "dicom+json", json.dumps([dataset.to_json_dict()]).encode()


def test_everybody_an_image_names(staged):
    con = staged(header(
        OtherPatientNames=["Roe^Jane", "Jj"], PatientBirthName="Roe^Jane", PatientMotherBirthName="Lindqvist^Éva", ResponsiblePerson="Poe^Ida",
        ReferringPhysicianName="Marsh^Helen^^Dr.", PerformingPhysicianName=["Eze^Ngozi", "Varga^Tomas"], OperatorsName="Ames, Lu", RequestingPhysician="CT TECH",
        NameOfPhysiciansReadingStudy="Yamada^Tarou=山田^太郎", PatientTelephoneNumbers=["555-0101", "555-0102"], PatientAddress="1 Elm St, Ely NV",
        OtherPatientIDs=["X1", "X2"], AccessionNumber="A77", MedicalRecordLocator="MR1",
    ))  # fmt: skip
    assert whole(con, "patient") == {
        "Doe", "Jane Quinn", "Roe", "Jane", "Jj", "555-0101", "555-0102", "1 Elm St, Ely NV", "DICOM|X1", "DICOM|X2", "ACCESSION|A77", "MRN|MR1",
    }  # fmt: skip
    assert told(con, "relative") == [{"family": "Lindqvist", "given": "Éva"}, {"family": "Poe", "given": "Ida"}]
    assert {(row["family"], row["given"]) for row in told(con, "staff")} == {
        ("Marsh", "Helen"), ("Eze", "Ngozi"), ("Varga", "Tomas"), ("Ames", "Lu"), ("Yamada", "Tarou"), ("山田", "太郎"),
    }  # fmt: skip
    assert of_the_patient(con)


# --- research and operations ----------------------------------------------------------------------------------------


def table(*rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


DICTIONARY = b"""field_name,form_name,field_type,text_validation_type_or_show_slider_number,identifier,field_annotation
record_id,base,text,,,
family,base,text,,y,@RR-ROLE='family'
mum,base,text,,,@RR-ROLE='relative.name'
mum_phone,base,text,phone,,@RR-ROLE='relative.phone'
nurse,base,text,,,@RR-ROLE='staff.name'
nurse_id,base,text,,,@RR-ROLE='staff.identifier:BADGE'
mail,base,text,email,,
mobile,base,text,phone,y,
plz,base,text,zipcode,y,
ssn,base,text,ssn,y,
called,base,text,,y,
dob,base,text,date_ymd,y,
mood,base,text,,,
odd,base,text,,,@RR-ROLE='neighbour.phone'
"""
ANSWERS = b"""record_id,redcap_survey_identifier,family,mum,mum_phone,nurse,nurse_id,mail,mobile,plz,ssn,called,dob,mood,odd
1,p1@b.org,Doe,Ann Roe,555-0101,Helen Marsh RN,B77,j@b.org,555-0102,02139,900-11-2222,Janie,1980-01-01,good,555-0109
"""


def test_redcap_fields_by_role_validation_and_mark(staged):
    con = staged(("dictionary.csv", "redcap+csv", DICTIONARY), ("data.csv", "redcap+csv", ANSWERS))
    assert told(con, "relative") == [{"family": "Roe", "given": "Ann", "phone": "555-0101"}]
    assert told(con, "staff") == [{"family": "Marsh", "given": "Helen", "identifier": "BADGE|B77"}]
    assert whole(con, "patient") == {"j@b.org", "p1@b.org", "555-0102", "02139", "REDCAP|900-11-2222", "Janie"}
    assert of_the_patient(con)


def test_the_investigator_of_a_trial(staged):
    columns = ["STUDYID", "DOMAIN", "USUBJID", "SEX", "INVNAM"]
    con = staged(
        (
            "dm.xpt",
            "sdtm+xpt",
            xport("DM", columns, [["S", "DM", "S-1", "F", "Marsh, Helen"], ["S", "DM", "S-2", "M", "Marsh, Helen"]]),
        )
    )
    assert told(con, "staff") == [{"family": "Marsh", "given": "Helen"}]


def test_providers_and_homes_of_a_research_database(staged):
    con = staged(
        ("person.csv", "omop+csv", table({"person_id": 1, "year_of_birth": 1980, "gender_concept_id": 8532, "location_id": 5},
                                         {"person_id": 2, "year_of_birth": 1990, "gender_concept_id": 8507, "location_id": 5})),
        ("provider.csv", "omop+csv", table({"provider_id": 1, "provider_name": "Dr. Helen Marsh", "npi": "1093817465", "dea": "AB1234563"})),
        ("location.csv", "omop+csv", table({"location_id": 5, "address_1": "1 Elm St", "address_2": "", "city": "Ely", "state": "NV", "zip": "89301"})),
    )  # fmt: skip
    assert told(con, "patient") == [{"street": "1 Elm St", "city": "Ely", "state": "NV", "zip": "89301"}] * 2
    persons = con.execute("SELECT person_id FROM cdm.person ORDER BY 1").fetchall()
    assert (
        con.execute("SELECT person_id FROM vault.related_person WHERE role = 'patient' ORDER BY 1").fetchall()
        == persons
    )
    assert whole(con, "staff") == {"Marsh", "Helen", "NPI|1093817465", "DEA|AB1234563"}


def test_columns_of_an_operational_system(staged):
    con = staged(
        ("patients.csv", "table+csv", table({"ops_mrn": "O1", "family_name": "Doe", "street": "1 Elm St", "email": "j@b.org", "contact_name": "Ann Roe",
                                             "contact_phone": "555-0101"})),
        ("appointments.csv", "table+csv", table({"appointment_id": "A1", "ops_mrn": "O1", "scheduled_at": "2024-01-01", "clinician": "Marsh, Helen"})),
        ("staffing.csv", "table+csv", table({"staffing_id": "S1", "shift_date": "2024-01-01", "headcount": 1, "staff_name": "Sven Dahl"})),
        ("claims.csv", "table+csv", table({"claim_id": "C1", "ops_mrn": "O1", "amount": 1, "service_date": "2024-01-01", "provider_name": "Eye Clinic",
                                           "member_id": "M77"})),
    )  # fmt: skip
    assert told(con, "relative") == [{"family": "Roe", "given": "Ann", "phone": "555-0101"}]
    assert {row["family"] for row in told(con, "staff")} == {"Marsh", "Dahl"}
    assert whole(con, "patient") == {"j@b.org", "MEMBER|M77"}
    assert con.execute("SELECT street FROM vault.patient_identity").fetchall() == [("1 Elm St",)]
    assert of_the_patient(con)


def test_tables_without_such_columns_say_nothing(staged):
    con = staged(
        ("staffing.csv", "table+csv", table({"staffing_id": "S1", "shift_date": "2024-01-01", "headcount": 1}))
    )
    assert con.execute("SELECT count(*) FROM staging.other_person").fetchall() == [(0,)]
