"""Of values in columns of codes, what is plainly an identity is told, and codes, wards and diseases are left."""

from datetime import date

import duckdb
import pytest

from policies.redaction.known import Known, Persons
from policies.redaction.redactor import BuildRedactor
from policies.redaction.settings import Settings

pytestmark = pytest.mark.unit
KNOWN = Known.of(
    names=[
        ("Quigley", "Rosalind"), ("Young", "Pine"), ("Marsh", "Grace"), ("Hall", "Grace"), ("Wilson", "Ana"), ("Washington", "Tomasz"),
        ("Kaiser", "Tove"), ("Foley", "Ngozi"),
    ],
    numbers=["EHR|E000123", "OPS|4711", "LAB|7654321", "RAD|1234567890", "E1165"], phones=["617-555-2314"],
    streets=["12 Zuckerkandl Lane"], ssns=["SSN|900-41-5001"], places=[("Boston", "MA")], emails=["rosalind@home.example"],
)  # fmt: skip


@pytest.fixture(scope="module")
def redactor():
    settings = Settings(language_model=False, keep=("Kaiser",))
    return BuildRedactor(settings, KNOWN, Persons(duckdb.connect()), b"k" * 32, date(2026, 3, 1))


@pytest.mark.parametrize(
    "value",
    [
        "a.person@mail.org", "SSN 900-41-5001", "900415001", "078-05-1120", "Rosalind Quigley", "QUIGLEY, ROSALIND", "QUIGLEY^Rosalind", "home of Rosalind Quigley",
        "Ms. Young", "Dr. Marsh", "E000123", "e-000123", "see E000123", "1234567890", "617-555-2314", "call 617-555-2314", "call 415-655-2314",
        "MRN 7654321", "12 Zuckerkandl Lane", "lives at 12 Zuckerkandl Lane, Boston", "rosalind@home.example",
    ],
)  # fmt: skip
def test_an_identity_is_told(redactor, value):
    assert redactor.withholds([value]) == ["yes"]


@pytest.mark.parametrize(
    "value",
    [
        "Quigley", "X QUIGLEY", "as Quigley said", "Washington", "Rosalind Quigley Memorial Hospital", "Grace Marsh", "7654321", "5552314",
        "E11.65", "see C0004096", "as 1.2.826.0.1.3680043.10.1562.7 told", "415-655-2314", "http://loinc.org", "99 Elm Street",
    ],
)  # fmt: skip
def test_what_may_be_a_code_or_a_ward_is_doubtful(redactor, value):
    assert redactor.withholds([value]) == ["maybe"]


@pytest.mark.parametrize(
    "value",
    [
        "Pine", "Young", "young adult", "Grace", "Hall A", "marsh", "4711", "ward 4711", "Wilson disease", "Foley catheter", "ANA", "KAISER",
        "Boston", "Boston Medical Center", "E11.9", "44054006", "mg/dL", "10*3/uL", "{score}", "Z00.00", "4-W", "inpatient", "Blue Cross",
        "C0004096", "0121-0489-05", "NDC 0121-0489-05", "NDA020800 0.3 ML epinephrine", "1.2.826.0.1.3680043.10.1562.7",
        "2085-9", "Dr.", "pending", "[withheld]", "555-0134", "CT", "99213", "Type 2 diabetes mellitus", "Salmonella Dublin",
    ],
)  # fmt: skip
def test_codes_and_plain_words_are_left(redactor, value):
    assert redactor.withholds([value]) == ["no"]


def test_a_value_is_told_by_itself_alone(redactor):
    values = ["Quigley", "Pine", "a@b.org", ""]
    assert (
        redactor.withholds(values)
        == [told for one in values for told in redactor.withholds([one])]
        == ["maybe", "no", "yes", "no"]
    )
    assert redactor.withholds([]) == []
