"""The sample hospital: the same for the same seed, and truthful about what is planted in it."""

import json

import pyreadstat
import pytest

from data.errors import BadRequest
from data.synthetic.hospital import generate

pytestmark = pytest.mark.unit


def contents(directory):
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_same_seed_gives_same_bytes(tmp_path):
    generate(tmp_path / "a", 40, 3)
    generate(tmp_path / "b", 40, 3)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_other_seed_gives_other_persons(tmp_path):
    generate(tmp_path / "a", 20, 3)
    generate(tmp_path / "b", 20, 4)
    assert contents(tmp_path / "a")["ehr/fhir/Patient.ndjson"] != contents(tmp_path / "b")["ehr/fhir/Patient.ndjson"]


def test_first_persons_do_not_depend_on_their_number(tmp_path):
    generate(tmp_path / "a", 20, 3)
    generate(tmp_path / "b", 60, 3)
    few, many = (contents(tmp_path / name)["ehr/fhir/Patient.ndjson"] for name in "ab")
    assert many.startswith(few)


def test_counts_are_those_of_the_files(hospital, truth):
    for where, count in truth["received"].items():
        path = hospital / where
        if path.suffix == ".ndjson":
            assert len(path.read_bytes().splitlines()) == count, where


def test_trial_reads_back_as_xport(hospital, truth):
    rows, _ = pyreadstat.read_xport(str(hospital / "research/sdtm/dm.xpt"), output_format="dict")
    assert len(rows["USUBJID"]) == truth["received"]["research/sdtm/dm.xpt"]
    assert set(rows["SEX"]) <= {"F", "M"}


def test_foreign_directory_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadRequest, match="no sample hospital"):
        generate(tmp_path, 10, 1)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_rare_condition_stays_below_the_threshold(tmp_path):
    generate(tmp_path / "h", 1000, 1)
    cohorts = json.loads((tmp_path / "h" / "truth.json").read_text())["cohorts"]
    assert 1 <= cohorts["condition 62106007"] < 11
