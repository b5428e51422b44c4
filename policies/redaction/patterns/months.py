"""Names of months and weekdays as notes write them, in English and six other languages, and how to write another in the same manner."""

from policies.redaction.folding import fold
from policies.redaction.patterns.lists import listed
from policies.redaction.patterns.rules import bare, words

_LANGUAGES = ("en", "en-short", "en-sept", "de", "es", "fr", "it", "pt", "nl")
_MONTHS = {language: listed(f"months-{language}") for language in _LANGUAGES}
_WEEKDAYS = {
    language: listed(f"weekdays-{language}") for language in ("en", "en-short", "en-long", "en-thur", *_LANGUAGES[3:])
}
_NUMBERS = {fold(name): place + 1 for names in _MONTHS.values() for place, name in enumerate(names)}
_ENGLISH = {fold(name) for lang in ("en", "en-short", "en-sept") for name in _MONTHS[lang]}
_ABROAD = sorted({fold(name) for lang, names in _MONTHS.items() for name in names if lang[:2] != "en"} - _ENGLISH)

MONTH = rf"(?:{words(sorted(_ENGLISH))})"
MONTH_ABROAD = rf"(?:{words(_ABROAD)})"
WEEKDAY = rf"(?:{words(sorted({fold(name) for names in _WEEKDAYS.values() for name in names}))})"

_NTH = listed("ordinals")
NTH = rf"(?:{words(name.replace('-', ' ') for name in _NTH)})"


def month(written: str) -> int:
    """1 to 12 for a month's name in any of the languages."""
    return _NUMBERS[fold(written)]


def day_in_words(written: str) -> int:
    """1 to 31 for "first" to "thirty-first"."""
    return [name.replace("-", "") for name in _NTH].index(bare(fold(written))) + 1


def in_words(day: int, like: str) -> str:
    """The day as "third", in the case of `like`."""
    return _cased(_NTH[day - 1] if " " not in like else _NTH[day - 1].replace("-", " "), like)


def month_like(number: int, like: str, *, short: bool) -> str:
    """The name of a month in the language, length and case of `like`. `short`: what "May" is taken for, which does not tell."""
    language, _ = _find(_MONTHS, like)
    if fold(like) == "may" and short:
        language = "en-short"
    return _like(_MONTHS[language][number - 1], like)


def weekday_like(later: int, like: str) -> str:
    """The weekday so many days after the one written, in its language, length and case."""
    language, place = _find(_WEEKDAYS, like)
    return _like(_WEEKDAYS[language][(place + later) % 7], like)


def _find(names: dict[str, tuple[str, ...]], written: str) -> tuple[str, int]:
    """The language and place of a name. Names that two languages share: German writes them with a capital, French without."""
    low = fold(written)
    found = [(lang, place) for lang, row in names.items() for place, name in enumerate(row) if fold(name) == low]
    if not found:
        raise ValueError("no name of a month or weekday")
    if written[0].islower():
        found.sort(key=lambda one: one[0] == "de")
    return found[0]


def _like(name: str, like: str) -> str:
    return _cased(name if any(ord(letter) > 127 for letter in like) or not _bare(name, like) else fold(name), like)


def _bare(name: str, like: str) -> bool:
    """Whether the writer leaves out accents: the same name, written without."""
    return like.isascii() and any(
        fold(one) == fold(like) and not one.isascii()
        for rows in (_MONTHS, _WEEKDAYS)
        for row in rows.values()
        for one in row
    )


def _cased(name: str, like: str) -> str:
    if like.isupper():
        return name.upper()
    return name.lower() if like[0].islower() else name[0].upper() + name[1:]


def suffix(day: int) -> str:
    """st, nd, rd or th."""
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
