"""Relatives of the sample hospital's persons, and people close to them whom no system knows. All follow from the person's number, so that nothing
drawn elsewhere changes.

Of every three persons one has a next of kin in the EHR (FHIR Patient.contact), one in messages (HL7 NK1), and one has none on record.
"""

from dataclasses import dataclass

from data.synthetic import names
from data.synthetic.population import Person

_RELATIONS = (("MTH", "mother"), ("SPO", "spouse"), ("CHD", "daughter"), ("SIB", "brother"))  # HL7 table 0063
# On no list of names of the hospital, so that no system knows them.
NICKNAMES = ("Coco", "Ziggy", "Mimi", "Teddy", "Bibi", "Sunny", "Fritzi", "Nonno")
NEIGHBOURS = (
    ("Astrid", "Halvorsen"), ("Bohdan", "Wysocki"), ("Delphine", "Marchetti"), ("Gwen", "Thistlewood"), ("Ikram", "Benhaddou"), ("Sione", "Taufa"),
)  # fmt: skip


@dataclass(frozen=True)
class Relative:
    """A next of kin: code and word of the relation, and how they are called and reached. `email` may be empty."""

    code: str
    relation: str
    family: str
    given: str
    phone: str
    email: str


def relative(person: Person) -> Relative | None:
    """The next of kin that some system has on record, None where none has."""
    if person.number % 3 == 2:
        return None
    turn = person.number // 3
    code, relation = _RELATIONS[turn % len(_RELATIONS)]
    if code == "SPO":
        relation = "wife" if person.sex == "male" else "husband"
    given = (names.GIVEN_M if relation in ("husband", "brother") else names.GIVEN_F)[turn * 7 % 50]
    family = person.family if turn % 3 else names.FAMILY[turn * 13 % len(names.FAMILY)]
    phone = f"555-02{turn % 100:02d}-{turn % 10000:04d}"
    email = f"{given}.{turn}@example.org".lower() if person.number % 6 == 0 else ""
    return Relative(code, relation, family, given, phone, email)


def in_ehr(person: Person) -> Relative | None:
    """The next of kin where the EHR has it."""
    return relative(person) if person.number % 3 == 0 else None


def nk1(person: Person) -> str:
    """The segment NK1 of messages about a person, with its end; nothing where the messages tell of no next of kin."""
    one = relative(person) if person.number % 3 == 1 else None
    return f"NK1|1|{one.family}^{one.given}|{one.code}^{one.relation}^HL70063||{one.phone}\r" if one else ""
