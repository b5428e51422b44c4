"""Proofs look at rows, so a release that does not do what its name promises fails them, whatever its SQL says of itself."""

import dataclasses

import pytest

from data.catalogue.model import catalogue
from data.errors import ReadingRoomError
from data.snapshots import Measures, measured
from policies.releases import RELEASES, CustomRelease, compile_release
from policies.releases.claims import CLAIMS
from policies.releases.compile import withheld_sql
from policies.releases.proofs import unproved

pytestmark = pytest.mark.unit


def built_in(name):
    return compile_release(name, catalogue())


@pytest.mark.parametrize("name", RELEASES)
def test_the_built_in_releases_break_nothing(broken, name):
    assert broken(built_in(name)) == {}


def test_every_claim_is_made_somewhere(publish_as):
    ways = {
        "visit_occurrence.visit_start_date": "month",
        "person.race_concept_id": "remove",
        "person.year_of_birth": "decade",
    }
    coarse = CustomRelease(base="deidentified", ground="coarser than its base, for teaching", generalise=ways)
    releases = [*map(built_in, RELEASES), compile_release("own", catalogue(), coarse)]
    proofs = [one for release in releases for one in publish_as(release)["proofs"]]
    assert {one["claim"] for one in proofs} == set(CLAIMS)
    assert {one["claim"] for one in proofs if one["checked"]} >= set(CLAIMS) - {"empty"}
    assert [one for one in proofs if one["broken"]] == []


VISIT, START, CONDITION = "visit_occurrence", "visit_start_date", "condition_occurrence"
VALUE = withheld_sql(catalogue()[CONDITION], catalogue()[CONDITION].column("condition_source_value"))
TEXT = "coalesce(own_note_text.text, text_note_text.text)"
DATED = "coalesce(own_note_text.dated_text, text_note_text.text)"
WRONG = [
    ("deidentified", VISIT, "src.visit_start_date + pk.shift_days", "src.visit_start_date", {("shifted", VISIT, START), ("intervals", VISIT, START)}),
    ("deidentified", VISIT, "src.visit_start_date + pk.shift_days", "src.visit_start_date + 30", {("intervals", VISIT, START)}),
    ("deidentified", VISIT, "src.visit_start_date + pk.shift_days", "src.visit_start_date + pk.shift_days + (src.visit_occurrence_id % 2)::INT",
     {("intervals", VISIT, START)}),
    ("deidentified", VISIT, "src.visit_start_datetime + to_days(pk.shift_days)", "src.visit_start_datetime + to_days(pk.shift_days) + INTERVAL 1 HOUR",
     {("intervals", VISIT, "visit_start_datetime")}),
    ("deidentified", VISIT, "rr_pseudonym(src.visit_occurrence_id)", "src.visit_occurrence_id", {("pseudonym", VISIT, "visit_occurrence_id")}),
    ("limited", "person", "rr_pseudonym(src.location_id)", "src.location_id", {("pseudonym", "person", "location_id")}),
    ("deidentified", "note", TEXT, "src.note_text", {("redacted", "note", "note_text"), ("own number", "note", "note_text")}),
    ("deidentified", "note", TEXT, DATED, {("redacted", "note", "note_text")}),
    ("limited", "note", DATED, "src.note_text", {("redacted", "note", "note_text"), ("own number", "note", "note_text")}),
    ("limited", "note", DATED, "'see 555-0134-0134'", {("own number", "note", "note_text")}),
    ("deidentified", CONDITION, VALUE, "src.condition_source_value", {("withheld", CONDITION, "condition_source_value")}),
    ("limited", CONDITION, VALUE, VALUE.replace("condition_occurrence.", "person."), {("withheld", CONDITION, "condition_source_value")}),
    ("safe_harbor", "person", "greatest(src.year_of_birth, (SELECT year(day) - 90 FROM vault.snapshot_day))", "src.year_of_birth",
     {("oldest", "person", "year_of_birth")}),
    ("safe_harbor", VISIT, "date_diff('day', pf.first_day, src.visit_start_date::DATE) AS BIGINT) AS visit_start_date_offset",
     "date_diff('day', DATE '2020-01-01', src.visit_start_date) AS BIGINT) AS visit_start_date_offset",
     {("intervals", VISIT, "visit_start_date_offset"), ("year", VISIT, "visit_start_date_year")}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "table", "old", "new", "breaks"), WRONG)
def test_a_wrong_release_fails_its_proofs(broken, wrong, name, table, old, new, breaks):
    found = broken(built_in(name), wrong(built_in(name), table, old, new))
    assert set(found) == breaks


@pytest.mark.parametrize(
    ("name", "table", "column", "claim", "shown"),
    [
        ("deidentified", "location", "zip", "zip3", "src.zip"),
        ("deidentified", "location", "zip", "zip3", "left(src.zip, 3)"),
        ("limited", "location", "zip", "zip5", "src.zip"),
        ("deidentified", "location", "state", "rare", "src.state"),
        ("safe_harbor", "person", "race_concept_id", "rare", "src.race_concept_id"),
        ("deidentified", "person", "race_source_value", "rare", "src.race_source_value"),
        ("deidentified", "person", "year_of_birth", "oldest", "src.year_of_birth"),
        # The true year beside the days since the first record: what Safe Harbor must not tell.
        ("safe_harbor", VISIT, "visit_start_date_year", "year", "year(src.visit_start_date)"),
        ("safe_harbor", VISIT, "visit_start_date_year", "age", "2199"),
    ],
)
def test_a_value_shown_too_finely_is_counted(broken, name, table, column, claim, shown):
    right = built_in(name)
    items = [f"{'z.' + one if one != column else f'({shown})'} AS {one}" for one in right.columns(table)]
    joined = f"SELECT {', '.join(items)} FROM ({right.select(table)}) AS z POSITIONAL JOIN cdm.{table} AS src"
    written = dataclasses.replace(right, tables={**right.tables, table: (right.columns(table), joined)})
    assert (claim, table, column) in broken(right, written)


def test_a_column_that_should_be_left_out_is_found(broken):
    right = built_in("deidentified")
    columns, sql = right.tables["person"]
    more = sql.replace("SELECT ", "SELECT src.person_source_value, ", 1)
    written = dataclasses.replace(right, tables={**right.tables, "person": (("person_source_value", *columns), more)})
    assert broken(right, written) == {("absent", "person", "person_source_value"): 1}


def test_without_a_person_key_what_needs_one_is_named_as_unproved(publish_as):
    custom = CustomRelease(
        base="deidentified", ground="rows that belong to nobody at all", drop=("*.person_id", "death")
    )
    release = compile_release("own", catalogue(), custom)
    claims = {one["claim"] for one in publish_as(release)["proofs"]}
    assert not claims & {"shifted", "intervals", "own number"}
    assert "pseudonym" in claims
    assert {"visit_occurrence.visit_start_date", "note.note_text"} <= set(unproved(release, catalogue()))
    assert [unproved(built_in(name), catalogue()) for name in RELEASES] == [[], [], [], []]


@pytest.mark.parametrize(
    ("name", "claim", "column"), [("safe_harbor", "year", "note_date_year"), ("limited", "own number", "note_text")]
)
def test_a_row_of_nobody_proves_nothing(broken, wrong, name, claim, column):
    old = (
        "rr_hmac('safe_harbor:person:' || src.person_id)"
        if name == "safe_harbor"
        else "pk.pseudonym AS BIGINT) AS person_id"
    )
    new = old.replace("safe_harbor:person:", "other:").replace("pk.pseudonym AS", "pk.pseudonym + 1 AS")
    assert (claim, "note", column) in broken(built_in(name), wrong(built_in(name), "note", old, new))


def test_a_figure_that_is_no_number_is_never_kept(hand_made):
    with pytest.raises(ReadingRoomError, match="no number"):
        measured(hand_made, Measures({}, (), (), {"leak": "SELECT family_name FROM cdm.patient_identity LIMIT 1"}))


def notes(con, release):
    """(person, text as it came, text as the release shows it) of every note; keys are not part of it."""
    shown = (
        built_in(release)
        .select("note")
        .replace(" FROM cdm.note AS src", ", src.person_id AS p, src.note_text AS t FROM cdm.note AS src")
    )
    return con.sql(f"SELECT DISTINCT p, t, note_text FROM ({shown})").fetchall()


@pytest.mark.parametrize("release", ["deidentified", "limited"])
def test_each_row_has_the_text_of_its_person(hand_made, release):
    """Moved dates where dates are moved, real ones where they are real; what nothing was found in is as it came."""
    found = notes(hand_made, release)
    assert len(found) == 14 * 4
    for person, came, shown in found:
        struck = came.replace("555-0134-0134", "[PHONE]").replace("E01061146", f"[MRN-{person}]")
        assert shown == (struck if release == "limited" else struck.replace("2026-03-", "2026-07-"))


@pytest.mark.parametrize("release", RELEASES)
def test_a_value_with_an_identifier_is_withheld_and_others_stay(hand_made, release):
    sql = f"SELECT condition_source_value, count(*) FROM ({built_in(release).select(CONDITION)}) GROUP BY 1"
    held = "call 555-0134-0134" if release == "identified" else "[withheld]"
    assert dict(hand_made.sql(sql).fetchall()) == {"one": 1, held: 13, "c": 14 * 6 - 14}


@pytest.mark.parametrize("release", ["deidentified", "limited"])
@pytest.mark.parametrize("table", ["redacted_text", "person_text"])
def test_a_text_in_neither_table_comes_out_empty(hand_made, release, table):
    hand_made.execute("BEGIN")
    try:
        hand_made.execute(f"DELETE FROM vault.{table}")
        found = notes(hand_made, release)
    finally:
        hand_made.execute("ROLLBACK")
    assert {shown is None for _, _, shown in found} == {True, False}
    assert all(
        (shown is None) == ((came == "Seen in clinic, well.") == (table == "redacted_text")) for _, came, shown in found
    )
