"""Ages over 89 (45 CFR 164.514(b)(2)(i)(C)): each written form is found, younger ages and other numbers of that size are left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policies.redaction.marked import cases, found, read

pytestmark = pytest.mark.unit

AGES = """
{AGE:92}-year-old woman
{AGE:92} year old
{AGE:92}yo male
{AGE:92} y/o F
{AGE:92} y.o. man
{AGE:101}-year-old
a {AGE:95} yr F with falls
{AGE:9 2} year old
{AGE:92} -year- old
{AGE:92} yrs old
{AGE:93} years of age
{AGE:94}F with chest pain
a {AGE:94} F presents
{AGE:97} M w/ fall
{AGE:94} woman seen
Age: {AGE:101}
age {AGE:93}, sex F
Age/Sex: {AGE:92}/F
aged {AGE:95}
aged {AGE:ninety-three}
at the age of {AGE:97}
age of {AGE:102}
she turned {AGE:92} last week
died at {AGE:96}
mother died at age {AGE:98}
passed away at {AGE:91}
lived to {AGE:103}
her mother, {AGE:96}, is well
father is {AGE:93}
her {AGE:92nd} birthday
her {AGE:ninetieth} birthday
in her {AGE:nineties}
in his early {AGE:90s}
a {AGE:ninety-two} year old man
a {AGE:one hundred and two} year old man
a {AGE:centenarian} in good health
a {AGE:nonagenarian} in good health
AGE: {AGE:92}
{AGE:92} YO MALE
"""

LEFT = """
89-year-old man
a 45 yo F, aged 67, age: 88
age 90 or older
aged 90 and over, age >90, age 90+
BP 92/60, HR 94, SpO2 94%, sats in the 90s
weight 92 kg, 95 lbs, 90 mg, 100 mL
95th percentile, for age 95th percentile, for age 95 percentile
Temp 101 F, fever to 102F, T 99 F, Tmax 103 F
walked 100 m, ambulated 120 M today
she is 94% on room air, he is 92 on oxygen
90 days, 100 times, 95 patients, 100 white cells
dosage 100, average 95, stage 90
in the nineties, in the 1990s
one hundred units, ninety percent
pO2 92, pCO2 95, grade 9 2 years ago
smoked for 90 pack years
103 degrees, 110 bpm
over the age of 12, ages 3 to 5
the 99m technetium scan
"""
FORMS = (
    "{} year old",
    "{}-year-old",
    "{}yo",
    "{} y/o",
    "aged {}",
    "Age: {}",
    "{} years of age",
    "a {} yr F",
    "died at {}",
    "{}F with pain",
)


@pytest.mark.parametrize("case", cases(AGES))
def test_each_old_age_is_found(case):
    text, marked = read(case)
    assert found(text) == marked


@pytest.mark.parametrize("text", cases(LEFT))
def test_other_numbers_are_left(text):
    assert found(text) == []


@given(st.integers(0, 139), st.sampled_from(FORMS))
def test_ages_are_struck_out_from_ninety(age, form):
    assert found(form.format(age)) == ([("AGE", str(age))] if age >= 90 else [])
