"""Profiles and drift: what changed is said, what did not is not; no value of a person stands in a profile."""

import copy
import json

import pytest

from data.validate import Gates, compare, validate
from data.validate.profile import profile

pytestmark = pytest.mark.unit


@pytest.fixture
def before(build):
    return profile(build)


def kinds(before, now):
    return {(one.kind, one.table, one.what) for one in compare(before, now)}


def test_the_same_build_has_not_drifted(build, before):
    assert compare(before, profile(build)) == []


def change(before, path, value):
    now = copy.deepcopy(before)
    place = now
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return now


def test_each_kind_of_drift_is_said(before):
    rows = before["tables"]["measurement"]["rows"]
    assert ("volume", "measurement", "rows") in kinds(
        before, change(before, ["tables", "measurement", "rows"], rows * 2)
    )
    assert kinds(before, change(before, ["tables", "measurement", "rows"], round(rows * 1.1))) == set()
    nulls = before["tables"]["measurement"]["nulls"]["unit_concept_id"]
    assert ("nulls", "measurement", "unit_concept_id") in kinds(
        before, change(before, ["tables", "measurement", "nulls", "unit_concept_id"], nulls + 0.2)
    )
    codes = before["codes"]["measurement"]["by_code"]
    code = min(codes)
    assert ("vanished-code", "measurement", code) in kinds(
        before,
        change(
            before, ["codes", "measurement", "by_code"], {key: count for key, count in codes.items() if key != code}
        ),
    )
    assert ("new-code", "measurement", "99999-9") in kinds(
        before, change(before, ["codes", "measurement", "by_code"], {**codes, "99999-9": 50})
    )
    assert ("code-mix", "measurement", "population stability index") in kinds(
        before, change(before, ["codes", "measurement", "by_code"], {**codes, code: codes[code] * 50})
    )
    records = before["codes"]["measurement"]["records"]
    assert ("unmapped", "measurement", "share of records") in kinds(
        before, change(before, ["codes", "measurement", "unmapped"], records // 2)
    )
    what = min(before["numbers"])
    moved = [point * 3 + 100 for point in before["numbers"][what]["quantiles"]]
    assert ("numbers", "measurement", f"median of {what}") in kinds(
        before, change(before, ["numbers", what, "quantiles"], moved)
    )


def test_a_profile_holds_no_value_of_a_person(build, before):
    text = json.dumps(before)
    for family, number in build.execute(
        "SELECT family_name, medical_record_number FROM cdm.patient_identity LIMIT 200"
    ).fetchall():
        assert number not in text
        assert family is None or f'"{family}"' not in text
    assert all(count >= 20 for table in before["codes"].values() for count in table["by_code"].values())


def test_what_few_persons_have_is_not_told(build):
    """A code may be words that somebody typed about one patient, however many records of that patient bear it."""
    build.execute("BEGIN")
    try:
        build.execute(
            "INSERT INTO cdm.measurement BY NAME SELECT -i AS measurement_id, person_id, 'MARKER' AS measurement_source_value, "
            "i AS value_as_number FROM (SELECT person_id FROM cdm.person ORDER BY 1 LIMIT 10), range(1, 31) t(i)"
        )
        assert "MARKER" not in json.dumps(profile(build))
        build.execute(
            "INSERT INTO cdm.measurement BY NAME SELECT -999 AS measurement_id, person_id, 'MARKER' AS measurement_source_value, "
            "1 AS value_as_number FROM (SELECT person_id FROM cdm.person ORDER BY 1 LIMIT 1 OFFSET 10)"
        )
        told = profile(build)
    finally:
        build.execute("ROLLBACK")
    assert told["codes"]["measurement"]["by_code"]["MARKER"] == 301
    assert told["numbers"]["MARKER -"]["records"] == 301


def test_a_threshold_of_a_steward_judges_in_place_of_the_dashboards(build):
    lenient = next(
        one for one in validate(build).dashboard if one.status == "passed" and one.violated and one.check.field
    )
    check = lenient.check
    exact = f"{check.table}.{check.field}.{check.name}"

    def status(thresholds):
        return next(
            one.status
            for one in validate(build, Gates(thresholds=thresholds)).dashboard
            if one.check.order == check.order
        )

    assert status({check.name: 0}) == "failed"
    assert status({check.name: 0, exact: 100}) == "passed"
