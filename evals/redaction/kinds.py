"""Which kind and group a label stands for: the labels of Presidio, of i2b2/n2c2, and of our own finder, in one table.

Groups are the five of the goals: names, dates, ids, contacts, locations. A label that is not in the table counts as an identifier of kind
OTHER, so that a steward's own label is never passed over in silence.
"""

from policies.redaction.spans import (
    ACCOUNT,
    ADDRESS,
    AGE,
    BIOMETRIC,
    DATE,
    DEVICE,
    EMAIL,
    FAX,
    ID,
    IP,
    LICENSE,
    MRN,
    NAME,
    NPI,
    PHONE,
    PLACE,
    SSN,
    URL,
    VEHICLE,
    ZIP,
)

OTHER = "OTHER"
GROUPS = ("names", "dates", "ids", "contacts", "locations", "other")
GROUP_OF: dict[str, str] = {
    NAME: "names", DATE: "dates", AGE: "dates", PLACE: "locations", ADDRESS: "locations", ZIP: "locations",
    PHONE: "contacts", FAX: "contacts", EMAIL: "contacts", URL: "contacts", IP: "contacts",
    SSN: "ids", MRN: "ids", ACCOUNT: "ids", LICENSE: "ids", VEHICLE: "ids", DEVICE: "ids", BIOMETRIC: "ids", NPI: "ids", ID: "ids",
    OTHER: "other",
}  # fmt: skip
KINDS = tuple(GROUP_OF)

# Presidio: https://microsoft.github.io/presidio/supported_entities. i2b2: Stubbs and Uzuner, "Annotating longitudinal clinical narratives
# for de-identification", J Biomed Inform 58 (2015), table 1. The rest are our own kinds and common spellings.
_LABELS: dict[str, str] = {
    NAME: "PERSON NAME PATIENT DOCTOR PER RELATIVE USERNAME STAFF HCW CLINICIAN FIRST_NAME LAST_NAME UNLISTED_NAME",
    DATE: "DATE_TIME DATE DOB BIRTH_DATE DATE_OF_BIRTH",
    AGE: "AGE AGE_OVER_89",
    PLACE: "GPE LOCATION LOC CITY COUNTY PLACE STATE COUNTRY LOCATION-OTHER LOCATION_OTHER",
    ADDRESS: "STREET_ADDRESS ADDRESS STREET",
    ZIP: "ZIP_CODE ZIP ZIPCODE POSTCODE POSTAL_CODE UK_POSTCODE",
    PHONE: "PHONE_NUMBER PHONE TELEPHONE PAGER",
    FAX: "FAX FAX_NUMBER",
    EMAIL: "EMAIL_ADDRESS EMAIL",
    URL: "DOMAIN_NAME URL",
    IP: "IP_ADDRESS IP IPADDR IPADDRESS MAC_ADDRESS",
    SSN: "US_SSN SSN US_ITIN",
    MRN: "MEDICALRECORD MEDICAL_RECORD MRN MEDICAL_RECORD_NUMBER",
    ACCOUNT: "ACCOUNT ACCOUNT_NUMBER CREDIT_CARD IBAN_CODE IBAN US_BANK_NUMBER BANK_ACCOUNT HEALTHPLAN HEALTH_PLAN MEMBER_ID US_MBI CRYPTO",
    LICENSE: "LICENSE US_DRIVER_LICENSE DRIVER_LICENSE MEDICAL_LICENSE US_PASSPORT PASSPORT DEA",
    VEHICLE: "VEHICLE VIN LICENSE_PLATE",
    DEVICE: "DEVICE DEVICE_ID SERIAL_NUMBER",
    BIOMETRIC: "BIOID BIOMETRIC",
    NPI: "NPI US_NPI",
    ID: "ID IDNUM ID_NUMBER ACCESSION UNIQUE_ID UK_NHS NHS_NUMBER",
    OTHER: "TITLE PROFESSION NRP NORP ORGANIZATION ORG HOSPITAL EMPLOYER OTHER",
}  # fmt: skip
# Before a kind in the notes of the sample hospital: the vault holds this one.
KNOWN_BEFORE, KNOWN_KINDS = "KNOWN_", (NAME, PHONE, EMAIL, ADDRESS, PLACE, ZIP, MRN)
_KIND_OF = {label: kind for kind, labels in _LABELS.items() for label in labels.split()}
_KIND_OF |= {f"{KNOWN_BEFORE}{kind}": kind for kind in KNOWN_KINDS}

# What 45 CFR 164.514(b)(2) does not name, whatever its words: professions, nationality, religion, politics, organisations; states and countries.
NEUTRAL_LABELS = frozenset(
    {"TITLE", "PROFESSION", "NRP", "NORP", "ORGANIZATION", "ORG", "HOSPITAL", "STATE", "COUNTRY"}
)


def plain(label: str) -> str:
    """A label as the table has it: upper case, without the B- or I- of token-wise labelling."""
    bare = label.strip().upper().replace(" ", "_")
    return bare[2:] if bare[:2] in {"B-", "I-"} else bare


def is_known(label: str) -> bool:
    """Whether the table has the label."""
    return plain(label) in _KIND_OF


def kind_of(label: str) -> str:
    """The kind a label stands for; OTHER where the table does not have it."""
    return _KIND_OF.get(plain(label), OTHER)
