"""Who saw whom: by the lists sealed with record-level answers, and by executing again what keeps none."""

import json

import duckdb
import pytest

from data.errors import BadRequest, Damaged
from server.disclosures import Deriver, find_person, sights
from server.house import open_house
from server.ledger import Reader, calls, load_or_create_keys

pytestmark = pytest.mark.integration


@pytest.fixture
def somebody(room):
    """(key in the source, pseudonym, record number) of a person with a condition, from the vault."""
    (snapshot,) = (room.root / "snapshots").iterdir()
    return duckdb.sql(
        f"SELECT i.person_id, k.pseudonym, i.medical_record_number FROM '{snapshot}/vault/patient_identity.parquet' i "
        f"JOIN '{snapshot}/vault/person_key.parquet' k USING (person_id) "
        f"JOIN '{snapshot}/tables/condition_occurrence.parquet' c USING (person_id) ORDER BY 1 LIMIT 1"
    ).fetchall()[0]


def test_lists_are_found_by_any_name_of_the_person(asked, run, somebody):
    key, pseudonym, mrn = somebody
    seen = asked(
        f"SELECT person_id, family_name FROM patient_identity WHERE person_id = {key}", role="clinician", subject="eve"
    )
    asked(f"SELECT person_id, family_name FROM patient_identity WHERE person_id <> {key} LIMIT 5", role="clinician")
    asked(f"SELECT person_id, ward FROM operations.bed_stay WHERE person_id = {pseudonym}", role="analyst")
    for named in ((str(pseudonym),), (str(key),), ("--mrn", mrn)):
        told = json.loads(run("audit", "who-saw", *named, "--json").stdout)
        assert [one["call"] for one in told["record"]][:1] == [seen.call]
        assert all(one["status"] == "answered" for one in told["record"])
        assert told["aggregates"] is None
    result = run("audit", "who-saw", "--mrn", mrn)
    assert result.exit_code == 0
    assert "record-level answers showed person" in result.stdout
    assert "eve" in result.stdout
    assert mrn not in result.stdout + result.stderr


def test_a_pseudonym_of_another_release_is_the_same_person(room, asked, somebody):
    """An answer from `limited` carries the pseudonym; asked for by the record number it is found."""
    key, pseudonym, mrn = somebody
    house = open_house(room)
    person = find_person(room, mrn=mrn)
    house.close()
    assert {key, pseudonym} < person.keys
    assert len(person.keys) == 3  # and the one of safe_harbor
    assert person.shown == pseudonym


def test_aggregates_and_answers_without_a_list_are_derived(room, asked, run, somebody):
    key, pseudonym, _ = somebody
    condition = "SELECT condition_source_value, count(DISTINCT person_id) AS n FROM condition_occurrence GROUP BY 1"
    counted = asked(condition, subject="a")
    nobody = asked("SELECT count(*) AS n FROM concept", subject="b")
    other = asked(
        "SELECT avg(value_as_number) AS a FROM measurement WHERE person_id IN (SELECT person_id FROM person WHERE year_of_birth < 1900)",
        subject="c",
    )
    named = asked(
        f"SELECT family_name, birth_date FROM patient_identity WHERE person_id = {key}", role="clinician", subject="d"
    )
    elsewhere = asked(
        f"SELECT family_name FROM patient_identity WHERE person_id <> {key} ORDER BY 1 LIMIT 3", role="clinician"
    )
    refused = asked("SELECT family_name FROM patient_identity", subject="a")
    assert [one.is_error for one in (counted, nobody, other, named, elsewhere, refused)] == [False] * 5 + [True]
    told = json.loads(run("audit", "who-saw", str(pseudonym), "--aggregates", "--json").stdout)
    assert [one["call"] for one in told["aggregates"]] == [counted.call]
    assert told["aggregates"][0]["cells"] >= 1
    assert [one["call"] for one in told["record_derived"]] == [named.call]
    assert (told["record"], told["not_told"], told["stopped"]) == ([], [], False)
    assert json.loads(run("audit", "who-saw", str(pseudonym), "--aggregates", "--most", "1", "--json").stdout)[
        "stopped"
    ]
    shown = run("audit", "who-saw", str(pseudonym), "--aggregates").stdout
    assert "1 aggregates count the person" in shown


def test_derivation_agrees_with_the_data(room, asked, somebody):
    """Each person's share in a question is the same whether derived or looked up in the release."""
    sql = "SELECT gender_concept_id, count(DISTINCT person_id) AS n FROM person WHERE year_of_birth >= 1980 GROUP BY 1"
    asked(sql)
    (snapshot,) = (room.root / "snapshots").iterdir()
    born = duckdb.sql(
        f"SELECT person_id, year_of_birth FROM '{snapshot}/releases/deidentified/person.parquet' USING SAMPLE 12 ROWS"
    ).fetchall()
    house = open_house(room)
    try:
        (recorded,) = calls(room.ledger_url)
        for pseudonym, year in born:
            one = Deriver(house, find_person(room, pseudonym)).derived(recorded)
            assert (one.found, one.cells) == (("aggregate", 1) if year >= 1980 else ("no", 0))
    finally:
        house.close()


def test_calls_that_cannot_be_executed_are_named(room, asked, run, somebody):
    asked("SELECT count(*) AS n FROM person")
    (kept,) = room.policies_path.glob("*.yaml")
    room.policy_path.write_text(room.policy_path.read_text().replace("hide_below: 20", "hide_below: 21"))
    kept.unlink()
    result = run("audit", "who-saw", str(somebody[1]), "--aggregates")
    assert result.exit_code == 0
    assert "cannot be told: The policy" in result.stderr


def test_without_the_sealing_key_it_says_so(room, asked, run, somebody):
    asked(f"SELECT person_id FROM patient_identity WHERE person_id = {somebody[0]}", role="clinician", subject="eve")
    kept = (room.keys_path / "sealing.key").read_bytes()
    (room.keys_path / "sealing.key").unlink()
    result = run("audit", "who-saw", str(somebody[1]))
    assert isinstance(result.exception, BadRequest)
    assert "sealing key" in str(result.exception)
    assert not (room.keys_path / "sealing.key").exists()
    told = json.loads(run("audit", "what-did", "eve", "--json").stdout)
    assert (told["persons"], told["statuses"]) == (None, {"answered": 1})
    (room.keys_path / "sealing.key").write_bytes(kept[::-1])
    (room.keys_path / "sealing.key").chmod(0o600)
    assert isinstance(run("audit", "who-saw", str(somebody[1])).exception, Damaged)


@pytest.mark.parametrize("words", [(), ("--mrn", "no such number"), ("12345",), ("1", "--mrn", "x")])
def test_who_cannot_be_found_is_said_without_the_number(run, asked, words):
    asked("SELECT 1 AS one")
    result = run("audit", "who-saw", *words)
    assert isinstance(result.exception, BadRequest)
    assert "no such number" not in str(result.exception)


def test_time_bounds_the_lists(room, asked, somebody):
    from datetime import UTC, datetime, timedelta

    asked(f"SELECT person_id FROM patient_identity WHERE person_id = {somebody[0]}", role="clinician")
    keys, person, now = load_or_create_keys(room.keys_path), find_person(room, somebody[1]), datetime.now(UTC)
    with Reader(room.ledger_url) as reader:
        hour = timedelta(hours=1)
        assert len(list(sights(reader, keys, person, now - hour, now + hour))) == 1
        assert list(sights(reader, keys, person, now + hour)) == []
        assert list(sights(reader, keys, person, None, now - hour)) == []


def test_what_a_subject_did_is_summed(asked, run, somebody):
    asked("SELECT person_id, family_name FROM patient_identity LIMIT 5", role="clinician", subject="eve")
    asked("SELECT person_id, family_name FROM patient_identity LIMIT 7", role="clinician", subject="eve")
    asked("SELECT family_name FROM patient_identity LIMIT 2", role="clinician", subject="eve")
    asked("SELECT family_name FROM patient_identity", subject="eve")
    asked("SELECT count(*) AS n FROM person", subject="adam")
    told = json.loads(run("audit", "what-did", "eve", "--json").stdout)
    assert told["statuses"] == {"answered": 3, "refused": 1}
    assert told["rules"] == {"table-not-in-release": 1}
    assert (told["rows"], told["persons"], told["unlisted"]) == (14, 7, 1)
    shown = run("audit", "what-did", "eve", "--limit", "2").stdout
    assert "2 earlier calls are not listed" in shown
    assert "Different persons shown: 7 by the lists kept, and 1 record-level answers that keep no list." in shown
    assert told["seen_most"] is None
    most = json.loads(run("audit", "what-did", "eve", "--persons", "--json").stdout)["seen_most"]
    assert [count for _, count in most] == [2] * 5 + [1] * 2
    assert f"person {most[0][0]} in 2 answers" in run("audit", "what-did", "eve", "--persons").stdout
    assert isinstance(run("audit", "what-did", "nobody").exception, BadRequest)
