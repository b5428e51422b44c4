"""Searching the notes of a published room: ranking, numbers, refusals, replay, and which releases have an index at all."""

import math
from collections import Counter

import duckdb
import pytest

from data.snapshots.note_index import terms
from policies.releases import CustomRelease, compile_release
from server.call import Principal, Request
from server.house import open_house
from server.ledger import calls
from server.pipeline import answer
from server.replay import replay
from server.room import Room

pytestmark = pytest.mark.integration

POLICY = """\
version: 1
contact: the guardian
row_filters:
  men: {meaning: men and nobody else, keep: "SELECT person_id FROM person WHERE gender_concept_id = 8507"}
grants:
  - {role: reader, purpose: HRESCH, release: deidentified, mode: record, tables: ["note*"], tags: [person_key, record_key, date, free_text, clinical]}
  - {role: counter, purpose: HRESCH, release: deidentified, mode: aggregate, tables: ["*"],
     tags: [person_key, record_key, date, free_text, clinical, quasi_identifier]}
  - {role: ward, purpose: HRESCH, release: deidentified, mode: record, tables: ["note*", person], rows: [men],
     tags: [person_key, record_key, date, free_text, clinical, quasi_identifier]}
  - {role: blind, purpose: HRESCH, release: deidentified, mode: record, tables: ["*"], tags: [person_key, record_key, date, clinical]}
  - {role: strict, purpose: HRESCH, release: safe_harbor, mode: record, tables: ["*"], tags: [person_key, record_key, date, free_text, clinical]}
  - {role: few, purpose: HRESCH, release: deidentified, mode: record, tables: ["note*"], bounds: {rows: 3},
     tags: [person_key, record_key, date, free_text, clinical]}
"""


@pytest.fixture(scope="module")
def room(published_room):
    """The published room under a policy that lets notes be searched."""
    (published_room.root / "notes.yaml").write_text(POLICY)
    return Room(published_room.root, published_room.settings.model_copy(update={"policy": "notes.yaml"}))


@pytest.fixture
def house(room):
    opened = open_house(room)
    yield opened
    opened.close()


@pytest.fixture
def search(house, request):
    def asked(words, role="reader", session="test", **arguments):
        principal = Principal(request.node.name, role, "HRESCH", session)
        return answer(house, Request("search_notes", {"words": words, **arguments}, principal))

    return asked


@pytest.fixture(scope="module")
def texts(published_room):
    """(note, person) -> text, as the de-identified release holds them."""
    serving = open_serving(published_room, "deidentified")
    rows = serving.execute("SELECT note_id, person_id, note_text FROM note").fetchall()
    serving.close()
    return {(note, person): text for note, person, text in rows}


def open_serving(room, release):
    house = open_house(room)
    path = house.snapshots.current().serving(release)
    house.close()
    return duckdb.connect(str(path), read_only=True)


def hits(reply):
    assert not reply.is_error, reply.text
    return reply.structured["hits"]


# --- record mode ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["catheter"], ["chest", "pain"], ["diabetes", "stress", "exercise"]])
def test_ranking_is_that_of_bm25_by_brute_force(search, texts, words):
    counts = {note: Counter(word for word, _ in terms(text)) for (note, _), text in texts.items()}
    mean = sum(sum(one.values()) for one in counts.values()) / len(counts)
    scores = {}
    for note, count in counts.items():
        for word in (one for one in words if count[one]):
            having = sum(word in other for other in counts.values())
            weight = math.log(1 + (len(counts) - having + 0.5) / (having + 0.5))
            much = count[word] * 2.2 / (count[word] + 1.2 * (0.25 + 0.75 * sum(count.values()) / mean))
            scores[note] = scores.get(note, 0.0) + weight * much
    best = sorted(scores, key=lambda note: (-round(scores[note], 6), note))[:50]
    reply = search(" ".join(words), match="any", most=50)
    assert reply.structured["found"] == len(scores) > 20
    assert [hit["note_id"] for hit in hits(reply)] == best
    assert [hit["score"] for hit in hits(reply)] == pytest.approx([scores[note] for note in best], abs=1e-5)


def test_a_phrase_is_found_where_its_words_stand_side_by_side(search, texts):
    expected = {note for (note, _), text in texts.items() if "chest pain" in text.lower()}
    reply = search('"chest pain"', most=50)
    assert reply.structured["found"] == len(expected) > 10
    assert {hit["note_id"] for hit in hits(reply)} <= expected
    assert search('"pain chest"').structured["found"] == 0


def test_passages_show_what_was_found_and_that_it_is_negated(search):
    """The sample hospital's emergency notes deny chest pain; its discharge summaries name a Foley catheter."""
    for hit in hits(search('"chest pain"')):
        assert hit["negated"] is True
        assert "Denies **chest pain**" in hit["passage"]
        assert len(hit["passage"]) < 260
    assert {hit["negated"] for hit in hits(search("foley", most=50)) if hit["passage"]} == {False}
    assert hits(search('"chest pain"', negated="leave out")) == []
    assert hits(search("foley", negated="only")) == []


def test_hits_are_rows_of_the_release_and_their_persons_are_counted(search, texts, house):
    reply = search("catheter", session="whose")
    assert all((hit["note_id"], hit["person_id"]) in texts and hit["date"] for hit in hits(reply))
    outcome = next(calls(house.room.ledger_url, session="whose")).outcome.body
    assert outcome["persons"] == len({hit["person_id"] for hit in hits(reply)})


def test_one_persons_notes_are_searched_by_the_key_of_an_answer(search, texts):
    person = hits(search("catheter", most=1))[0]["person_id"]
    found = hits(search("catheter", person_id=person, most=50))
    expected = {note for (note, whose), text in texts.items() if whose == person and "catheter" in text}
    assert {hit["note_id"] for hit in found} == expected
    assert {hit["person_id"] for hit in found} == {person}


def test_a_row_filter_hides_notes_and_their_words(search, published_room):
    """How rare a word is, too, is counted over the notes that are seen."""
    con = open_serving(published_room, "deidentified")
    men = {row[0] for row in con.execute("SELECT person_id FROM person WHERE gender_concept_id = 8507").fetchall()}
    con.close()
    all_of_them, seen = search("foley", most=50), search("foley", role="ward", most=50)
    assert 0 < seen.structured["found"] < all_of_them.structured["found"]
    assert {hit["person_id"] for hit in hits(seen)} <= men
    assert hits(seen)[0]["score"] != hits(all_of_them)[0]["score"]


def test_the_policys_bound_of_rows_holds(search):
    reply = search("pain", role="few", most=50)
    assert len(hits(reply)) == 3
    assert reply.structured["truncated"] is True


# --- aggregate mode ---------------------------------------------------------------------------------------------------


def test_an_aggregate_grant_gets_the_numbers_of_notes_and_persons(search, texts):
    having = [(note, person) for (note, person), text in texts.items() if "catheter" in text.lower()]
    reply = search("catheter", role="counter")
    assert reply.structured["counts"] == [
        {"words": "catheter", "notes": len(having), "persons": len({person for _, person in having})}
    ]
    assert reply.structured["hits"] == []
    assert not any(text[:40] in reply.text for text in texts.values())


def test_numbers_that_rest_on_few_are_withheld(search, texts):
    """A word that one to ten persons have is withheld, with its notes; it is not told from a word of one."""
    persons = {}
    for (_, person), text in texts.items():
        for word, _ in terms(text):
            persons.setdefault(word, set()).add(person)
    rare = sorted(word for word, whose in persons.items() if 1 <= len(whose) <= 10)[:5]
    assert rare
    for word in rare:
        reply = search(word, role="counter")
        assert reply.structured["counts"] == [{"words": word, "notes": None, "persons": None}]
        assert reply.structured["cells_hidden"] == 2


def test_earlier_answers_count_for_searches_too(search, texts):
    """A word, then the same without a few of its persons: the difference would tell about those."""
    having = {key: set(dict(terms(text))) for key, text in texts.items() if "catheter" in text.lower()}
    everybody = {person for _, person in having}

    def without(word):
        return everybody - {person for (_, person), words in having.items() if word not in words}

    few = min(word for word in set().union(*having.values()) if 1 <= len(without(word)) <= 10)
    assert not search("catheter", role="counter").is_error
    assert search(f"catheter -{few}", role="counter").structured["error"]["rule"] == "overlap"


# --- what is refused, and what there is -------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "rule"), [("blind", "column-not-granted"), ("strict", "column-not-in-release")])
def test_without_the_text_of_notes_the_refusal_says_what_it_takes(search, role, rule):
    error = search("pain", role=role).structured["error"]
    assert (error["code"], error["rule"]) == ("refused", rule)
    assert "free_text" in error["allowed"]
    assert error["ask"] == "the guardian"


@pytest.mark.parametrize("words", ["", "the of", "w " * 10_000, "\x00", "\U0001f600", "x" * 500, "\ud800", "-pain"])
def test_a_search_for_nothing_is_a_bad_request(search, words):
    reply = search(words)
    assert reply.structured["error"]["code"] == "bad_request"
    assert reply.structured["error"]["advice"]


@pytest.mark.parametrize("release", ["identified", "limited", "deidentified", "safe_harbor"])
def test_a_release_has_an_index_where_it_has_the_text(published_room, release):
    """And of that text: no word of the index is none of the release's own notes."""
    con = open_serving(published_room, release)
    columns = {row[:2] for row in con.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall()}
    tables = {table for table, _ in columns}
    assert (("note", "note_text") in columns) == ({"note_term", "note_length"} <= tables) == (release != "safe_harbor")
    if release == "safe_harbor":
        assert not {"note_term", "note_length"} & tables
    else:
        notes = con.execute("SELECT note_id, note_text FROM note").fetchall()
        words = {(note, word, place) for note, text in notes for word, place in terms(text)}
        assert set(con.execute("SELECT note_id, term, position FROM note_term").fetchall()) == words
    con.close()


def test_a_release_of_ones_own_without_the_text_has_no_index(published_room):
    from data.catalogue.model import catalogue

    for drop in (["note.note_text"], ["note"], ["note_term"], ["note_*.term*"]):
        custom = CustomRelease.model_validate(
            {"base": "limited", "ground": "a limited data set with fewer words", "drop": drop}
        )
        assert not compile_release("own", catalogue(), custom).columns("note_term")


def test_answers_replay_identical_on_any_threads(room):
    house = open_house(room)
    searches = [
        ("reader", {"words": "chest pain", "most": 50}),
        ("reader", {"words": '"parkinson disease" -stress', "negated": "only"}),
        ("reader", {"words": "diabet* exercise", "match": "any", "from": "2015-01-01"}),
        ("ward", {"words": "catheter", "kind": "discharge"}),
        ("counter", {"words": "catheter exercise", "match": "any"}),
        ("reader", {"words": "the"}),
    ]
    for number, (role, arguments) in enumerate(searches * 3):
        principal = Principal(f"replayed {number % len(searches)}", role, "HRESCH", "searches")
        answer(house, Request("search_notes", arguments, principal))
    house.close()
    for threads in (1, 2, 4):
        again = open_house(room, threads=threads)
        verdicts = [one.verdict for one in replay(again, calls(room.ledger_url, session="searches"))]
        again.close()
        assert verdicts == ["identical"] * 18
