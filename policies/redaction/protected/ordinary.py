"""Ordinary words of English: the lower-case entries of the package english-words, and their regular inflections.

Sources: GCIDE and Webster's Second International (1934), both in the public domain or free, as that package carries them. Names stand
there with a capital and are left out; words younger than 1934 are missing, which is why `clinical.txt` exists.
"""

import importlib.metadata
from functools import cache, lru_cache

from english_words import get_english_words_set

_SOURCES = ("gcide", "web2")
# (ending, what stands in its place in the base form); the first base found decides.
_ENDINGS = (
    ("'s", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ied", "y"), ("ing", ""), ("ing", "e"),
    ("ly", ""), ("ily", "y"), ("bly", "ble"), ("ally", ""), ("er", ""), ("er", "e"), ("ers", ""), ("ers", "e"), ("ier", "y"),
    ("est", ""), ("est", "e"), ("iest", "y"), ("ae", "a"), ("ses", "sis"), ("oses", "osis"), ("ised", "ize"), ("ise", "ize"),
    ("ising", "ize"), ("isation", "ization"), ("ness", ""), ("less", ""), ("ings", ""), ("ings", "e"),
)  # fmt: skip
# Common forms that neither stand in the lexicon nor follow from the endings, and "box", which it lacks.
_IRREGULAR = frozenset(
    """
    became began blew box boxes businessmen chairmen feet firemen foresaw foreseen forgave forgiven freshmen gentlemen godchildren
    grandchildren has heard held knives outgrew outgrown overcame overdid overheard overslept overtaken overtook paid policemen resold
    rewritten rewrote salesmen scarves schoolchildren selves spokesmen stepchildren undergone undertaken withdrew woken women workmen
    """.split()  # noqa: SIM905 - a column of words is read more easily
)
# Words of two letters are no base: too many words would follow from them by chance.
_SHORTEST_BASE = 3
_SHORTEST_AFTER_NON = 5


@cache
def lexicon() -> frozenset[str]:
    """The lower-case entries; read on first use (about 0.2 s)."""
    return _IRREGULAR.union(word for word in get_english_words_set(list(_SOURCES), lower=False) if word.islower())


@lru_cache(maxsize=65_536)
def ordinary(word: str) -> bool:
    """True for a folded word that stands in the lexicon, or is a regular inflection of one that does."""
    words = lexicon()
    if word in words or any(base in words for base in _bases(word)):
        return True
    return word.startswith("non") and len(word) >= 3 + _SHORTEST_AFTER_NON and ordinary(word[3:].lstrip("-"))


def _bases(word: str) -> list[str]:
    bases = [word[: -len(end)] + instead for end, instead in _ENDINGS if word.endswith(end)]
    for end in ("ed", "ing"):  # "stopped", "stopping"
        base = word.removesuffix(end)
        if base != word and len(base) > _SHORTEST_BASE and base[-1] == base[-2]:
            bases.append(base[:-1])
    return [base for base in bases if len(base) >= _SHORTEST_BASE]


def version() -> str:
    """Names the release of the package that the words come from, and the endings."""
    return f"english-words {importlib.metadata.version('english-words')} {_SOURCES} {_ENDINGS} {sorted(_IRREGULAR)}"
