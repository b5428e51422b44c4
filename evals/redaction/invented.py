"""Names on no list of Faker's: letters drawn from how the names of a locale are spelt. A finder may have learned the lists, but not these."""

import importlib
import pkgutil
import random
import re
from collections import defaultdict
from functools import cache

import faker.providers.person as persons
from faker import Faker

from evals.redaction.gold import HELD_OUT
from policies.redaction.folding import fold

_WORD = re.compile(r"[^\W\d_]+")

# Where people are from, by part of a set.
LOCALES = {
    "tune": ("en_US", "en_US", "en_GB", "es_MX", "de_DE", "fr_FR", "vi_VN", "pl_PL", "en_IN", "pt_BR", "tr_TR", "sv_SE"),
    HELD_OUT: ("en_US", "en_US", "it_IT", "nl_NL", "cs_CZ", "es_ES", "en_NG", "fi_FI", "hu_HU", "ga_IE", "ro_RO", "da_DK", "id_ID", "yo_NG"),
}  # fmt: skip


@cache
def faker_of(locale: str) -> Faker:
    """A locale's Faker, to be seeded before each use."""
    return Faker(locale)


@cache
def _spelling(locale: str, which: str) -> dict[str, list[str]]:
    """Letters that follow each two letters in the names of a locale; `^^` begins a name, `$` ends it."""
    source = faker_of(locale)
    source.seed_instance(0)
    after: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted({getattr(source, which)() for _ in range(4000)}):
        if name.isalpha():
            padded = f"^^{name.lower()}$"
            for at in range(2, len(padded)):
                after[padded[at - 2 : at]].append(padded[at])
    return dict(after)


@cache
def _listed() -> frozenset[str]:
    """All words of all names of all of Faker's locales, folded."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(persons.__path__):
        provider = importlib.import_module(f"{persons.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            values = getattr(provider, attribute)
            if "name" in attribute and isinstance(values, tuple | list | dict):
                found.update(fold(word) for value in values if isinstance(value, str) for word in _WORD.findall(value))
    return frozenset(found)


def invented(draw: random.Random, locale: str, which: str) -> str:
    """A name of 4 to 10 letters, spelt as those of the locale are, that is on none of Faker's lists."""
    while True:
        for _ in range(100):
            word = _spelt(draw, _spelling(locale, which))
            if 4 <= len(word) <= 10 and fold(word) not in _listed():
                return word.capitalize()
        locale = "en_US"  # a locale whose names are too short or too few to make others of


def _spelt(draw: random.Random, after: dict[str, list[str]]) -> str:
    name = "^^"
    while name[-2:] in after and len(name) < 14:
        name += draw.choice(after[name[-2:]])
    return name.strip("^$") if name[-1] == "$" else ""
