"""Searching notes on a tiny table: the SQL is judged and run, the ranking held against BM25 written out in Python."""

import math
from collections import Counter
from datetime import date

import duckdb
import pytest
from pydantic import ValidationError

from data.catalogue.model import TAGS, catalogue
from data.engines.canonical import canonical, to_python
from data.errors import BadRequest, Refused
from data.snapshots.note_index import index_sql, terms
from policies.decide import decide
from policies.disclosure.kinds import HIDDEN
from tools.base import Desk, Result
from tools.note_words import read_query
from tools.passages import best_passage
from tools.search_notes import TOOL, Search

pytestmark = pytest.mark.unit

# (note, person, day, title, text)
NOTES = [
    (1, 1, "2020-01-05", "Visit note", "Chest pain since Monday, worse on stairs."),
    (2, 1, "2020-02-05", "Visit note", "Denies chest pain. History of falls."),
    (
        3,
        2,
        "2020-03-05",
        "Discharge summary",
        "Pain in the chest wall after two falls; pain is better. " + "Walks well. " * 20,
    ),
    (4, 3, "2021-01-05", "Visit note", "Fell once. No fracture, no pain. Seen by [NAME-7KQ2] on [DATE]."),
    (5, 3, "2021-06-05", "Discharge summary", "Fracture of the hip. Caf\u00e9 visits resumed."),
    (6, 4, "2021-07-05", "Visit note", "Denies chest pain. History of falls."),
    (7, 5, "2022-01-05", None, "[NAME-7KQ2] is well."),
]


@pytest.fixture(scope="module")
def con():
    """The notes with their index, as a release holds them; and 100 persons with a note each, of whom 4 have gout and 40 asthma."""
    con = duckdb.connect(config={"threads": 2})
    columns = ", ".join(f"{one.name} {one.type}" for one in catalogue()["note"].columns if "identifier" not in one.tags)
    con.execute(f"CREATE TABLE note ({columns})")
    con.executemany(
        "INSERT INTO note (note_id, person_id, note_date, note_title, note_text, note_type_concept_id, note_class_concept_id) "
        "VALUES (?, ?, ?, ?, ?, 32817, 0)",
        NOTES,
    )
    con.execute(
        "INSERT INTO note (note_id, person_id, note_date, note_text, note_type_concept_id, note_class_concept_id) "
        "SELECT 1000 + i, 100 + i, DATE '2000-01-01', CASE WHEN i < 4 THEN 'Gout.' WHEN i < 44 THEN 'Asthma.' ELSE 'Routine.' END, 7, 0 "
        "FROM range(100) r(i)"
    )
    for name in ("note_term", "note_length"):
        con.execute(f"CREATE TABLE {name} AS {index_sql(name, 'note')} ORDER BY {catalogue()[name].key}")
    yield con
    con.close()


@pytest.fixture
def search(con, held, grants):
    """Searches as a role would: plan, judge, run, render. `mode` and `tags` change the grant."""

    def asked(words, mode="record", tags=tuple(TAGS), **arguments):
        grant = grants["researcher"].model_copy(update={"mode": mode, "tags": tuple(tags)})
        desk = desk_of(grant, held)
        plan = TOOL.plan(Search.model_validate({"words": words, **arguments}), desk)
        judged = desk.judge(plan.sql)
        wanted = {name: plan.parameters[name] for name in judged.parameters}
        names, types, rows = to_python(canonical(con.sql(judged.sql, params=wanted).to_arrow_table()))
        hidden = sum(row[place] is None for row in rows for place in range(judged.visible)) if judged.guarded else 0
        shown = [name for name in names if name != HIDDEN]
        result = Result(
            tuple(shown),
            tuple(types[: len(shown)]),
            tuple(row[: len(shown)] for row in rows),
            False,
            cells_hidden=hidden,
        )
        return TOOL.render(plan, result, desk)

    return asked


def desk_of(grant, held):
    granted = {
        name: {
            column: type_
            for column, type_ in columns.items()
            if grant.uses(catalogue()[name], catalogue()[name].column(column))
        }
        for name, columns in held.items()
    }
    granted = {name: columns for name, columns in granted.items() if columns}
    return Desk(
        "t", grant.role, grant.purpose, grant.release, "", grant.mode, "one", "the guardian", 11, granted, {}, (), "",
        lambda sql: decide(sql, grant, held, 11),
    )  # fmt: skip


def found(answer):
    return [hit["note_id"] for hit in answer.structured["hits"]]


def bm25(con, words):
    """Score by note, by the formula, over all notes: k1 1.2, b 0.75, weight of a word ln(1 + (N - n + 0.5) / (n + 0.5))."""
    texts = dict(con.execute("SELECT note_id, note_text FROM note").fetchall())
    counts = {note: Counter(word for word, _ in terms(text)) for note, text in texts.items()}
    mean = sum(sum(one.values()) for one in counts.values()) / len(counts)
    scores = {}
    for note, count in counts.items():
        score = 0.0
        for word in words:
            having = sum(word in other for other in counts.values())
            weight = math.log(1 + (len(counts) - having + 0.5) / (having + 0.5))
            score += weight * count[word] * 2.2 / (count[word] + 1.2 * (0.25 + 0.75 * sum(count.values()) / mean))
        scores[note] = score
    return scores


# --- record mode ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["pain"], ["chest", "pain"], ["falls", "pain", "fracture"]])
def test_ranking_is_bm25(search, con, words):
    answer = search(" ".join(words), match="any", most=50)
    expected = {note: score for note, score in bm25(con, words).items() if score}
    assert found(answer) == sorted(expected, key=lambda note: (-round(expected[note], 6), note))
    assert [hit["score"] for hit in answer.structured["hits"]] == pytest.approx(
        [expected[one] for one in found(answer)], abs=1e-5
    )


def test_equal_scores_are_told_apart_by_the_note(search):
    assert found(search("history falls", match="all")) == [2, 6]


def test_all_words_must_be_there_unless_any_is_asked(search):
    assert set(found(search("chest falls"))) == {2, 3, 6}
    assert set(found(search("chest falls", match="any"))) == {1, 2, 3, 6}


def test_a_phrase_stands_side_by_side(search):
    assert set(found(search("chest pain"))) == {1, 2, 3, 6}
    assert set(found(search('"chest pain"'))) == {1, 2, 6}
    assert set(found(search("\u201cchest pain\u201d"))) == {1, 2, 6}
    assert found(search('"pain chest"')) == []


def test_a_common_word_in_a_phrase_stands_for_any(search):
    """It is not in the index, so its place is left open; without it the words are not side by side."""
    assert set(found(search('"history of falls"'))) == {2, 6}
    assert found(search('"history falls"')) == []


def test_words_with_a_minus_leave_notes_out(search):
    assert found(search('pain -denies -"chest wall"')) == [1, 4]


def test_a_star_stands_for_any_ending(search):
    assert set(found(search("fractur*"))) == {4, 5}
    assert found(search("fractur")) == []


def test_accents_and_capitals_do_not_count(search):
    assert found(search("CAFE")) == found(search("caf\u00e9")) == found(search("cafe\u0301")) == [5]
    assert "**Caf\u00e9**" in search("cafe").structured["hits"][0]["passage"]


def test_labels_of_identifiers_are_not_found(search):
    assert found(search("name 7kq2 date", match="any")) == []


def test_notes_are_narrowed_by_kind_day_and_person(search):
    assert found(search("pain", kind="DISCHARGE")) == [3]
    assert found(search("asthma", kind="32817")) == []
    assert found(search("pain", **{"from": date(2020, 3, 5), "to": "2021-01-05"})) == [4, 3]
    assert set(found(search("pain", person_id=1))) == {1, 2}


def test_as_many_are_shown_as_asked_and_all_are_counted(search):
    answer = search("asthma", most=5)
    assert (len(found(answer)), answer.structured["found"], answer.structured["truncated"]) == (5, 40, True)
    assert search("zebra").structured["found"] == 0


def test_negation_is_shown_left_out_or_asked_for(search):
    shown = {hit["note_id"]: hit["negated"] for hit in search('"chest pain"').structured["hits"]}
    assert shown == {1: False, 2: True, 6: True}
    assert found(search('"chest pain"', negated="leave out")) == [1]
    assert set(found(search('"chest pain"', negated="only"))) == {2, 6}


def test_left_out_and_only_are_all_that_is_shown(search):
    for words in ("pain", "chest pain", '"history of falls"', "falls fracture"):
        for match in ("all", "any"):
            parts = [found(search(words, match=match, most=50, negated=one)) for one in ("leave out", "only")]
            assert sorted(parts[0] + parts[1]) == sorted(found(search(words, match=match, most=50)))


def test_columns_that_are_not_granted_are_not_shown(search):
    answer = search("pain", tags=TAGS - {"date", "person_key"}, most=1)
    assert (answer.structured["hits"][0]["date"], answer.structured["hits"][0]["person_id"]) == (None, None)


def test_the_same_on_any_number_of_threads(search, con):
    answers = []
    for threads in (1, 2, 4):
        con.execute(f"SET threads = {threads}")
        answers.append(search("pain falls asthma routine", match="any", most=50).structured)
    assert answers[0] == answers[1] == answers[2]


# --- aggregate mode ---------------------------------------------------------------------------------------------------


def test_an_aggregate_grant_gets_numbers_only(search):
    answer = search("asthma", mode="aggregate")
    assert answer.structured["counts"] == [{"words": "asthma", "notes": 40, "persons": 40}]
    assert (answer.structured["hits"], answer.structured["found"]) == ([], None)


def test_small_numbers_are_withheld_and_nought_is_told(search):
    answer = search("gout asthma zebra", mode="aggregate", match="any")
    numbers = {one["words"]: (one["notes"], one["persons"]) for one in answer.structured["counts"]}
    assert numbers == {"gout": (None, None), "asthma": (40, 40), "zebra": (0, 0)}
    assert "gout: withheld notes of withheld persons" in answer.text
    assert "fewer than 11" in answer.structured["notes"][-1]


def test_one_person_is_not_asked_about_where_notes_are_counted(search):
    with pytest.raises(Refused) as refusal:
        search("asthma", mode="aggregate", person_id=7)
    assert refusal.value.rule == "key-compared"


def test_negation_is_not_looked_at_where_notes_are_counted(search):
    with pytest.raises(BadRequest):
        search("asthma", mode="aggregate", negated="only")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["record", "aggregate"])
def test_without_free_text_it_is_refused_and_says_what_it_takes(search, mode):
    with pytest.raises(Refused) as refusal:
        search("pain", mode=mode, tags=TAGS - {"free_text"})
    assert refusal.value.rule == "column-not-granted"
    assert "free_text" in refusal.value.allowed


def test_who_may_not_see_the_text_may_not_see_its_words(held, grants):
    hidden = grants["researcher"].model_copy(update={"tags": tuple(TAGS), "hide": ("note.note_text",)})
    alone = hidden.model_copy(update={"hide": (), "tables": ("note_term", "note_length")})
    for grant in (hidden, alone):
        assert not any(
            grant.uses(catalogue()[name], one)
            for name in ("note_term", "note_length")
            for one in catalogue()[name].columns
        )


@pytest.mark.parametrize(
    "words",
    ["", "   ", "the of with", "-pain", '-"chest pain"', "\U0001f600", "\x00", "' OR 1=1 --"[:2], "x" * 900, "1234567", "ab*", '""', "[NAME-7KQ2]",
     " ".join(f"w{number}" for number in range(40))],
)  # fmt: skip
def test_a_search_for_nothing_or_too_much_says_so(search, words):
    with pytest.raises(BadRequest) as error:
        search(words)
    assert error.value.message
    assert error.value.advice
    assert not words.strip() or words not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [{"words": "w " * 10_000}, {"words": None}, {"words": "pain", "most": 0}, {"words": "pain", "most": 51}, {"words": "pain", "from": "monday"},
     {"words": "pain", "since": "2020-01-01"}, {"words": "pain", "person_id": "x"}, {"words": "pain", "negated": "maybe"}, {"words": "\ud800"}],
)  # fmt: skip
def test_arguments_out_of_bounds_are_none(arguments):
    with pytest.raises(ValidationError):
        Search.model_validate(arguments)


@pytest.mark.parametrize("kind", ["", " ", "a\x00b", "\n"])
def test_a_kind_must_be_words(search, kind):
    with pytest.raises(BadRequest):
        search("pain", kind=kind)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pain'; DROP TABLE note; --", []),
        ("chest%pain", [1, 2, 6]),
        (".* pain (", [1, 2, 3, 4, 6]),
        ("pain\x00\\", [1, 2, 3, 4, 6]),
        ('"pain', [1, 2, 3, 4, 6]),
        ("\u05db\u05d0\u05d1 pain", []),
        ("$1 \u202epain {0}", []),
    ],
)
def test_signs_are_nothing_but_what_stands_between_words(search, words, expected):
    assert sorted(found(search(words))) == expected


# --- words and passages -----------------------------------------------------------------------------------------------


def test_a_query_is_read_as_it_is_typed():
    query = read_query('Chest "pain at rest" -X-ray fall* the')
    assert [one.shown for one in query.wanted] == ["chest", '"pain rest"', "fall*"]
    assert [one.words for one in query.unwanted] == [(("x", 0), ("ray", 1))]
    assert query.passed_over == 2
    assert query.wanted[1].words == (("pain", 0), ("rest", 2))


def test_a_passage_is_cut_between_words_and_marked():
    text = "Lorem ipsum dolor. " * 40 + "Severe chest pain at night.\nSlept badly. " + "Ut enim ad minim. " * 40
    passage = best_passage(text, read_query("chest night").wanted, "show")
    assert "Severe **chest** pain at **night**. Slept badly." in passage.text
    assert passage.text.startswith("\u2026 ")
    assert passage.text.endswith(" \u2026")
    assert 150 < len(passage.text) < 230
    assert set(passage.text.replace("*", "").strip("\u2026 ").split()) <= set(text.split())


def test_the_passage_has_most_of_what_is_wanted_closest_together():
    text = "Chest film done. Then, in the evening, some pain. Denies chest pain."
    assert best_passage(text, read_query("chest pain").wanted, "show").negated is True
    assert best_passage("Denies pain. Pain at night.", read_query("pain").wanted, "show").negated is False


def test_a_note_denies_what_it_has_in_negations_only():
    wanted = read_query("chest pain").wanted
    text = "Denies chest pain. Chronic back pain."
    assert best_passage(text, wanted, "leave out", "all") is None
    assert best_passage(text, wanted, "only", "all").negated is True
    assert best_passage(text, wanted, "leave out", "any").negated is False
    assert best_passage(text, wanted, "only", "any") is None


def test_of_a_long_note_the_part_around_the_first_word_is_looked_at(search, con):
    con.execute(
        "INSERT INTO note (note_id, person_id, note_text) SELECT 5000, 1, repeat('Slept well. ', 2000) || 'Denies hiccups. ' || repeat('Ate well. ', 2000)"
    )
    con.execute(f"INSERT INTO note_term FROM ({index_sql('note_term', '(FROM note WHERE note_id = 5000)')})")
    con.execute(f"INSERT INTO note_length FROM ({index_sql('note_length', '(FROM note WHERE note_id = 5000)')})")
    (hit,) = search("hiccups").structured["hits"]
    assert "Denies **hiccups**." in hit["passage"]
    assert hit["negated"] is True
    for name in ("note", "note_term", "note_length"):
        con.execute(f"DELETE FROM {name} WHERE note_id = 5000")
