"""A rough look at whether a text is in English: by the share of English function words, against those of other languages.

What finds names rests on English context. Text in another language is covered by known identifiers and by shapes alone, which a report must say.
"""

import re
from collections import Counter

_WORD = re.compile(r"[^\W\d_]+")
_LEAST_WORDS, _LEAST_SHARE = 12, 0.08
_FUNCTION_WORDS = {
    "English": "the and of to is was with for on that has had his her at by from as are were this be not he she it have which will who",
    "Spanish": "el la los las del y que con por para una es fue se su paciente sin como pero al lo más está tiene",
    "French": "le la les des du et est une avec pour dans qui pas par au sur il elle ce sans été ses leur",
    "German": "der die das und ist mit von den im ein eine nicht zu auf dem des wurde bei sich nach sie wird keine",
    "Italian": "il la di che con un una del della è non sono si nel alla paziente senza da al ha gli",
    "Portuguese": "os da que com por para uma é foi não na paciente sem ao mais está dos das pelo",
    "Dutch": "de het een en van is met niet dat voor zijn werd bij aan naar patiënt ook door heeft",
}
_ENGLISH = frozenset(_FUNCTION_WORDS["English"].split())
_WORDS = {language: frozenset(words.split()) - _ENGLISH for language, words in _FUNCTION_WORDS.items()}


def language_of(text: str) -> str:
    """English, another language, "other script" or "" where there are too few words to tell."""
    words = [word.lower() for word in _WORD.findall(text[:20_000])]
    if len(words) < _LEAST_WORDS:
        return ""
    if sum(not _is_latin(word) for word in words) > len(words) / 2:
        return "other script"
    counts = Counter(words)
    english = _share(counts, _ENGLISH, len(words))
    others = ((_share(counts, among, len(words)), name) for name, among in _WORDS.items() if name != "English")
    share, other = max(others)
    return other if share > english and share >= _LEAST_SHARE else "English"


def _share(counts: Counter[str], among: frozenset[str], of: int) -> float:
    return sum(counts[word] for word in among) / of


def _is_latin(word: str) -> bool:
    return all(ord(char) < 0x250 or 0x1E00 <= ord(char) < 0x1F00 for char in word)
