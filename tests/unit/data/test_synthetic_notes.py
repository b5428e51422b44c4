"""Notes of the sample hospital and the key of the identifiers in them."""

import base64
import json
from collections import Counter
from itertools import pairwise

import pytest

from data.synthetic import names, relatives
from data.synthetic.notes import note, note_with_spans
from data.synthetic.population import people

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def persons():
    return [person for chunk in people(300, 1) for person in chunk]


@pytest.fixture(scope="module")
def keyed(persons):
    """(person, text, spans) of every note."""
    return [(person, *note_with_spans(person, visit)[1:]) for person in persons for visit in person.visits]


def marked(text, spans, kind, known):
    return {text[start:stop] for start, stop, what, is_known in spans if (what, is_known) == (kind, known)}


def test_spans_stand_in_order_within_the_text(keyed):
    for _, text, spans in keyed:
        assert all(0 <= start < stop <= len(text) for start, stop, *_ in spans)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        assert all(text[start:stop] == text[start:stop].strip() for start, stop, *_ in spans)


def test_what_is_known_of_a_person_stands_nowhere_unmarked(keyed):
    """Struck of its spans, no note says a name, number, phone, street, town or ZIP code of its patient or kin."""
    for person, text, spans in keyed:
        kin = relatives.relative(person)
        rest = list(text)
        for start, stop, *_ in spans:
            rest[start:stop] = "#" * (stop - start)
        left = "".join(rest).replace("Foley catheter", "").replace("Parkinson disease", "")
        told = {
            person.family,
            person.given,
            person.phone,
            person.street,
            person.city,
            person.zip,
            person.mrn("EHR"),
            person.birth.isoformat(),
        }
        told |= {kin.family, kin.given, kin.phone, kin.email} - {""} if kin else set()
        told |= {word for given, family, _ in names.CLINICIANS for word in (given, family)}
        assert not [word for word in told if word in left.replace(".", " ").split() or (" " in word and word in left)]


def test_relatives_and_staff_are_in_the_notes(keyed):
    kinds = Counter((kind, known) for _, _, spans in keyed for *_, kind, known in spans)
    assert {kind for kind, _ in kinds} == {"NAME", "DATE", "PHONE", "EMAIL", "ADDRESS", "PLACE", "ZIP", "MRN"}
    staff = {f"{given} {family}" for given, family, _ in names.CLINICIANS}
    kin = [(relatives.relative(person), marked(text, spans, "NAME", True)) for person, text, spans in keyed]
    named = [one for one, found in kin if one and any(one.given in name for name in found)]
    assert len(named) > len(keyed) / 2
    assert all(
        marked(text, spans, "NAME", True) & staff for _, text, spans in keyed if not text.startswith("DISCHARGE")
    )


def test_a_few_notes_name_whom_no_system_knows(keyed):
    strangers = [marked(text, spans, "NAME", False) for _, text, spans in keyed]
    assert 0.05 < sum(bool(one) for one in strangers) / len(strangers) < 0.15
    words = {word for one in strangers for name in one for word in name.split()}
    assert words <= {*relatives.NICKNAMES, *(word for name in relatives.NEIGHBOURS for word in name)}
    known = {*names.FAMILY, *names.GIVEN_F, *names.GIVEN_M, *(word for name in names.CLINICIANS for word in name)}
    assert not words & known


def test_the_same_note_with_and_without_its_key(persons):
    for person in persons[:50]:
        for visit in person.visits:
            assert note(person, visit) == note_with_spans(person, visit)[:2]
            assert note_with_spans(person, visit) == note_with_spans(person, visit)


def test_the_hospital_writes_these_notes(persons, hospital):
    written = set()
    for line in (hospital / "ehr/fhir/DocumentReference.ndjson").read_text().splitlines():
        written.add(base64.b64decode(json.loads(line)["content"][0]["attachment"]["data"]).decode())
    assert {note(person, visit)[1] for person in persons[:250] for visit in person.visits[::2]} == written


def test_a_third_of_patients_have_a_contact_and_a_third_a_next_of_kin_in_messages(hospital):
    patients = [json.loads(line) for line in (hospital / "ehr/fhir/Patient.ndjson").read_text().splitlines()]
    contacts = [one["contact"][0]["name"] for one in patients if "contact" in one]
    assert len(contacts) == len(patients) // 3
    assert (hospital / "ehr/adt/adt-00000.hl7").read_bytes().count(b"\rNK1|1|") > 250 // 3
    assert b"\rNK1|1|" in (hospital / "laboratory/oru-00000.hl7").read_bytes()


def test_the_vault_holds_what_the_key_says_is_known_and_nothing_else(persons, build):
    """By the words of names and by whole numbers and addresses, from all sources together."""
    held = set()
    for table in ("vault.patient_identity", "vault.related_person"):
        for (columns,) in build.execute(f"SELECT [family, given, phone, street, city, zip] FROM {table}").fetchall():
            held |= {one.lower() for one in columns if one}
    held |= {one for (one,) in build.execute("SELECT email FROM vault.related_person").fetchall()}
    held |= {
        one for (many,) in build.execute("SELECT identifiers FROM vault.patient_identity").fetchall() for one in many
    }
    for person in persons[:250]:
        for visit in person.visits:
            _, text, spans = note_with_spans(person, visit)
            for start, stop, kind, known in spans:
                said = text[start:stop].replace(",", "").lower()
                parts = said.split() if kind == "NAME" else [f"EHR|{said.upper()}" if kind == "MRN" else said]
                whole = said in held or all(part in held for part in parts)
                assert whole == known or kind == "DATE", kind
