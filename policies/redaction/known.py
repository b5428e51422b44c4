"""Which identifiers are known of patients and staff, and in which written forms each may stand in a text.

Read once per publish from the build: the sources' own patient records where they are there, else the tables of the
catalogue. A value too short or too ordinary to be looked for alone is looked for in fuller forms only.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from policies.redaction.words import ORDINARY, ORDINARY_PLACES, PARTICLES, TITLES

NAME, MRN, PHONE, ADDRESS, SSN, PLACE = "NAME", "MRN", "PHONE", "ADDRESS", "SSN", "PLACE"


def _fold_char(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0].casefold()
    return base if len(base) == 1 else char


_FOLD = (
    {code: _fold_char(chr(code)) for code in range(0x80, 0x2100)}
    | {ord(c): " " for c in "\t\n\r\u00a0"}
    | {0x2019: "'"}
)


def fold(text: str) -> str:
    """Lower case, without accents, white space as blanks; of the same length, so places stay the same."""
    folded = text.translate(_FOLD)
    lowered = folded.lower()
    return lowered if len(lowered) == len(text) else "".join(_fold_char(char) for char in folded)


@dataclass(frozen=True)
class Known:
    """Folded written forms by kind; what `KnownIdentifiers` looks for."""

    forms: dict[str, str]

    @classmethod
    def of(
        cls,
        names: Iterable[tuple[str | None, str | None]] = (),
        numbers: Iterable[str | None] = (),
        phones: Iterable[str | None] = (),
        streets: Iterable[str | None] = (),
        ssns: Iterable[str | None] = (),
        places: Iterable[tuple[str | None, str | None]] = (),
    ) -> "Known":
        """From values as stored: names are (family, given), places (city, state)."""
        forms: dict[str, str] = {}
        kinds = (
            (PLACE, (form for city, state in places for form in _place_forms(city or "", state or ""))),
            (NAME, (form for family, given in names for form in _name_forms(family or "", given or ""))),
            (ADDRESS, (form for value in streets for form in _street_forms(value or ""))),
            (PHONE, (form for value in phones for form in _phone_forms(value or ""))),
            (SSN, (form for value in ssns for form in _ssn_forms(value or ""))),
            (MRN, (form for value in numbers for form in _number_forms(value or ""))),
        )
        for kind, found in kinds:
            forms.update((fold(form), kind) for form in found if form)
        return cls(forms)


def _bare(name: str) -> str:
    """A name without the digits some generators put behind it."""
    return re.sub(r"\d+", "", name).strip()


def _name_forms(family: str, given: str) -> Iterator[str]:
    for one, other in {(family.strip(), given.strip()), (_bare(family), _bare(given))}:
        yield from _single(one)
        yield from _single(other)
        first = other.split()[0] if other else ""
        if one:
            yield from (f"{title} {one}" for title in TITLES)
        for part in {other, first} - {""} if one else ():
            yield from (f"{part} {one}", f"{one}, {part}", f"{one},{part}", f"{one} {part}", f"{one}^{part}")


def _single(name: str) -> Iterator[str]:
    for part in {name, *re.split(r"[\s\-]+", name)}:
        folded = fold(part)
        if sum(char.isalpha() for char in part) >= 3 and folded not in ORDINARY and folded not in PARTICLES:
            yield part


def _number_forms(value: str) -> Iterator[str]:
    value = value.rpartition("|")[2].strip()
    if len(value) >= 4 and any(char.isdigit() for char in value):
        yield value


def _phone_forms(value: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", value)
    if len(digits) >= 7:
        yield value.strip()
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if len(digits) == 10:
        area, office, line = digits[:3], digits[3:6], digits[6:]
        yield from (digits, f"{area}-{office}-{line}", f"({area}) {office}-{line}", f"{area}.{office}.{line}")
        yield from (f"{area} {office} {line}", f"({area}){office}-{line}", f"{office}-{line}")


def _ssn_forms(value: str) -> Iterator[str]:
    digits = re.sub(r"\D", "", value.rpartition("|")[2])
    if len(digits) == 9:
        yield from (digits, f"{digits[:3]}-{digits[3:5]}-{digits[5:]}", f"{digits[:3]} {digits[3:5]} {digits[5:]}")


def _street_forms(value: str) -> Iterator[str]:
    street = value.strip()
    if len(street) >= 6 and " " in street:
        yield street
        if match := re.match(r"(.+?),? (?:apt|unit|suite|ste|#)\b.*$", street, re.IGNORECASE):
            yield match[1]


def _place_forms(city: str, state: str) -> Iterator[str]:
    city, state = city.strip(), state.strip()
    if city and state:
        yield from (f"{city}, {state}", f"{city} {state}")
    if len(city) >= 4 and fold(city) not in ORDINARY | ORDINARY_PLACES:
        yield city


# --- reading them from a build --------------------------------------------------------------------------------------

# (kind, table, SQL of its one or two text columns); a table or column the build lacks is passed over.
_WHERE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("names", "staging.patient", ("family", "given")),
    ("names", "cdm.patient_identity", ("family_name", "given_name")),
    ("names", "cdm.provider", ("provider_name",)),
    ("names", "staging.provider", ("name",)),
    ("numbers", "staging.patient", ("mrn",)),
    ("numbers", "staging.patient", ("record_id",)),
    ("identifiers", "staging.patient", ("identifiers",)),
    ("numbers", "cdm.patient_identity", ("medical_record_number",)),
    ("numbers", "cdm.person", ("person_source_value",)),
    ("numbers", "cdm.note", ("note_source_value",)),
    ("numbers", "cdm.provider", ("npi",)),
    ("numbers", "cdm.provider", ("dea",)),
    ("numbers", "cdm.image_occurrence", ("image_study_uid",)),
    ("numbers", "cdm.image_occurrence", ("image_series_uid",)),
    ("phones", "staging.patient", ("phone",)),
    ("phones", "cdm.patient_identity", ("phone",)),
    ("streets", "staging.patient", ("street",)),
    ("streets", "cdm.patient_identity", ("address",)),
    ("streets", "cdm.location", ("address_1",)),
    ("streets", "cdm.location", ("address_2",)),
    ("places", "staging.patient", ("city", "state")),
    ("places", "cdm.location", ("city", "state")),
)


def read_known(con: duckdb.DuckDBPyConnection) -> Known:
    """All identifiers of patients and staff that a build holds."""
    have = {
        (f"{schema}.{table}", column)
        for schema, table, column in con.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        ).fetchall()
    }
    values: dict[str, list[tuple[str | None, ...]]] = {}
    for kind, table, columns in _WHERE:
        if all((table, column) in have for column in columns):
            items = "unnest(identifiers)" if kind == "identifiers" else ", ".join(columns)
            values.setdefault(kind, []).extend(con.execute(f"SELECT DISTINCT {items} FROM {table}").fetchall())
    return _sort_out(values)


def _sort_out(values: dict[str, list[tuple[str | None, ...]]]) -> Known:
    identifiers = [row[0] or "" for row in values.get("identifiers", [])]
    ssns = [value for value in identifiers if value.lower().split("|")[0].endswith("ssn")]
    return Known.of(
        names=[row if len(row) == 2 else _split_name(row[0] or "") for row in values.get("names", [])],
        numbers=[row[0] for row in values.get("numbers", [])] + [one for one in identifiers if one not in set(ssns)],
        phones=[row[0] for row in values.get("phones", [])],
        streets=[row[0] for row in values.get("streets", [])],
        ssns=ssns,
        places=[(row[0], row[1]) for row in values.get("places", [])],
    )


def _split_name(name: str) -> tuple[str, str]:
    """(family, given) of a name written in one piece, without titles and degrees."""
    if "^" in name or "," in name:
        family, _, given = re.sub(r",\s*(MD|DO|RN|NP|PA|PhD)\b.*$", "", name).replace("^", ",").partition(",")
        if given.strip():
            return family.strip(), given.replace(",", " ").strip()
        name = family
    words = [word for word in name.split() if word.lower().rstrip(".") not in {"dr", "mr", "mrs", "ms", "prof"}]
    return (words[-1], " ".join(words[:-1])) if words else ("", "")
