"""The full-text index of notes: what is a word of it, the same in SQL and in Python, and nothing of what stands for an identifier."""

import random

import duckdb
import pytest

from data.snapshots.note_index import KINDS, STOP_WORDS, index_sql, plain, terms, words_of
from policies.redaction.spans import KINDS as REDACTED
from tests.unit.data.texts import Capitals, published

pytestmark = pytest.mark.unit
PIECES = [
    "pain ", "No ", "the ", "[NAME-7KQ2] ", "[DATE]", "[AGE-90+] ", "[PRN] ", "\u00e9", "e\u0301", "\u00c9", "\u00df", "\u0130", "\u03a3", "x-ray",
    " ", "1234567 ", "123456 ", "\u05e9\u05dc\u05d5\u05dd ", "\u0645\u0631\u062d\u0628\u0627 ", "\U0001f600", "\x01", "\u65e5\u672c\u8a9e", "'", '"',
    "\\", "%", "_", "a_b", "\n", "na\u00efve", "n" * 41 + " ", "\u00bd", "\u00b2",
]  # fmt: skip


@pytest.fixture
def notes():
    """Rows of both tables by the texts of notes."""

    def made(*texts):
        with duckdb.connect() as con:
            con.execute("CREATE TABLE note (person_id BIGINT, note_id BIGINT, note_text VARCHAR)")
            con.executemany("INSERT INTO note VALUES (7, ?, ?)", list(enumerate(texts)))
            rows = con.execute(
                f"SELECT note_id, term, position FROM ({index_sql('note_term', 'note')}) ORDER BY ALL"
            ).fetchall()
            lengths = con.execute(
                f"SELECT note_id, terms FROM ({index_sql('note_length', 'note')}) ORDER BY 1"
            ).fetchall()
        return [
            sorted((word, place) for note, word, place in rows if note == number) for number in range(len(texts))
        ], lengths

    return made


def test_words_are_in_lower_case_without_accents(notes):
    found, lengths = notes("Caf\u00e9 CHEST-pain, x2", None, "")
    assert found == [[("cafe", 1), ("chest", 2), ("pain", 3), ("x2", 4)], [], []]
    assert lengths == [(0, 4), (1, 0), (2, 0)]


def test_labels_of_identifiers_are_no_words(notes):
    """And they keep the words on both sides of them apart; other words in brackets are words."""
    found, _ = notes("saw [NAME-7KQ2] twice [DATE], aged [AGE-90+] [PRN]")
    assert found == [[("aged", 5), ("prn", 7), ("saw", 1), ("twice", 3)]]


def test_stop_words_long_words_and_long_numbers_are_left_out(notes):
    found, lengths = notes(f"the pain of 1234567 and 123456 {'x' * 41} {'x' * 40} without")
    assert found == [[("123456", 6), ("pain", 2), ("without", 9), ("x" * 40, 8)]]
    assert lengths == [(0, 4)]
    assert not STOP_WORDS & {"no", "not", "without", "never", "denies"}


def test_python_and_sql_find_the_same_words(notes):
    chance = random.Random(5)
    texts = ["".join(chance.choice(PIECES) for _ in range(chance.randrange(40))) for _ in range(600)]
    found, lengths = notes(*texts)
    assert found == [sorted(terms(text)) for text in texts]
    assert lengths == [(number, len(list(terms(text)))) for number, text in enumerate(texts)]


def test_every_letter_is_folded_as_duckdb_folds_it():
    """All of the basic plane but surrogates and what this Python does not know yet."""
    codes = [code for code in range(1, 0x10000) if not 0xD800 <= code < 0xE000 and chr(code).isalnum()]
    with duckdb.connect() as con:
        folded = con.execute("SELECT c, lower(strip_accents(chr(c))) FROM (SELECT unnest(?::INTEGER[]) AS c)", [codes])
        assert [code for code, letter in folded.fetchall() if plain(chr(code)) != letter] == []


def test_words_stand_where_they_are_said_to():
    text = "[NAME-7KQ2] Caf\u00e9, e\u0301t\u00e9 \U0001f600 PAIN"
    assert [(word, text[start:stop]) for word, start, stop in words_of(text)] == [
        ("\x01", "[NAME-7KQ2]"[:1]), ("cafe", "Caf\u00e9"), ("ete", "e\u0301t\u00e9"), ("pain", "PAIN"),
    ]  # fmt: skip


def test_labels_are_those_redaction_writes():
    assert set(KINDS) == set(REDACTED)


def test_a_release_makes_it_of_its_own_text_on_any_number_of_threads(tmp_path):
    """Names struck out are no words of it, moved days are words of one release and real days of another; and the digests are the same."""
    notes = [(1 + number % 9, f"ANNA came on 2024-01-{1 + number % 28:02} with pain") for number in range(3000)]
    one, four = (published(tmp_path / str(threads), notes, Capitals(), threads=threads) for threads in (1, 4))
    for release in ("deidentified", "limited", "identified"):
        for table in ("note_term", "note_length"):
            assert one.releases[release].tables[table] == four.releases[release].tables[table]
    words = {
        release: set(
            duckdb.sql(
                f"SELECT DISTINCT term FROM '{tmp_path}/1/snapshots/{one.id}/releases/{release}/note_term.parquet'"
            ).fetchall()
        )
        for release in ("deidentified", "limited", "identified")
    }
    assert [("anna",) in words[one] for one in words] == [False, False, True]
    assert ("2023",) in words["deidentified"] - words["limited"]
    assert one.releases["limited"].tables["note_length"].max_rows_per_person == 334
    assert "note_term" not in one.releases["safe_harbor"].tables
    assert "note_term" not in one.tables
