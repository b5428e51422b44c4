"""Dates (45 CFR 164.514(b)(2)(i)(C)): every written form is found, what only looks so is left, and a shift keeps form and interval."""

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.redaction.patterns.dates import shifted
from tests.unit.policies.redaction.marked import cases, found, read

pytestmark = pytest.mark.unit

DATES = """
on {DATE:2021-05-03}.
on {DATE:2021/5/3} and
on {DATE:2021.05.03} and
{DATE:2021-05-03T10:30:00Z}
{DATE:2021-05-03T10:30:00.000+01:00}
{DATE:2021-05-03 10:30:15} seen
{DATE:2021-May-03} seen
{DATE:05/03/2021} seen
{DATE:5/3/2021}, seen
{DATE:5/3/21}: seen
({DATE:5-3-21})
{DATE:05-03-2021}
{DATE:13/05/2021} seen
{DATE:03.05.2021} gesehen
{DATE:3.5.21} gesehen
{DATE:05 / 03 / 2021} as scanned
{DATE:5/3/2021 at 10:30 am} seen
{DATE:5/3/21 1030 hrs} seen
{DATE:10:30 on 5/3/2021} seen
{DATE:20210503}
{DATE:20210503103000}
{DATE:202105031030}
{DATE:20210503T103000Z}
{DATE:20210503103000.1234+0100}
file_{DATE:20210503}_scan
{DATE:3rd of May 2021}
the {DATE:3rd of May}, then
{DATE:3 May 2021} seen
{DATE:3 MAY 2021} SEEN
{DATE:03-May-2021} seen
{DATE:12-MAR-2021} seen
{DATE:12MAR2021} seen
{DATE:12-Mar-21} seen
{DATE:12 Mar '21} seen
seen {DATE:May 3}.
seen {DATE:May 3rd} in
seen {DATE:May 3, 2021} in
seen {DATE:May. 3, 2021} in
seen {DATE:may 3, 2021} in
seen {DATE:MAY 3 2021} IN
seen {DATE:Mar 5} in
seen {DATE:October 5} in
seen {DATE:oct 5} in
seen {DATE:5 October} in
in {DATE:May 2021} and
in {DATE:May of 2021} and
in {DATE:May, 2021} and
in {DATE:May '21} and
{DATE:Mon 3 May} seen
{DATE:Monday, May 3, 2021} seen
{DATE:Mon., 3 May 2021 10:30} seen
{DATE:5/3/21 (Mon)} seen
{DATE:Monday the 3rd} seen
{DATE:third of May} seen
{DATE:third of May, 2021} seen
{DATE:May third} seen
{DATE:twenty-first of June 2020} seen
{DATE:3-5 May 2021} seen
{DATE:May 3-5, 2021} seen
{DATE:May 3 - June 5, 2021} seen
{DATE:May 3 to June 5, 2021} seen
{DATE:5/3/21-5/9/21} seen
{DATE:5/3/2021 - 5/9/2021} seen
{DATE:5/3-5/9/21} seen
from {DATE:5/3/21 to 5/9/21} seen
on {DATE:5/3} seen
since {DATE:5/3}, worse
from {DATE:5/3 to 5/9} seen
due by {DATE:12/25}.
DOB {DATE:5/3/1941}
DOB: {DATE:03 05 1941}
LMP {DATE:202104}
week of {DATE:May 3}
week of {DATE:5/3}
in {DATE:spring 2021} and
in {DATE:winter of 2020} and
in the {DATE:fall of 2020} and
{DATE:Christmas 2020} was
{DATE:Thanksgiving Day 2019} was
{DATE:Q1 2021} report
{DATE:03/2021} visit
{DATE:2021-05} visit
{DATE:3 de mayo de 2021} vista
el {DATE:3 de mayo} vista
le {DATE:3 mai 2021} vu
am {DATE:3. März 2021} gesehen
il {DATE:3 maggio 2021} visto
{DATE:2021年5月3日}
{DATE:12/IV/2021} seen
born in {DATE:1925}
born in {DATE:1921}, in Reading
{DATE:5/3/2021}-scan
{DATE:December 31, 1999, 11:59 PM}
at {DATE:10:30 AM, May 3, 2021} seen
{DATE:5/3/2021 10:30-11:00} seen
{DATE:2021-05-03 to 2021-06-03} seen
born on {DATE:january 13th , 1982} here
{DATE:May 3 and June 5} apart
"""

LEFT = """
BP 120/80 and 118/76
1/2 tablet, 1/4 strength, 3/4 full
3/5 strength, strength 4/5-5/5 in all
pain 5/10, pain from 8/10 to 4/10, rated 7-8/10
pain by 5/10 after dose
titre 1/40, ANA 1/640, RPR 1/2000
doses 2-3 times, 2 to 3 times
ext. 123, x4567
he may 5 times, she may be, MAY BE 5 mg
INR 5 MAY BE HIGH, dose 5 may be given
march 5 steps, they march, march in place
range 3.5-5.1, 1.2.3, v1.2.3, section 1.2.21
38+2 weeks, 24/7 care, 20/20 vision, 20/30
II/VI murmur, 3/6 systolic murmur, grade 2/6
T2N1M0, E11.9, I10, 4548-4
in 2019, since 2020, the 1990s, 2010s
at 10:30 am, 14:05:30, 1030 hrs
Monday, on Tuesday, every Friday
on 1/2 tablet daily, after 1/2 hour
on 2/3 of days
44054006 and 73211009
ndc 0002-8215-01, 50580-449-05
sat 95%, O2 sat 3 L
OCT 20/20, APR 5.5
mar 5 mg, Dec 10% lower
2/15 nodes positive, 5/16 inch
a fall in 2021, mechanical fall 2021
gestation 38/40, G2P1001
version 2.10.21
spring and summer
7-10 days, 10-14 years
May is a nurse, March of Dimes
chapter 3.5.21
"""


@pytest.mark.parametrize("case", cases(DATES))
def test_each_date_is_found_whole(case):
    text, marked = read(case)
    assert found(text) == marked


@pytest.mark.parametrize("text", cases(LEFT))
def test_what_only_looks_like_a_date_is_left(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("written", "days", "expected"),
    [
        ("2021-05-03", 10, "2021-05-13"), ("2021/5/3", 10, "2021/5/13"), ("05/03/2021", 10, "05/13/2021"), ("5/3/2021", 4, "5/7/2021"),
        ("5/3/21", -4, "4/29/21"), ("13/05/2021", 10, "23/05/2021"), ("03.05.2021", 10, "13.05.2021"), ("5/3/'21", 3, "5/6/'21"),
        ("05 / 03 / 2021", 3, "05 / 06 / 2021"), ("3 May 2021", 30, "2 June 2021"), ("May 3, 2021", 30, "June 2, 2021"),
        ("3rd of May 2021", -1, "2nd of May 2021"), ("MAY 3RD, 2021", 18, "MAY 21ST, 2021"), ("may 22nd", 1, "may 23rd"), ("May 10th", 1, "May 11th"),
        ("12-MAR-2021", 30, "11-APR-2021"), ("12MAR2021", 90, "10JUN2021"), ("01-May-2021", 31, "01-Jun-2021"), ("Sept. 3, 2021", 30, "Oct. 3, 2021"),
        ("2021-May-03", 30, "2021-June-02"), ("20210503", 5, "20210508"), ("20210503103000", 5, "20210508103000"), ("202105", 40, "202106"),
        ("2021-05-03T10:30:00Z", 5, "2021-05-08T10:30:00Z"), ("2021-05-03T10:30:00.000+01:00", 1, "2021-05-04T10:30:00.000+01:00"),
        ("10:30 on 5/3/2021", 1, "10:30 on 5/4/2021"), ("December 31, 1999, 11:59 PM", 1, "January 1, 2000, 11:59 PM"),
        ("Mon 3 May 2021", 1, "Tue 4 May 2021"), ("Monday, May 3, 2021 at 10:30 am", 4, "Friday, May 7, 2021 at 10:30 am"),
        ("MONDAY 5/3/21", 2, "WEDNESDAY 5/5/21"), ("5/3/21 (Mon)", 8, "5/11/21 (Tue)"), ("Thurs. 5/6/21", 7, "Thurs. 5/13/21"),
        ("May 2021", 30, "June 2021"), ("May '21", 30, "June '21"), ("may of 2021", -30, "april of 2021"), ("03/2021", 30, "04/2021"),
        ("2021-05", 365, "2022-05"), ("5/3", 300, "2/27"), ("on 5/3", 3, "on 5/6"), ("2/29", 1, "3/1"), ("Feb 29", 366, "Mar 1"), ("Feb 28", 1, "Mar 1"),
        ("third of May", 3, "sixth of May"), ("May third, 2021", 30, "June second, 2021"), ("Twenty-first of June", 2, "Twenty-third of June"),
        ("3-5 May 2021", 5, "8-10 May 2021"), ("3-5 May 2021", 28, "31 May-2 June 2021"), ("30-31 Dec 2021", 1, "31 Dec 2021-1 Jan 2022"),
        ("May 3-5, 2021", 5, "May 8-10, 2021"), ("May 3-5, 2021", 28, "May 31-June 2, 2021"), ("Dec 30-31, 2021", 1, "Dec 31, 2021-Jan 1, 2022"),
        ("5/3/21-5/9/21", 7, "5/10/21-5/16/21"), ("5/3-5/9/21", 7, "5/10-5/16/21"), ("May 3 - June 5, 2021", 300, "February 27 - April 1, 2022"),
        ("Feb 27 - Mar 1, 2020", 1, "Feb 28 - Mar 2, 2020"), ("from 5/3 to 5/9", 3, "from 5/6 to 5/12"), ("11/2021 and 12/2021", 31, "12/2021 and 01/2022"),
        ("3 de mayo de 2021", 30, "2 de junio de 2021"), ("3 mars 2021", -30, "1 février 2021"), ("3 fevrier 2021", 200, "22 aout 2021"),
        ("3. März 2021", -30, "1. Februar 2021"), ("lunes 3 de mayo de 2021", 1, "martes 4 de mayo de 2021"), ("3 maggio 2021", 31, "3 giugno 2021"),
        ("12/IV/2021", 30, "12/V/2021"), ("2021年5月3日", 30, "2021年6月2日"), ("5/3/00", -65, "2/28/00"), ("5/3/2021", 0, "5/3/2021"),
    ],
)  # fmt: skip
def test_date_is_moved_in_its_own_form(written, days, expected):
    assert shifted(written, days) == expected


@pytest.mark.parametrize(
    "written",
    ["", "hello", "2021", "31/04/2021", "30 February 2021", "99/99/2021", "Monday the 3rd", "spring 2021", "Q1 2021", "Christmas 2020", "1925", "5-3 May 2021x",
     "seen 5/3/2021", "5/3/2021 by Roe", "10:30 am", "Monday"],
)  # fmt: skip
def test_what_cannot_be_read_is_none(written):
    assert shifted(written, 10) is None


def test_days_beyond_the_calendar_are_none():
    assert shifted("2021-05-03", 4_000_000) is None


def test_order_decides_where_either_may_be_the_month():
    assert shifted("05/03/2021", 10) == "05/13/2021"
    assert shifted("05/03/2021", 10, "dmy") == "15/03/2021"
    assert shifted("12/25/2021", 1, "dmy") == "12/26/2021"
    assert shifted("03.05.2021", 1) == "04.05.2021"


_SUFFIXES = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


def _name(one: date, how: str) -> str:
    return one.strftime(how)


# Forms that tell by themselves whether a day of one digit has a zero, and which number is the month: moved and written again they are equal.
EXACT = {
    "iso": lambda one: one.isoformat(),
    "iso with time": lambda one: f"{one.isoformat()} 10:30:15",
    "padded": lambda one: one.strftime("%m/%d/%Y"),
    "two digits": lambda one: one.strftime("%m-%d-%y"),
    "dotted": lambda one: one.strftime("%d.%m.%Y"),
    "hl7": lambda one: one.strftime("%Y%m%d1030"),
    "dicom": lambda one: one.strftime("%Y%m%d"),
    "oracle": lambda one: one.strftime("%d-%b-%Y").upper(),
    "day first": lambda one: f"{one.day} {_name(one, '%B')} {one.year}",
    "month first": lambda one: f"{_name(one, '%B')} {one.day}, {one.year}",
    "of": lambda one: f"{one.day}{_SUFFIXES.get(one.day, 'th')} of {_name(one, '%B')} {one.year}",
    "weekday": lambda one: f"{_name(one, '%A')}, {_name(one, '%B')} {one.day}, {one.year}",
    "short weekday": lambda one: f"{_name(one, '%a')} {one.strftime('%m/%d/%Y')}",
    "range": lambda one: f"{one.isoformat()} to {(one + timedelta(9)).isoformat()}",
}
_DAYS = st.dates(date(1906, 1, 1), date(2093, 12, 31))  # with any shift still a year that is read as one
_SHIFT = st.integers(-1500, 1500)


@given(_DAYS, _SHIFT, st.sampled_from(sorted(EXACT)))
def test_moved_date_is_the_other_date_written_so(one, days, form):
    """Any form of a date and its shift are the form of the shifted date; so intervals between any two forms hold."""
    other = one + timedelta(days)
    assume(form != "two digits" or (one.year // 100 == other.year // 100))
    assert shifted(EXACT[form](one), days) == EXACT[form](other)


@given(_DAYS, _DAYS, _SHIFT, st.sampled_from(sorted(EXACT)), st.sampled_from(sorted(EXACT)))
def test_interval_between_two_written_dates_holds(one, other, days, form, other_form):
    told = (one, other, one + timedelta(days), other + timedelta(days))
    assume("two digits" not in {form, other_form} or all(1950 <= each.year < 2050 for each in told))
    moved, other_moved = shifted(EXACT[form](one), days), shifted(EXACT[other_form](other), days)
    again = shifted(moved, (other - one).days)
    assert again == EXACT[form](other + timedelta(days))
    assert other_moved == EXACT[other_form](other + timedelta(days))


@given(_DAYS, _SHIFT, st.sampled_from(sorted(EXACT)))
def test_there_and_back_is_the_same(one, days, form):
    assert shifted(shifted(EXACT[form](one), days), -days) == EXACT[form](one)


@given(_DAYS, _SHIFT)
def test_numbers_without_zeros_stay_without(one, days):
    """Where the text shows that there are none, or where none is needed."""
    assume(one.day < 10 or one.month < 10)
    other = one + timedelta(days)
    assert shifted(f"{one.month}/{one.day}/{one.year}", days) == f"{other.month}/{other.day}/{other.year}"


@given(_DAYS, _SHIFT, st.sampled_from(sorted(EXACT)))
def test_whatever_is_found_can_be_moved(one, days, form):
    """The finder and the shifter read the same forms: a full date is found whole, with its weekday and time, and moved."""
    text = EXACT[form](one)
    assert found(f"Seen {text}, then home.") == [("DATE", text)]
    assert shifted(text, days) is not None


@given(st.text(max_size=40), _SHIFT)
def test_any_text_is_moved_or_none(text, days):
    moved = shifted(text, days)
    assert moved is None or isinstance(moved, str)
