"""Labelled files: what is read, what is kept out and how it is told, what is an error."""

import gzip
import json
import random

import pytest

from data.errors import BadRequest
from evals.redaction.gold import document_of, read_gold
from evals.redaction.kinds import GROUP_OF, GROUPS, OTHER, is_known, kind_of
from policies.redaction.spans import KINDS

pytestmark = pytest.mark.unit
GOOD = {
    "full_text": "Seen by Dr. Eriksen on 3/4/2021.",
    "spans": [
        {"entity_type": "DOCTOR", "start_position": 12, "end_position": 19, "entity_value": "Eriksen"},
        {"entity_type": "DATE", "start_position": 23, "end_position": 31},
    ],
}


def one(**changed):
    """A record with one span, parts of it changed."""
    span = {"entity_type": "PERSON", "start_position": 0, "end_position": 3} | changed
    return {"full_text": "Ann was here.", "spans": [span]}


def file_of(tmp_path, content, name="gold.json"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("form", ["array", "lines", "one", "gzip", "bom"])
def test_all_written_forms_are_read_alike(tmp_path, form):
    content = {
        "array": json.dumps([GOOD, GOOD]),
        "lines": f"{json.dumps(GOOD)}\n\n{json.dumps(GOOD)}\n",
        "one": json.dumps(GOOD, indent=2),
        "gzip": gzip.compress(json.dumps([GOOD, GOOD]).encode(), mtime=0),
        "bom": "\ufeff" + json.dumps([GOOD, GOOD]),
    }[form]
    gold = read_gold([file_of(tmp_path, content)])
    assert len(gold.documents) == (1 if form == "one" else 2)
    assert [(label.start, label.stop, label.label) for label in gold.documents[-1].labels] == [
        (12, 19, "DOCTOR"),
        (23, 31, "DATE"),
    ]
    assert not gold.bad


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("hello", "neither JSON nor JSON lines"),
        ('[{"full_text": "a", "spans": []},', "is not JSON: line 1"),
        ("[]", "no records"),
        ("{not json}\n", "is not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (gzip.compress(b"[]" * 500, mtime=0)[:20], "damaged gzip"),
        ('[{"text": "a"}]', "no good record"),
    ],
)
def test_file_that_cannot_be_read_is_told(tmp_path, content, told):
    with pytest.raises(BadRequest, match=told):
        read_gold([file_of(tmp_path, content)])


def test_absent_file_is_told(tmp_path):
    with pytest.raises(BadRequest, match="cannot be read"):
        read_gold([tmp_path / "absent.json"])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (17, "not an object"),
        ({"spans": []}, "'full_text' is missing"),
        ({"full_text": "a"}, "'spans' is missing"),
        ({"full_text": "a", "spans": ["b"]}, "span 1 is not an object"),
        (one(entity_type=""), "no 'entity_type'"),
        (one(start_position="0"), "no whole number as 'start_position'"),
        (one(end_position=True), "no whole number as 'end_position'"),
        (one(end_position=99), "outside the text"),
        (one(start_position=-1), "outside the text"),
        (one(start_position=3, end_position=1), "ends where it starts or before"),
        (one(start_position=3), "ends where it starts or before"),
        (one(entity_value="Bob"), "does not stand where its 'entity_value' does"),
    ],
)
def test_bad_record_is_kept_out_and_told_by_number(tmp_path, record, reason):
    gold = read_gold([file_of(tmp_path, json.dumps([GOOD, record, GOOD]))])
    assert len(gold.documents) == 2
    assert len(gold.bad) == 1
    assert gold.bad[0].startswith("gold.json, record 2: ")
    assert reason in gold.bad[0]


def test_bad_line_is_told_by_its_line(tmp_path):
    content = f"{json.dumps(GOOD)}\n\n{{broken\n{json.dumps(GOOD)}\n"
    gold = read_gold([file_of(tmp_path, content, "gold.jsonl")])
    assert len(gold.documents) == 2
    assert gold.bad == ["gold.jsonl, record 3: it is not an object"]


def test_reason_holds_no_value_of_the_text(tmp_path):
    """A message on a bad record may end up in a log."""
    bad = one(entity_value="Marker77")
    gold = read_gold([file_of(tmp_path, json.dumps([GOOD, bad]))])
    assert "Marker77" not in gold.bad[0]
    assert "Ann" not in gold.bad[0]


def test_unknown_label_is_an_identifier_of_kind_other_and_told(tmp_path):
    gold = read_gold([file_of(tmp_path, json.dumps([one(entity_type="Blood-Bag-Id"), GOOD]))])
    assert dict(gold.unknown) == {"BLOOD-BAG-ID": 1}
    assert kind_of("Blood-Bag-Id") == OTHER


def test_positions_count_characters():
    record = {
        "full_text": "\U0001f642 Ann",
        "spans": [{"entity_type": "PERSON", "start_position": 2, "end_position": 5, "entity_value": "Ann"}],
    }
    assert document_of("x", record).labels[0].start == 2


def test_label_that_counts_utf16_is_noticed():
    record = {
        "full_text": "\U0001f642 Ann!",
        "spans": [{"entity_type": "PERSON", "start_position": 3, "end_position": 6, "entity_value": "Ann"}],
    }
    with pytest.raises(ValueError, match="positions count characters"):
        document_of("x", record)


def test_text_of_50_megabytes_is_read_and_counted(tmp_path):
    from evals.redaction.measure import tally

    words = [f"word{number}" for number in range(1000)]
    text = " ".join(random.Random(1).choices(words, k=6_500_000)) + " Eriksen"
    assert len(text) > 50_000_000
    record = {
        "full_text": text,
        "spans": [{"entity_type": "PERSON", "start_position": len(text) - 7, "end_position": len(text)}],
    }
    gold = read_gold([file_of(tmp_path, json.dumps([record]))])
    counts = tally(gold.documents, [[]])
    assert counts.total("gold") == 1
    assert counts.total("words") == 6_500_000


def test_every_kind_of_ours_has_a_group():
    assert set(KINDS) <= set(GROUP_OF)
    assert set(GROUP_OF.values()) == set(GROUPS)
    for kind in KINDS:
        assert is_known(kind)
        assert kind_of(kind) == kind


@pytest.mark.parametrize(
    ("label", "kind"),
    [("PATIENT", "NAME"), ("B-PER", "NAME"), ("MEDICALRECORD", "MRN"), ("HEALTHPLAN", "ACCOUNT"), ("street_address", "ADDRESS"), ("IBAN_CODE", "ACCOUNT"),
     ("GPE", "PLACE"), ("BIOID", "BIOMETRIC"), ("DOMAIN_NAME", "URL"), ("US_DRIVER_LICENSE", "LICENSE"), ("IDNUM", "ID"), ("date_time", "DATE")],
)  # fmt: skip
def test_labels_of_presidio_and_i2b2_have_their_kind(label, kind):
    assert kind_of(label) == kind


def test_invented_names_are_on_no_list_that_the_finder_learned():
    """Else recall on them would say that the finder knows Faker's lists by heart."""
    from evals.redaction.invented import LOCALES, invented
    from policies.redaction.names.lexicon import FAMILY, GIVEN, Lexicon
    from policies.redaction.protected import load

    lexicon, draw = Lexicon(load()), random.Random(1)
    made = {
        invented(draw, locale, which)
        for part in LOCALES.values()
        for locale in part
        for which in ("first_name", "last_name")
    }
    assert len(made) > 40
    assert [name for name in made if lexicon.flags(name) & (GIVEN | FAMILY)] == []
