"""The lists of words in `lists.txt`, read once."""

from functools import cache
from importlib import resources


def listed(name: str) -> tuple[str, ...]:
    """The words of a list in the order of the file; KeyError if there is none of that name."""
    return _lists()[name]


@cache
def _lists() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in resources.files(__package__).joinpath("lists.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[]")
            found[name] = []
        elif line and not line.startswith("#"):
            found[name].append(line)
    return {name: tuple(_words("\n".join(lines))) for name, lines in found.items()}


def _words(text: str) -> list[str]:
    return text.replace("\n", "|").split("|") if "|" in text else text.split()
