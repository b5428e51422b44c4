"""The sample hospital's people and staff under names, streets and numbers that stand nowhere else in the world."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from data.synthetic import hospital, names, notes
from data.synthetic.hospital import generate
from data.synthetic.population import Person, people
from tests.integration.server.canary.needles import Manifest, made_up


@dataclass
class Cast:
    """Who is in the hospital: `texts` writes what somebody typed about one of them, with a needle of its own."""

    manifest: Manifest
    persons: list[Person]
    staff: list[tuple[str, str, str]]

    def text(self, where: str, person: Person | None = None) -> str:
        """A remark that holds an address of its own and one of the things known of the person or of staff, in turn."""
        own = self.manifest.plant(where)
        turn = self.manifest.fields
        one = person or self.persons[turn % len(self.persons)]
        doctor = self.staff[turn % len(self.staff)]
        said = (
            f"spoke with {one.family}",
            f"{one.given} {one.family} came",
            f"see {one.family.upper()}, {one.given}",
            f"call {one.phone}",
            f"lives at {one.street}",
            f"SSN {one.ssn}",
            f"MRN {one.mrn('EHR')}",
            f"Dr. {doctor[1]} agreed",
        )[turn % 8]
        return f"{said} {own}"

    def word(self) -> str:
        """A known family name alone, for fields too short for more."""
        return self.persons[self.manifest.fields % len(self.persons)].family.upper()


def make_hospital(target: Path, manifest: Manifest, persons: int) -> Cast:
    """Writes the sample hospital with its people renamed; notes everything that tells who they are."""
    staff = [
        (
            manifest.know(made_up(place, "Kj", "w"), "staff: given name", "staff"),
            manifest.know(made_up(place, "Wx", "v"), "staff: family name", "staff"),
            manifest.know(f"19{number:08d}", "staff: NPI", "staff"),
        )
        for place, number in enumerate(range(31, 31 + len(names.CLINICIANS)))
    ]
    cast = Cast(manifest, [], staff)
    with _staffed(staff), patch.object(hospital, "people", lambda count, seed: _renamed(cast, count, seed)):
        generate(target, persons, 1)
    return cast


@contextmanager
def _staffed(staff: list[tuple[str, str, str]]) -> Iterator[None]:
    with patch.object(names, "CLINICIANS", staff), patch.object(notes, "CLINICIANS", staff):
        yield


def _renamed(cast: Cast, count: int, seed: int) -> Iterator[list[Person]]:
    for chunk in people(count, seed):
        named = [_named(cast.manifest, person, chunk) for person in chunk]
        cast.persons += named
        yield named


def _named(manifest: Manifest, person: Person, chunk: list[Person]) -> Person:
    number = person.number
    like = 11 if number == 12 and chunk[10].family == person.family else number  # the two whom nobody can tell apart
    whose = f"person {number}"
    made = replace(
        person,
        family=manifest.know(made_up(like, "Qv", "x"), f"{whose}: family name", "person"),
        given=manifest.know(made_up(like, "Zj", "q"), f"{whose}: given name", "person"),
        street=f"{100 + number} {manifest.know(made_up(number, 'Jx', 'r'), f'{whose}: street', 'person')} Lane",
        phone=manifest.know(f"617-555-{1000 + number}", f"{whose}: phone", "person"),
        ssn=manifest.know(f"900-41-{5000 + number}", f"{whose}: SSN", "person"),
    )
    manifest.know(made.phone.replace("-", ""), f"{whose}: phone", "person")
    manifest.know(made.ssn.replace("-", ""), f"{whose}: SSN", "person")
    manifest.know(made.name_elsewhere, f"{whose}: family name as misspelt", "person")
    manifest.know(made.uuid, f"{whose}: FHIR id", "number")
    for system in ("EHR", "LAB", "RAD", "OPS"):
        manifest.know(made.mrn(system), f"{whose}: number in {system}", "number")
    if made.in_registry:
        manifest.know(f"REG-{number:05d}", f"{whose}: number in the registry", "number")
    for visit in made.visits:
        manifest.know(visit.key, f"{whose}: visit number", "number")
    if made.imaged:
        manifest.know(f"A{number:08d}", f"{whose}: accession number", "number")
    return made
