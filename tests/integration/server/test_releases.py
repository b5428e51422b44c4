"""Releases as a steward sees them: the report, its proofs on published rows, k and l, and what a new key changes."""

import dataclasses
import json
import re
import shutil
from collections import Counter, defaultdict
from html.parser import HTMLParser

import duckdb
import pytest
from typer.testing import CliRunner

from data.snapshots import open_current, open_snapshot, verify_snapshot
from data.snapshots.keys import fingerprint, make_macros
from data.snapshots.store import read_manifest
from policies.releases import RELEASES, releases_of
from policies.releases.zip3 import RESTRICTED_ZIP3
from server import filling
from server.call import Principal, Request
from server.cli import app, show
from server.filling import publish_room
from server.house import open_house
from server.ledger import calls, entries
from server.pipeline import answer
from server.releases_page import reports
from server.replay import replay
from server.room import open_room

pytestmark = pytest.mark.integration


@pytest.fixture
def room(changeable_room):
    return changeable_room


def run(*words, room, code=0):
    show.out.width = show.err.width = 300
    result = CliRunner().invoke(app, ["releases", *map(str, words), "--room", str(room.root)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="session")
def rows(published_room):
    """Rows of a question on the Parquet files of the snapshot; `{deidentified}` and so on are its folders."""
    path = open_current(published_room.snapshots_path).path
    folders = {name: path / "releases" / name for name in RELEASES} | {
        "tables": path / "tables",
        "vault": path / "vault",
    }

    def asked(sql):
        with duckdb.connect() as con:
            return con.execute(sql.format(**folders)).fetchall()

    return asked


def test_every_release_is_reported_and_nothing_fails(published_room):
    held = open_current(published_room.snapshots_path).manifest.releases
    found = reports(published_room)
    assert [one["release"] for one in found] == list(RELEASES)
    for one in found:
        assert [letter["letter"] for letter in one["identifiers"]] == list("ABCDEFGHIJKLMNOPQR")
        shown = {(row["table"], name) for row in one["fates"] for name in row["shown"]}
        assert shown == {
            (table, name) for table, facts in held[one["release"]].tables.items() for name, _ in facts.columns
        }
        assert (one["failed"], one["measured"], one["rules"]) == (0, True, "as published")
    assert [len(one["proofs"]) > 100 for one in found] == [True, True, True, False]


def test_what_was_measured_belongs_to_the_snapshot(room):
    """It is hashed with the snapshot's files, names no value, and lies where no query worker can look."""
    snapshot = open_current(room.snapshots_path)
    path = snapshot.path / "risk" / "deidentified.json"
    text = path.read_text()
    patients = duckdb.sql(
        f"SELECT family_name, medical_record_number FROM '{snapshot.path}/vault/patient_identity.parquet'"
    ).fetchall()
    assert not [1 for patient in patients for value in patient if value and f'"{value}"' in text]
    assert not list((snapshot.path / "releases").rglob("*.json"))
    verify_snapshot(snapshot)
    path.write_text(text.replace('"broken": 0', '"broken": 1'))
    with pytest.raises(Exception, match=r"risk/deidentified\.json has been changed"):
        verify_snapshot(snapshot)


def test_k_and_l_are_what_counting_gives(published_room, rows):
    [one] = reports(published_room, name="deidentified")
    names = ", ".join(name.replace("person.", "p.").replace("location.", "l.") for name in one["quasi_identifiers"])
    people = rows(
        f"SELECT p.person_id, {names} FROM '{{deidentified}}/person.parquet' p LEFT JOIN '{{deidentified}}/location.parquet' l USING (location_id)"
    )
    diagnoses = defaultdict(set)
    for person, concept in rows(
        "SELECT person_id, condition_concept_id FROM '{deidentified}/condition_occurrence.parquet'"
    ):
        diagnoses[person].add(concept)
    classes = defaultdict(list)
    for person, *quasi in people:
        classes[tuple(quasi)].append(person)
    sizes = Counter(map(len, classes.values()))
    assert {row["size"]: row["classes"] for row in one["k"]["distribution"]} == sizes
    assert one["k"]["k"] == min(sizes)
    varied = [len(set().union(*(diagnoses[person] for person in members))) for members in classes.values()]
    assert (one["l"]["l"], one["l"]["at_most_one"]) == (min(varied), sum(one <= 1 for one in varied))


def test_intervals_stay_and_days_do_not(rows):
    """Every pair of dates of a visit, and every pair of visits of a person, is as far apart as it was; no day is the old one."""
    before, after = defaultdict(list), defaultdict(list)
    originals = "SELECT pseudonym, visit_start_date FROM '{tables}/visit_occurrence.parquet' JOIN '{vault}/person_key.parquet' USING (person_id)"
    for pseudonym, day in rows(originals):
        before[pseudonym].append(day)
    for pseudonym, day in rows("SELECT person_id, visit_start_date FROM '{deidentified}/visit_occurrence.parquet'"):
        after[pseudonym].append(day)
    assert before.keys() == after.keys()
    for person, days in before.items():
        moved = {new - old for old, new in zip(sorted(days), sorted(after[person]), strict=True)}
        assert len(moved) == 1
        assert 1 <= abs(moved.pop().days) <= 364
    spans = rows(
        "SELECT max(visit_start_date_offset) - min(visit_start_date_offset) FROM '{safe_harbor}/visit_occurrence.parquet' GROUP BY person_id"
    )
    assert Counter(one[0] for one in spans) == Counter((max(days) - min(days)).days for days in before.values())


def test_ages_and_zip_codes_are_coarse(rows, published_room):
    year = int(open_current(published_room.snapshots_path).manifest.as_of[:4])
    for release in ("deidentified", "safe_harbor"):
        assert rows(f"SELECT min(year_of_birth) >= {year - 90} FROM '{{{release}}}/person.parquet'") == [(True,)]
        zips = {
            one[0] for one in rows(f"SELECT DISTINCT zip FROM '{{{release}}}/location.parquet' WHERE zip IS NOT NULL")
        }
        assert all(re.fullmatch(r"\d{3}", one) for one in zips)
        assert not zips & set(RESTRICTED_ZIP3)


def test_year_and_day_count_do_not_tell_the_day(rows):
    """Whoever takes the years for what the rule says of them learns of a person's first record its year and nothing more."""
    found = rows(
        "SELECT person_id, measurement_date_year, measurement_date_offset FROM '{safe_harbor}/measurement.parquet' "
        "WHERE measurement_date_year IS NOT NULL"
    )
    first = defaultdict(set)
    for person, year, days in found:
        first[person].add(year - days // 365)
    assert found
    assert {len(years) for years in first.values()} == {1}


# --- how it is shown --------------------------------------------------------------------------------------------------


def test_the_table_of_releases(published_room):
    shown = run(room=published_room)
    assert all(name in shown for name in RELEASES)
    assert "HIPAA Safe Harbor, 45 CFR 164.514(b)(2)" in shown
    lines = json.loads(run("--json", room=published_room))
    assert [one["release"] for one in lines] == list(RELEASES)
    assert {one["failed"] for one in lines} == {0}


def test_one_release_is_told_in_full(published_room):
    shown = run("deidentified", room=published_room)
    for words in (
        "social security numbers",
        "no column can hold it",
        "shifted",
        "no value is a key of the source",
        "k = 1",
        "l = 0",
        "Quasi-identifiers",
    ):
        assert words in shown
    told = json.loads(run("identified", "--json", room=published_room))
    assert told["proofs"] == []
    assert len(told["identifiers"]) == 18


class _Balanced(HTMLParser):
    """Every element that opens closes, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], Counter()

    def handle_starttag(self, tag, attrs):
        self.seen[tag] += 1
        if tag == "svg":
            assert dict(attrs)["role"] == "img"
            assert dict(attrs)["aria-label"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(published_room, tmp_path):
    run("--html", tmp_path / "r.html", room=published_room)
    page = (tmp_path / "r.html").read_text()
    parser = _Balanced()
    parser.feed(page)
    assert parser.open == []
    assert (parser.seen["svg"], parser.seen["script"], parser.seen["section"]) == (4, 0, 4)
    assert not re.search(r"(src|href)=.?http|url\(", page)
    assert "prefers-color-scheme: dark" in page
    assert "(R)" in page


@pytest.mark.parametrize("words", [["nothing"], ["--snapshot", "0123456789abcdef"]])
def test_what_does_not_exist_is_said(published_room, words):
    result = CliRunner().invoke(app, ["releases", *words, "--room", str(published_room.root)])
    assert result.exit_code == 1
    assert result.exception.advice


# --- releases that are wrong, old, or of the policy's own -----------------------------------------------------------------


def test_a_wrong_release_ends_with_one(room, monkeypatch):
    """A release that shows the record number and the true day of visits is published, and the report says so."""

    def wrong(customs, held):
        right = releases_of(customs, held)[0]
        columns, visits = right.tables["visit_occurrence"]
        names, people = right.tables["person"]
        tables = {
            **right.tables,
            "visit_occurrence": (
                columns,
                visits.replace("src.visit_start_date + pk.shift_days", "src.visit_start_date"),
            ),
            "person": (
                ("person_source_value", *names),
                people.replace("SELECT ", "SELECT src.person_source_value, ", 1),
            ),
        }
        return [dataclasses.replace(right, tables=tables)]

    monkeypatch.setattr(filling, "releases_of", wrong)
    publish_room(room)
    shown = run("deidentified", room=room, code=1)
    assert "person.person_source_value is kept" in shown
    assert "an identifier must be left out" in shown
    assert re.search(r"visit_occurrence\.visit_start_date.* break: no person has all days unchanged", shown)
    [line] = json.loads(run("--json", room=room, code=1))
    assert line["failed"] >= 4


def test_a_release_of_the_policys_own_is_measured_too(room):
    text = room.policy_path.read_text()
    own = """
releases:
  teaching:
    base: deidentified
    ground: expert determination of 3 May 2026, for teaching in the medical school
    drop: [note, "operations.*", care_site.care_site_name]
    generalise: {person.year_of_birth: decade, visit_occurrence.visit_start_date: month}
"""
    room.policy_path.write_text(text.replace("\ngrants:", f"{own}\ngrants:", 1))
    publish_room(room)
    [one] = reports(room, name="teaching")
    [whole] = reports(room, name="deidentified")
    assert (one["failed"], one["base"]) == (0, "deidentified")
    assert one["k"]["classes"] < whole["k"]["classes"]
    assert {proof["claim"] for proof in one["proofs"]} >= {"coarse", "shifted", "absent"}


def test_an_unmeasured_snapshot_says_so_and_is_measured_at_the_next_publish(room):
    snapshot = open_current(room.snapshots_path)
    shutil.rmtree(snapshot.path / "risk")
    manifest = json.loads((snapshot.path / "manifest.json").read_text())
    manifest["files"] = {name: told for name, told in manifest["files"].items() if not name.startswith("risk/")}
    (snapshot.path / "manifest.json").write_text(json.dumps(manifest))
    verify_snapshot(open_snapshot(room.snapshots_path, snapshot.id))
    assert "not measured" in run(room=room)
    assert "not measured" in run("limited", room=room)
    run("--html", room.root / "r.html", room=room)
    assert {one["failed"] for one in reports(room)} == {0}
    again = publish_room(room, anew=True)
    assert (again.id, again.changed) == (snapshot.id, False)
    verify_snapshot(open_current(room.snapshots_path))
    assert read_manifest(snapshot.path).files.keys() >= {"risk/limited.json"}
    assert all(one["measured"] for one in reports(room))


# --- the key ----------------------------------------------------------------------------------------------------------


COUNT = "SELECT gender_concept_id, count(DISTINCT person_id) AS persons FROM person GROUP BY 1 ORDER BY 1"


def ask(room):
    house = open_house(room)
    try:
        return answer(
            house, Request("query", {"sql": COUNT}, Principal("rotation", "researcher", "HRESCH", "rotation"))
        )
    finally:
        house.close()


def people(room, snapshot):
    """Pseudonym and shift of each person, by the key of the source."""
    path = open_snapshot(room.snapshots_path, snapshot).path
    return {
        row[0]: row[1:]
        for row in duckdb.sql(
            f"SELECT person_id, pseudonym, shift_days FROM '{path}/vault/person_key.parquet'"
        ).fetchall()
    }


def test_a_new_key_changes_every_pseudonym_and_old_answers_replay(room):
    before = open_current(room.snapshots_path)
    assert not ask(room).is_error
    said = run("rotate-key", room=room)
    assert "do not link" in said
    after = publish_room(room)
    assert after.id != before.id
    assert after.key_fingerprint in said
    old, new = people(room, before.id), people(room, after.id)
    assert old.keys() == new.keys()
    assert not {one[0] for one in old.values()} & {one[0] for one in new.values()}
    same = sum(old[person][1] == new[person][1] for person in old)
    assert same <= 8  # of some 250 persons one in 728 gets the same shift by chance
    keys = [duckdb.sql(f"SELECT visit_occurrence_id FROM '{one}/releases/deidentified/visit_occurrence.parquet'").fetchall()
            for one in (before.path, open_current(room.snapshots_path).path)]  # fmt: skip
    assert not set(keys[0]) & set(keys[1])
    house = open_house(room)
    try:
        assert [one.verdict for one in replay(house, list(calls(room.ledger_url)))] == ["identical"]
    finally:
        house.close()
    notes = [entry.body for entry in entries(room.ledger_url) if entry.kind == "note"]
    assert {"pseudonym_key_rotated": {"from": before.manifest.key_fingerprint, "to": after.key_fingerprint}} in notes
    assert json.loads(run("--snapshot", before.id, "--json", room=room))[0]["measured"]


def test_the_old_key_still_explains_an_old_snapshot(room):
    before = open_current(room.snapshots_path)
    run("rotate-key", room=room)
    key = room.pseudonym_key.of(before.manifest.key_fingerprint)
    with duckdb.connect() as con:
        make_macros(con, key)
        files = (
            f"'{before.path}/tables/visit_occurrence.parquet'",
            f"'{before.path}/releases/deidentified/visit_occurrence.parquet'",
        )
        found = con.execute(
            f"SELECT count(*) FROM {files[0]} a JOIN {files[1]} b ON b.visit_occurrence_id = rr_pseudonym(a.visit_occurrence_id)"
        )
        assert found.fetchall()[0][0] == before.manifest.tables["visit_occurrence"].rows


def test_the_same_key_from_the_environment_gives_the_same_snapshot(room, monkeypatch):
    before = open_current(room.snapshots_path)
    monkeypatch.setenv("READINGROOM_PSEUDONYM_KEY", (room.keys_path / "pseudonym.key").read_bytes().hex())
    settings = room.root / "readingroom.yaml"
    settings.write_text(f"{settings.read_text()}\npseudonym_key: {{env: READINGROOM_PSEUDONYM_KEY}}\n")
    opened = open_room(room.root)
    assert publish_room(opened, anew=True).id == before.id
    monkeypatch.setenv("READINGROOM_PSEUDONYM_KEY", bytes(32).hex())
    assert publish_room(opened).key_fingerprint == fingerprint(bytes(32))
    result = CliRunner().invoke(app, ["releases", "rotate-key", "--room", str(room.root)])
    assert "rotated where that is set" in str(result.exception)
    monkeypatch.delenv("READINGROOM_PSEUDONYM_KEY")
    with pytest.raises(Exception, match="READINGROOM_PSEUDONYM_KEY holds no pseudonym key"):
        publish_room(opened)
