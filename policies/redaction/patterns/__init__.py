"""Identifiers that have a written shape: numbers with checks, labelled ids, contacts, addresses, dates, ages over 89.

The pass finds shapes, never names, and errs on the side of striking out. Where two rules find the same place, the one that is earlier in
`FINDERS` names its kind. `VERSION` changes with any line of the package, so whatever was redacted by other rules is redacted again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from policies.redaction.patterns import addresses, ages, contacts, datefinds, labels, numbers, phones, postal
from policies.redaction.patterns.dates import shifted
from policies.redaction.patterns.rules import Led, Rule, Views
from policies.redaction.spans import Span, Text

__all__ = ["VERSION", "Patterns", "shifted"]

Find = Callable[[Views], Iterable[Span]]


def _all(rules: tuple[Rule | Led, ...]) -> Find:
    def find(views: Views) -> Iterator[Span]:
        for rule in rules:
            yield from rule.find(views)

    return find


FINDERS: tuple[Find, ...] = (
    labels.find, datefinds.find, _all(numbers.RULES), _all(contacts.RULES), phones.find, _all(ages.RULES), addresses.find, _all(postal.RULES),
)  # fmt: skip


def digest(folder: Path) -> str:
    """Over the text of all modules and lists of a folder: rules, checks and how they are put together."""
    modules = sorted(path for path in folder.iterdir() if path.suffix in {".py", ".txt"})
    return hashlib.sha256("\n".join(module.read_text(encoding="utf-8") for module in modules).encode()).hexdigest()[:12]


VERSION = digest(Path(__file__).parent)


class Patterns:
    """The pass of shapes. Needs no settings and knows nobody."""

    name = "patterns"
    version = VERSION

    def find(self, texts: list[Text]) -> list[list[Span]]:
        """For each text its places, with those found twice once."""
        return [list(dict.fromkeys(_places(Views(text.raw)))) for text in texts]


def _places(views: Views) -> Iterator[Span]:
    for find in FINDERS:
        yield from find(views)
