"""The written forms in which a known name, street, place or number may stand in a text.

Forms are folded (`folding.fold`). A name too short or too ordinary to be looked for alone is looked for in fuller forms only: "Mr. Young",
"Young, Anna", "A. Young". Numbers are compared bare, without blanks and signs, so one form of a telephone number covers all ways of writing it.
"""

import re
from collections.abc import Iterator

from policies.redaction.folding import fold
from policies.redaction.words import ORDINARY, ORDINARY_PLACES, PARTICLES, TITLES

_BARE = re.compile(r"[\W_]+")
_UNIT = re.compile(r"(.+?),? (?:apt|unit|suite|ste|#)\b.*$", re.IGNORECASE)


def bare(text: str) -> str:
    """Letters and digits alone, folded."""
    return _BARE.sub("", fold(text))


def without_digits(name: str) -> str:
    """A name without the digits some generators put behind it."""
    return re.sub(r"\d+", "", name).strip()


def words_of(name: str) -> list[str]:
    """The folded words of a name, particles and single letters left out."""
    return [word for word in re.findall(r"[^\W\d_]+", fold(name)) if len(word) > 1 and word not in PARTICLES]


def alone(name: str) -> Iterator[str]:
    """The forms of one part of a name (family or given) that stand for it without the other."""
    for part in {name, *re.split(r"[\s\-']+", name)}:
        folded = fold(part)
        if sum(char.isalpha() for char in part) >= 3 and folded not in ORDINARY and folded not in PARTICLES:
            yield folded


def names(family: str, given: str) -> Iterator[str]:
    """All forms of a person's name."""
    for one, other in {(family.strip(), given.strip()), (without_digits(family), without_digits(given))}:
        one, other = fold(one), fold(other)  # noqa: PLW2901 - the folded ones from here on
        yield from alone(one)
        yield from alone(other)
        if one:
            yield from (f"{title} {one}" for title in TITLES)
            yield from _together(one, other)


def _together(family: str, given: str) -> Iterator[str]:
    """Family and given name beside one another; needed where one of them is not looked for alone."""
    if not given or (set(alone(family)) and set(alone(given))):
        return
    for part in {given, given.split(maxsplit=1)[0], given[0], f"{given[0]}."}:
        yield from (f"{part} {family}", f"{family}, {part}", f"{family},{part}", f"{family} {part}", f"{family}^{part}")


def streets(value: str) -> Iterator[str]:
    """A street with its number, with and without the unit behind it."""
    street = fold(value.strip())
    if len(street) >= 6 and " " in street:
        yield street
        if match := _UNIT.match(street):
            yield match[1]


def places(city: str, state: str) -> Iterator[str]:
    """A town, alone where its name is no ordinary word."""
    city, state = fold(city.strip()), fold(state.strip())
    if city and state:
        yield from (f"{city}, {state}", f"{city} {state}")
    if len(city) >= 4 and city not in ORDINARY | ORDINARY_PLACES:
        yield city


def numbers(value: str) -> Iterator[str]:
    """A number or code bare; its digits alone where there are six or more."""
    code = bare(value.rpartition("|")[2])
    if len(code) >= 4 and any(char.isdigit() for char in code):
        yield code
        digits = re.sub(r"\D", "", code)
        if digits != code and len(digits) >= 6:
            yield digits


def phones(value: str) -> Iterator[str]:
    """A telephone number bare, with and without the country's 1, and its last seven digits."""
    digits = re.sub(r"\D", "", value)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if len(digits) >= 7:
        yield digits
    if len(digits) == 10:
        yield from (f"1{digits}", digits[3:])
