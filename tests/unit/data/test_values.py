"""Values of columns of codes are looked at once, and withheld from all releases without identities where they hold one."""

import json
from datetime import date

import duckdb
import pytest
from pydicom.dataset import Dataset

from data.catalogue.model import catalogue, recorded
from data.errors import ReadingRoomError
from data.snapshots import BuildFacts, publish, values
from data.snapshots.keys import make_macros, make_person_first, make_person_key
from data.snapshots.store import open_current
from data.snapshots.tables import source_name
from data.snapshots.text import redact_texts
from data.snapshots.values import WITHHELD, looked_through, withhold_values
from data.types import no_progress
from policies.releases import RELEASES, compile_release
from policies.releases.ways import RARE
from tests.unit.data.texts import KEY, Capitals, hospital

pytestmark = pytest.mark.unit
CODES = "condition_occurrence.condition_source_value"


class Noting(Capitals):
    """Notes what it was asked."""

    def __init__(self, doubtful=()):
        super().__init__(doubtful=doubtful)
        self.asked = []

    def withholds(self, values):
        self.asked.append(values)
        return super().withholds(values)


@pytest.fixture
def looked(tmp_path):
    """`looked(sql, doubtful=...)`: how many values are withheld by source, the connection, the batches that were asked."""
    cons = []

    def done(sql="", doubtful=(), redactor=None):
        con = duckdb.connect()
        cons.append(con)
        hospital(con, [])
        con.execute(sql)
        make_macros(con, KEY)
        make_person_key(con)
        make_person_first(con, catalogue())
        con.execute("CREATE TABLE vault.snapshot_day AS SELECT DATE '2025-01-01' AS day")
        redact_texts(con, catalogue(), Capitals(), tmp_path, no_progress)
        redactor = redactor or Noting(doubtful)
        return withhold_values(con, catalogue(), redactor, no_progress), con, redactor.asked

    yield done
    for con in cons:
        con.close()


def conditions(*rows):
    """INSERT of conditions: (person, code)."""
    told = ", ".join(f"({place}, {person}, '{code}')" for place, (person, code) in enumerate(rows))
    return f"INSERT INTO cdm.condition_occurrence (condition_occurrence_id, person_id, condition_source_value) VALUES {told};"


def shown(con, release, table="condition_occurrence", column="condition_source_value"):
    rows = con.sql(f"SELECT {column} FROM ({compile_release(release, catalogue()).select(table)})").fetchall()
    return sorted((row[0] for row in rows), key=str)


def test_a_value_with_an_identifier_is_withheld_from_all_but_the_identified(looked):
    counts, con, _ = looked(conditions((1, "a@b.org"), (2, "a@b.org"), (1, "E11")))
    assert counts == {CODES: 1}
    assert con.sql("FROM vault.withheld_value").fetchall() == [(CODES, "a@b.org")]
    for release in RELEASES:
        held = "a@b.org" if release == "identified" else WITHHELD
        assert shown(con, release) == sorted([held, held, "E11"])


def test_nothing_to_withhold_leaves_every_value_and_every_null(looked):
    counts, con, _ = looked(conditions((1, "E11")) + "INSERT INTO cdm.condition_occurrence (person_id) VALUES (2)")
    assert counts == {}
    assert [shown(con, release) for release in RELEASES] == [["E11", None]] * 4


def test_a_value_is_withheld_where_it_stands_and_asked_about_once(looked):
    """Two columns that hold it, and a third that holds another."""
    sql = conditions((1, "a@b.org")) + "INSERT INTO operations.staffing (ward, role) VALUES ('a@b.org', 'nurse')"
    counts, con, asked = looked(sql)
    assert counts == {CODES: 1, "operations.staffing.ward": 1}
    assert asked == [["a@b.org", "nurse"]]
    assert shown(con, "safe_harbor", "operations.staffing", "ward") == [WITHHELD]
    assert shown(con, "safe_harbor", "operations.staffing", "role") == ["nurse"]


def test_what_many_share_is_nobodys(looked):
    few = [(person, "KRAUSE") for person in range(1, values.COMMON)] * 2
    many = [(person, "Madison") for person in range(1, values.COMMON + 1)]
    counts, con, _ = looked(conditions(*few, *many), {"KRAUSE", "Madison"})
    assert counts == {CODES: 1}
    assert set(shown(con, "deidentified")) == {WITHHELD, "Madison"}
    assert values.COMMON == RARE


def test_a_doubtful_value_of_a_table_of_no_person_is_left(looked):
    sql = "INSERT INTO cdm.care_site (care_site_name) VALUES ('Madison'), ('a@b.org')"
    counts, con, _ = looked(sql, {"Madison"})
    assert counts == {"care_site.care_site_name": 1}
    assert shown(con, "limited", "care_site", "care_site_name") == ["Madison", WITHHELD]


@pytest.mark.parametrize("value", ["12345", "1.5-2", "%", "", "10:30", "09:00:59"])
def test_values_of_few_signs_are_not_asked_about(looked, value):
    assert looked(conditions((1, value)))[2] == []


@pytest.mark.parametrize("value", ["123456", "1-2-3-4-5-6", "x", "é", "99:99:99", "١٢٣٤٥٦"])
def test_other_values_are(looked, value):
    assert looked(conditions((1, value)))[2] == [[value]]


def test_codes_of_the_vocabulary_are_never_withheld(looked):
    sql = (
        "INSERT INTO cdm.concept (concept_id, concept_code) VALUES (1, '617-555-1000'), (2, 'a@b.org'), (3, 'two words'), "
        "(2000000001, 'E01061146'), (0, 'none'), (4, NULL);"
    )
    _, _, asked = looked(sql + conditions((1, "617-555-1000"), (1, "own")))
    assert asked == [["E01061146", "a@b.org", "none", "own", "two words"]]


def test_many_and_large_values_come_in_batches(looked, monkeypatch):
    monkeypatch.setattr(values, "TEXTS", 4)
    monkeypatch.setattr(values, "BYTES", 100)
    codes = [f"c{number}" for number in range(10)] + ["d" * 150, "e" * 90, "f"]
    _, _, asked = looked(conditions(*((1, code) for code in codes)))
    assert [value for batch in asked for value in batch] == sorted(codes)
    assert max(map(len, asked)) <= 4
    assert all(sum(map(len, batch[:-1])) < 100 for batch in asked)
    assert len(asked) > 3


@pytest.mark.parametrize("told", [[], ["no", "no"], ["perhaps"]])
def test_an_answer_that_is_none_ends_the_publish(looked, told):
    class Vague(Noting):
        def withholds(self, values):
            return told

    with pytest.raises(ReadingRoomError, match="of each value"):
        looked(conditions((1, "x")), redactor=Vague())


def test_which_columns_are_looked_through():
    """All that some release without identities shows and that are texts but neither redacted, nor generalised, nor left out."""
    looked_at = {
        f"{table.name}.{one.name}" for table in catalogue().values() for one in table.columns if looked_through(one)
    }
    assert {
        CODES,
        "concept.concept_name",
        "operations.bed_stay.ward",
        "person.race_source_value",
        "location.city",
    } <= looked_at
    assert not looked_at & {
        "note.note_text",
        "person.person_source_value",
        "person.gender_concept_id",
        "visit_occurrence.visit_start_date",
    }
    for name in RELEASES[:3]:
        release = compile_release(name, catalogue())
        for table in filter(lambda one: not one.made_of, catalogue().values()):
            for column in table.columns:
                if (
                    column.name in release.columns(table.name)
                    and column.type == "VARCHAR"
                    and "free_text" not in column.tags
                ):
                    assert f"{table.name}.{column.name}" in looked_at


def test_a_publish_counts_what_it_withholds(tmp_path):
    """In the quality report, by column; the table of values itself is not kept."""

    def build(con):
        hospital(con, [(1, "well")])
        con.execute(conditions((1, "a@b.org"), (2, "b@b.org"), (3, "E11")))
        return BuildFacts("test", {}, date(2025, 1, 1))

    releases = [compile_release(name, catalogue()) for name in RELEASES]
    manifest = publish(tmp_path, build, releases, lambda _con, _key: Capitals(), KEY, {})
    folder = tmp_path / "snapshots" / manifest.id
    assert json.loads((folder / "quality.json").read_text())["redaction"]["withheld_values"] == {CODES: 2}
    assert "withheld_value" not in manifest.vault
    assert b"a@b.org" not in (folder / "releases/deidentified/serving.duckdb").read_bytes()
    with duckdb.connect(str(folder / "releases/deidentified/serving.duckdb"), read_only=True) as con:
        told = con.sql(
            "SELECT condition_source_value, count(*) FROM condition_occurrence GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert told == [("E11", 1), (WITHHELD, 2)]


# --- what comes of sources --------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_the_sample_hospital_loses_no_code(published_room, build):
    """Neither counted nor shown: each release has the very values of the build in every column that is looked through."""
    folder = open_current(published_room.snapshots_path).path
    assert json.loads((folder / "quality.json").read_text())["redaction"]["withheld_values"] == {}
    compared = 0
    for name in RELEASES[:3]:
        release = compile_release(name, catalogue())
        with duckdb.connect(str(folder / "releases" / name / "serving.duckdb"), read_only=True) as con:
            for table in recorded().values():
                for one in table.columns:
                    if f"THEN '{WITHHELD}' ELSE src.{one.name} END" in release.tables.get(table.name, ((), ""))[1]:
                        counts = f"SELECT {one.name}, count(*) FROM {{}} GROUP BY 1 ORDER BY 1"
                        shown, came = (
                            con.sql(counts.format(table.name)),
                            build.sql(counts.format(source_name(table.name))),
                        )
                        assert shown.fetchall() == came.fetchall(), f"{name}: {table.name}.{one.name}"
                        compared += 1
    assert compared > 120


@pytest.mark.parametrize(("said", "kept"), [("YES", "YES"), ("no", "NO"), ("", None), ("Jane Doe", None)])
def test_a_picture_shows_text_or_not_or_nobody_said(staged, said, kept):
    dataset = Dataset()
    tags = {
        "PatientID": "R1",
        "PatientName": "Doe^Jane",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.4",
        "SOPInstanceUID": "1.2.5",
    }
    for tag, value in {**tags, "StudyDate": "20240301", "Modality": "CT", "BurnedInAnnotation": said}.items():
        setattr(dataset, tag, value)
    con = staged(("a.json", "dicom+json", json.dumps([dataset.to_json_dict()]).encode()), normalised=False)
    assert con.sql("SELECT burned_in FROM staging.image").fetchall() == [(kept,)]
