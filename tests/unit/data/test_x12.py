"""X12 claims and remittances."""

import gzip

import pytest

from data import normalise

pytestmark = pytest.mark.unit


def interchange(kind, *body, count=None, element="*", end="~", component=":"):
    isa = f"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*0900*^*00501*000000001*0*P*{component}"
    inner = [f"ST*{kind}*0001", *body]
    segments = [
        isa,
        "GS*HC*A*B*20260101*0900*1*X*005010X222A1",
        *inner,
        f"SE*{count or len(inner) + 1}*0001",
        "GE*1*1",
        "IEA*1*000000001",
    ]
    return "".join(segment.replace(":", component) + end for segment in segments).replace("*", element).encode()


PATIENT = (
    "NM1*IL*1*DOE*JANE****MI*M77",
    "N3*1 Main St",
    "N4*Boston*MA*02139",
    "DMG*D8*19800506*F",
    "NM1*PR*2*MEDICARE*****PI*1",
)
CLAIM = ("CLM*C1*125.50***11:B:1*Y*A*Y*Y", "DTP*472*D8*20240203", "HI*ABK:E119*ABF:I10")


def claims(con):
    return con.execute(
        "SELECT payer, service_date::VARCHAR, diagnosis_source_value, amount::VARCHAR, status FROM operations.claim ORDER BY 2, 4"
    ).fetchall()


@pytest.mark.parametrize("own", [{}, {"element": "|", "end": "\n"}, {"component": ">"}])
def test_a_claim_and_its_patient(staged, own):
    con = staged(("a.837", "x12", interchange("837", "HL*1**22*0", *PATIENT, *CLAIM, **own)))
    assert claims(con) == [("MEDICARE", "2024-02-03", "E11.9", "125.50", "submitted")]
    assert con.execute("SELECT year_of_birth, gender_concept_id FROM cdm.person").fetchall() == [(1980, 8532)]


def test_a_remittance_takes_the_place_of_its_claim(staged):
    paid = interchange("835", "N1*PR*MEDICARE", "CLP*C1*4*125.50*0", "NM1*QC*1*DOE*JANE****MI*M77", "DTM*232*20240203")
    con = staged(("a.837", "x12", interchange("837", "HL*1**22*0", *PATIENT, *CLAIM)), ("b.835", "x12", paid))
    assert [row[-1] for row in claims(con)] == ["denied"]
    assert con.execute("SELECT value FROM quality.metric WHERE name = 'superseded'").fetchall() == [(1,)]


def test_several_claims_and_subscribers(staged):
    other = (
        "HL*2**22*0",
        "NM1*IL*1*ROE*RICK****MI*M78",
        "DMG*D8*19700101*M",
        "NM1*PR*2*AETNA*****PI*2",
        "CLM*C2*10*",
        "DTP*434*RD8*20240101-20240105",
    )
    con = staged(
        ("a.837", "x12", interchange("837", "HL*1**22*0", *PATIENT, *CLAIM, "CLM*C3*20", "DTP*472*D8*20240204", *other))
    )
    assert [row[:2] for row in claims(con)] == [
        ("AETNA", "2024-01-01"),
        ("MEDICARE", "2024-02-03"),
        ("MEDICARE", "2024-02-04"),
    ]


def rules(con):
    return sorted(rule for (rule,) in con.execute("SELECT rule FROM quarantine.record").fetchall())


def test_a_wrong_count_is_said_and_costs_no_claim(staged):
    con = staged(("a.837", "x12", interchange("837", "HL*1**22*0", *PATIENT, *CLAIM, count=99)))
    assert (len(claims(con)), rules(con)) == (1, ["count-mismatch"])


def test_a_file_cut_off_keeps_what_came_before(staged):
    whole = interchange("837", "HL*1**22*0", *PATIENT, *CLAIM)
    con = staged(("a.837", "x12", whole[: whole.index(b"SE*")]))
    assert (len(claims(con)), rules(con)) == (1, ["count-mismatch"])


def test_claims_of_nobody_and_without_amount(staged):
    con = staged(
        ("a.837", "x12", interchange("837", "CLM*C1*5", "HL*1**22*0", *PATIENT, "CLM*C2*many", "DTP*472*D8*20240203"))
    )
    assert rules(con) == ["bad-amount", "no-member"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"ISA",
        b"ISA*" + b"x" * 200,
        b"GS*1~",
        b"\x00" * 300,
        gzip.compress(b"ISA", mtime=0),
        interchange("270", "HL*1"),
    ],
)
def test_odd_files_end_in_the_books(staged, content):
    con = staged(("a.txt", "x12", content))
    assert all(book.holds for book in normalise.balance(con))
