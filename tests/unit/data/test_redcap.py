"""REDCap projects: the dictionary says what fields mean; identifiers travel only by role."""

import pytest

from data import normalise

pytestmark = pytest.mark.unit
DICTIONARY = b""""Variable / Field Name","Form Name","Field Type","Field Label","Choices, Calculations, OR Slider Labels","Text Validation Type OR Show Slider Number","Identifier?","Field Annotation"
record_id,base,text,Id,,,,
mrn,base,text,MRN,,,y,@RR-ROLE='identifier:EHR'
phone,base,text,Phone,,,y,
dob,base,text,Born,,date_ymd,y,@RR-ROLE='birth_date'
sex,base,radio,Sex,"F, Female | M, Male",,,@RR-ROLE='sex'
seen,visit,text,Seen on,,date_ymd,,@RR-ROLE='visit_date'
glucose,visit,text,Glucose,,number,,@RR-CODE='LOINC:2345-7'
smokes,visit,radio,Smokes?,"0, No | 1, Yes",,,
symptoms,visit,checkbox,Symptoms,"1, Cough | 2, Fever",,,
"""
DATA = b"""record_id,mrn,phone,dob,sex,seen,glucose,smokes,symptoms___1,symptoms___2
1,E1,555-0101,1980-05-06,F,2024-02-03,95.5,1,0,1
2,E2,,1990-01-01,M,,90,,,
,E3,,,,,,,,
3,E4,,,,2024-01-01,many,,,
"""


def redcap(*files):
    return [(name, "redcap+csv", content, "trial", "research") for name, content in files]


def test_answers_become_events(staged):
    con = staged(*redcap(("data.csv", DATA), ("dictionary.csv", DICTIONARY)))
    assert con.execute(
        "SELECT value_as_number::DOUBLE, measurement_source_value, measurement_date::VARCHAR FROM cdm.measurement"
    ).fetchall() == [(95.5, "2345-7", "2024-02-03")]
    said = con.execute("SELECT observation_source_value, value_as_string FROM cdm.observation ORDER BY 1").fetchall()
    assert said == [("smokes", "Yes"), ("symptoms___2", "Fever")]
    assert con.execute(
        "SELECT year_of_birth, gender_concept_id FROM cdm.person ORDER BY 1 NULLS LAST LIMIT 1"
    ).fetchall() == [(1980, 8532)]
    rules = sorted(rule for (rule,) in con.execute("SELECT rule FROM quarantine.record").fetchall())
    assert rules == ["bad-date", "no-id", "not-a-number"]


def test_identifiers_are_used_only_by_role(staged):
    con = staged(*redcap(("data.csv", DATA), ("dictionary.csv", DICTIONARY)))
    assert con.execute(
        "SELECT count(*) FROM staging.event WHERE value_text LIKE '%555%' OR code IN ('phone', 'mrn', 'dob')"
    ).fetchall() == [(0,)]
    assert ["EHR|E1"] in [row[0] for row in con.execute("SELECT identifiers FROM staging.patient").fetchall()]


def test_without_a_dictionary_nothing_is_guessed(staged):
    con = staged(*redcap(("data.csv", DATA)))
    assert con.execute("SELECT what, records FROM staging.not_understood").fetchall() == [
        ("REDCap data without its dictionary", 4)
    ]


@pytest.mark.parametrize("content", [b"", b"\n", b"\x00\xff", b'a,"b\nc', b"record_id\n1,2,3,4\n", b"a" * 200_000])
def test_odd_files_end_in_the_books(staged, content):
    con = staged(*redcap(("data.csv", content), ("dictionary.csv", DICTIONARY)))
    assert all(book.holds for book in normalise.balance(con))
