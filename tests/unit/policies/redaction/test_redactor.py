"""What is written in place of identifiers: consistent in one record, another in another's, dates moved, nothing told."""

import json
from datetime import date

import duckdb
import pytest

from policies.redaction.known import Known, Persons
from policies.redaction.redactor import BuildRedactor
from policies.redaction.settings import Recogniser, Settings
from policies.redaction.surrogates import INVENTED, Surrogates

pytestmark = pytest.mark.unit
KEY = b"k" * 32
KNOWN = Known.of(
    names=[("Quigley", "Rosalind"), ("Young", "Grace"), ("Marsh", "Helen")],
    phones=["617-555-2314"],
    numbers=["EHR|E000123"],
)


@pytest.fixture(scope="module")
def build():
    con = duckdb.connect()
    con.execute("CREATE SCHEMA vault")
    con.execute("CREATE TABLE vault.patient_identity (person_id BIGINT, family VARCHAR, given VARCHAR)")
    con.execute(
        "INSERT INTO vault.patient_identity VALUES (1, 'Quigley', 'Rosalind'), (2, 'Young', 'Grace'), (1, 'Quigley', 'Rose')"
    )
    con.execute("CREATE TABLE vault.related_person (person_id BIGINT, role VARCHAR, family VARCHAR, given VARCHAR)")
    con.execute(
        "INSERT INTO vault.related_person VALUES (1, 'relative', 'Tully', 'Ned'), (NULL, 'staff', 'Marsh', 'Helen')"
    )
    return con


def redactor(build, key=KEY, **settings):
    return BuildRedactor(Settings(language_model=False, **settings), KNOWN, Persons(build), key, date(2026, 3, 1))


def written(build, text, person=1, shift=10, keep_dates=False, **settings):
    made = redactor(build, **settings)
    marks = made.complete([text], made.search([text]))
    return made.write([text], marks, [person], [shift], keep_dates)[0]


def test_one_person_has_one_label_in_all_texts_of_a_record(build):
    labels = {
        written(build, text).split("[")[1].split("]")[0]
        for text in (
            "Seen: Rosalind Quigley.",
            "Ms. Quigley is well.",
            "QUIGLEY, ROSALIND",
            "Spoke with Rose.",
            "R. Quigley called.",
        )
    }
    assert len(labels) == 1
    assert labels.pop().startswith("NAME-")


def test_relatives_and_staff_have_labels_of_their_own(build):
    text = written(build, "Rosalind Quigley came with Ned Tully. Ned spoke with Dr. Marsh. Helen Marsh signed.")
    labels = [part.split("]")[0] for part in text.split("[")[1:]]
    assert len(labels) == 5
    assert labels[1] == labels[2] != labels[0]
    assert labels[3] == labels[4] not in labels[:3]


def test_another_record_and_another_key_have_other_labels(build):
    text = "Seen by Helen Marsh."
    one = written(build, text, person=1)
    assert one != written(build, text, person=2)
    marks = redactor(build).complete([text], redactor(build).search([text]))
    assert redactor(build, key=b"z" * 32).write([text], marks, [1], [10], False)[0] != one
    assert one == written(build, text, person=1)


def test_dates_move_by_the_persons_days_so_that_intervals_hold(build):
    assert written(build, "From 2020-01-25 to 01/30/2020.", shift=10) == "From 2020-02-04 to 02/09/2020."
    assert written(build, "On January 25, 2020 at home.", shift=-30) == "On December 26, 2019 at home."


def test_without_a_shift_dates_become_labels_and_the_limited_release_keeps_them(build):
    assert written(build, "Seen 2020-01-25.", person=None, shift=None) == "Seen [DATE]."
    assert written(build, "Rose, 95 years old, seen 2020-01-25.", keep_dates=True).endswith(
        ", 95 years old, seen 2020-01-25."
    )


def test_ages_over_89_and_years_that_tell_them_go(build):
    assert written(build, "A 93 year old man.") == "A [AGE-90+] year old man."
    assert written(build, "An 89 year old man.") == "An 89 year old man."
    assert "1931" not in written(build, "Born 03/02/1931 in town.")
    assert "1931" not in written(build, "She was born in 1931 at home.")
    assert "1961" in written(build, "She was born in 1961 at home.")


def test_ordinary_names_go_in_the_record_of_who_bears_them_and_stay_in_others(build):
    assert "Grace" not in written(build, "Today Grace was calm.", person=2)
    assert (
        written(build, "The Young inventory was used.", person=2)
        == f"The {written(build, 'Young', person=2)} inventory was used."
    )
    assert written(build, "She has a young heart and grace.", person=2) == "She has a young heart and grace."


def test_a_text_without_marks_is_still_written_where_it_holds_somebodys_ordinary_name(build):
    made = redactor(build)
    assert made.complete(["At rest Grace felt better", "no change"], ["", ""]) == ["[]", ""]
    assert "Grace" not in made.write(["At rest Grace felt better"], ["[]"], [2], [3], False)[0]


def test_the_realistic_style_invents(build):
    text = written(build, "Rosalind Quigley, phone 617-555-2314, MRN E000123.", style="realistic")
    assert "Quigley" not in text
    assert "[NAME" not in text
    assert INVENTED.search(text)
    assert "[MRN-" in text  # a number's surrogate stays a label
    assert text == written(build, "Rosalind Quigley, phone 617-555-2314, MRN E000123.", style="realistic")


@pytest.mark.parametrize(
    ("written_", "look"),
    [
        ("John Smith", str.istitle),
        ("SMITH", str.isupper),
        ("Smith, John", lambda made: "," in made),
        ("J. Smith", lambda made: made[1] == "."),
    ],
)
def test_realistic_names_have_the_form_of_what_they_stand_for(written_, look):
    assert look(Surrogates(KEY, "realistic").of("NAME", written_, "smith", "1"))


def test_marks_hold_places_and_kinds_and_no_word(build):
    made = redactor(build)
    text = "Rosalind Quigley, 617-555-2314, was seen by Mr. Zbigniew Krawczyk on 2020-01-25."
    for marks in (*made.search([text]), *made.complete([text], made.search([text]))):
        assert all(
            isinstance(start, int) and isinstance(stop, int) and kind.isupper()
            for start, stop, kind in json.loads(marks)
        )
    assert made.complete(["Nothing here."], made.search(["Nothing here."])) == [""]


def test_a_stewards_recognisers_strike_and_context_counts(build):
    study = Recogniser.model_validate(
        {
            "name": "study",
            "supported_entity": "ID",
            "patterns": [{"name": "s", "regex": r"\bRRX-\d{5}\b", "score": 0.6}],
        }
    )
    locker = Recogniser.model_validate(
        {
            "name": "locker",
            "supported_entity": "ID",
            "patterns": [{"name": "l", "regex": r"\b\d{4}\b", "score": 0.2}],
            "context": ["locker"],
        }
    )
    nick = Recogniser.model_validate({"name": "nick", "supported_entity": "NAME", "deny_list": ["doc bones"]})
    given = (study, locker, nick)
    assert "[ID-" in written(build, "Enrolled as RRX-12345.", recognisers=given)
    assert written(build, "The dose was 1234 units.", recognisers=given) == "The dose was 1234 units."
    assert "[ID-" in written(build, "Her locker is 1234 upstairs.", recognisers=given)
    assert "[NAME-" in written(build, "Seen by Doc Bones.", recognisers=given)


def test_the_version_tells_of_settings_keys_and_knowledge(build):
    plain = redactor(build)
    assert plain.version == redactor(build).version
    others = [redactor(build, style="realistic"), redactor(build, key=b"z" * 32), redactor(build, keep=("marsh",))]
    other = BuildRedactor(
        Settings(language_model=False), Known.of(names=[("Tully", "Ned")]), Persons(build), KEY, date(2026, 3, 1)
    )
    assert len({plain.version, other.version, *(one.version for one in others)}) == 5
    assert plain.finding == other.finding != others[2].finding
