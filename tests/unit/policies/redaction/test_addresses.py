"""Addresses and postal codes (45 CFR 164.514(b)(2)(i)(B)): a street with its number, unit, city and code is one place, in any language's order."""

import pytest

from tests.unit.policies.redaction.marked import cases, found, read

pytestmark = pytest.mark.unit

ADDRESSES = """
lives at {ADDRESS:12 Elm Street}.
lives at {ADDRESS:12 Elm St.}, second floor
{ADDRESS:123 Main St, Springfield, IL 62701}
{ADDRESS:123 Main Street⏎Springfield, IL 62701-1234}
{ADDRESS:123 MAIN ST, SPRINGFIELD IL 62701}
{ADDRESS:123 MAIN ST.} PHONE LISTED
{ADDRESS:12 Main St Apt 4B}
{ADDRESS:12 Main St., Apt. 4B, Boston, MA 02115}
{ADDRESS:1600 Pennsylvania Avenue NW, Washington, DC 20500}
{ADDRESS:45 N. Oak Dr, Suite 200, Austin, TX}
{ADDRESS:350 5th Ave} today
{ADDRESS:221B Baker Street, London NW1 6XE}
{ADDRESS:10 Downing Street, London SW1A 2AA}
{ADDRESS:4 The Crescent} is quiet
{ADDRESS:77 Old Mill Road} since
{ADDRESS:1 Harbor View Court} since
{ADDRESS:19 Quail Hollow} since
{ADDRESS:200 Lake Shore Drive} since
{ADDRESS:12 1/2 Elm St} since
{ADDRESS:123-45 Queens Blvd} since
{ADDRESS:One Penn Plaza} since
{ADDRESS:4500 County Road 12} since
{ADDRESS:1234 Highway 61} since
lives at {ADDRESS:123 main street}, alone
lives at {ADDRESS:12 west elm ave apt 3}, alone
{ADDRESS:P.O. Box 123}
{ADDRESS:PO Box 4455, Reno, NV 89501}
{ADDRESS:Post Office Box 12}
{ADDRESS:POB 1234}
{ADDRESS:RR 2 Box 15}
{ADDRESS:Postfach 1234}
{ADDRESS:Postbus 77}
{ADDRESS:Apartado 123}
{ADDRESS:PSC 3, Box 1234⏎APO AE 09012}
{ADDRESS:Unit 4526 Box 0671⏎DPO AP 40902}
{ADDRESS:USNS Mercy⏎FPO AP 96600}
{ADDRESS:APO AE 09012}
at {ADDRESS:63 Rue de Kairouan} now
at {ADDRESS:36 rue de pologne} now
at {ADDRESS:33 avenue de Provence} now
at {ADDRESS:Rue du Centre 320} now
at {ADDRESS:12 bis, rue Victor Hugo} now
at {ADDRESS:Via Roma 3} now
at {ADDRESS:Via dei Fiorentini 17} now
at {ADDRESS:Piazza Garibaldi 4} now
at {ADDRESS:Calle Mayor 5} now
at {ADDRESS:C/ Mayor, 5} now
at {ADDRESS:Avenida Pedro Ulisses 888} now
at {ADDRESS:Rua do Arenque 1634} now
at {ADDRESS:ul. Narewska 94} now
at {ADDRESS:ulica Długa 7} now
at {ADDRESS:Hauptstraße 12} now
at {ADDRESS:Hauptstr. 12, 10115 Berlin}
at {ADDRESS:Augsburger Strasse 36} now
at {ADDRESS:Semperweg 150} now
at {ADDRESS:Vesterskovvej 79} now
at {ADDRESS:Hammarvägen 15} now
at {ADDRESS:Magasinsgatan 7} now
at {ADDRESS:Søndergade 52} now
at {ADDRESS:Populierenstraat 374} now
at {ADDRESS:Brixtonlaan 380} now
at {ADDRESS:Kiannonkatu 98} now
at {ADDRESS:Sahantie 72} now
at {ADDRESS:Höfðagata 39} now
at {ADDRESS:Rákóczi út 13.} now
at {ADDRESS:Erzsébet tér 19} now
at {ADDRESS:Piroska u. 97} now
at {ADDRESS:Λεωφόρος Συγγρού 119} now
at {ADDRESS:35 Pentelis Str.} now
{ADDRESS:the corner of Elm Street and Oak Avenue}
{ADDRESS:Apt. 905} is hers
{ADDRESS:Suite 377} is his
walks along {ADDRESS:Elm Street} daily
address: {ADDRESS:48 Birchwood}
lives at {ADDRESS:92597 Jahu 80}, Liiva
{ADDRESS:5638 Aasa 43⏎Humilimont, MI 78618}
{ADDRESS:7878 Rahu 37 Apt. 405 Sindi PR}
>{ADDRESS:24 Clarke Avenue⏎>Apt. 805}
ZIP {ZIP:62701}
zip code: {ZIP:62701-1234}
ZIP: {ZIP:1098}
postal code {ZIP:K1A 0B6}
postcode {ZIP:SW1A 1AA}
PLZ {ZIP:10115}
postcode {ZIP:7412 SL}
Springfield, IL {ZIP:62701}
state of Illinois {ZIP:62701}
sent to {ZIP:02115-1234}
flat in {ZIP:SW1A 1AA} for years
flat in {ZIP:K1A 0B6} for years
from Springfield {ZIP:62701}
in Bjert {ZIP:6091}
{ADDRESS:123 Main St.} He was seen
"""

LEFT = """
2 times daily by mouth in the way described
5 mg in the way of pain
Grade 3 Drive, stage 2 Court
10 AM Dr. Smith saw him
AT 10 AM DR SMITH SAW HIM
12 lead ST elevation, 12 LEAD ST DEPRESSION
3 HEAD CT, 2 Chest CT, In 2021 Chest CT was clear
1 Axillary LN, 5000 Units SQ daily
4 vessel coronary bypass, 2 marginal branches
20 minute drive, 2 lane road, 4 lane highway
via NG tube 20 mL, Via Central Line 3 mL
Via Telephone 3 times
PSC and RR 18, BP 120, Box 5 of gloves
lesion located at 12 O'Clock position
mass located at Station 7, located in Segment 8
corner of the mouth and eye
next apt 3 weeks, apt 5/3, apt 10:30
Monitoring 5 days, Scoring 10 points, Investigate 3 causes
Decade 2, Brigade 3, Cascade 4
at 1200 Glucose 180, at 0800 Metoprolol 25 mg
take 30 Lisinopril 20 mg tablets
moved to Room 5, admitted to Ward 7
2 view right shoulder, 3 view left hand
IU 50000, HR 12000, WBC 10000
In Europe 2019, in PSA 1500
T4 5AB, L5 3MM, C4 2ND, S1 4TH
plan: 1 Continue Lasix 2 Start Coreg
et al. Smith 2019, al. 5
2 Rapid Tests, 24 Hour Care, 50 Best Hospitals
12 French Foley, 18 Gauge needle
Floor 3, Unit 4, Building 7
"""


@pytest.mark.parametrize("case", cases(ADDRESSES))
def test_each_address_is_found_whole(case):
    text, marked = read(case)
    assert found(text) == marked


@pytest.mark.parametrize("text", cases(LEFT))
def test_what_only_looks_like_a_street_is_left(text):
    assert found(text) == []
