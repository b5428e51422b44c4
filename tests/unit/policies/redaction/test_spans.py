"""The rule by which places that overlap or belong together become one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.redaction.folding import fold
from policies.redaction.spans import KINDS, Span, join, merge, numbers_beside

pytestmark = pytest.mark.unit
SPANS = st.builds(
    lambda start, length, kind: Span(start, start + length, kind),
    st.integers(0, 60), st.integers(1, 12), st.sampled_from(sorted(KINDS)),
)  # fmt: skip


def test_the_longest_of_overlapping_places_names_the_kind():
    assert merge([Span(0, 5, "NAME"), Span(3, 12, "ADDRESS")]) == [Span(0, 12, "ADDRESS")]
    assert merge([Span(0, 12, "ADDRESS"), Span(3, 5, "NAME")]) == [Span(0, 12, "ADDRESS")]


def test_of_equally_long_places_the_earlier_pass_names_the_kind():
    assert merge([Span(2, 8, "MRN"), Span(2, 8, "PHONE")]) == [Span(2, 8, "MRN")]
    assert merge([Span(2, 8, "PHONE"), Span(2, 8, "MRN")]) == [Span(2, 8, "PHONE")]


def test_places_that_touch_stay_apart_when_merged():
    assert merge([Span(0, 4, "DATE"), Span(4, 8, "PHONE")]) == [Span(0, 4, "DATE"), Span(4, 8, "PHONE")]


def test_empty_places_are_none():
    assert merge([Span(3, 3, "NAME")]) == []


@given(st.lists(SPANS, max_size=12))
def test_merging_covers_the_same_characters_and_no_others(spans):
    merged = merge(spans)
    covered = {at for one in spans for at in range(one.start, one.stop)}
    assert {at for one in merged for at in range(one.start, one.stop)} == covered
    assert all(one.stop <= other.start for one, other in pairwise(merged))


@pytest.mark.parametrize(
    ("text", "pieces", "kinds"),
    [
        ("John Smith came", ["John", "Smith"], ["NAME"]),
        ("J. Smith came", ["J", "Smith"], ["NAME"]),
        ("Anna, Bert and Carl", ["Anna", "Bert", "Carl"], ["NAME", "NAME", "NAME"]),
        ("12 Main St, Ely, NV 89301", ["12 Main St", "Ely", "89301"], ["ADDRESS", "ZIP"]),
        ("Ely Boston", ["Ely", "Boston"], ["PLACE"]),
        ("Smith 555-1234", ["Smith", "555-1234"], ["NAME", "PHONE"]),
    ],
)
def test_words_of_one_name_and_pieces_of_one_address_are_joined(text, pieces, kinds):
    given_kinds = {"12 Main St": "ADDRESS", "Ely": "PLACE", "Boston": "PLACE", "89301": "ZIP", "555-1234": "PHONE"}
    spans = [Span(text.index(one), text.index(one) + len(one), given_kinds.get(one, "NAME")) for one in pieces]
    assert [one.kind for one in join(text, merge(spans))] == kinds


def test_people_whom_the_vault_tells_apart_are_not_joined():
    spans = [Span(0, 4, "NAME", "a"), Span(5, 9, "NAME", "b")]
    assert join("Anna Bert", spans) == spans


@given(st.text(max_size=200))
def test_folding_keeps_every_character_in_its_place(text):
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "folded"),
    [("ÉLÉONORE", "eleonore"), ("İstanbul", "istanbul"), ("a\tb\nc", "a b c"), ("Smith\u2010Jones", "smith-jones")],
)
def test_case_accents_and_blanks_are_folded(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "number"),
    [("SMITH, ANN (4521187) F", "4521187"), ("Smith 710-76-02, seen", "710-76-02"), ("Smith: BP 120/80", ""), ("Smith, 1984", ""), ("Smith 12345678/9", "")],
)  # fmt: skip
def test_a_number_right_behind_a_name_is_a_record_number(text, number):
    stop = 10 if text.startswith("SMITH") else 5
    assert [text[one.start : one.stop] for one in numbers_beside(text, [Span(0, stop, "NAME")])] == (
        [number] if number else []
    )
