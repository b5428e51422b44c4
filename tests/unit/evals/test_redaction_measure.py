"""Metrics on cases made by hand, each with the count that pencil and paper give."""

import pytest

from evals.redaction.figures import Figures, wilson
from evals.redaction.gold import Document, Label
from evals.redaction.measure import tally
from policies.redaction.spans import Span

pytestmark = pytest.mark.unit


def document(text, *labels, name="a", unit=""):
    """A document whose labels are (words, label); each stands where the words first do."""
    placed = tuple(Label(text.index(words), text.index(words) + len(words), label) for words, label in labels)
    return Document(name, text, placed, unit or name)


def struck(text, *words):
    """Places of (words, kind)."""
    return [Span(text.index(word), text.index(word) + len(word), kind) for word, kind in words]


def counted(text, labels, words, strict=False):
    return tally([document(text, *labels)], [struck(text, *words)], strict)


def test_token_is_found_whatever_kind_it_was_taken_for():
    counts = counted("Ann of Boston", [("Ann", "PERSON"), ("Boston", "GPE")], [("Ann", "PLACE"), ("Boston", "NAME")])
    assert (counts.total("found", ["NAME"]), counts.total("found", ["PLACE"]), counts.total("false")) == (1, 1, 0)


def test_name_of_two_words_is_two_tokens_and_half_of_it_is_partly():
    counts = counted("Ann Eriksen came", [("Ann Eriksen", "PERSON")], [("Ann", "NAME")])
    assert (counts.total("gold"), counts.total("found")) == (2, 1)
    assert (counts.total("spans"), counts.total("spans whole"), counts.total("spans partly")) == (1, 0, 1)


def test_token_cut_in_the_middle_is_missed():
    counts = counted("Eriksen came", [("Eriksen", "PERSON")], [("Erik", "NAME")])
    assert (counts.total("gold"), counts.total("found"), counts.total("false")) == (1, 0, 0)


def test_two_places_side_by_side_cover_a_token():
    counts = counted("Eriksen came", [("Eriksen", "PERSON")], [("Erik", "NAME"), ("sen", "PLACE")])
    assert counts.total("found") == 1


def test_false_token_counts_against_the_kind_that_struck_it():
    counts = counted("Given aspirin daily", [], [("aspirin", "NAME"), ("daily", "DATE")])
    assert (counts.total("false", ["NAME"]), counts.total("false", ["DATE"])) == (1, 1)
    assert (counts.total("words"), counts.total("words struck")) == (3, 2)


def test_part_of_an_ordinary_word_struck_is_a_whole_false_token():
    assert counted("aspirin", [], [("asp", "NAME")]).total("false") == 1


def test_of_places_that_overlap_the_longest_is_to_blame():
    counts = counted("May aspirin", [], [("May", "DATE"), ("May aspirin", "NAME")])
    assert (counts.total("false", ["NAME"]), counts.total("false", ["DATE"])) == (2, 0)


def test_label_cuts_a_token():
    """Of `93yo` the age alone is labelled: striking it is right, and `yo` is an ordinary word."""
    text, labels = "a 93yo woman", [("93", "AGE")]
    right, wrong = counted(text, labels, [("93", "AGE")]), counted(text, labels, [("93yo", "AGE")])
    assert (right.total("found"), right.total("false")) == (1, 0)
    assert (wrong.total("found"), wrong.total("false")) == (1, 1)


@pytest.mark.parametrize("words", [[], [("72", "AGE")], [("Dr.", "NAME")]])
def test_neutral_labels_count_neither_way(words):
    counts = counted("Dr. saw a man of 72", [("72", "AGE"), ("Dr.", "TITLE")], words)
    assert (counts.total("gold"), counts.total("found"), counts.total("false")) == (0, 0, 0)
    assert counts.total("words") == 4


def test_strict_counts_every_label():
    counts = counted("Dr. saw a man of 72", [("72", "AGE"), ("Dr.", "TITLE")], [("72", "AGE")], strict=True)
    assert (counts.total("gold"), counts.total("found"), counts.total("gold", ["OTHER"])) == (2, 1, 1)


def test_state_within_an_address_is_neutral_and_the_rest_is_not():
    text = "Lives at 12 Elm St, Boston, MA 02139 now"
    counts = counted(
        text, [("12 Elm St, Boston, MA 02139", "STREET_ADDRESS")], [("12 Elm St, Boston", "ADDRESS"), ("02139", "ZIP")]
    )
    assert (counts.total("gold"), counts.total("found"), counts.total("spans whole")) == (5, 5, 1)


def test_of_labels_that_overlap_the_narrower_names_the_token():
    text = "12 Elm St Boston"
    counts = counted(text, [(text, "ADDRESS"), ("Boston", "CITY")], [("Boston", "NAME")])
    assert (counts.total("gold", ["ADDRESS"]), counts.total("gold", ["PLACE"]), counts.total("found", ["PLACE"])) == (
        3,
        1,
        1,
    )


def test_identifier_outweighs_a_neutral_label_over_it():
    counts = counted("Georgia May came", [("Georgia", "COUNTRY"), ("Georgia May", "PERSON")], [])
    assert counts.total("gold", ["NAME"]) == 2


@pytest.mark.parametrize("text", ["", " \n\t", "... !?"])
def test_document_without_words_is_complete_and_clean(text):
    shares = Figures(tally([Document("a", text, (), "a")], [[]])).shares()
    assert (shares.documents, shares.complete.value, shares.clean.value, shares.removed.value) == (1, 1.0, 1.0, None)


def test_label_on_punctuation_alone_is_no_span():
    assert counted("Ann ... came", [("...", "PERSON")], []).total("spans") == 0


def test_documents_complete_and_clean():
    texts = ["Ann came", "Ann came", "nobody came", "nobody came"]
    labels = [[("Ann", "PERSON")]] * 2 + [[]] * 2
    words = [[("Ann", "NAME")], [("came", "NAME")], [], [("came", "DATE")]]
    documents = [
        document(text, *its, name=str(number)) for number, (text, its) in enumerate(zip(texts, labels, strict=True))
    ]
    shares = Figures(tally(documents, [struck(text, *its) for text, its in zip(texts, words, strict=True)])).shares()
    assert (shares.complete.value, shares.clean.value) == (0.75, 0.5)
    assert shares.removed.value == 2 / 6


def test_misses_are_grouped_by_kind_and_word_with_places():
    text = "Ann Eriksen, ANN and Ann"
    labels = (Label(0, 11, "PERSON"), Label(13, 16, "PERSON"), Label(21, 24, "PERSON"))
    counts = tally([Document("a", text, labels, "a")], [[]])
    noted = counts.missed["NAME", "ann"]
    assert (noted.count, [place.start for place in noted.places], noted.places[0].document) == (3, [0, 13, 21], "a")


def test_context_of_a_miss_holds_no_control_characters():
    """A document may hold what a terminal would obey."""
    text = "\x1b[31mred\x1b[0m Ann\x07"
    counts = tally([document(text, ("Ann", "PERSON"))], [[]])
    assert "\x1b" not in counts.missed["NAME", "ann"].places[0].around
    assert "\x07" not in counts.missed["NAME", "ann"].places[0].around


def test_figures_are_what_pencil_and_paper_give():
    """Nine of ten found, one false: recall 0.9, precision 9/10, F1 0.9."""
    documents = [document(f"Ann{number} came", (f"Ann{number}", "PERSON"), name=str(number)) for number in range(10)]
    found = [struck(one.text, (f"Ann{number}", "NAME")) for number, one in enumerate(documents)]
    found[3] = struck(documents[3].text, ("came", "NAME"))
    row = Figures(tally(documents, found)).row("names", ["NAME"])
    assert (row.gold, row.found, row.false) == (10, 9, 1)
    assert (row.recall.value, row.precision.value, row.f1.value) == pytest.approx((0.9, 0.9, 0.9))
    assert row.recall.low < 0.9 < row.recall.high
    assert row.recall.how == "bootstrap"


def test_intervals_are_the_same_every_time():
    documents = [document(f"Ann{number} came", (f"Ann{number}", "PERSON"), name=str(number)) for number in range(10)]
    found = [struck(one.text, (f"Ann{number}", "NAME")) if number % 3 else [] for number, one in enumerate(documents)]
    assert Figures(tally(documents, found)).row("all") == Figures(tally(documents, found)).row("all")


def test_alike_documents_are_drawn_together():
    """Ten documents of one template are one trial: their interval is wider than that of ten that have nothing in common."""

    def width(unit):
        documents = [
            document(f"Ann{number} came", (f"Ann{number}", "PERSON"), name=str(number), unit=unit(number))
            for number in range(40)
        ]
        found = [
            struck(one.text, (f"Ann{number}", "NAME")) if number < 30 else [] for number, one in enumerate(documents)
        ]
        recall = Figures(tally(documents, found)).row("all").recall
        return recall.high - recall.low

    assert width(lambda number: f"template {number // 10}") > 1.5 * width(str)


def test_all_found_still_has_an_interval():
    documents = [document(f"Ann{number}", (f"Ann{number}", "PERSON"), name=str(number)) for number in range(20)]
    row = Figures(tally(documents, [struck(one.text, (one.text, "NAME")) for one in documents])).row("all")
    assert (row.recall.value, row.recall.how, row.recall.low) == (1.0, "wilson", pytest.approx(wilson(20, 20).low))
    assert row.f1.low == pytest.approx(wilson(20, 20).low)


def test_wilson_is_as_published():
    """Of 10 trials 1: 0.0179 to 0.4042 (Newcombe 1998, Stat Med 17:857, method 3)."""
    rate = wilson(1, 10)
    assert (rate.low, rate.high) == pytest.approx((0.0179, 0.4042), abs=1e-4)


def test_nothing_to_count_gives_no_rate():
    row = Figures(tally([], [])).row("all")
    assert (row.recall.value, row.precision.value, row.f1.value) == (None, None, None)


def test_nothing_struck_is_an_f1_of_zero():
    row = Figures(tally([document("Ann", ("Ann", "PERSON"))], [[]])).row("all")
    assert (row.recall.value, row.precision.value, row.f1.value) == (0.0, None, 0.0)
