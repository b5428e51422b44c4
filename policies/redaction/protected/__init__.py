"""Protected terms: words that are names of people or places, or look like them, but are clinical words and must stay in a clinical text.

Plain files of this folder, written by hand (`reading.py` says how), the shapes of medical words (`shape.py`) and the ordinary words of
English (`ordinary.py`). The names pass asks here before it takes a word for a name; a title before the word or the form of a full
name counts more than what is said here, and what the vault knows counts more than either.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from policies.redaction.folding import fold
from policies.redaction.protected import reading, shape
from policies.redaction.protected.ordinary import ordinary
from policies.redaction.protected.ordinary import version as english_version
from policies.redaction.protected.phrases import Phrases
from policies.redaction.protected.shape import clinical_shape

__all__ = ["Protected", "bare", "clinical_shape", "load", "ordinary"]


@dataclass(frozen=True)
class Protected:
    """All words here are folded. `keeps` and `phrases.find` are what a pass needs; the sets are open for looking."""

    alone: frozenset[str]
    """Never taken for a name by the names pass, unless a title or a full name form stands around."""
    companions: Mapping[str, frozenset[str]]
    """Protected only near one of these words."""
    heads: frozenset[str]
    """Clinical head nouns, singular and plural."""
    abbreviations: frozenset[str]
    """Clinical abbreviations and units; only protected where written in capitals or as the text writes all words."""
    sections: frozenset[str]
    """Words that begin the lines and sections of notes."""
    titles: frozenset[str]
    """Forms of address and credentials, without full stops. They are not protected, they tell that a name is near."""
    phrases: Phrases
    """Terms of several words or with a hyphen."""
    version: str
    """Changes with any term or rule."""

    @property
    def with_head(self) -> frozenset[str]:
        """Words that are protected only near a companion."""
        return frozenset(self.companions)

    def keeps(self, word: str, near: Collection[str] = ()) -> bool:
        """True where `word` must stay: protected alone, or one of its companions is `near`: the two words before and after it, folded."""
        word = bare(word)
        return word in self.alone or not self.companions.get(word, _NONE).isdisjoint(near)


_NONE: frozenset[str] = frozenset()


def bare(word: str) -> str:
    """A folded word without the possessive: "crohn's" -> "crohn"; "graves'" -> "graves"."""
    return word[:-2] if word.endswith("'s") else word.rstrip("'")


def load(extra: Iterable[str] = ()) -> Protected:
    """The protected terms, with the steward's own in `extra`: single words are protected alone, several words as a phrase."""
    return _load(frozenset(" ".join(fold(term).split()) for term in extra) - {""})


@lru_cache(maxsize=8)
def _load(extra: frozenset[str]) -> Protected:
    files = reading.read_files()
    heads = reading.with_plurals(reading.lines(files["heads"]))
    groups = {"heads": heads, "doses": frozenset(reading.lines(files["doses"]))}
    alone: set[str] = set()
    beside: dict[str, frozenset[str]] = {}
    for name in reading.TERMS:
        plain, others = reading.terms(files[name])
        alone.update(plain)
        for term, near in (reading.companions(line, groups) for line in others):
            beside[term] = beside[term] | near if term in beside else near  # no copy of the many shared sets
    alone |= {term for term in extra if " " not in term}
    several = {term for term in extra | alone if not term.replace("'", "").isalpha()}
    return Protected(
        alone=frozenset(alone),
        companions=MappingProxyType({term: near for term, near in beside.items() if term not in alone}),
        heads=heads,
        abbreviations=frozenset(reading.lines(files["abbreviations"])),
        sections=frozenset(reading.lines(files["sections"])),
        titles=frozenset(reading.lines(files["titles"])),
        phrases=Phrases(several.union(reading.lines(files["phrases"]))),
        version=_version(files, extra),
    )


def _version(files: Mapping[str, str], extra: Iterable[str]) -> str:
    parts = [*files.values(), *sorted(extra), shape.RULES, english_version()]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:12]
