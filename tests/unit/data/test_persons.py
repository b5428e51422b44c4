"""The patient index: each rule, its confidence, what stays a doubt, and decisions that hold and can be taken back."""

import json
from collections import defaultdict

import pytest

from data.errors import Damaged
from data.normalise import Decision, read_decisions
from data.normalise.persons.decisions import add_decision
from data.normalise.persons.groups import Groups
from data.synthetic.population import people

pytestmark = pytest.mark.unit


def patient(id_, family, given, birth="1980-01-01", sex="female", **more):
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": family, "given": [given]}],
        "birthDate": birth,
        "gender": sex,
        **more,
    }


def arrivals(**sources):
    return [
        (name, "fhir+ndjson", b"".join(json.dumps(one).encode() + b"\n" for one in patients), name)
        for name, patients in sources.items()
    ]


def index(con):
    rows = con.execute(
        "SELECT source, mrn, person_id, rule, confidence::DOUBLE FROM vault.patient_index ORDER BY 1, 2"
    ).fetchall()
    return {(source, mrn): (person, rule, sure) for source, mrn, person, rule, sure in rows}


def same(con, one, other):
    found = index(con)
    return found[one][0] == found[other][0]


def review(con):
    return [row[0] for row in con.execute("SELECT rule FROM vault.review ORDER BY rule").fetchall()]


A, B = ("a", "1"), ("b", "2")


def test_a_shared_number_links(staged):
    number = {"identifier": [{"system": "urn:x", "value": "77"}]}
    con = staged(*arrivals(a=[patient("1", "Doe", "Jane", **number)], b=[patient("2", "Roe", "Jane", **number)]))
    assert same(con, A, B)
    assert index(con)[A][1:] == ("identifier", 1.0)


def test_a_shared_number_that_contradicts_is_a_doubt(staged):
    number = {"identifier": [{"system": "urn:x", "value": "77"}]}
    con = staged(
        *arrivals(
            a=[patient("1", "Doe", "Jane", **number)], b=[patient("2", "Roe", "John", "1950-02-02", "male", **number)]
        )
    )
    assert not same(con, A, B)
    assert "identifier-contradicted" in review(con)


@pytest.mark.parametrize(("family", "given"), [("DOE", "jane"), ("Dóe", "Jane"), ("D'oe", "Ja-ne")])
def test_names_are_compared_as_letters(staged, family, given):
    con = staged(*arrivals(a=[patient("1", "Doe", "Jane")], b=[patient("2", family, given)]))
    assert same(con, A, B)
    assert index(con)[B][1] == "demographics"


def test_two_alike_in_one_source_are_never_guessed(staged):
    con = staged(
        *arrivals(a=[patient("1", "Doe", "Jane"), patient("3", "Doe", "Jane")], b=[patient("2", "Doe", "Jane")])
    )
    assert len({person for person, *_ in index(con).values()}) == 3
    assert "several-alike" in review(con)


def test_a_slip_in_a_name_links_by_probability(staged):
    con = staged(*arrivals(a=[patient("1", "Murphy", "Jane")], b=[patient("2", "Mruphy", "Jane")]))
    assert same(con, A, B)
    rule, sure = index(con)[A][1:]
    assert rule == "probable"
    assert 0.99 <= sure <= 1


def test_twins_are_two_persons(staged):
    home = {"address": [{"postalCode": "02139"}], "telecom": [{"value": "555-0101234"}]}
    con = staged(*arrivals(a=[patient("1", "Doe", "Jane", **home)], b=[patient("2", "Doe", "Rosa", **home)]))
    assert not same(con, A, B)
    assert review(con) == ["perhaps-same"]


def test_strangers_are_not_even_a_doubt(staged):
    con = staged(*arrivals(a=[patient("1", "Doe", "Jane")], b=[patient("2", "Weber", "Rosa")]))
    assert not same(con, A, B)
    assert review(con) == []


def test_a_steward_links_and_takes_it_back(staged):
    people = arrivals(a=[patient("1", "Doe", "Jane")], b=[patient("2", "Weber", "Rosa", "1981-02-03")])
    apart, together = staged(*people), staged(*people, decisions=[Decision(*A, *B, "same")])
    assert not same(apart, A, B)
    assert same(together, A, B)
    assert index(together)[A][1] == "steward"
    assert index(staged(*people)) == index(apart)


def test_a_stewards_no_is_stronger_than_every_rule(staged):
    number = {"identifier": [{"system": "urn:x", "value": "77"}]}
    people = arrivals(
        a=[patient("1", "Doe", "Jane", **number)],
        b=[patient("2", "Doe", "Jane", **number)],
        c=[patient("3", "Doe", "Jane")],
    )
    con = staged(*people, decisions=[Decision(*A, *B, "apart")])
    assert not same(con, A, B)
    assert "kept-apart" in review(con)


def test_events_follow_a_link_and_its_undoing(staged):
    weight = {
        "resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/2"}, "effectiveDateTime": "2024-05-05",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "valueQuantity": {"value": 70},
    }  # fmt: skip
    people = arrivals(a=[patient("1", "Doe", "Jane")], b=[patient("2", "Weber", "Rosa", "1981-02-03"), weight])
    owner = "SELECT person_id FROM cdm.measurement"
    linked = staged(*people, decisions=[Decision(*A, *B, "same")])
    assert linked.execute(owner).fetchall() == [(index(linked)[A][0],)]
    alone = staged(*people)
    assert alone.execute(owner).fetchall() == [(index(alone)[B][0],)]
    assert index(alone)[A][0] != index(alone)[B][0]


def test_the_last_word_on_a_pair_holds(tmp_path):
    path = tmp_path / "links.jsonl"
    assert read_decisions(path) == []
    for verdict in ("same", "apart"):
        add_decision(path, Decision(*B, *A, verdict))
    assert [one.verdict for one in read_decisions(path)] == ["apart"]
    add_decision(path, Decision(*A, *B, "undecided"))
    assert read_decisions(path) == []
    with path.open("a") as file:
        file.write('{"source": "a"}\n')
    with pytest.raises(Damaged, match=":4 "):
        read_decisions(path)


def test_groups_keep_pairs_apart_through_others():
    groups = Groups([(A, B)])
    middle = ("c", "3")
    assert groups.join(A, middle)
    assert not groups.join(middle, B)
    assert groups.root(B) == B


def test_the_order_of_arrival_changes_nothing(staged):
    people = arrivals(
        a=[patient("1", "Murphy", "Jane")], b=[patient("2", "Mruphy", "Jane")], c=[patient("3", "Murphy", "Jane")]
    )
    assert index(staged(*people)) == index(staged(*reversed(people)))


def test_the_sample_hospitals_persons_are_told_apart(build, truth):
    """Every link held against the population the systems were written from: nobody is merged with another, hardly anybody split."""
    who = {}
    for chunk in people(truth["persons"], truth["seed"]):
        for person in chunk:
            who |= {person.uuid: person.number} | {
                person.mrn(system): person.number for system in ("EHR", "LAB", "RAD", "OPS")
            }
    numbers, persons = defaultdict(set), defaultdict(set)
    for (_, mrn), (person, *_) in index(build).items():
        if mrn in who:
            numbers[person].add(who[mrn])
            persons[who[mrn]].add(person)
    assert [person for person, found in numbers.items() if len(found) > 1] == []
    split = [number for number, found in persons.items() if len(found) > 1]
    assert len(split) <= 3
    assert len(persons) == truth["persons"]
