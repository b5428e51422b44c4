"""A piece of text weighed word by word, twice: first each word by itself and its neighbours' looks, then beside its neighbours' likelihoods."""

from collections.abc import Iterator
from typing import NamedTuple

from policies.redaction.names import chain, features, model
from policies.redaction.names.lexicon import Lexicon
from policies.redaction.names.words import Word, words_of


class Weighed(NamedTuple):
    """The words of a piece, and for each how likely it is part of a name and of a place."""

    words: list[Word]
    names: list[float]
    places: list[float]

    def sentences(self) -> Iterator[tuple[int, int]]:
        """Its sentences, as first word and the word after the last."""
        begin = 0
        for place, word in enumerate(self.words):
            if word.token.begins and place > begin:
                yield begin, place
                begin = place
        if begin < len(self.words):
            yield begin, len(self.words)


def weigh(text: str, lexicon: Lexicon) -> Weighed:
    """Weighs a text of some thousand characters. The same text gives the same numbers."""
    words = words_of(text, lexicon)
    none = [0.0] * len(words)
    candidates = [place for place in range(len(words)) if features.is_candidate(words, place)]
    if not candidates:
        return Weighed(words, none, none)
    first, second, _ = model.read_weights()
    told, places = none.copy(), none.copy()
    for at in candidates:
        name, place = model.weigh(features.features(words, at), first)
        told[at], places[at] = name + place, place
    names, wheres = none.copy(), none.copy()
    near = {other for at in candidates if told[at] >= chain.LIKELY for other in range(at - 3, at + 4)}
    more = [at for at in sorted(near - set(candidates)) if 0 <= at < len(words) and chain.is_beside(words, at, told)]
    for at in (*candidates, *more):
        names[at], wheres[at] = model.weigh(chain.features(words, at, told, places), second)
    return Weighed(words, names, wheres)
