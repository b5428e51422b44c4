"""What a label covers that HIPAA does not name (45 CFR 164.514(b)(2)(i)): it counts neither way."""

import pytest

from evals.redaction.neutral import neutral_parts

pytestmark = pytest.mark.unit


def left(label, value):
    """What of the value is an identifier."""
    text = list(value)
    for start, stop in neutral_parts(label, value):
        text[start:stop] = " " * (stop - start)
    return " ".join("".join(text).split()).strip(" ,")


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("AGE", "72"), ("AGE", "89"), ("AGE", "eighty-nine"), ("TITLE", "Dr."), ("NRP", "Danish"), ("ORGANIZATION", "Smith and Sons"),
        ("DATE_TIME", "1984"), ("DATE", "Monday"), ("DATE", "sundays"), ("DATE_TIME", "10:42 AM"), ("DATE_TIME", "3pm"), ("DATE", "1996-1998"),
        ("DATE", "the 1980s"), ("DATE_TIME", "two weeks ago"), ("DATE_TIME", "for 5 years"), ("DATE_TIME", "yesterday"),
        ("GPE", "France"), ("GPE", "new york"), ("GPE", "MA"), ("LOCATION", "United States"), ("STATE", "anything"), ("COUNTRY", "anything"),
    ],
)  # fmt: skip
def test_what_hipaa_does_not_name_is_neutral(label, value):
    assert left(label, value) == ""


@pytest.mark.parametrize(
    ("label", "value", "identifier"),
    [
        ("AGE", "90", "90"), ("AGE", "101-year-old", "101-year-old"), ("AGE", "ninety-one", "ninety-one"),
        ("DATE", "3/4/2021", "3/4/2021"), ("DATE", "2021-03-04 10:42:00", "2021-03-04"), ("DATE", "Monday, March 3, 2021", "March 3, 2021"),
        ("DATE", "March", "March"), ("DATE", "03/2021", "03/2021"), ("DATE", "the 4th", "the 4th"), ("DATE", "Christmas 2020", "Christmas 2020"),
        ("GPE", "Boston", "Boston"), ("LOCATION", "Dallas, Georgia", "Dallas"), ("CITY", "Georgia", "Georgia"), ("GPE", "Paris, France", "Paris"),
        ("STREET_ADDRESS", "12 Elm St\nBoston, MA 02139", "12 Elm St Boston, 02139"), ("STREET_ADDRESS", "5 Elm St Boston MA 02139", "5 Elm St Boston 02139"),
        ("STREET_ADDRESS", "the corner of Elm St and Oak Ave", "Elm St Oak Ave"), ("STREET_ADDRESS", "9 Georgia Ave", "9 Georgia Ave"),
        ("PERSON", "Georgia May", "Georgia May"), ("ZIP_CODE", "02139", "02139"), ("OTHER_LABEL", "1984", "1984"), ("STREET", "Jordan Road", "Jordan Road"),
    ],
)  # fmt: skip
def test_the_rest_is_an_identifier(label, value, identifier):
    assert left(label, value) == identifier
