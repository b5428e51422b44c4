"""What became of each column is read from the compiled SQL, and what is not known to be a change counts as kept."""

import dataclasses
import re
from pathlib import Path

import pytest
import sqlglot

from data.catalogue.model import catalogue
from policies.model import parse_policy
from policies.releases import RELEASES, CustomRelease, about, compile_release, releases_of, report
from policies.releases.compile import withheld_sql
from policies.releases.fates import fates
from policies.releases.identifiers import IDENTIFIERS, letters_of
from server.templates import POLICY

pytestmark = pytest.mark.unit
GROUND = "a ground of at least twenty letters"


def told(release):
    return {(one["table"], one["column"]): one for one in about(release, catalogue())["columns"]}


def own(base, **more):
    custom = CustomRelease.model_validate({"base": base, "ground": GROUND, **more})
    return compile_release("own", catalogue(), custom)


@pytest.mark.parametrize("name", RELEASES)
def test_every_column_has_a_fate_that_is_allowed(name):
    release = compile_release(name, catalogue())
    columns = told(release)
    assert set(columns) == {(table.name, column.name) for table in catalogue().values() for column in table.columns}
    shown = {(one["table"], name) for one in columns.values() for name in one["shown"]}
    assert shown == {(table, column) for table in release.tables for column in release.columns(table)}
    assert [one for one in columns.values() if not one["allowed"] or not one["why"]] == []
    assert not any("not known" in one["how"] for one in columns.values())


@pytest.mark.parametrize("name", RELEASES)
def test_the_report_has_all_eighteen(name):
    release = compile_release(name, catalogue())
    made = report(name, release.ground, about(release, catalogue()), None)
    assert [one["letter"] for one in made["identifiers"]] == list("ABCDEFGHIJKLMNOPQR")
    assert all(one["columns"] or one["says"].startswith("no column can hold it") for one in made["identifiers"])
    assert {one["letter"] for one in made["identifiers"] if not one["columns"]} == set("EFGILOP")
    assert made["failed"] == 0
    assert not made["measured"]


def test_no_identifier_column_is_forgotten():
    forgotten = [
        f"{table.name}.{column.name}"
        for table in catalogue().values()
        for column in table.columns
        if "identifier" in column.tags and not letters_of(table, column)
    ]
    assert forgotten == []
    assert len({one.citation for one in IDENTIFIERS}) == 18


def test_fates_are_those_the_release_promises():
    columns = told(compile_release("deidentified", catalogue()))
    assert columns["person", "person_id"]["fate"] == "pseudonym"
    assert columns["person", "person_source_value"]["fate"] == "left out"
    assert columns["visit_occurrence", "visit_start_datetime"]["fate"] == "shifted"
    assert columns["note", "note_text"]["fate"] == "redacted text"
    assert columns["location", "zip"]["how"].startswith("first three digits; 000")
    assert columns["person", "gender_source_value"]["fate"] == "generalised"
    assert columns["condition_occurrence", "condition_source_value"]["fate"] == "kept"
    strict = told(compile_release("safe_harbor", catalogue()))
    assert strict["visit_occurrence", "visit_start_date"]["shown"] == [
        "visit_start_date_year",
        "visit_start_date_offset",
    ]
    assert strict["visit_occurrence", "visit_start_date"]["fate"] == "year and offset"
    limited = told(compile_release("limited", catalogue()))
    assert limited["visit_occurrence", "visit_start_date"]["fate"] == "kept"
    assert limited["person", "race_concept_id"]["fate"] == "kept"
    assert "164.514(e)(2)" in limited["visit_occurrence", "visit_start_date"]["why"]
    assert limited["note", "note_text"]["fate"] == "redacted text"
    assert limited["note", "note_text"]["how"].endswith("dates kept")


@pytest.mark.parametrize("base", RELEASES[:3])
def test_all_texts_kept_as_sent_are_looked_through(base, wrong):
    """Of a base's own and of a policy's own release; shown as it came, each would not be allowed."""
    for release in (compile_release(base, catalogue()), own(base, generalise={"care_site.care_site_name": "first3"})):
        columns = told(release)
        kept = [one for one in columns.values() if one["fate"] == "kept" and type_of(one) == "VARCHAR"]
        assert len(kept) > 30
        assert all("these are withheld" in one["how"] for one in kept)
        assert "these are withheld" in columns["care_site", "care_site_name"]["how"]
        for one in kept:
            table = catalogue()[one["table"]]
            looked = withheld_sql(table, table.column(one["column"]))
            shown = wrong(release, table.name, looked, f"src.{one['column']}")
            assert not told(shown)[table.name, one["column"]]["allowed"]


def type_of(told):
    return catalogue()[told["table"]].column(told["column"]).type


def test_moved_dates_do_not_stand_beside_real_ones(wrong):
    """Who sees both knows by how many days those of the person were moved."""
    dated = TEXT.replace("own_note_text.text", "own_note_text.dated_text")
    release = wrong(compile_release("limited", catalogue()), "note", dated, TEXT)
    assert not told(release)["note", "note_text"]["allowed"]


VALUE = (
    "CASE WHEN src.visit_source_value IN (SELECT w.value FROM vault.withheld_value AS w "
    "WHERE w.source = 'visit_occurrence.visit_source_value') THEN '[withheld]' ELSE src.visit_source_value END"
)
TEXT = "coalesce(own_note_text.text, text_note_text.text)"
# Each of these looks like a change and is none, or is another than the release promises.
TRICKS = [
    ("visit_occurrence", "src.visit_start_date + pk.shift_days", "src.visit_start_date", "visit_start_date"),
    ("visit_occurrence", "src.visit_start_date + pk.shift_days", "src.visit_start_date + 3", "visit_start_date"),
    ("visit_occurrence", "src.visit_start_date + pk.shift_days", "src.visit_start_date + pk.shift_days - pk.shift_days", "visit_start_date"),
    ("visit_occurrence", "src.visit_start_date + pk.shift_days", "date_trunc('month', src.visit_start_date)", "visit_start_date"),
    ("visit_occurrence", "rr_pseudonym(src.provider_id)", "src.provider_id", "provider_id"),
    ("visit_occurrence", "rr_pseudonym(src.provider_id)", "rr_pseudonym(1) + src.provider_id", "provider_id"),
    ("visit_occurrence", "rr_pseudonym(src.provider_id)", "hash(src.provider_id)", "provider_id"),
    ("visit_occurrence", VALUE, "src.visit_source_value", "visit_source_value"),
    ("visit_occurrence", VALUE, "src.provider_id", "visit_source_value"),
    ("visit_occurrence", VALUE, VALUE.replace("ELSE src.visit_source_value", "ELSE src.provider_id"), "visit_source_value"),
    ("visit_occurrence", VALUE, VALUE.replace("visit_occurrence.visit", "visit_occurrence.admit"), "visit_source_value"),
    ("visit_occurrence", VALUE, VALUE.replace("'[withheld]'", "src.visit_source_value"), "visit_source_value"),
    ("visit_occurrence", VALUE, VALUE.replace("IN (", "NOT IN ("), "visit_source_value"),
    ("note", TEXT, "src.note_text", "note_text"),
    ("note", TEXT, "coalesce(own_note_text.text, text_note_text.text, src.note_text)", "note_text"),
    ("note", TEXT, "coalesce(own_note_text.text, src.note_text)", "note_text"),
    ("note", TEXT, "coalesce(own_note_text.key, text_note_text.text)", "note_text"),
    ("note", TEXT, "coalesce(own_note_text.dated_text, text_note_text.text)", "note_text"),
    ("note", TEXT, "(SELECT any_value(family_name) FROM cdm.patient_identity)", "note_text"),
    ("note", "own_note_text.person_id IS NOT DISTINCT FROM src.person_id", "TRUE", "note_text"),
    ("note", "own_note_text.key = rr_text_key(src.note_text)", "TRUE", "note_text"),
    ("note", "own_note_text.source = 'note.note_text'", "own_note_text.source = 'note.note_title'", "note_text"),
    ("note", "JOIN vault.redacted_text AS text_note_text", "JOIN (SELECT 'note.note_text' AS source, note_text AS key, note_text AS text FROM cdm.note) AS text_note_text",
     "note_text"),
    ("location", "HAVING count(DISTINCT p.person_id) >= 5) THEN src.state", "HAVING count(DISTINCT p.person_id) >= 1) THEN src.state", "state"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "old", "new", "column"), TRICKS)
def test_what_is_no_known_change_counts_as_kept(wrong, table, old, new, column):
    release = wrong(compile_release("deidentified", catalogue()), table, old, new)
    sqlglot.parse_one(release.select(table), dialect="duckdb")
    assert not told(release)[table, column]["allowed"]


def test_a_column_nobody_knows_is_not_allowed():
    release = compile_release("deidentified", catalogue())
    columns, sql = release.tables["death"]
    more = ((*columns, "nickname"), sql.replace(" FROM ", ", 'x' AS nickname FROM ", 1))
    assert not told(dataclasses.replace(release, tables={**release.tables, "death": more}))["death", "nickname"][
        "allowed"
    ]


@pytest.mark.parametrize("base", RELEASES)
def test_own_releases_only_take_away(base):
    ways = {
        "visit_occurrence.visit_start_date": "month",
        "person.year_of_birth": "decade",
        "location.zip": "first3",
        "person.race_concept_id": "remove",
    }
    release = own(base, drop=["note", "death.*"], generalise=ways)
    columns = told(release)
    assert [one for one in columns.values() if not one["allowed"]] == []
    assert columns["note", "note_text"]["fate"] == columns["person", "race_concept_id"]["fate"] == "left out"
    assert columns["person", "year_of_birth"]["how"].startswith("its decade")
    assert release.base == base


def test_a_date_dropped_from_safe_harbor_takes_year_and_days_with_it():
    release = own(
        "safe_harbor",
        drop=["visit_occurrence.visit_end_date"],
        generalise={"visit_occurrence.visit_start_date": "year", "visit_occurrence.visit_start_datetime": "remove"},
    )
    columns = told(release)
    assert columns["visit_occurrence", "visit_end_date"]["shown"] == []
    assert columns["visit_occurrence", "visit_start_datetime"]["fate"] == "left out"
    found = {
        column.name: parts
        for table, column, _, parts in fates(release, catalogue())
        if table.name == "visit_occurrence"
    }
    assert [part.fate.kind for part in found["visit_start_date"]] == ["year and offset", "left out"]


def test_release_names_stay_unique():
    assert [one.name for one in releases_of({}, catalogue())] == list(RELEASES)


def test_the_release_of_the_how_to_compiles():
    page = (Path(__file__).parents[4] / "docs/how-to/releases.md").read_text()
    example = next(one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if one.startswith("releases:"))
    head = POLICY.partition("\ngrants:")
    policy = parse_policy(f"{head[0]}\n{example}{head[1]}{head[2]}")
    columns = told(releases_of(policy.releases, catalogue())[-1])
    assert columns["person", "year_of_birth"]["how"].startswith("its decade")
    assert columns["visit_occurrence", "provider_id"]["fate"] == "left out"
    assert [one for one in columns.values() if not one["allowed"]] == []
