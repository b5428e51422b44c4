"""Numbers that need no announcing word, because a sum, an issuer's prefix or a shape of their own says what they are.

The order counts where two rules find the same place: the checked kinds come first, so the vaguer ones do not name it.
"""

import re

from policies.redaction.patterns import checks
from policies.redaction.patterns.rules import Led, Rule, Views, bare, before, rule, when
from policies.redaction.spans import ACCOUNT, DEVICE, ID, LICENSE, MRN, NPI, SSN, VEHICLE, Span

# A number announced by one of these names a concept, a drug or a paper, and no person.
_CODE = re.compile(
    r"\b(?:snomed|sct|sctid|concept|loinc|ndc|icd|cpt|hcpcs|rxnorm|rxcui|cui|umls|atc|code|codes|mesh|pmid|pmcid|doi|isbn|issn|gtin|upc|nct"
    r"|dbsnp|omim|cas|oid|drg)\b[^.;\n]{0,30}$"
)
_PUBLIC = ("rs", "nct", "pmc", "pmid", "doi")  # variants, trials and papers: public names, no person's


def is_code(views: Views, start: int) -> bool:
    """Whether a code system's name stands before, in the same sentence."""
    return bool(_CODE.search(before(views, start, 48)))


def alone(match: re.Match[str]) -> bool:
    """Whether the number is the whole text: a field's code then, and no part of something written."""
    return len(match.string) - (match.end() - match.start()) < 3 and match.string.strip() == match[0].strip()


def _ssn(match: re.Match[str], _views: Views) -> Span | None:
    digits = bare(match[0])
    if checks.ssn(digits) or checks.itin(digits):
        return Span(match.start(), match.end(), SSN)
    return Span(match.start(), match.end(), ID) if match[0].count("-") == 2 else None


def _long(match: re.Match[str], views: Views) -> Span | None:
    """Ten digits and more, with or without gaps: a card, a provider, or some number of somebody."""
    digits = bare(match[0])
    if alone(match) or is_code(views, match.start()):
        return None
    if match[0].isdecimal() and checks.sctid(digits):
        return None
    if checks.card(digits) and _grouped_as_card(match[0]):
        return Span(match.start(), match.end(), ACCOUNT)
    if not match[0].isdecimal():
        return None
    if checks.npi(digits):
        return Span(match.start(), match.end(), NPI)
    return Span(match.start(), match.end(), ID) if len(digits) > 10 else None


def _grouped_as_card(written: str) -> bool:
    lengths = [len(group) for group in re.split("[ -]", written)]
    return len(lengths) == 1 or (lengths[0] == 4 and len(lengths) <= 5 and min(lengths) >= 3)


def _iban(match: re.Match[str], views: Views) -> Span | None:
    """The last groups may be words that follow: the longest beginning that fits the sum."""
    start, stop = match.start() - 2, match.end()
    while stop - start >= 15:
        if checks.iban(bare(views.low[start:stop])):
            return Span(start, stop, ACCOUNT)
        stop = views.low.rfind(" ", start, stop)
    return None


def _vin(match: re.Match[str], views: Views) -> Span | None:
    start = match.end() - 17
    return Span(start, match.end(), VEHICLE) if checks.vin(views.low[start : match.end()]) else None


def _lettered(match: re.Match[str], views: Views) -> Span | None:
    """Up to three letters and six digits or more; the expression begins at the digits."""
    start = match.start()
    if start and views.low[start - 1] == "-":
        start -= 1
    letters = start
    while letters and start - letters < 4 and "a" <= views.low[letters - 1] <= "z":
        letters -= 1
    within = letters > 0 and (views.low[letters - 1].isalnum() or views.low[letters - 1] in "_|.-")
    if within or not 1 <= start - letters <= 3:
        return None
    written = views.low[letters : match.end()]
    if written.startswith(_PUBLIC) or is_code(views, letters):
        return None
    prescriber = checks.dea(bare(written))
    return Span(letters, match.end(), LICENSE if prescriber else MRN)


def _dated(match: re.Match[str], _views: Views) -> Span | None:
    six = bare(match[0])[:6]
    return Span(match.start(), match.end(), ID) if checks.day_first(six) or checks.year_first(six) else None


# Code systems of HL7 and classes of DICOM have such numbers too; they name nobody.
_UID = r"[0-2](?<![\w.][0-2])(?!\.16\.840\.1\.113883\.[56]\.|\.2\.840\.10008\.)(?:\.\d{1,40}){5,30}(?!\w)"

# Six digits with no more than a blank, dash, dot or plus between them.
_SIX = re.compile(r"\d(?<!\d\d)(?<!\d[.-]\d)(?=(?:[.+-]?\d){5}|(?<!\d \d)(?: ?[ .+-]? ?\d){5})")
_CAPITALS = re.compile(r"[A-Z](?<!\w[A-Z])(?=[A-Z]{0,5}-?\d| ?\d)")


def _lettered_licence(match: re.Match[str], _views: Views) -> Span | None:
    return Span(match.start() - 1, match.end(), LICENSE)


_VEHICLES = (
    "vehicle",
    "car",
    "truck",
    "van",
    "plate",
    "tag",
    "motorcycle",
    "sedan",
    "suv",
    "drives",
    "parked",
    "towed",
    "ambulance",
)
_VEHICLE = re.compile(rf"(?<![a-z])(?:{'|'.join(_VEHICLES)})s?(?![a-z])")


def _near_vehicle(match: re.Match[str], views: Views) -> Span | None:
    near = _VEHICLE.search(views.low, max(0, match.start() - 48), match.start())
    return Span(match.start(), match.end(), VEHICLE) if near else None


RULES: tuple[Rule | Led, ...] = (
    rule(ACCOUNT, r"\d(?<=(?<!\w)[a-z]{2}\d)\d(?: ?[a-z\d]{1,4}+){3,9}(?!\w)", check=_iban),
    rule(VEHICLE, r"\d\d\d\d(?<=(?<!\w)[a-hj-npr-z\d]{17})(?!\w)", check=_vin),
    Led(_SIX, (
        rule(SSN, r"\d(?<![\w-]\d)\d\d-\d\d-\d{4}(?![\w-])", check=_ssn),
        rule(SSN, r"\d(?<![\w.,/-]\d)(?<!\d \d)\d\d([ .])\d\d\1\d{4}(?![\w-]|[ .,]\d)", check=_ssn),
        rule(SSN, r"\d(?<![\w-]\d) \d \d ?- ?\d \d ?- ?\d \d \d \d(?![\w-])"),
        rule(ID, r"\d(?<![\w.-]\d)(?<!\d \d)(?:\d{9,29}|\d{3}(?:[ -]?\d){8,15})(?![\w-]|\.\d)", check=_long),
        # Identity numbers of other countries: Spanish, Brazilian, Nordic.
        rule(ID, r"\d(?<![\w.-]\d)\d{7}-?[a-z](?!\w)", check=when(ID, checks.dni)),
        rule(ID, r"\d(?<![\w.-]\d)\d\d\.\d{3}\.\d{3}-\d\d(?!\w)"),
        rule(ID, r"\d(?<![\w.-]\d)\d{5}[-+]\d{4}(?![\w-])", check=_dated),
        # Drivers' licences whose shape is their own: Florida, Maryland, Michigan, Minnesota, Illinois, Wisconsin; New Jersey; Kentucky.
        rule(LICENSE, r"\d(?<=(?<![\w-])[a-z]\d)(?:\d\d-(?:\d{3}-(?:\d{3}-\d{3}|\d\d-\d{3}(?:-\d)?)|\d{4}-\d{4}(?:-\d\d)?)"
                      r"|\d{3}-\d{5}-\d{5}|\d-\d{3}-\d{3})(?![\w-])",
             check=_lettered_licence),
        rule(MRN, r"\d(?:(?<=[a-z]\d)|(?<=[a-z]-\d))\d{5,34}(?:-\d(?![\w-]))?(?!\w|-[\da-f]{4}-[\da-f]{4}-)", check=_lettered),
    )),
    # Medicare's beneficiary identifier: letters but S, L, O, I, B, Z at fixed places.
    rule(ID, r"[1-9](?<!\w[1-9])[ac-hj-km-np-rt-y][ac-hj-km-np-rt-y\d]\d-?"
             r"[ac-hj-km-np-rt-y][ac-hj-km-np-rt-y\d]\d-?[ac-hj-km-np-rt-y]{2}\d\d(?!\w)"),
    # Identity numbers that begin with capitals: British, of foreigners in Spain, Italian.
    Led(_CAPITALS, (
        rule(ID, r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)"),
        rule(ID, r"[XYZ]-?\d{7}-?[A-Z](?!\w)", check=when(ID, checks.dni)),
        rule(ID, r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z](?!\w)"),
    ), cased=True),
    # A device's unique identifier with its parts in brackets: product, dates, lot, serial number.
    rule(DEVICE, r"\(01\) ?\d{14}(?: ?\(\d{2,3}\) ?[\w./+-]{1,20}){0,6}", "(01)"),
    rule(MRN, r"reg-(?<!\wreg-)\d{3,30}(?!\w)", "reg-"),
    rule(MRN, _UID, "."),
    # A plate whose shape is usual in the United States, where a vehicle is spoken of.
    rule(VEHICLE, r"(?<![\w-])(?:[a-z]\d\d-[a-z]{3}|\d[a-z]{3}\d{3}|[a-z]{3}[- ]\d{3,4})(?![\w-])", *_VEHICLES, check=_near_vehicle),
    # A number alone between bars, as headings of printed pages have it; a pathology laboratory's number, year first: S21-01234.
    rule(MRN, r"\|\s?(?P<x>\d{7,10}|\d{2,4}-\d{2,3}-\d{2,4})\s?(?=\|)", "|"),
    rule(ID, r"(?<![a-z])(?:specimen|sample|accession|biopsy|case)[ #:]{1,2}(?P<x>[a-z]{0,3}\d{2}-\d{4,7}|\d{2,3}-\d{3}-\d{3,4})(?![\w-])",
         "specimen", "sample", "accession", "biopsy", "case"),
)  # fmt: skip
