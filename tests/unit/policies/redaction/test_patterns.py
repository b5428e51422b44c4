"""Identifiers with a written shape (45 CFR 164.514(b)(2)(i)): each form is found whole and named rightly, and what only looks so is left.

The tables are one case a line; a sign for the return key stands for a line break.
"""

import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.redaction import patterns
from policies.redaction.patterns import VERSION, Patterns
from policies.redaction.patterns.rules import Views, words
from policies.redaction.spans import Text
from tests.unit.policies.redaction.marked import cases, found, read, spans

pytestmark = pytest.mark.unit

NUMBERS = """
acct {ACCOUNT:A4723202-1} paid
drives a van, plate {VEHICLE:K12-ABC}, red
his truck ({VEHICLE:5HTP123}) was
Smith, Ann | {MRN:290-30-86} | x
| {MRN:30791649} |
Specimen {ID:S20-48263} was
specimen {ID:34-153-2515} was
member ID {ID:214 36 3949-S}. The
SSN {SSN:123-45-6789}.
Her ssn is {SSN:219-09-9999}, on file
SSN: {SSN:123456789}
SSN {SSN:123 45 6789}
SSN#{SSN:123-45-6789}
social security number: {SSN:123.45.6789}
Social Security No. {SSN:078 05 1120}
ssn {SSN:xxx-xx-6789} verified
SSN: {SSN:***-**-6789}
last four of SSN: {SSN:6789}
SS# {SSN:123-45-6789}
no label {SSN:219-09-9999} here
no label {SSN:219 09 9999} here
no label {SSN:219.09.9999} here
{SSN:1 2 3 - 4 5 - 6 7 8 9} as scanned
taxpayer {SSN:912-70-1234} without a label
sample {ID:000-12-3456} that was never given
SIN: {SSN:046-454-286}
card {ACCOUNT:4111 1111 1111 1111} on file
paid by {ACCOUNT:4111-1111-1111-1111} today
paid by {ACCOUNT:378282246310005} today
paid by {ACCOUNT:5555555555554444}, Mastercard
credit card no. {ACCOUNT:6011000990139424}
card: {ACCOUNT:676222165679}
card ending in {ACCOUNT:4242} was declined
Visa ending in {ACCOUNT:1881} was declined
IBAN {ACCOUNT:GB82 WEST 1234 5698 7654 32} and more words
transfer from {ACCOUNT:DE89370400440532013000} to us
my iban is {ACCOUNT:gb42nawi04454264788619}
account number {ACCOUNT:00123456}
Acct# {ACCOUNT:99-1234567}
account {ACCOUNT:12345678}
routing number {ACCOUNT:021000021}
ABA: {ACCOUNT:021000021}
guarantor account: {ACCOUNT:G-4451882}
sort code: {ACCOUNT:20-00-00}
NPI {NPI:1234567893}
NPI: {NPI:1245319599}
National Provider Identifier {NPI:1234567893}
signed {NPI:1234567893} Dr. Roe
DEA {LICENSE:BB1388568}
DEA# {LICENSE:AB1234563}
prescriber {LICENSE:BB1388568} on file
driver's license {LICENSE:D12345678}
driver’s licence number: {LICENSE:MORGA657054SM9IJ}
DL: {LICENSE:S123-4567-8901}
drivers license number is {LICENSE:2270-66-1551}
DL# {LICENSE:6940579}
shown {LICENSE:S123-456-78-901-0} of Florida
shown {LICENSE:M123-456-789-012} of Maryland
shown {LICENSE:S123-4567-8901} of Illinois
shown {LICENSE:A1234-56789-01234} of New Jersey
medical license {LICENSE:ME123456}
license {LICENSE:A-12345} renewed
Lic. No. {LICENSE:G 77123}
permit number {LICENSE:P-55512}
VIN {VEHICLE:1M8GDM9AXKP042788}
drove {VEHICLE:1HGCM82633A004352} home
license plate {VEHICLE:ABC 1234}
license plate: {VEHICLE:7XYZ123}
plate number {VEHICLE:KA-1234}
MRN {MRN:4521187}
MRN: {MRN:A12345}
MRN#{MRN:00-45-21}
MRN {MRN:12 34 56}
MRN {MRN:4521187}; see mrn: {MRN:4521188}
"mrn": "{MRN:4521187}"
<mrn>{MRN:4521187}</mrn>
Medical record number {MRN:77-10492}
medical_record_number={MRN:7710492}
patient id {MRN:P004412}
patient number: {MRN:12345}
hospital no. {MRN:H44512}
chart {MRN:45512}
encounter {MRN:E88123}
visit {MRN:100234}
visit number: {MRN:V123}
Accession: {MRN:S-20-11234}
accession number {MRN:CT123456}
CSN {MRN:100445123}
seen as {MRN:E000123} before
seen as {MRN:AB-1234567} before
seen as {MRN:REG-001} before
seen as {MRN:reg-0042} before
study {MRN:1.2.826.0.1.3680043.8.498.45787841905473} read
NHS number {MRN:943 476 5919}
member id {ID:W123456789}
Member ID: {ID:XYZ 123 456 789}
subscriber id {ID:ABC00123}
policy {ID:99-123-77}
Medicare number: {ID:1EG4-TE5-MK73}
on file {ID:1EG4-TE5-MK73} since
group number: {ID:GRP-00123}
insurance id {ID:55-66-77}
serial {DEVICE:SN12345}
serial number: {DEVICE:PJN-600123}
S/N {DEVICE:AX44512}
device id {DEVICE:DV-00412}
pacemaker serial #{DEVICE:PZX604123}
lot number {DEVICE:EK9231}
IMEI: {DEVICE:490154203237518}
UDI {DEVICE:(01)00844588003288(17)141120(10)7654321D(21)10987654d321}
box shows {DEVICE:(01)00844588003288(17)141120} outside
fingerprint id {BIOMETRIC:FP-99213}
voiceprint: {BIOMETRIC:vp_5512a}
iris scan id: {BIOMETRIC:IR-4451}
retinal scan #{BIOMETRIC:RS12345}
passport {ID:L12345678}
passport no: {ID:X1234567}
claim number {ID:CLM-445-2}
case #{ID:2021-0045}
order number {ID:ORD12345}
Rx# {ID:7712345}
employee id {ID:E44512}
badge #{ID:4451}
study id: {ID:ST-0045}
specimen id {ID:21-S-4451}
username: {ID:jroe77}
user id {ID:jroe_77}
ID: {ID:ABC12345}
national insurance no: {ID:AB 12 34 56 C}
without label {ID:AB123456C} here
without label {ID:12345678Z} here
without label {ID:X1234567L} here
without label {ID:123.456.789-09} here
without label {ID:010190-1234} here
without label {ID:RSSMRA85T10A562S} here
a long number {ID:12345678901} of somebody
SSN: {SSN:１２３－４５－６７８９} in full width
SSN: {SSN:123–45–6789} with dashes of print
MRN: {MRN:٤٥٢١١٨} in Arabic digits
<td>MRN</td><td>{MRN:4521187}</td>
MRN:&nbsp;{MRN:4521187}
"""

CONTACTS = """
write to {EMAIL:john.smith@example.com}.
{EMAIL:J.Smith+ward@mail.example.co.uk}; cc nobody
mail {EMAIL:john @ example.com} please
mail {EMAIL:john@ example.com} please
mail {EMAIL:john@gmail. com} please
mail {EMAIL:john@gmail,com} please
mail {EMAIL:john dot smith at example dot com} please
mail {EMAIL:john (at) example (dot) com} please
mail {EMAIL:john[at]example.com} please
<{EMAIL:a@b.org}>
see {URL:https://portal.example.org/p?id=12&x=y}.
see {URL:http://PoolVendor.be/}, thanks
see ({URL:www.example.com/a})
see {URL:example.com} for more
see {URL:my-clinic.org/visit} for more
see {URL:nhs.gov.uk} for more
see {URL:klinik.de} for more
see {URL:ftp://files.example.net/x.dcm}
host {IP:192.168.10.244} is up
address {IP:8.8.8.8} blocked
client_ip = |{IP:19.253.176.22}|
{IP:fe80::1ff:fe23:4567:890a} and {IP:2001:db8:85a3:0:0:8a2e:370:7334}
MAC {IP:00:1A:2B:3C:4D:5E}
MAC {IP:00-1a-2b-3c-4d-5e}
MAC {IP:001a.2b3c.4d5e}
call {PHONE:555-123-4567} now
call {PHONE:(555) 123-4567} now
call {PHONE:(555)123-4567 x89} now
call {PHONE:555.123.4567} now
call {PHONE:555 123 4567} now
call {PHONE:1-800-555-1234} now
call {PHONE:1-800-GET-WELL} now
call {PHONE:+1 (555) 123-4567} now
call {PHONE:+1-903-140-4508x769} now
call {PHONE:001-518-640-0854} now
call {PHONE:5551234567} now
reached her {PHONE:5552345678} later
no label {PHONE:617-555-2314 ext. 12} here
no label {PHONE:617/555-2314} here
no label {PHONE:(617) 555 - 2314} here
no label {PHONE:01.84.17.61.18} here
no label {PHONE:01 84 17 61 18} here
no label {PHONE:0494 92 82 32} here
no label {PHONE:079 0442 1744} here
no label {PHONE:0961-7596216} here
no label {PHONE:07700 063 966} here
no label {PHONE:+47 22 33 44 55} here
no label {PHONE:+41 (0)69 979 80 58} here
no label {PHONE:+447700 921 916} here
no label {PHONE:+49 (30) 901820} here
no label {PHONE:(99) 645-791} here
phone {PHONE:555-1234}
Phone: {PHONE:555 1234}
Tel. {PHONE:5551234}
called {PHONE:555-1234} twice
cell # {PHONE:555-1234}
Phone:⏎{PHONE:0487 98 11 92}
Mobile: {PHONE:723 813 266}
my number is {PHONE:668 5702} at home
call me back at {PHONE:555-1234}
{PHONE:416 60 039} office
{PHONE:3660170548}-Home
pager {PHONE:12345}
pager #{PHONE:4451}
ext. {PHONE:4567}
{PHONE:5 5 5 - 1 2 3 - 4 5 6 7} as scanned
{PHONE:5 5 5 1 2 3 4 5 6 7} as scanned
phone: {PHONE:５５５-１２３４}
no label {PHONE:555–123–4567} here
fax {FAX:555-123-4568}
Fax: {FAX:(555) 123-4568}
Facsimile: {FAX:555 1235}
{FAX:(579)888-3058} fax
{FAX:3660170548}-Fax
<td>Phone</td><td>{PHONE:555-1234}</td>
"""

LEFT = """
BP 120/80, HR 72, RR 18, SpO2 98% on RA
Ca 9.1, K 4.5, Na 140, WBC 12.5, Plt 250
vitamin B12 1000 mcg IM, CD4 350, T4 8.1
LOINC 4548-4, ICD-10 E11.9 and I10, CPT 99213
SNOMED 44054006, SNOMED CT: 2571000124101
concept 1148757008 of SNOMED CT
disorder 1240581000000104 of the register
NDC 50580-449-05, ndc 0002-8215-01
rs1801133 and rs6025, NCT01234567
version 1.2.3.4 of section 1.2.3
version 10.1.20.3 installed, section 12.4.1.22
root 2.16.840.1.113883.6.96 of SNOMED CT
class 1.2.840.10008.5.1.4.1.1.2 of DICOM
e.g. the p.o. route, q.i.d., i.e. four times
stable.No fever.He is well.Is eating
report.pdf and scan.dcm and note.docx
titre 1:40, ratio 2:1, at 12:30:45
levels L4 L5 S1, C5 C6 C7, T1N0M0, T2 N1 M0
leads V1V2V3 and V4 V5 V6
growth plate 3 and plate number 3 was placed
ph 7.35/45/80/24 on room air
home readings 120/80 130/85 125/80
knee extension 120 degrees, flexion 130
5/5 5/5 5/5 5/5 strength
scores 5 5 5 5 5 5
visit 2019, last visit 2020, policy 2020
serial troponins 0.04, 0.05
serial ECGs 3
lots of pain, 10 lots
card 3 of the deck
order: CBC and 2 units
Ref: 135-145
Case: 45-year-old man
ID: 44-year-old man with pain
Rx: 10-20 mg daily
Rx: 500mg twice
ID consulted; infectious disease
medical records reviewed
seen @ clinic
ratio 3.5-5.1, range 150-400, 2-3 times
called 3 times and 100 patients
dose 1000 IU, 5000 units, 10000 IU
tel 9 mg
account of 2000 patients
the patient may need 300 mg
social history: 2 drinks
report 7a1ecd3e-1feb-943c-a6e2-2697ccba6e43 of a9126465-43c6-977a-5a43-ac2753cf1017
"""


@pytest.mark.parametrize("case", cases(NUMBERS))
def test_each_number_is_found(case):
    text, marked = read(case)
    assert found(text) == marked


@pytest.mark.parametrize("case", cases(CONTACTS))
def test_each_contact_is_found(case):
    text, marked = read(case)
    assert found(text) == marked


@pytest.mark.parametrize("text", cases(LEFT))
def test_what_only_looks_so_is_left(text):
    assert found(text) == []


@pytest.mark.parametrize("case", [case for case in cases(NUMBERS) if "prescriber" not in case])
def test_capitals_change_nothing(case):
    """A note in capitals loses no identifier."""
    text, marked = read(case)
    assert [(kind, said) for kind, said in found(text.upper())] == [(kind, said.upper()) for kind, said in marked]


def test_number_alone_in_a_field_is_no_telephone():
    """A code that fills a field is looked at with the second line; only within a text do its digits say somebody's number."""
    assert found("5052345678") == []
    assert found("call 5052345678") == [("PHONE", "5052345678")]


@pytest.mark.parametrize(
    "unit", ["1-", "a ", "1/", "(", "1", "9", "1 ", "1.", "a", "A ", "@", ":", "-", "ab@", "May ", "12 Main ", "mrn: "]
)
def test_no_text_takes_long(unit):
    """A megabyte of any one thing: no rule goes back and forth over it."""
    text = Text(unit * (1_000_000 // len(unit)))
    before = time.process_time()
    Patterns().find([text])
    assert time.process_time() - before < 4  # two seconds on an idle machine at most, most of them under one


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_survived(text):
    for span in spans(text):
        assert 0 <= span.start < span.stop <= len(text)


_PIECES = [read(case)[0] for table in (NUMBERS, CONTACTS, LEFT) for case in cases(table)]


@given(st.lists(st.sampled_from(_PIECES), max_size=6))
def test_a_batch_is_its_texts_one_by_one(texts):
    assert Patterns().find([Text(one) for one in texts]) == [Patterns().find([Text(one)])[0] for one in texts]


@given(
    st.sampled_from([case for table in (NUMBERS, CONTACTS) for case in cases(table)]),
    st.sampled_from(["", "\n", "\u2022 ", "<p>", "\u00e9 "]),
)
def test_what_stands_around_moves_the_place_only(case, ahead):
    text, marked = read(case)
    assert [pair for pair in found(f"{ahead}{text}\nEnd of note.") if pair in marked] == marked


@given(st.text(max_size=200))
def test_views_keep_every_place(text):
    views = Views(text)
    assert len(views.plain) == len(views.low) == len(text)


@given(st.lists(st.text("abc ", min_size=1, max_size=6).filter(lambda one: one == one.strip()), min_size=1, max_size=8))
def test_tree_of_words_fits_each_word_whole(some):
    import re

    shape = re.compile(words(some, " "))
    assert all(shape.fullmatch(one) for one in some)
    assert not shape.fullmatch("d")


def test_version_changes_with_any_file(tmp_path):
    """Whatever was redacted by other rules must be redacted again."""
    source = Path(patterns.__file__).parent
    assert patterns.digest(source) == VERSION == Patterns().version
    for name in ("numbers.py", "lists.txt"):
        copy = tmp_path / name.partition(".")[0]
        shutil.copytree(source, copy)
        (copy / name).write_text((copy / name).read_text(encoding="utf-8") + "\n", encoding="utf-8")
        assert patterns.digest(copy) != VERSION
