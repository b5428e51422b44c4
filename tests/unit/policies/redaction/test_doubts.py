"""The language model is asked only where its answer could change what is struck out, and nothing is decided otherwise for that."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.redaction.presidio.doubts import Doubts, Found
from policies.redaction.presidio.entities import ENTITIES
from policies.redaction.spans import NAME, Doubt, Text

pytestmark = pytest.mark.unit
RAW = "Seen with Zorbin of Lunsford 12 today."
PLACES = [(10, 16), (20, 28), (29, 31)]


class Answering(Doubts):
    """Says of every place in every sentence the same, and remembers what it was asked."""

    def __init__(self, entity, **more):
        super().__init__(**more)
        self.entity, self.asked = entity, []

    def _asked(self, sentences):
        self.asked += sentences
        return {one: [Found(0, len(one), self.entity)] if self.entity != "none" else [] for one in sentences}


class AskingAlways(Answering):
    def _open(self, raw, doubt):
        return True


def doubtful(*likely):
    text = Text(RAW)
    words = [(*place, name, town) for place, (name, town) in zip(PLACES, likely, strict=False)]
    text.doubts.append(Doubt(0, len(RAW), tuple(words)))
    return text


shares = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(lambda one: (one[0] * one[1], one[0] * (1 - one[1])))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    likely=st.lists(shares, min_size=1, max_size=3),
    entity=st.sampled_from(("none", *ENTITIES)),
    struck_from=st.sampled_from((0.05, 0.2, 0.3, 0.5, 0.8)),
)
def test_asking_less_decides_the_same(likely, entity, struck_from):
    text = doubtful(*likely)
    fewer, always = (kind(entity, struck_from=struck_from) for kind in (Answering, AskingAlways))
    assert fewer.find([text]) == always.find([text])
    assert len(always.asked) == 1


@pytest.mark.parametrize(
    ("likely", "asked"), [((0.09, 0.03), False), ((0.2, 0.02), False), ((0.3, 0.1), True), ((0.4, 0.3), True)]
)
def test_a_sentence_is_asked_about_where_the_answer_matters(likely, asked):
    doubts = Answering("PERSON")
    doubts.find([doubtful(likely)])
    assert doubts.asked == ([RAW] if asked else [])


def test_one_open_word_is_enough():
    doubts = Answering("PERSON")
    found = doubts.find([doubtful((0.09, 0.03), (0.3, 0.1))])
    assert doubts.asked == [RAW]
    assert [(one.start, one.kind) for one in found[0]] == [(20, NAME)]


def test_nothing_is_asked_where_the_answers_agree_on_the_kind():
    """Surely enough a place whatever the model says: struck out without asking."""
    doubts = Answering("PERSON", struck_from=0.2)
    [found] = doubts.find([doubtful((0.01, 0.88))])
    assert (doubts.asked, len(found)) == ([], 1)
