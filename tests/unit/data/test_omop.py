"""A clinical research database in the OMOP CDM: all tables, both versions, CSV and Parquet, and a vocabulary given or brought along."""

import io
import zipfile

import duckdb
import pytest

from data import normalise
from data.errors import BadRequest
from data.normalise.vocabulary import open_vocabulary

pytestmark = pytest.mark.unit
PERSON = b"person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,race_concept_id,person_source_value\n1,8507,1980,5,,8527,a\n2,8532,1990,,,0,b\n"
VISIT = (
    b"visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_end_date\n7,1,9201,2020-01-01,2020-01-05\n"
)


def test_a_birth_is_kept_as_far_as_it_is_known(staged):
    con = staged(("PERSON.csv", "omop+csv", PERSON))
    rows = con.execute(
        "SELECT gender_concept_id, year_of_birth, month_of_birth, day_of_birth, birth_datetime FROM cdm.person ORDER BY year_of_birth"
    )
    assert rows.fetchall() == [(8507, 1980, 5, None, None), (8532, 1990, None, None, None)]


def test_every_table_finds_its_way(staged):
    def table(name, text):
        return (name, "omop+csv", text)

    con = staged(
        table("person.csv", PERSON),
        table("visit_occurrence.csv", VISIT),
        table("condition_occurrence.csv", b"condition_occurrence_id,person_id,condition_concept_id,condition_start_date,visit_occurrence_id\n1,1,201826,2020-01-02,7\n"),
        table("drug_exposure.csv", b"drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_end_date,quantity,days_supply,sig\n1,1,19080128,2020-01-02,2020-02-01,30,30,once a day\n"),
        table("procedure_occurrence.csv", b"procedure_occurrence_id,person_id,procedure_concept_id,procedure_date\n1,1,4163872,2020-01-02\n"),
        table("measurement.csv", b"measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id,operator_concept_id\n1,1,3004501,2020-01-02,95.5,8840,4171756\n"),
        table("observation.csv", b"observation_id,person_id,observation_concept_id,observation_date,value_as_string\n1,1,40766239,2020-01-02,three\n"),
        table("death.csv", b"person_id,death_date\n1,2021-03-04\n"),
        table("note.csv", b"note_id,person_id,note_date,note_text,note_title\n1,1,2020-01-03,a text,a title\n"),
        table("cost.csv", b"cost_id\n1\n"),
    )  # fmt: skip
    names = (
        "person visit_occurrence condition_occurrence drug_exposure procedure_occurrence measurement observation death note "
        "condition_era drug_era observation_period"
    )
    counts = {name: con.execute(f"SELECT count(*) FROM cdm.{name}").fetchall()[0][0] for name in names.split()}
    assert counts == {**dict.fromkeys(counts, 1), "person": 2}
    measured = con.execute(
        "SELECT value_as_number::VARCHAR, unit_concept_id, operator_concept_id, measurement_concept_id FROM cdm.measurement"
    )
    assert measured.fetchall() == [("95.500000", 8840, 4171756, 3004501)]
    drug = con.execute("SELECT quantity::DOUBLE, days_supply, sig, refills FROM cdm.drug_exposure")
    assert drug.fetchall() == [(30.0, 30, "once a day", None)]
    assert con.execute("SELECT visit_occurrence_id IS NOT NULL FROM cdm.condition_occurrence").fetchall() == [(True,)]
    assert con.execute("SELECT what FROM staging.not_understood").fetchall() == [("table cost",)]


def test_parquet_is_read_like_csv(staged, tmp_path):
    path = tmp_path / "person.parquet"
    duckdb.sql(
        "SELECT 1 AS person_id, 8507 AS gender_concept_id, 1980 AS year_of_birth, 5 AS month_of_birth, 6 AS day_of_birth"
    ).write_parquet(str(path))
    con = staged(("person.parquet", "omop+parquet", path.read_bytes()))
    assert con.execute("SELECT birth_datetime::DATE::VARCHAR FROM cdm.person").fetchall() == [("1980-05-06",)]


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\xfe", b"PAR1", b"person_id\n", b'person_id,x\n"1', b"a,b\n1,2,3,4\n"]
)
@pytest.mark.parametrize("media", ["omop+csv", "omop+parquet", "table+csv", "table+parquet"])
def test_odd_files_end_in_the_books(staged, content, media):
    con = staged(("person.csv", media, content))
    assert all(book.holds for book in normalise.balance(con))


def eras(con):
    return con.execute(
        "SELECT condition_era_start_date::VARCHAR, condition_era_end_date::VARCHAR, condition_occurrence_count FROM cdm.condition_era ORDER BY 1"
    ).fetchall()


def test_eras_join_what_is_thirty_days_apart(staged):
    days = ["2020-01-01", "2020-01-31", "2020-03-02", "2020-06-01"]
    rows = "".join(f"{n},1,201826,{day}\n" for n, day in enumerate(days)) + "9,1,0,2020-01-01\n"
    con = staged(("person.csv", "omop+csv", PERSON), ("condition_occurrence.csv", "omop+csv",
                 b"condition_occurrence_id,person_id,condition_concept_id,condition_start_date\n" + rows.encode()))  # fmt: skip
    assert eras(con) == [
        ("2020-01-01", "2020-01-31", 2),
        ("2020-03-02", "2020-03-02", 1),
        ("2020-06-01", "2020-06-01", 1),
    ]


CONCEPTS = """concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code
1\tDiabetes in ICD\tCondition\tICD10CM\tx\t\tE11
2\tDiabetes\tCondition\tSNOMED\tx\tS\t44054006
3\tHistory of diabetes\tObservation\tSNOMED\tx\tS\t1
4\tSmoking status\tObservation\tSNOMED\tx\tS\t365981007
5\tDisorder\tCondition\tSNOMED\tx\tS\t64572001
6\tOld code\tCondition\tICD10CM\tx\t\tE99
"""


@pytest.fixture
def athena(tmp_path):
    folder = tmp_path / "athena"
    folder.mkdir()
    (folder / "CONCEPT.csv").write_text(CONCEPTS)
    (folder / "CONCEPT_RELATIONSHIP.csv").write_text(
        "concept_id_1\tconcept_id_2\trelationship_id\tinvalid_reason\n1\t2\tMaps to\t\n1\t3\tMaps to\t\n6\t2\tMaps to\tD\n"
    )
    (folder / "CONCEPT_ANCESTOR.csv").write_text(
        "ancestor_concept_id\tdescendant_concept_id\tmin_levels_of_separation\tmax_levels_of_separation\n5\t2\t1\t1\n2\t2\t0\t0\n5\t99\t1\t1\n"
    )
    (folder / "VOCABULARY.csv").write_text("vocabulary_id\tvocabulary_version\nNone\tv5.0 31-AUG-26\n")
    return folder


def condition(system, code, id_):
    return (
        f'{{"resourceType":"Condition","id":"{id_}","subject":{{"reference":"Patient/p1"}},"onsetDateTime":"2024-01-01",'
        f'"code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}}}\n'
    )


ICD, SNOMED = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"


def test_codes_map_through_a_vocabulary(staged, athena):
    lines = (
        '{"resourceType":"Patient","id":"p1","birthDate":"1980-01-01"}\n'
        + condition(ICD, "E11", "a")
        + condition(SNOMED, "365981007", "b")
    )
    con = staged(
        ("1", "fhir+ndjson", (lines + condition(ICD, "E99", "c") + condition(ICD, "Z00", "d")).encode()),
        given=open_vocabulary(athena),
    )
    found = con.execute(
        "SELECT condition_source_value, condition_concept_id, condition_source_concept_id FROM cdm.condition_occurrence ORDER BY ALL"
    ).fetchall()
    assert found == [("E11", 2, 1), ("E99", 0, 6), ("Z00", 0, None)]
    routed = con.execute(
        "SELECT observation_source_value, observation_concept_id FROM cdm.observation ORDER BY ALL"
    ).fetchall()
    assert routed == [("365981007", 4), ("E11", 3)]
    assert con.execute("FROM cdm.concept_ancestor SELECT ancestor_concept_id, descendant_concept_id").fetchall() == [
        (2, 2),
        (5, 2),
    ]
    assert con.execute("SELECT count(*) FROM cdm.concept WHERE concept_id BETWEEN 1 AND 6").fetchall() == [(6,)]


def test_a_vocabulary_says_its_version(athena):
    assert open_vocabulary(athena).version.startswith("v5.0 31-AUG-26 ")
    (athena / "CONCEPT_RELATIONSHIP.csv").unlink()
    with pytest.raises(BadRequest, match=r"CONCEPT_RELATIONSHIP\.csv"):
        open_vocabulary(athena)
    with pytest.raises(BadRequest):
        open_vocabulary(athena / "nowhere")


@pytest.fixture(scope="session")
def synthea27(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("omop")
    with zipfile.ZipFile(io.BytesIO((shared / "omop/synthea27nj/Synthea27Nj_5.4.zip").read_bytes())) as archive:
        for member in archive.namelist():
            if member.endswith(".csv") and "/" not in member:
                archive.extract(member, folder)
    return folder


@pytest.mark.shared
def test_a_real_cdm_comes_through_whole(staged, synthea27):
    files = [(path.name, "omop+csv", path.read_bytes()) for path in sorted(synthea27.glob("*.csv"))]
    con = staged(*files, given=open_vocabulary(synthea27))
    for table in (
        "person",
        "visit_occurrence",
        "condition_occurrence",
        "drug_exposure",
        "procedure_occurrence",
        "measurement",
        "death",
    ):
        path = next(one for one in synthea27.glob("*.csv") if one.stem.lower() == table)
        sent = duckdb.sql(f"SELECT count(*) FROM read_csv('{path}', all_varchar = true)").fetchall()[0][0]
        held = con.execute(f"SELECT count(*) FROM cdm.{table}").fetchall()[0][0]
        lost = con.execute(
            "SELECT count(*) FROM quarantine.record WHERE record_id LIKE ?", [f"{table.split('_')[0]}:%"]
        ).fetchall()[0][0]
        assert held + lost >= sent > 0, table
