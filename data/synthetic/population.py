"""The persons of the sample hospital and what truly happened to them, a chunk at a time.

Each chunk draws from its own random stream, made from the seed and the chunk's number, so memory does not grow with the hospital and
the first persons are the same whatever their number. The systems (one file each beside this one) tell this truth in their own words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from data.synthetic import codes, names

CHUNK = 1000
LAST_DAY = date(2025, 12, 31)  # nothing happens later, whatever the day today
FIRST_DAY = date(2016, 1, 1)
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Visit:
    """A visit: its number in the chunk's person, kind (AMB, EMER, IMP), begin and end."""

    key: str
    kind: str
    start: datetime
    end: datetime
    clinician: int


@dataclass(frozen=True)
class Lab:
    """One laboratory result in the test's own unit; `corrected` is the right value where the first was wrong."""

    test: codes.Test
    at: datetime
    value: float
    corrected: float | None
    other_unit: bool


@dataclass(frozen=True)
class Person:
    """One person: who they are, and what happened."""

    number: int
    sex: str
    family: str
    given: str
    birth: date
    death: date | None
    street: str
    city: str
    state: str
    zip: str
    phone: str
    ssn: str
    race: tuple[str, str]
    hispanic: bool
    visits: tuple[Visit, ...]
    conditions: tuple[tuple[codes.Condition, Visit], ...]
    labs: tuple[Lab, ...]
    typo: bool
    linked: dict[str, bool]  # system -> whether it also knows the EHR's number
    uuid: str

    def mrn(self, system: str) -> str:
        """The person's number in a system; each counts in its own way."""
        step, prefix = {"EHR": (7919, "E"), "LAB": (104729, "L"), "RAD": (15485863, "R"), "OPS": (32452843, "O")}[
            system
        ]
        return f"{prefix}{self.number * step % 100_000_000:08d}"

    @property
    def name_elsewhere(self) -> str:
        """The family name as other systems than the EHR have it: with a typo, for some."""
        return self.family[0] + self.family[2] + self.family[1] + self.family[3:] if self.typo else self.family

    @property
    def in_registry(self) -> bool:
        """Whether the research registry follows this person: those with diabetes, and a few others."""
        return self.number % 17 == 0 or any(one.code == "44054006" for one, _ in self.conditions)

    @property
    def imaged(self) -> bool:
        """Whether there are images of this person."""
        return self.number % 10 in (1, 4, 7)


_RACES = (("2106-3", "White"), ("2054-5", "Black or African American"), ("2028-9", "Asian"))


def people(persons: int, seed: int) -> Iterator[list[Person]]:
    """All persons, a chunk at a time."""
    for chunk in range((persons + CHUNK - 1) // CHUNK):
        draw = np.random.default_rng(np.random.SeedSequence([seed, chunk]))
        whole = _chunk(draw, chunk * CHUNK)
        yield whole[: persons - chunk * CHUNK]


def _chunk(draw: np.random.Generator, first: int) -> list[Person]:
    size = CHUNK
    ages = np.clip(draw.gamma(4.0, 12.0, size), 0, 99)
    births = (np.datetime64(LAST_DAY) - (ages * 365.25).astype("timedelta64[D]")).astype(object)
    woman = draw.random(size) < 0.51
    dead = draw.random(size) < np.where(ages > 70, 0.15, 0.005)
    columns = {
        "family": draw.integers(0, len(names.FAMILY), size),
        "given": draw.integers(0, 50, size),
        "place": draw.choice(len(names.PLACES), size, p=[0.35, 0.2, 0.2, 0.05, 0.05, 0.15]),
        "street": draw.integers(1, 400, (size, 3)),
        "race": draw.choice(3, size, p=[0.65, 0.2, 0.15]),
        "hispanic": draw.random(size) < 0.15,
        "visits": draw.poisson(4, size) + 1,
        "typo": draw.random(size) < 0.03,
        "linked": draw.random((size, 3)) < np.array([0.90, 0.85, 0.90]),
        "bytes": draw.integers(0, 256, (size, 16), dtype=np.uint8),
    }
    has = _conditions(draw, ages)
    made = []
    for place in range(size):
        number = first + place + 1
        death = LAST_DAY - timedelta(days=int(draw.integers(1, 700))) if dead[place] else None
        birth = births[place]
        visits = _visits(draw, number, int(columns["visits"][place]), birth, death)
        mine = [(codes.CONDITIONS[one], visits[int(draw.integers(len(visits)))]) for one in np.flatnonzero(has[place])]
        if number % 200 == 13 and number < 1000:
            mine.append((codes.RARE, visits[0]))
        made.append(_person(number, place, columns, bool(woman[place]), birth, death, visits, mine, draw))
    return _with_twins(made) if first == 0 else made


def _conditions(draw: np.random.Generator, ages: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    share = np.clip((ages - 20) / 60, 0, 1)[:, None]
    young = np.array([one.young for one in codes.CONDITIONS])
    old = np.array([one.old for one in codes.CONDITIONS])
    has: np.ndarray[Any, Any] = draw.random((len(ages), len(codes.CONDITIONS))) < young + (old - young) * share
    return has


def _visits(draw: np.random.Generator, number: int, count: int, birth: date, death: date | None) -> tuple[Visit, ...]:
    low = max(FIRST_DAY, birth)
    span = max(1, ((death or LAST_DAY) - low).days)
    minutes = np.sort(draw.integers(0, span * 1440, count))
    kinds = draw.choice(["AMB", "EMER", "IMP"], count, p=[0.75, 0.15, 0.10])
    stays = draw.integers(1, 9, count)
    who = draw.integers(0, len(names.CLINICIANS), count)
    start = datetime(low.year, low.month, low.day)  # noqa: DTZ001 - hospital wall time, as sources send it
    visits = []
    for place in range(count):
        begin = start + timedelta(minutes=int(minutes[place]))
        length = (
            timedelta(days=int(stays[place])) if kinds[place] == "IMP" else timedelta(minutes=int(stays[place]) * 20)
        )
        visits.append(Visit(f"V{number:07d}{place:02d}", str(kinds[place]), begin, begin + length, int(who[place])))
    return tuple(visits)


def _person(
    number: int, place: int, columns: dict[str, "np.ndarray[Any, Any]"], woman: bool, birth: date, death: date | None,
    visits: tuple[Visit, ...], conditions: list[tuple[codes.Condition, Visit]], draw: np.random.Generator,
) -> Person:  # fmt: skip
    city, state, zip_code = names.PLACES[int(columns["place"][place])]
    house, street, kind = (int(one) for one in columns["street"][place])
    raw = bytes(columns["bytes"][place]).hex()
    given = (names.GIVEN_F if woman else names.GIVEN_M)[int(columns["given"][place])]
    lab, rad, ops = (bool(one) for one in columns["linked"][place])
    return Person(
        number=number,
        sex="female" if woman else "male",
        family=names.FAMILY[int(columns["family"][place])],
        given=given,
        birth=birth,
        death=death,
        street=f"{house} {names.STREETS[street % 18]} {names.STREET_KINDS[kind % 5]}",
        city=city,
        state=state,
        zip=zip_code,
        phone=f"555-01{number % 100:02d}-{number % 10000:04d}",
        ssn=f"9{number // 10000 % 100:02d}-{number // 100 % 100:02d}-{number % 10000:04d}",
        race=_RACES[int(columns["race"][place])],
        hispanic=bool(columns["hispanic"][place]),
        visits=visits,
        conditions=tuple(conditions),
        labs=tuple(_labs(draw, visits, {one.code for one, _ in conditions})),
        typo=bool(columns["typo"][place]) and number > 20,
        linked={"LAB": lab, "RAD": rad, "OPS": ops},
        uuid=f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-8{raw[17:20]}-{raw[20:32]}",
    )


def _labs(draw: np.random.Generator, visits: tuple[Visit, ...], conditions: set[str]) -> Iterator[Lab]:
    for visit in visits[:6]:
        if draw.random() < 0.35:
            continue
        other = bool(draw.random() < 0.3)
        values = draw.normal(0, 1, len(codes.TESTS))
        wrong = draw.random(len(codes.TESTS)) < 0.02
        for test, value, mistaken in zip(codes.TESTS, values, wrong, strict=True):
            shift = test.raise_by if test.raised_by in conditions else 0.0
            true = round(float(test.mean + shift + value * test.spread), 2)
            at = visit.start + timedelta(minutes=10)
            yield Lab(test, at, round(true * 1.5, 2) if mistaken else true, true if mistaken else None, other)


def _with_twins(made: list[Person]) -> list[Person]:
    """Persons 11 and 12 get the same name, sex and birth date, and the laboratory does not know the EHR's number of either."""
    if len(made) < 12:
        return made
    first, second = made[10], made[11]
    fields = {**vars(second), "sex": first.sex, "family": first.family, "given": first.given}
    fields["birth"] = birth = min(first.birth, second.birth)
    fields["linked"] = {**second.linked, "LAB": False}
    made[10] = Person(**{**vars(first), "birth": birth, "linked": {**first.linked, "LAB": False}})
    made[11] = Person(**fields)
    return made
