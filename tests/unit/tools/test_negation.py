"""What stands under a negation, by sentences as they stand in notes. The words asked about are in brackets; some sentences have several."""

import re
import time

import pytest

from tools.negation import Negation, sentences

pytestmark = pytest.mark.unit

NEGATED = [
    "Denies [chest pain].",
    "Chest pain, denies [nausea].",
    "No evidence of [pneumonia].",
    "no sign of [Parkinson disease]",
    "NO [CHEST PAIN].",
    "[Pneumonia] was ruled out.",
    "The scan ruled out nothing but [stroke] has been ruled out.",
    "Ruled out for [stroke].",
    "Was ruled out for [myocardial infarction] overnight.",
    "Never had a [seizure].",
    "Absence of [murmurs].",
    "Negative for [influenza].",
    "[Troponin] negative.",
    "[Edema] is absent.",
    "[Pulmonary embolism] is unlikely.",
    "She does not have [asthma].",
    "She isn\u2019t [short of breath].",
    "Not complaining of [headache] today.",
    "No reports of [falls].",
    "Denies [nausea] and reports vomiting.",
    "[Fever] and [cough] were absent.",
    "Denies fever, chills, night sweats, weight loss, chest pain, palpitations or [shortness of breath].",
    "Neither [rash] nor [itching].",
    "Chest pain: [dyspnea]: no, cough: yes",
    "Allergies: none. [Murmur]: absent",
    "No chest\n[pain] or dyspnea",
    "Seen by Dr. Miller, no [edema].",
    "Afebrile, without [cough]; rash on both arms.",
    "Free of [pain] since Monday.",
    "[Nodule] not seen.",
    "He [denies] everything.",
]
AFFIRMED = [
    "[Chest pain], denies nausea.",
    "Denies nausea. [Chest pain] since Monday.",
    "Denies fever but has a [cough].",
    "Denies nausea and reports [vomiting].",
    "No increase in [pain].",
    "No change in [cough].",
    "No significant change in [shortness of breath].",
    "Not only [fever], also cough.",
    "Gram negative [rods] in the blood.",
    "gram-negative [sepsis]",
    "[Stroke] cannot be ruled out.",
    "[Abscess] could not be excluded.",
    "The patient with [chest pain] had negative troponin.",
    "[Pain] improved, troponin negative.",
    "Chest pain: no, [cough]: yes",
    "Allergies: None\n[Cough]: yes",
    "No fever, the patient has a [rash].",
    "Diabetes without complications, however [neuropathy] is present.",
    "No fever although [chills] were seen.",
    "No edema other than at the [ankles].",
    "Afebrile without cough; [rash] on both arms.",
    "No pain was there in the first night after the operation on the left [hip].",
    "Ambulance brought him with [dyspnea].",
    "",
]


def asked(sentence: str) -> tuple[str, list[tuple[int, int]]]:
    """The sentence without brackets, and where the words in brackets stand."""
    places, text = [], ""
    for piece in re.split(r"(\[[^\]]*\])", sentence):
        if piece.startswith("["):
            places.append((len(text), len(text) + len(piece) - 2))
        text += piece.strip("[]")
    return text, places


@pytest.mark.parametrize("sentence", NEGATED)
def test_words_a_cue_reaches_are_negated(sentence):
    text, places = asked(sentence)
    assert [Negation(text).covers(*place) for place in places] == [True] * len(places) != []


@pytest.mark.parametrize("sentence", AFFIRMED)
def test_words_beyond_a_cues_reach_are_not(sentence):
    text, places = asked(sentence)
    assert [Negation(text).covers(*place) for place in places] == [False] * len(places)


def test_places_hold_where_letters_change_their_length():
    """A capital that becomes two letters must not move what comes after it."""
    text = "\u0130stanbul clinic. Denies pain. Cough."
    assert Negation(text).covers(text.index("pain"), text.index("pain") + 4)
    assert not Negation(text).covers(text.index("Cough"), len(text) - 1)


def test_sentences_end_at_marks_headings_and_points_and_not_at_titles():
    text = "Seen by Dr. Miller at 2.5 mg. Well.\nPlan: rest\n- walk\n\nHome with\nwife"
    assert [text[start:stop].strip() for start, stop in sentences(text)] == [
        "Seen by Dr. Miller at 2.5 mg.", "Well.", "Plan: rest", "- walk", "Home with\nwife",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "no " * 20_000,
        "n" * 50_000 + "n't",
        "not complaining of " * 3_000,
        "no, " * 20_000 + "pain",
        "\u05d0 no \x00 \U0001f600",
    ],
)
def test_odd_texts_take_no_time(text):
    begun = time.monotonic()
    Negation(text).covers(len(text) - 4, len(text))
    assert time.monotonic() - begun < 10
