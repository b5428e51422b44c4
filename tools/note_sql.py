"""A search of notes as SQL over the index that a release has of its own text (data/snapshots/note_index.py).

Notes are ranked by Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009), with the weight of
rare words that Lucene takes, which is never below nought. How rare a word is and how long notes are is counted over the notes the asker
may see. A word in the form of the index is letters and digits, so it stands in the SQL as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tools.note_words import Query, Sought

K1, B = 1.2, 0.75  # how soon more of a word adds nothing, and how much a long note is marked down
WHOLE, BEFORE = (
    4000,
    1000,
)  # characters: of a longer note only so many come back, from so many before the first word found
_SHOWN = (("note_id", "note_id"), ("person_id", "person_id"), ("note_date", "date"), ("note_title", "title"))
_TEXT = (
    f"CASE WHEN length(n.note_text) <= {WHOLE} THEN n.note_text ELSE substring(n.note_text, "
    f"greatest(1, length(regexp_extract(lower(strip_accents(n.note_text)), $first, 1)) - {BEFORE}), {WHOLE}) END"
)


@dataclass(frozen=True)
class Asked:
    """A search: its words, whether a note must have all or any, and conditions on the note `n` itself."""

    query: Query
    match: Literal["all", "any"]
    tests: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """Pattern whose first group is all that stands before the first word found; the parameter $first of `ranking`."""
        more = r"[\pL\pN]*"
        words = "|".join(one.words[0][0] + more * one.beginning for one in self.query.words)
        return rf"(?s)^(.*?)(?:^|[^\pL\pN])(?:{words})(?:[^\pL\pN]|$)"


def counting(asked: Asked) -> str:
    """Numbers of notes and of persons: of all that is wanted together, or of each part, whose number is `place`."""
    keys = ("person_id", "note_id")
    held = [f"(n.person_id, n.note_id) IN ({_holders(one, keys)})" for one in asked.query.wanted]
    out = [f"(n.person_id, n.note_id) NOT IN ({_holders(one, keys)})" for one in asked.query.unwanted]
    parts = [[one] for one in held] if asked.match == "any" else [held]
    return " UNION ALL ".join(
        f"SELECT {place} AS place, count(*) AS notes, count(DISTINCT n.person_id) AS persons FROM note AS n "
        f"WHERE {' AND '.join([*part, *out, *asked.tests])}"
        for place, part in enumerate(parts)
    )


def ranking(asked: Asked, columns: Iterable[str], rows: int) -> str:
    """The best notes: those of `columns` the asker may see, score, number of all found, and as much of the text as is looked at.

    One row a note from `held` on, and one expression a score: the same on any number of threads.
    """
    words = asked.query.words
    places = range(len(words))
    counts = ", ".join(f"count(*) FILTER (WHERE {_is(one, 't.term')}) AS n{place}" for place, one in enumerate(words))
    spread = ", ".join(f"count(*) FILTER (WHERE h.n{place} > 0) AS d{place}" for place in places)
    carried = ", ".join(f"h.n{place}" for place in places)
    joined = " JOIN note AS n ON n.note_id = r.note_id" if asked.tests else ""
    shown = ", ".join(f"n.{name} AS {short}" for name, short in _SHOWN if name in set(columns))
    return (
        "WITH corpus AS (SELECT count(*) AS notes, sum(l.terms) / count(*) AS mean FROM note_length AS l), "
        f"held AS (SELECT t.note_id, {counts} FROM note_term AS t WHERE {_are(words, 't.term')} GROUP BY t.note_id), "
        f"spread AS (SELECT {spread} FROM held AS h), "
        f"ranked AS (SELECT h.note_id, {carried}, round({' + '.join(map(_weight, places))}, 6) AS score FROM held AS h "
        "JOIN note_length AS l ON l.note_id = h.note_id CROSS JOIN corpus AS c CROSS JOIN spread AS s), "
        f"best AS (SELECT r.note_id, r.score, count(*) OVER () AS found FROM ranked AS r{joined} "
        f"WHERE {' AND '.join(_conditions(asked, words))} ORDER BY r.score DESC, r.note_id LIMIT {rows}) "
        f"SELECT {shown}, b.score, b.found, {_TEXT} AS text FROM best AS b JOIN note AS n ON n.note_id = b.note_id "
        "ORDER BY b.score DESC, n.note_id"
    )


def _weight(place: int) -> str:
    """What a word adds to a note's score: rare ones more, more of it more, in a long note less."""
    rare = f"ln(1 + (c.notes - s.d{place} + 0.5) / (s.d{place} + 0.5))"
    return f"{rare} * h.n{place} * {K1 + 1} / (h.n{place} + {K1} * ({1 - B} + {B} * l.terms / c.mean))"


def _conditions(asked: Asked, words: Sequence[Sought]) -> list[str]:
    held = [_held(one, words) for one in asked.query.wanted]
    wanted = " AND ".join(held) if asked.match == "all" else f"({' OR '.join(held)})"
    unwanted = [f"r.note_id NOT IN ({_holders(one, ('note_id',))})" for one in asked.query.unwanted]
    return [wanted, *unwanted, *asked.tests]


def _held(sought: Sought, words: Sequence[Sought]) -> str:
    """Condition on a ranked note `r` that it has what is sought."""
    places = dict.fromkeys(words.index(Sought(((word, 0),), sought.beginning)) for word, _ in sought.words)
    tests = [f"r.n{place} > 0" for place in places]
    if len(sought.words) > 1:
        tests.append(f"r.note_id IN ({_holders(sought, ('note_id',))})")
    return f"({' AND '.join(tests)})"


def _is(sought: Sought, column: str) -> str:
    """Condition that a term is the word, or begins so."""
    word = sought.words[0][0]
    if not sought.beginning:
        return f"{column} = '{word}'"
    return f"{column} >= '{word}' AND {column} < '{word[:-1]}{_next(word[-1])}'"


def _are(words: Sequence[Sought], column: str) -> str:
    """Condition that a term is one of the words; whole ones as a list, by which most of the table is passed over unread."""
    whole = ", ".join(f"'{one.words[0][0]}'" for one in words if not one.beginning)
    tests = [f"{column} IN ({whole})"] if whole else []
    tests += [f"({_is(one, column)})" for one in words if one.beginning]
    return " OR ".join(tests)


def _holders(sought: Sought, keys: Sequence[str]) -> str:
    """SELECT of the notes that have a word or phrase, by `keys`: note_id, or person_id and note_id."""
    shown = ", ".join(f"t0.{key} AS {key}" for key in keys)
    joins, tests = "", [_is(Sought(sought.words[:1], sought.beginning), "t0.term")]
    for place, (word, distance) in enumerate(sought.words[1:], 1):
        same = " AND ".join(f"t{place}.{key} = t0.{key}" for key in keys)
        joins += f" JOIN note_term AS t{place} ON {same} AND t{place}.position = t0.position + {distance}"
        tests.append(f"t{place}.term = '{word}'")
    return f"SELECT {shown} FROM note_term AS t0{joins} WHERE {' AND '.join(tests)}"


def _next(letter: str) -> str:
    """The letter after this one by code point: all words that begin so come before it."""
    code = ord(letter) + 1
    return chr(0xE000 if 0xD800 <= code < 0xE000 else min(code, 0x10FFFF))
