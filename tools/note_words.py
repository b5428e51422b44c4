"""The words somebody searches notes for, read from what was typed. Pure; `search_notes.py` calls it, and `note_sql.py` says them in SQL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.errors import BadRequest
from data.snapshots.note_index import LONGEST, LONGEST_NUMBER, is_term, terms, words_of

MOST_WORDS = 32
_SHORTEST_BEGINNING = 3  # letters before a star
# A part in quotes, or what stands between blanks; a minus before it leaves notes out.
_PART = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'))


@dataclass(frozen=True)
class Sought:
    """One word, the beginning of one, or a phrase: words side by side, each with its distance from the first.

    A distance is left open where the phrase has a word that is not in the index: any word fits there.
    """

    words: tuple[tuple[str, int], ...]
    beginning: bool = False

    @property
    def shown(self) -> str:
        """As it is told in an answer."""
        said = " ".join(word for word, _ in self.words)
        return f'"{said}"' if len(self.words) > 1 else f"{said}*" if self.beginning else said


@dataclass(frozen=True)
class Query:
    """What is wanted, what notes must not have, and how many of the words typed are not in the index."""

    wanted: tuple[Sought, ...]
    unwanted: tuple[Sought, ...]
    passed_over: int = 0

    @property
    def words(self) -> tuple[Sought, ...]:
        """Each word or beginning that is wanted, alone or in a phrase, once: what a note is ranked by."""
        alone = [Sought(((word, 0),), one.beginning) for one in self.wanted for word, _ in one.words]
        return tuple(dict.fromkeys(alone))


def read_query(typed: str) -> Query:
    """The query somebody typed. Raises BadRequest where there is nothing to search for, or too much."""
    wanted: list[Sought] = []
    unwanted: list[Sought] = []
    passed_over = 0
    for minus, quoted, bare in _PART.findall(typed.translate(_QUOTES)):
        part = quoted or bare
        found = list(terms(part))
        passed_over += sum(not is_term(word) for word, _, _ in words_of(part))
        if found:
            first = found[0][1]
            words = tuple((word, place - first) for word, place in found)
            (unwanted if minus else wanted).append(Sought(words, _is_beginning(bare, words)))
    query = Query(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)), passed_over)
    _check(query)
    return query


def _is_beginning(bare: str, words: Sequence[tuple[str, int]]) -> bool:
    if not bare.endswith("*") or len(words) > 1:
        return False
    if len(words[0][0]) < _SHORTEST_BEGINNING:
        raise BadRequest(
            f"A star stands after fewer than {_SHORTEST_BEGINNING} letters.", "Write more of the word before the star."
        )
    return True


def _check(query: Query) -> None:
    if not query.wanted:
        message = "Only words to leave out are given." if query.unwanted else "There is no word to search for."
        advice = (
            "Write words of letters or digits. The commonest words (the, of, with), words of more than "
            f"{LONGEST} letters and numbers of more than {LONGEST_NUMBER} digits are not in the index."
        )
        raise BadRequest(message, advice)
    if sum(len(one.words) for one in (*query.wanted, *query.unwanted)) > MOST_WORDS:
        raise BadRequest(f"There are more than {MOST_WORDS} words to search for.", "Search for fewer at a time.")
