"""Makes labelled sentences: templates filled with names, towns and addresses of many countries, drugs and eponyms.

Names come from Faker's locales, so none is of a real person by intent. The same seed gives the same sentences.
"""

import random
import re
import string
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from faker import Faker

NEITHER, NAME, PLACE, UNSAID = 0, 1, 2, -1
_LOCALES = [
    "en_US",
    "en_US",
    "en_US",
    "en_GB",
    "en_IN",
    "en_AU",
    "en_CA",
    "en_NG",
    "es_ES",
    "es_MX",
    "fr_FR",
    "fr_CH",
    "de_DE",
    "de_AT",
    "it_IT",
    "nl_NL",
    "pl_PL",
    "pt_BR",
    "pt_PT",
    "sv_SE",
    "no_NO",
    "da_DK",
    "fi_FI",
    "cs_CZ",
    "hu_HU",
    "ro_RO",
    "tr_TR",
    "hr_HR",
    "sl_SI",
    "sk_SK",
    "id_ID",
    "vi_VN",
    "lt_LT",
    "lv_LV",
    "et_EE",
    "is_IS",
    "ga_IE",
    "ja_JP",
    "zh_CN",
    "ko_KR",
    "ar_AA",
    "ru_RU",
    "el_GR",
]
_LATIN = 0x250
_STATES = ["CA", "NY", "TX", "OH", "WA", "MA", "PA", "IL", "FL", "GA", "SV", "RS", "OV", "EC", "NC", "KA"]
_INITIALS = "ABCDEFGHJKLMNOPRSTW"


class Labelled(NamedTuple):
    """A text with (start, stop, label) of what was filled in; UNSAID is neither right nor wrong to strike out."""

    text: str
    spans: tuple[tuple[int, int, int], ...]


class Lists(NamedTuple):
    """Words that fill the clinical places of a template."""

    words: Sequence[str]
    drugs: Sequence[str]
    eponyms: Sequence[str]
    heads: Sequence[str]
    abbreviations: Sequence[str]


def templates() -> list[str]:
    """The templates, without comments."""
    lines = files(__package__).joinpath("templates.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Maker:
    """Fills templates."""

    def __init__(self, seed: int, lists: Lists) -> None:
        self._random = random.Random(seed)
        self._lists, self._templates = lists, templates()
        self._fakers: dict[str, Faker] = {}
        for locale in sorted(set(_LOCALES)):
            self._fakers[locale] = Faker(locale)
            self._fakers[locale].seed_instance(seed)

    def text(self) -> Labelled:
        """One to three sentences together."""
        text, spans = "", []
        for _ in range(self._random.choice((1, 1, 2, 3))):
            made = self._sentence(self._random.choice(self._templates))
            between = self._random.choice((" ", "\n", "  ", "\n\n")) if text else ""
            offset = len(text) + len(between)
            spans += [(start + offset, stop + offset, label) for start, stop, label in made.spans]
            text += between + made.text
        return Labelled(text, tuple(spans))

    def _sentence(self, template: str) -> Labelled:
        template = template.replace("\\n", "\n")
        made, spans, end = "", [], 0
        for match in re.finditer(r"\{(\w+)\}", template):
            made += template[end : match.start()]
            value, label = self._fill(match[1])
            if label != NEITHER:
                spans.append((len(made), len(made) + len(value), label))
            made, end = made + value, match.end()
        made += template[end:]
        drawn = self._random.random()
        other = made.upper() if drawn < 0.11 else made.lower() if drawn < 0.22 else made
        return Labelled(other if len(other) == len(made) else made, tuple(spans))

    def _fill(self, what: str) -> tuple[str, int]:  # noqa: PLR0911 - a line a kind
        pick, number = self._random.choice, self._random.randint
        match what:
            case "given" | "family":
                return self._latin("first_name" if what == "given" else "last_name"), NAME
            case "name":
                return self._name(), NAME
            case "initial":
                return pick(_INITIALS), NAME
            case "place":
                town = self._latin("city")
                return (town.upper() if self._random.random() < 0.15 else town), PLACE
            case "address":
                return self._address(), PLACE
            case "org":
                return self._latin("company"), UNSAID
            case "date":
                return pick(("{m}/{d}/{y}", "{y}-{m}-{d}")).format(
                    m=number(1, 12), d=number(1, 28), y=number(1990, 2025)
                ), UNSAID
            case "phone":
                return f"{number(200, 999)}-{number(200, 999)}-{number(1000, 9999)}", UNSAID
            case _:
                return self._word(what), NEITHER

    def _word(self, what: str) -> str:  # noqa: PLR0911
        pick, lists = self._random.choice, self._lists
        match what:
            case "num":
                return str(self._random.randint(1, 10 ** self._random.randint(1, 5)))
            case "drug":
                drug = pick(lists.drugs)
                return drug.capitalize() if self._random.random() < 0.6 else drug
            case "eponym":
                return pick(lists.eponyms).capitalize()
            case "head":
                return pick(lists.heads)
            case "abbreviation":
                return pick(lists.abbreviations).upper()
            case "word":
                return pick(lists.words).capitalize()
            case "low":
                return pick(lists.words)
            case "odd":
                return self._misspelt(pick(lists.words))
            case "state":
                return pick(_STATES)
            case "acro":
                return "".join(self._random.choices(string.ascii_uppercase, k=self._random.randint(2, 4)))
        raise KeyError(what)

    def _misspelt(self, word: str) -> str:
        """A word that no list holds: a letter left out, doubled or another's; or two words run together."""
        at = self._random.randrange(1, len(word) - 1)
        match self._random.randrange(4):
            case 0:
                return word[:at] + word[at + 1 :]
            case 1:
                return word[:at] + word[at] + word[at:]
            case 2:
                return word[:at] + self._random.choice(string.ascii_lowercase) + word[at + 1 :]
        return word + self._random.choice(self._lists.words)

    def _latin(self, what: str) -> str:
        """A value of any locale that has it; now and then one in another script."""
        for _ in range(30):
            faker = self._fakers[self._random.choice(_LOCALES)]
            if not hasattr(faker, what):
                continue
            value = str(getattr(faker, what)())
            if value and (all(ord(char) < _LATIN for char in value) or self._random.random() < 0.05):
                return value
        return str(getattr(self._fakers["en_US"], what)())

    def _name(self) -> str:
        given, family, drawn = self._latin("first_name"), self._latin("last_name"), self._random.random()
        initial = self._random.choice(_INITIALS)
        for bound, made in (
            (0.10, f"{given} {initial}. {family}"),
            (0.15, f"{given} {initial} {family}"),
            (0.20, f"{given} {family}-{self._latin('last_name')}"),
            (0.23, f"{initial}. {family}"),
            (0.26, f"{given} {self._random.choice(('van', 'de', 'von', 'van der', 'da', 'del', 'ten'))} {family}"),
        ):
            if drawn < bound:
                return made
        return f"{given} {family}"

    def _address(self) -> str:
        pick, number, drawn = self._random.choice, self._random.randint, self._random.random
        street, house = self._latin("street_name"), str(number(1, 999 if drawn() < 0.8 else 99_999))
        made = f"{house} {street}" if drawn() < 0.6 else f"{street} {house}"
        if drawn() < 0.3:
            made += pick((" Apt. ", " Suite ", " apt ", ", Unit ", " #")) + str(number(1, 999))
        if drawn() < 0.15:
            made = f"{number(10, 99_999)} {made}"
        if drawn() < 0.5:
            made += pick((", ", "\n", " ", "\n ")) + self._latin("city")
            code = str(number(1000, 99_999))
            rest = drawn()
            made += (
                f"{pick((', ', chr(10) + ', ', ' '))}{pick(_STATES)} {code}"
                if rest < 0.5
                else f"{pick((' ', chr(10)))}{code}"
                if rest < 0.8
                else ""
            )
        return made
