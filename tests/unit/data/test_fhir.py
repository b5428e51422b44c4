"""FHIR as it really arrives: archives, Bundles, deletions, references in every form, and what damage does to its neighbours."""

import gzip
import importlib
import io
import json
import zipfile
from datetime import date

import pytest

from data import normalise

lines = importlib.import_module("data.normalise.extract.lines")

pytestmark = pytest.mark.unit
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "female"}


def weight(id_="o1", **more):
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2024-05-05",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "valueQuantity": {"value": 70, "code": "kg"}, **more,
    }  # fmt: skip


def nd(*resources):
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def bundle(*resources, **more):
    entries = [{"fullUrl": f"urn:uuid:{one.get('id', 'none')}", "resource": one} for one in resources]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries, **more}).encode()


def count(con, table):
    return con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]


def rules(con):
    return sorted(row[0] for row in con.execute("SELECT rule FROM quarantine.record").fetchall())


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda content: zipped(a=content), lambda content: b"\xef\xbb\xbf" + content,
                                  lambda content: content.replace(b"\n", b"\r\n"), lambda content: content.replace(b"\n", b"\r"),
                                  lambda content: content + b"\n\n"])  # fmt: skip
def test_one_answer_however_it_is_packed(staged, pack):
    con = staged(("a.ndjson", "fhir+ndjson", pack(nd(PATIENT, weight()))))
    assert (count(con, "cdm.person"), count(con, "cdm.measurement"), rules(con)) == (1, 1, [])


def test_a_bundle_is_its_entries(staged):
    observation = weight(subject={"reference": "urn:uuid:p1"})
    del observation["id"]
    con = staged(("a.json", "fhir+bundle", bundle({**PATIENT, "id": "p1"}, observation)))
    assert (count(con, "cdm.person"), count(con, "cdm.measurement")) == (1, 1)
    assert con.execute("SELECT sum(records) FROM staging.received").fetchall() == [(2,)]


def test_a_resource_in_a_file_of_its_own(staged):
    con = staged(("a.json", "fhir+bundle", json.dumps(PATIENT, indent=2).encode()))
    assert count(con, "cdm.person") == 1


def test_deletions_are_applied_in_order(staged):
    gone = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": "Observation/o1"}}],
    }
    both = nd(PATIENT, weight("o1"), weight("o2"))
    con = staged(("1", "fhir+ndjson", both), ("2", "fhir+deleted", nd(gone)))
    assert con.execute("SELECT count(*) FROM cdm.measurement").fetchall() == [(1,)]
    con = staged(("1", "fhir+ndjson", both), ("2", "fhir+deleted", nd(gone)), ("3", "fhir+ndjson", nd(weight("o1"))))
    assert count(con, "cdm.measurement") == 2


def test_a_deleted_patient_leaves_records_of_nobody(staged):
    gone = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": "Patient/p1"}}],
    }
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight())), ("2", "fhir+deleted", nd(gone)))
    assert (count(con, "cdm.person"), rules(con)) == (0, ["unknown-person"])


def test_ids_count_within_their_type(staged):
    condition = {"resourceType": "Condition", "id": "o1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2024-01-01",
                 "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}}  # fmt: skip
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight("o1"), condition)))
    assert (count(con, "cdm.measurement"), count(con, "cdm.condition_occurrence")) == (1, 1)


@pytest.mark.parametrize(
    "reference", ["Patient/p1", "Patient/p1/_history/3", "https://ehr.example/fhir/Patient/p1", "urn:uuid:p1"]
)
def test_references_in_every_form(staged, reference):
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight(subject={"reference": reference}))))
    assert count(con, "cdm.measurement") == 1


def test_the_known_coding_is_taken_where_the_local_one_comes_first(staged):
    code = {"coding": [{"system": "urn:local", "code": "WT"}, {"system": "http://loinc.org", "code": "29463-7"}]}
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight(code=code))))
    assert con.execute("SELECT measurement_source_value FROM cdm.measurement").fetchall() == [("29463-7",)]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"\xff\xfe broken", "not-utf8"), (b'{"id": "3"}', "no-type"), (b"[" * 10_000, "broken-json"), (b"[1, 2]", "no-type"),
        (b"[" * 10_000 + b"]" * 10_000, "no-type"), (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "no-type"), (b"null", "no-type"),
        (b'{"resourceType":"Observation"}', "no-id"), (nd(weight("x", effectiveDateTime="0000-00-00")), "bad-date"),
        (nd(weight("x", effectiveDateTime="2199-01-01")), "implausible-date"), (nd(weight("x", effectiveDateTime="2024-13-45")), "bad-date"),
        (nd(weight("x", effectiveDateTime="1812-01-01")), "implausible-date"), (nd(weight("x", subject={"reference": "Patient/nobody"})), "unknown-person"),
        (nd(weight("x", subject=[])), "unknown-person"), (nd(weight("x", code="text")), "no-code"),
        (nd(weight("x", valueQuantity={"value": "1e999"})), "out-of-range"), (b"\x00\x00\x00", "broken-json"),
    ],
)  # fmt: skip
def test_a_bad_line_costs_only_itself(staged, line, rule):
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight("a")) + line.strip(b"\n") + b"\n" + nd(weight("b"))))
    assert count(con, "cdm.measurement") == 2
    assert rules(con) == [rule]


def test_a_line_without_an_end_is_passed_over(staged, monkeypatch):
    monkeypatch.setattr(lines, "MOST_LINE", 1 << 20)
    monkeypatch.setattr(lines, "_READ", 1 << 16)
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight("a")) + b"[" * (5 << 20) + b"\n" + nd(weight("b"))))
    assert (count(con, "cdm.measurement"), rules(con)) == (2, ["not-utf8"])


def test_the_same_id_with_other_content_is_the_last_word(staged):
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight("a"), weight("a", valueQuantity={"value": 71, "code": "kg"}))))
    assert con.execute("SELECT value_as_number::INT FROM cdm.measurement").fetchall() == [(71,)]
    assert con.execute("SELECT value FROM quality.metric WHERE name = 'superseded'").fetchall() == [(1,)]


def test_unknown_types_are_counted(staged):
    con = staged(
        ("1", "fhir+ndjson", nd(PATIENT, {"resourceType": "Basic", "id": "1"}, {"resourceType": "Odd" * 40, "id": "2"}))
    )
    assert con.execute("SELECT count(*) FROM staging.not_understood").fetchall() == [(2,)]


def test_a_cut_archive_keeps_what_came_before(staged):
    whole = nd(PATIENT, *(weight(f"o{number}", note=[{"text": str(number * 7919)}]) for number in range(5000)))
    con = staged(("1", "fhir+ndjson", gzip.compress(whole)[:-3000]))
    assert count(con, "cdm.measurement") > 100
    assert rules(con) == ["broken-json", "damaged-file"]


def test_a_bomb_is_cut_off(staged, monkeypatch):
    monkeypatch.setattr(lines, "_FREE", 1 << 20)
    monkeypatch.setattr(lines, "_READ", 1 << 16)
    bomb = nd(PATIENT) + b" " * (64 << 20)
    for packed in (gzip.compress(bomb), zipped(a=bomb), zipped(a=gzip.compress(bomb))):
        con = staged(("1", "fhir+ndjson", packed))
        assert (count(con, "cdm.person"), rules(con)) == (1, ["damaged-file"])


def test_names_that_lead_out_of_an_archive_are_not_read(staged, tmp_path):
    con = staged(
        ("1", "fhir+ndjson", zipped(**{"../../evil.ndjson": nd(PATIENT), "/abs": nd(PATIENT), "good": nd(PATIENT)}))
    )
    assert (count(con, "cdm.person"), rules(con)) == (1, ["damaged-file", "damaged-file"])
    assert not (tmp_path.parent / "evil.ndjson").exists()


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 not a zip", b"\x1f\x8b not a gzip", b"{}", b"\x00" * 1000, b"[[[[", b'"text"']
)
@pytest.mark.parametrize("media", ["fhir+ndjson", "fhir+bundle", "fhir+deleted"])
def test_odd_files_end_in_the_books(staged, content, media):
    con = staged(("1", media, content))
    assert all(book.holds for book in normalise.balance(con))


def test_imaging_studies_and_claims_are_understood(staged):
    study = {"resourceType": "ImagingStudy", "id": "s", "subject": {"reference": "Patient/p1"}, "started": "2024-01-01",
             "identifier": [{"value": "urn:oid:1.2.3"}], "series": [{"uid": "1.2.3.1", "modality": {"code": "CT"}}, {"uid": "1.2.3.2"}]}  # fmt: skip
    claim = {"resourceType": "Claim", "id": "c", "status": "active", "patient": {"reference": "Patient/p1"}, "total": {"value": 12.5},
             "billablePeriod": {"start": "2024-01-01"}, "insurance": [{"coverage": {"display": "Medicare"}}]}  # fmt: skip
    con = staged(("1", "fhir+ndjson", nd(PATIENT, study, claim)))
    assert con.execute(
        "SELECT image_study_uid, modality_source_value FROM cdm.image_occurrence ORDER BY 2"
    ).fetchall() == [("1.2.3", "CT"), ("1.2.3", None)]
    assert con.execute("SELECT payer, amount::VARCHAR FROM operations.claim").fetchall() == [("Medicare", "12.50")]


@pytest.mark.shared
def test_real_bundles_are_accounted_for(staged, shared):
    files = sorted((shared / "fhir/synthea_r4_bundles").glob("*.json.gz"))
    con = staged(*((path.name, "fhir+bundle", path.read_bytes()) for path in files))
    wanted = sum(len(json.loads(gzip.decompress(path.read_bytes()))["entry"]) for path in files)
    assert (len(files), count(con, "cdm.person")) == (12, 12)
    assert con.execute("SELECT sum(records) FROM staging.received").fetchall() == [(wanted,)]
    assert count(con, "cdm.measurement") > 500


def test_the_future_begins_after_the_horizon_and_appointments_may_lie_in_it(staged):
    patients = b"ops_mrn,birth_date\nO1,1980-01-01\n"
    appointments = b"appointment_id,ops_mrn,clinic,scheduled_at,status\n1,O1,Eyes,2026-03-01,booked\n"
    con = staged(
        ("1", "fhir+ndjson", nd(PATIENT, weight("a", effectiveDateTime="2026-01-02"), weight("b", effectiveDateTime="2026-01-04"))),
        ("patients.csv", "table+csv", patients), ("appointments.csv", "table+csv", appointments), horizon=date(2026, 1, 3),
    )  # fmt: skip
    assert (count(con, "cdm.measurement"), rules(con), count(con, "operations.appointment")) == (
        1,
        ["implausible-date"],
        1,
    )


@pytest.mark.parametrize(
    "text",
    ["\x00", "a\x00b", "\U0001f600", "\u202e", "x" * 100_000, "'; DROP TABLE person; --", "%s{}", "\\", "\n", "$1"],
)
def test_odd_texts_pass_through_unharmed(staged, text):
    named = {**PATIENT, "name": [{"family": text, "given": [text]}], "identifier": [{"system": text, "value": text}]}
    coded = weight(
        code={"coding": [{"system": "http://loinc.org", "code": text, "display": text}]},
        valueQuantity=None,
        valueString=text,
    )
    con = staged(("1", "fhir+ndjson", nd(named, coded), "o'brien's"))
    assert con.execute("SELECT family_name FROM cdm.patient_identity").fetchall() == [(text,)]
    assert con.execute("SELECT measurement_source_value FROM cdm.measurement").fetchall() == [(text,)]


@pytest.mark.parametrize(
    "odd",
    [
        {"component": {"a": 1}, "code": [], "valueQuantity": "x"}, {"component": [1, "a", None, {}], "code": []}, {"code": {"coding": {"code": 5}}},
        {"resourceType": ["a"], "id": {"b": 1}}, {"resourceType": "ImagingStudy", "series": [1, None, "x"]}, {"resourceType": "ImagingStudy", "series": {"a": 1}},
        {"resourceType": "DocumentReference", "content": [{"attachment": {"data": "!!! no base64"}}]}, {"resourceType": "Claim", "total": [], "patient": 5},
        {"resourceType": "Encounter", "period": "now", "identifier": {}}, {"resourceType": "Patient", "name": "Doe", "identifier": "x", "extension": 5},
    ],
)  # fmt: skip
def test_odd_shapes_cost_only_themselves(staged, odd):
    con = staged(("1", "fhir+ndjson", nd(PATIENT, weight("a"), {**weight("odd"), **odd}, weight("b"))))
    assert con.execute("SELECT count(*) FROM cdm.measurement WHERE value_as_number = 70").fetchall()[0][0] >= 2
