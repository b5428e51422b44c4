"""The full-text index of a release's notes: plain tables, made of the very text that the release shows.

note_term has a row for each word of a note: where the words of a question stand, and so what stands beside what. note_length has a row for
each note: how many words of it are in the index. Words are letters and digits in lower case without accents; there is no stemming, since
DuckDB's core has none. What stands in place of an identifier ([NAME-7KQ2], [DATE]) is no word, nor is a long number. `terms` says the same
of a text in Python; whoever searches takes its words from there.

Why there is no index of DuckDB's own: docs/decisions/0017-notes-index-of-plain-tables.md.
"""

import re
import unicodedata
from collections.abc import Iterator

from data.catalogue.model import Catalogue, Table

TEXT = "note.note_text"  # what index tables are made of (`made_of` in tables.tsv)
NEEDED = ("note_id", "person_id", "note_text")
LONGEST = 40  # letters of a word; longer ones are no words
LONGEST_NUMBER = 6  # digits; longer ones are numbers of somebody or something

# Kinds of identifier that labels name; policies/redaction writes them, a test compares.
KINDS = (
    "NAME", "DATE", "AGE", "PLACE", "ADDRESS", "ZIP", "PHONE", "FAX", "EMAIL", "URL", "IP", "SSN", "MRN", "ACCOUNT", "LICENSE", "VEHICLE",
    "DEVICE", "BIOMETRIC", "NPI", "ID",
)  # fmt: skip
LABEL = rf"\[(?:{'|'.join(KINDS)})(?:-[A-Z0-9]+\+?)?\]"
# Words nearly every note has and nobody looks for. Those that negate (no, not, without) are kept.
STOP_WORDS = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "been", "by", "for", "from", "had", "has", "have", "he", "her", "his", "if", "in", "into", "is",
     "it", "its", "of", "on", "or", "our", "she", "so", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
     "those", "to", "was", "we", "were", "which", "while", "with", "you", "your"}
)  # fmt: skip


def index_tables(catalogue: Catalogue) -> list[Table]:
    """The tables of the index, in the catalogue's order."""
    return [table for table in catalogue.values() if table.made_of == TEXT]


def index_sql(table: str, notes: str) -> str:
    """SELECT of the rows of an index table; `notes` is what stands in FROM: the notes with NEEDED among their columns.

    Raises KeyError where the table is none of the index.
    """
    return _MAKERS[table](f"SELECT person_id, note_id, {_WORDS} AS words FROM {notes} AS notes")


def _terms_sql(words: str) -> str:
    placed = (
        f"SELECT person_id, note_id, unnest(words) AS term, unnest(range(1, len(words) + 1)) AS position FROM ({words})"
    )
    return f"SELECT person_id, note_id, term, position FROM ({placed}) WHERE {_IS_TERM}"


def _lengths_sql(words: str) -> str:
    held = f"list_filter(words, lambda term: {_IS_TERM})"
    return f"SELECT person_id, note_id, coalesce(len({held}), 0) AS terms FROM ({words})"


_MAKERS = {"note_term": _terms_sql, "note_length": _lengths_sql}
# A label takes the place of one word, so that the words on both sides of it do not come to stand beside one another.
_WORDS = (
    f"regexp_extract_all(lower(strip_accents(regexp_replace(note_text, '{LABEL}', chr(1), 'g'))), '\\x01|[\\pL\\pN]+')"
)
_IS_TERM = (
    f"term <> chr(1) AND length(term) <= {LONGEST} AND NOT regexp_full_match(term, '[0-9]{{{LONGEST_NUMBER + 1},}}') "
    f"AND term NOT IN ({', '.join(map(repr, sorted(STOP_WORDS)))})"
)


# --- the same in Python -----------------------------------------------------------------------------------------------

_WORD = re.compile(r"\x01|[^\W_]+")


def terms(text: str) -> Iterator[tuple[str, int]]:
    """The words of a text that are in the index, each with its place among all words, from 1."""
    for place, word in enumerate(_WORD.findall(plain(re.sub(LABEL, "\x01", text))), 1):
        if is_term(word):
            yield word, place


def words_of(text: str) -> Iterator[tuple[str, int, int]]:
    """All words of a text in the form of the index, and where each begins and ends; of a label it is the word chr(1)."""
    hidden = re.sub(LABEL, lambda label: "\x01".ljust(len(label[0])), text)
    if hidden.isascii():
        yield from ((match[0], *match.span()) for match in _WORD.finditer(hidden.lower()))
        return
    letters = [(letter, place) for place, one in enumerate(hidden) for letter in plain(one)]
    for match in _WORD.finditer("".join(letter for letter, _ in letters)):
        yield match[0], letters[match.start()][1], letters[match.end() - 1][1] + 1


def plain(text: str) -> str:
    """Lower case and without accents, as DuckDB's lower(strip_accents(x)): letter by letter, canonical forms only."""
    if text.isascii():
        return text.lower()
    bare = "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.category(one).startswith("M"))
    return "".join(one.lower() for one in unicodedata.normalize("NFC", bare))


def is_term(word: str) -> bool:
    """Whether a word is in the index where a note has it."""
    number = len(word) > LONGEST_NUMBER and word.isascii() and word.isdigit()
    return word != "\x01" and len(word) <= LONGEST and not number and word not in STOP_WORDS
