"""Identifiers that a word announces: "MRN: 4521187", "license no. A-99213", `<memberId>W 123 456</memberId>`.

All announcing words are looked for at once; what follows one is read by the shape of its group. A label that is also an ordinary word
(chart, visit, order, iris) needs more: "number", "id", "#" or a colon between, or a value that can be nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from policies.redaction.patterns.lists import listed
from policies.redaction.patterns.rules import UNIT, Views, bare, words
from policies.redaction.spans import ACCOUNT, BIOMETRIC, DEVICE, ID, LICENSE, MRN, NPI, SSN, VEHICLE, Span

# Years and dates are for the rules of dates ("visit 2019", "encounter 2021-05-03"); ages and amounts are no identifiers
# ("ID: 44-year-old man", "Rx: 10-20 mg").
_NO_DATE = (
    rf"(?!\d[\d.,x/-]*(?: ?- ?\d+)?[ -]?(?:{UNIT}\b|%))"
    r"(?!(?:1[89]|2[0-2])\d\d(?:[-/.]\d{1,2}[-/.]\d{1,2}(?:t[\d:.]{4,15})?)?(?![\w/-]))"
    r"(?!(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:\d{4}|\d\d)(?![\w/-]))"
)
_WORD = r"[a-z\d](?:[\w*-]|[./](?=\w)){%s,40}"
# A word with three digits in a row, four long or more: what an ordinary word may announce.
_TOKEN = rf"{_NO_DATE}(?=[\w*-]{{0,30}}?\d{{3}})[a-z\d][\w*-]{{3,40}}"
# A word with a digit, or digits in groups.
_ANY = rf"{_NO_DATE}(?:\d{{2,8}}(?:[ -]\d{{2,8}}){{1,4}}(?![\w.])|(?=[\w*./-]{{0,30}}?\d){_WORD % 2})"
_GROUPS = rf"{_NO_DATE}(?:[a-z]{{1,3}}[ -]?)?\d{{1,6}}(?:[ -]\d{{2,6}}){{1,5}}(?:[ -][a-z](?!\w))?(?![\w.]\w)(?!\w)"
_SPACED = r"\d(?: ?[ -] ?\d){3,20}(?![\w.])"
_STRONG = rf"(?:{_SPACED}|{_GROUPS}|{_ANY})"
_MASKED = r"[\dx*#](?:[ .-]{0,3}[\dx*#]){7}(?:[ .-]{0,3}\d)(?!\d)|(?:[x*#]{1,5}[ -]?){0,2}\d{4}(?!\d|-\d)"
_CARD = r"\d(?:[ -]?\d){11,18}(?!\d)|[x*#][x*# -]{3,20}\d{4}(?!\d)"
_LAST = r"[x*#. -]{0,16}\d{3,6}(?!\w)"
_BANK = rf"(?:{_CARD}|[a-z]{{2}}\d{{2}}(?: ?[a-z]{{4}})?(?: ?(?=[a-z]{{0,3}}\d)[a-z\d]{{1,4}}+){{2,8}}(?!\w)|{_STRONG})"
_PLATE = r"(?=[\w -]{0,9}\d)(?:[A-Za-z\d]{2,5}-?[A-Za-z\d]{2,4}|[A-Z\d]{1,4}(?: [A-Z\d]{1,4}){1,2})(?!\w)"
_LICENCE = rf"(?:[a-z] \d{{4,8}}(?!\w)|[a-z]\d{{2,4}}(?:[ -]\d{{2,6}}){{1,4}}(?!\w)|{_GROUPS}|{_ANY})"
_BODY = rf"{_NO_DATE}(?=[\w*./-]{{0,30}}?\d){_WORD % 4}"
_UDI = r"(?:\(\d{2,3}\)[\w./+-]{1,30} ?){1,8}|[\w+/$=,&%*.-]{8,80}"
_NAME = r"@?(?=[\w.-]{0,30}?[\d_]|[\w.-]{4})\w[\w.@-]{2,40}(?<![.-])"


@dataclass(frozen=True)
class _Group:
    """Words that announce a kind, and how its values look. `weak`: the shape where nothing but the word stands before ("": none)."""

    kind: str
    labels: str
    shape: re.Pattern[str]
    weak: re.Pattern[str] | None
    cased: bool = False
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(one.strip() for one in self.labels.split(",") if one.strip()))


def _group(kind: str, shape: str, weak: str, labels: str, *, cased: bool = False) -> _Group:
    return _Group(kind, labels, re.compile(shape), re.compile(weak) if weak else None, cased)


_GROUPS_OF_LABELS = (
    _group(MRN, _STRONG, _STRONG, """
        mrn, mrno, medical record, medical record number, med rec, medical rec, medrec, medical records, patient id, patient number,
        patient no, patient identifier, patientid, pt id, pt number, pt no, pat id, hospital number, hospital no, hospital id, hosp no,
        uhid, umrn, empi, nhs number, nhs no, csn, health record number, emr number, ehr number, ehr id, pid, unit record number,
        nhc, numero de historia, historia clinica, numero de dossier, ipp, patientennummer, fallnummer, patientnummer
    """),
    _group(MRN, _ANY, _TOKEN, """
        chart, accession, accession number, acc, encounter, visit, admission, episode, registration, hospital unit, file, urn, fin, har,
        dossier, expediente, medical file, mr, unit number
    """),
    _group(SSN, _MASKED, _MASKED, """
        ssn, ss, ss no, ssno, sin, social security, social security number, soc sec, social insurance, social insurance number, itin,
        last four of social, last 4 of social, last four of ssn, last 4 of ssn, last four ssn, last 4 ssn, last four of her social,
        last four of his social, socialsecuritynumber, seguro social
    """),
    _group(ACCOUNT, _BANK, _TOKEN, """
        account, acct, a/c, bank account, checking account, savings account, guarantor account, account holder, acc no, acc number, iban,
        my iban, routing, routing transit, aba, aba routing, swift, bic, sort code, kontonummer, konto, cuenta, numero de cuenta
    """),
    _group(ACCOUNT, _CARD, _CARD, """
        card, credit card, debit card, bank card, cc, payment card, visa, mastercard, master card, amex, american express, discover,
        diners, maestro
    """),
    _group(ACCOUNT, _LAST, _LAST, """
        card ending in, card ending with, card ending, account ending in, account ending, acct ending in, visa ending in, mastercard ending in,
        amex ending in
    """),
    _group(ID, _STRONG, _TOKEN, """
        member, member id, memberid, subscriber, subscriber id, beneficiary, beneficiary id, health plan, plan id, group number, group no,
        policy, policy holder id, policyholder, insurance, insurance id, insurance policy, medicare, medicaid, medi-cal, hicn, mbi,
        medicare beneficiary, payer id, health card, health insurance, ohip, phn, versicherungsnummer, numero de poliza, certificate
    """),
    _group(LICENSE, _LICENCE, _TOKEN, """
        license, licence, lic, driver license, drivers license, driver's license, driver licence, drivers licence, driver's licence,
        driving licence, driving license, medical license, medical licence, nursing license, state license, dl, dln, dea, permit,
        certification, gmc, nmc pin, fuhrerschein, permis de conduire, patente
    """),
    _group(NPI, r"\d(?:[ -]?\d){9}(?!\d)", r"\d{10}(?!\d)", "npi, national provider identifier, national provider, upin"),
    _group(VEHICLE, r"(?=[a-z\d]*\d)[a-hj-npr-z\d]{11,17}(?!\w)", r"(?=[a-z\d]*\d)[a-hj-npr-z\d]{11,17}(?!\w)", """
        vin, vehicle identification, vehicle id, vehicle identification number, vehicle serial
    """),
    _group(VEHICLE, _PLATE, _PLATE, """
        license plate, licence plate, number plate, registration plate, vehicle registration, car registration, vehicle plate, car plate,
        plate number, plate no, tag number, license tag, car tag
    """, cased=True),
    _group(DEVICE, _ANY, _TOKEN, """
        serial, serial number, s/n, sn, device, device id, device identifier, device serial, device number, implant, implant id,
        implant serial, lot, batch, model serial, generator serial, lead serial, pump serial, imei, meid, esn, asset tag
    """),
    _group(DEVICE, _UDI, _UDI, "udi, udi di, unique device identifier, unique device identification"),
    _group(BIOMETRIC, _BODY, "", """
        biometric, biometric id, fingerprint, fingerprint id, finger print, thumbprint, voiceprint, voiceprint id, voice print, palm print,
        palmprint, iris id, iris scan, iris template, iris code, iris hash, retina id, retina scan, retinal scan, retina template, faceprint,
        face template, face id, facial recognition, facial template, hand geometry, dna profile, gait signature, vein pattern
    """),
    _group(ID, _STRONG, _TOKEN, """
        passport, national id, nino, national insurance, tax id, taxpayer id, tin, ein, nie, dni, nif, cpf, bsn, pesel, personnummer,
        cpr number, aadhaar, alien registration, uscis, green card, military id, service number, edipi, dod id, employee id, employee number,
        staff id, badge, student id, inmate, booking, docket, claim, case, order, referral, authorization, auth, prior authorization, prior
        auth, requisition, specimen, specimen id, sample id, barcode, subject, subject id, participant, participant id, study id, confirmation,
        invoice, receipt, prescription, rx, ticket, tracking, reference, ref, voter id, record, record number, identifier, transaction, id
    """),
    _group(ID, _NAME, "", "username, user name, user id, userid, login, twitter, instagram, facebook, skype, screen name"),
)  # fmt: skip

# Ordinary words, which need "number", "id", "#" or ":" between them and a value; and those whose colon announces a result.
_EXPLICIT, _NUMBERED = frozenset(listed("explicit")), frozenset(listed("numbered"))

_LABELS: dict[str, _Group] = {bare(name): group for group in _GROUPS_OF_LABELS for name in group.names}
_SIGN = r"[\s\"'<>=:#|.()*\[\]/\\-]"
_TAGS = r"(?:(?:</?[a-z]\w{0,11}>|&nbsp;)\s?){0,4}"
# Words for "number" after the label, signs and tags, and a verb. Looked ahead at, so that a label right after a label is seen as well.
_LABEL = (
    rf"(?P<label>{words(name for group in _GROUPS_OF_LABELS for name in group.names)})(?![a-z])"
    r"(?=(?P<said>\)?(?:[\s._-]{0,2}(?:numbers?|nos?|num|nbr|nr|ids?|identifier|code|hash|template)(?![a-z])){0,2}:?"
    rf"{_TAGS}{_SIGN}{{0,6}}{_TAGS}"
    r"(?:(?:is|was|are|of|ending in|ends in|last four|last 4)\b[\s:\"']{1,3}){0,2}))"
)
_INNER, _FIRST = re.compile(rf"[\W_]{_LABEL}"), re.compile(_LABEL)
_NUMBER = re.compile(r"#|(?<![a-z])(?:numbers?|nos?|num|nbr|nr|ids?|identifier)(?![a-z])")
_SAID = re.compile(rf"[:=>|]|{_NUMBER.pattern}|(?<![a-z])(?:code|hash|template|ending|ends)(?![a-z])")


def find(views: Views) -> Iterator[Span]:
    """The values that a label announces."""
    low = views.low
    for match in chain(filter(None, [_FIRST.match(low)]), _INNER.finditer(low)):
        label = bare(match["label"])
        group = _LABELS[label]
        signs = _NUMBER if label in _NUMBERED else _SAID
        explicit = bool(signs.search(match["said"])) or label.endswith(("id", "number", "no")) or "/" in match["label"]
        if not match["said"] or ("\n" in match["said"] and not explicit):
            continue
        shape = group.shape if explicit else None if label in _EXPLICIT else group.weak
        if shape and (value := shape.match(views.plain if group.cased else low, match.end("said"))):
            masked = _MASK.search(low, max(0, value.start() - 16), value.start())
            yield Span(masked.start() if masked else value.start(), value.end(), group.kind)


_MASK = re.compile(r"\*[*-]*$")  # "SSN: ***-**-6789"
