"""The files of protected terms: one term a line, `#` starts a comment, all folded and in order.

A term alone on its line is protected wherever it stands. A term with a TAB behind it is protected only near one of the words after the
TAB (within two words, see `Protected.keeps`); `@heads` there stands for all words of `heads.txt`, `@doses` for those of `doses.txt`.
So `babinski` is never taken for a name, `wilson` only beside "disease", `berger` beside any clinical head noun.
"""

from collections.abc import Iterator, Mapping
from importlib import resources

# Files whose terms are protected by themselves or by their companions.
TERMS = (
    "eponyms", "drugs", "organisms", "devices", "anatomy", "clinical", "modern", "sections", "places", "usual",
)  # fmt: skip
# Files that are lists of another use.
LISTS = ("heads", "doses", "abbreviations", "titles", "phrases")


def read_files() -> dict[str, str]:
    """The text of each file, by its name without `.txt`."""
    folder = resources.files(__package__)
    return {name: folder.joinpath(f"{name}.txt").read_text(encoding="utf-8") for name in (*TERMS, *LISTS)}


def lines(text: str) -> Iterator[str]:
    """The lines that hold a term."""
    return (line for line in text.splitlines() if line and line[0] != "#")


def terms(text: str) -> tuple[list[str], list[str]]:
    """The terms of a file that are protected alone, and the lines of those that need a companion."""
    alone: list[str] = []
    beside: list[str] = []
    for line in lines(text):
        (beside if "\t" in line else alone).append(line)
    return alone, beside


def companions(line: str, groups: Mapping[str, frozenset[str]]) -> tuple[str, frozenset[str]]:
    """The term of a line and its companions. `groups` are the words that `@name` stands for."""
    term, _, beside = line.partition("\t")
    words = frozenset(beside.split())
    named = [word for word in words if word[0] == "@"]
    if len(named) == len(words) == 1:  # most often: the group itself, not a copy for each term
        return term, groups[named[0][1:]]
    return term, words.difference(named).union(*(groups[word[1:]] for word in named))


def with_plurals(words: Iterator[str]) -> frozenset[str]:
    """The words and their regular plurals."""
    singular = frozenset(words)
    return singular | {_plural(word) for word in singular}


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return f"{word[:-1]}ies"
    if word.endswith("is"):
        return f"{word[:-2]}es"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")
