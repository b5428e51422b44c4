"""HL7 v2 as it really arrives: separators, line ends, escapes, numbers, corrections, visits told in parts, merges."""

import hl7
import pytest

from data.normalise.extract.er7 import component, field, messages, plain, segments

pytestmark = pytest.mark.unit
MSH = "MSH|^~\\&|LAB|MAIN|RR|HOSP|20240101||{kind}|C1|P|2.5.1"
PID = "PID|1||L1^^^LAB^MR||Doe^Jane||19800101|F"


def oru(*obx, at="20240101", order="F1"):
    return "\r".join([MSH.format(kind="ORU^R01"), PID, f"OBR|1||{order}|P|||{at}", *obx]).encode() + b"\r"


def adt(trigger, *segments, mrn="L1", at="20240101080000"):
    pid = PID.replace("L1", mrn)
    return "\r".join([MSH.format(kind=f"ADT^{trigger}"), f"EVN||{at}", pid, *segments]).encode() + b"\r"


def pv1(number="V1", klass="I", start="", end=""):
    fields = [""] * 46
    fields[0:4] = ["PV1", "1", klass, "W1"]
    fields[19], fields[44], fields[45] = number, start, end
    return "|".join(fields)


def results(con):
    return con.execute(
        "SELECT record_id, value_operator, value_number, value_text, unit, range_low, range_high FROM staging.event ORDER BY line, record_id"
    ).fetchall()


@pytest.mark.parametrize(
    ("obx", "operator", "number", "text"),
    [
        ("OBX|1|NM|1^A^LN||5.4|mg/dL|||||F", None, "5.4", "5.4"),
        ("OBX|1|SN|1^A^LN||<^5|mg/dL|||||F", "<", "5", "<5"),
        ("OBX|1|SN|1^A^LN||^182|mg/dL|||||F", None, "182", "182"),
        ("OBX|1|SN|1^A^LN||^1^:^160||||||F", None, None, "1:160"),
        ("OBX|1|SN|1^A^LN||^5^-^10||||||F", None, None, "5-10"),
        ("OBX|1|ST|1^A^LN||<5|mg/dL|||||F", "<", "5", "<5"),
        ("OBX|1|ST|1^A^LN||1:160||||||F", None, None, "1:160"),
        ("OBX|1|ST|1^A^LN||negative||||||F", None, None, "negative"),
        ("OBX|1|TX|1^A^LN||first line~second \\T\\ last||||||F", None, None, "first line\nsecond & last"),
        ("OBX|1|CWE|1^A^LN||10828004^Positive^SCT||||||F", None, None, "Positive"),
        ("OBX|1|NM|1^A^LN|||||||||X", None, None, None),
        ("OBX|1|ED|1^A^LN||^TEXT^PDF^Base64^JVBERi0=||||||F", None, None, None),
    ],
)
def test_values_are_read_by_their_type(staged, obx, operator, number, text):
    [(_, *found)] = results(staged(("a.hl7", "hl7v2", oru(obx)), normalised=False))
    assert found[:3] == [operator, number, text]


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("70-105", "70", "105"),
        ("<5", None, "5"),
        (">=60", "60", None),
        ("70 to 105", "70", "105"),
        ("see note", None, None),
        ("", None, None),
    ],
)
def test_reference_ranges(staged, sent, low, high):
    [(*_, found_low, found_high)] = results(
        staged(("a.hl7", "hl7v2", oru(f"OBX|1|NM|1^A^LN||5|mg/dL|{sent}||||F")), normalised=False)
    )
    assert (found_low, found_high) == (low, high)


@pytest.mark.parametrize(
    ("written", "concept"),
    [("mg/dL", 8840), ("MG/DL", 8840), ("mg%", 8840), ("mmHg", 8876), ("mm[Hg]", 8876), ("bananas", 0)],
)
def test_units_are_read_as_ucum(staged, written, concept):
    con = staged(("a.hl7", "hl7v2", oru(f"OBX|1|NM|1^A^LN||5|{written}|||||F")))
    assert con.execute("SELECT unit_concept_id, unit_source_value FROM cdm.measurement").fetchall() == [
        (concept, written)
    ]


def test_a_correction_takes_the_place_of_what_it_corrects(staged):
    first, second = oru("OBX|1|NM|2345-7^G^LN||90|mg/dL|||||F"), oru("OBX|1|NM|2345-7^G^LN||95|mg/dL|||||C")
    con = staged(("a.hl7", "hl7v2", first), ("b.hl7", "hl7v2", second))
    assert con.execute("SELECT value_as_number::INT FROM cdm.measurement").fetchall() == [(95,)]


def test_a_result_twice_in_one_message_is_two_results_unless_sub_ids_say_so(staged):
    con = staged(
        (
            "a.hl7",
            "hl7v2",
            oru("OBX|1|NM|1^A^LN||5|||||||F", "OBX|2|NM|1^A^LN||6|||||||F", "OBX|3|NM|1^A^LN|2|7|||||||F"),
        )
    )
    assert con.execute("SELECT count(*) FROM cdm.measurement").fetchall() == [(3,)]


def test_the_standard_code_is_taken_where_the_local_one_comes_first(staged):
    con = staged(
        ("a.hl7", "hl7v2", oru("OBX|1|NM|GLU^Glucose^99LAB^2345-7^Glucose^LN||90|mg/dL|||||F")), normalised=False
    )
    assert con.execute("SELECT code_system, code FROM staging.event").fetchall() == [("LOINC", "2345-7")]


def test_separators_of_its_own():
    """Those of the message are read as separators, the usual ones as text."""
    sent = b"MSH!*~\\&!LAB!MAIN\rOBX!1!ST!1*A*LN!!a\\T\\b and ^ | stays!!!!!!F"
    _, obx = segments(sent)
    assert plain(field(obx, 5)) == "a&b and ^ | stays"
    assert component(field(obx, 3), 3) == "LN"


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\x0b", "FHS|^~\\&|X\r"])
def test_line_ends_frames_and_envelopes(tmp_path, ending, before):
    one = oru("OBX|1|NM|1^A^LN||5|||||||F").decode().replace("\r", ending)
    path = tmp_path / "many.hl7"
    path.write_bytes((before + one + "\x1c" + ending + one + "BTS|2" + ending).encode())
    found = [segments(message) for message in messages(path, pytest.fail) if message]
    assert [len(one) for one in found] == [4, 4]


def test_a_line_break_inside_a_text_stays_in_it(staged):
    broken = oru("OBX|1|TX|1^A^LN||first", "and second||||||F")
    assert results(staged(("a.hl7", "hl7v2", broken), normalised=False))[0][3] == "first and second"


def test_splitting_agrees_with_the_library(shared_or_made):
    for content in shared_or_made:
        ours = segments(content)
        theirs = hl7.parse(content.decode("utf-8-sig") + "\r")
        assert [one[0] for one in ours] == [str(one[0]) for one in theirs]
        for mine, other in zip(ours[1:], theirs[1:], strict=True):
            assert [field(mine, number) for number in range(1, len(mine))] == [
                "" if str(one) == '""' else str(one) for one in list(other)[1:]
            ]


@pytest.fixture
def shared_or_made(tmp_path, hospital):
    whole = []
    for path in sorted((hospital / "laboratory").glob("*.hl7"))[:3]:
        whole += [one for one in messages(path, pytest.fail) if one][:200]
    return whole


def visits(con):
    return con.execute(
        "SELECT visit_source_value, visit_start_datetime::VARCHAR, visit_end_datetime::VARCHAR FROM cdm.visit_occurrence"
    ).fetchall()


def test_a_visit_is_told_in_parts(staged):
    con = staged(
        ("1", "hl7v2", adt("A01", pv1(), at="20240101080000")),
        ("2", "hl7v2", adt("A08", pv1(klass="E"), at="20240101090000")),
        ("3", "hl7v2", adt("A03", pv1(), at="20240103100000")),
    )
    assert visits(con) == [("IMP", "2024-01-01 08:00:00", "2024-01-03 10:00:00")]


def test_a_cancelled_discharge_opens_the_visit_again(staged):
    con = staged(
        ("1", "hl7v2", adt("A01", pv1(start="20240101080000"))),
        ("2", "hl7v2", adt("A03", pv1(end="20240103100000"))),
        ("3", "hl7v2", adt("A13", pv1())),
    )
    assert visits(con) == [("IMP", "2024-01-01 08:00:00", "2024-01-01 08:00:00")]


def test_a_cancelled_admission_takes_the_visit_back(staged):
    con = staged(("1", "hl7v2", adt("A01", pv1(start="20240101080000"))), ("2", "hl7v2", adt("A11", pv1())))
    assert visits(con) == []


def test_a_merge_makes_one_person_of_two_numbers(staged):
    con = staged(
        ("1", "hl7v2", adt("A01", pv1("V1", start="20240101"), mrn="L1")),
        ("2", "hl7v2", adt("A01", pv1("V2", start="20240201"), mrn="L2")),
        ("3", "hl7v2", adt("A40", "MRG|L2^^^LAB^MR", mrn="L1")),
    )
    index = con.execute("SELECT mrn, rule FROM vault.patient_index ORDER BY mrn").fetchall()
    assert index == [("L1", "merged"), ("L2", "merged")]
    assert con.execute("SELECT count(DISTINCT person_id), count(*) FROM cdm.visit_occurrence").fetchall() == [(1, 2)]


def test_patients_without_visits_are_known(staged):
    con = staged(("1", "hl7v2", adt("A28")), ("2", "hl7v2", adt("A31", mrn="L1")))
    assert con.execute("SELECT count(*) FROM cdm.person").fetchall() == [(1,)]


@pytest.mark.shared
def test_every_real_message_has_an_end(staged, shared):
    """The samples as they are: 139 files in the folder."""
    files = sorted((shared / "hl7v2/fhir_converter").glob("*.hl7"))
    con = staged(*((path.name, "hl7v2", path.read_bytes()) for path in files))
    assert len(files) == 139
    assert con.execute("SELECT sum(records) >= 139 FROM staging.received").fetchall() == [(True,)]
    rules = {rule for (rule,) in con.execute("SELECT DISTINCT rule FROM quarantine.record").fetchall()}
    assert rules <= {
        "bad-date",
        "no-code",
        "implausible-date",
        "no-pid",
        "before-birth",
        "not-a-number",
        "unknown-person",
    }
