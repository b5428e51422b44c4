"""Groups of words that tell what stands beside them, read from `cues.txt`."""

from functools import cache
from importlib.resources import files


@cache
def cues() -> dict[str, frozenset[str]]:
    """Group -> its words, in lower case."""
    groups: dict[str, set[str]] = {}
    words: set[str] = set()
    for line in text().splitlines():
        if line.endswith(":"):
            words = groups.setdefault(line[:-1], set())
        elif not line.startswith("#"):
            words.update(line.split())
    return {name: frozenset(held) for name, held in groups.items()}


def text() -> str:
    """The file as it is, for the version of what rests on it."""
    return files(__package__).joinpath("cues.txt").read_text(encoding="utf-8")
