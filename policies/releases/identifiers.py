"""The eighteen identifiers of HIPAA Safe Harbor, and which column of the catalogue can hold which.

Tags decide where they can: keys, dates and texts. What a tag does not tell (is this identifier a name or an address?) is
said here, column by column; a test sees to it that no identifier column is forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from data.catalogue.model import Column, Table

RULE = "45 CFR 164.514(b)(2)(i)"


@dataclass(frozen=True)
class Identifier:
    """One of the eighteen: its letter in the rule and what it is."""

    letter: str
    name: str

    @property
    def citation(self) -> str:
        return f"{RULE}({self.letter})"


_NAMES = (
    "names",
    "geographic subdivisions smaller than a state: street, city, county, ZIP code beyond its first three digits",
    "elements of dates (except the year) that relate to a person, and ages over 89",
    "telephone numbers",
    "fax numbers",
    "e-mail addresses",
    "social security numbers",
    "medical record numbers",
    "health plan beneficiary numbers",
    "account numbers",
    "certificate and licence numbers",
    "vehicle identifiers and licence plates",
    "device identifiers and serial numbers",
    "web addresses (URL)",
    "internet addresses (IP)",
    "biometric identifiers, finger and voice prints",
    "full-face photographs and comparable images",
    "any other unique identifying number, characteristic or code",
)
IDENTIFIERS = tuple(Identifier(chr(ord("A") + place), name) for place, name in enumerate(_NAMES))

_BY_NAME: Mapping[str, str] = {
    "person.person_source_value": "HR",
    "person.year_of_birth": "C",
    "person.month_of_birth": "C",
    "person.day_of_birth": "C",
    "note.note_source_value": "R",
    "measurement.measurement_time": "C",
    "location.address_1": "B",
    "location.address_2": "B",
    "location.city": "B",
    "location.state": "B",
    "location.zip": "B",
    "location.county": "B",
    "location.location_source_value": "BR",
    "location.latitude": "B",
    "location.longitude": "B",
    "care_site.care_site_name": "B",
    "care_site.care_site_source_value": "B",
    "provider.provider_name": "A",
    "provider.npi": "K",
    "provider.dea": "K",
    "provider.provider_source_value": "R",
    "provider.year_of_birth": "C",
    "image_occurrence.wadors_uri": "NQ",
    "image_occurrence.local_path": "QR",
    "image_occurrence.image_study_uid": "MR",
    "image_occurrence.image_series_uid": "MR",
    "patient_identity.medical_record_number": "H",
    "patient_identity.family_name": "A",
    "patient_identity.given_name": "A",
    "patient_identity.birth_date": "C",
    "patient_identity.phone": "D",
    "patient_identity.address": "B",
    "patient_identity.zip": "B",
    "operations.bed_stay.ward": "B",
    "operations.appointment.clinic": "B",
    "operations.claim.claim_id": "JR",
    "operations.staffing.ward": "B",
    "operations.staffing.shift_date": "C",
}


def letters_of(table: Table, column: Column) -> str:
    """Letters of the identifiers the column can hold; empty where none. A free text can hold any, and is told apart."""
    if (told := _BY_NAME.get(f"{table.name}.{column.name}")) is not None:
        return told
    if is_key(column):
        return "R"
    return "C" if "date" in column.tags else ""


def is_key(column: Column) -> bool:
    """Whether the column is a number of a person or record. Concepts are numbers of a public vocabulary."""
    return bool(column.tags & {"person_key", "record_key"}) and not column.name.endswith("concept_id")
