"""The second line: what should have been struck out does not leave, and what was, does."""

import pytest

from policies.redaction import Known, SecondLine

pytestmark = pytest.mark.unit
KNOWN = Known.of(names=[("Quigley", "Rosalind"), ("Young", "Grace")], phones=["617-555-2314"])


def withheld(text: str, known: Known | None = None) -> bool:
    rows, found = SecondLine().withheld(["BIGINT", "VARCHAR"], [(1, text)], known)
    assert rows[0][0] == 1
    assert found == (rows[0][1] is None)
    return found == 1


@pytest.mark.parametrize(
    "text",
    [
        "MRN 12345678",
        "patient number: E000123",
        "call 617-555-2314",
        "mail a.b@example.com",
        "SSN 123-45-6789",
        "M&#82;N 12345678",
    ],
)
def test_shapes_are_withheld(text):
    assert withheld(text)


@pytest.mark.parametrize(
    "text",
    [
        "(MRN [MRN-364G])", "Mr. [NAME-7KQ2] seen, phone [PHONE-3GXZ], [ADDRESS-GC72]", "NDA020800 0.3 ML epinephrine", "LOINC 4548-4", "E11.9",
        "Call 555-0142.", "person16777215@example.org", "Parkinson disease", "BP 120/80", "",
    ],
)  # fmt: skip
def test_the_first_lines_own_words_and_codes_pass(text):
    assert not withheld(text)


def test_what_is_known_of_the_persons_shown_is_withheld():
    assert withheld("Quigley was here", KNOWN)
    assert withheld("Mu, Rosa&#108;ind", KNOWN)
    assert withheld("Ms. Young was here", KNOWN)
    assert not withheld("a young man of grace", KNOWN)
    assert not withheld("Quigley was here")


def test_the_memory_of_clean_texts_does_not_answer_for_another_person():
    line = SecondLine()
    assert line.withheld(["VARCHAR"], [("Quigley was here",)])[1] == 0
    assert line.withheld(["VARCHAR"], [("Quigley was here",)], KNOWN)[1] == 1
