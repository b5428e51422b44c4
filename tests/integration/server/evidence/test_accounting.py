"""Accounting of disclosures: what 45 CFR 164.528 asks for is listed, what it leaves out is counted, and both files read back."""

import csv
import io
from datetime import UTC, datetime

import duckdb
import pytest

from data.errors import BadRequest
from server.call import Principal, Request
from server.disclosures.accounting import _inert, since_default
from server.house import open_house
from server.pipeline import answer

pytestmark = pytest.mark.integration
GRANT = """
  - role: registry
    purpose: PUBHLTH
    release: identified
    mode: record
    tables: ["*"]
    tags: [person_key, record_key, identifier, quasi_identifier, date, clinical]
"""


@pytest.fixture
def person(room):
    """(key, pseudonym) of a person; the room may also be asked for public health, and was asked in all ways there are."""
    room.policy_path.write_text(
        room.policy_path.read_text().replace("\n# The policy's own test", GRANT + "\n# The policy's own test")
    )
    (snapshot,) = (room.root / "snapshots").iterdir()
    key, pseudonym = duckdb.sql(
        f"SELECT person_id, pseudonym FROM '{snapshot}/vault/person_key.parquet' ORDER BY 1 LIMIT 1"
    ).fetchall()[0]
    house = open_house(room)
    for role, purpose, subject, sql in (
        (
            "registry",
            "PUBHLTH",
            "=registry",
            f"SELECT person_id, birth_date FROM patient_identity WHERE person_id = {key}",
        ),
        ("registry", "PUBHLTH", "<b>", f"SELECT birth_date FROM patient_identity WHERE person_id = {key}"),
        ("registry", "PUBHLTH", "other", f"SELECT person_id FROM patient_identity WHERE person_id <> {key}"),
        ("clinician", "TREAT", "eve", f"SELECT person_id, family_name FROM patient_identity WHERE person_id = {key}"),
        ("analyst", "HOPERAT", "ana", f"SELECT person_id, ward FROM operations.bed_stay WHERE person_id = {pseudonym}"),
        ("analyst", "HOPERAT", "ana", f"SELECT person_id FROM operations.appointment WHERE person_id = {pseudonym}"),
        ("researcher", "HRESCH", "res", "SELECT count(*) AS n FROM person"),
    ):
        reply = answer(house, Request("query", {"sql": sql}, Principal(subject, role, purpose, "s")))
        assert not reply.is_error, reply.text
    house.close()
    return key, pseudonym


def test_the_rule_decides_what_is_listed(run, person, tmp_path):
    page, table = tmp_path / "a.html", tmp_path / "a.csv"
    result = run("audit", "accounting", str(person[1]), "--html", str(page), "--csv", str(table))
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["recipient"] for row in rows] == ["'=registry (registry)", "<b> (registry)"]
    assert {row["accountable"] for row in rows} == {"yes"}
    assert rows[0]["disclosed"].startswith("1 rows of patient identity, about 1 persons; release identified")
    assert rows[0]["purpose"] == "public health (PUBHLTH)"
    assert "2 disclosures listed." in result.stdout
    assert "1 treatment" in result.stdout
    text = page.read_text()
    assert "<b> (registry)" not in text
    assert "&lt;b&gt; (registry)" in text
    assert "45 CFR 164.528" in text
    assert "eve" not in text


def test_all_lists_with_the_reason(run, person, tmp_path):
    table = tmp_path / "a.csv"
    run("audit", "accounting", str(person[1]), "--csv", str(table), "--all")
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    reasons = [row["accountable"] for row in rows]
    assert reasons[:3] == ["yes", "yes", "no: treatment"]
    assert set(reasons[3:]) <= {"no: limited data set"}
    assert "res (researcher)" not in {row["recipient"] for row in rows}


def test_six_years_is_the_time(run, person, tmp_path):
    assert since_default(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2018, 2, 28, tzinfo=UTC)
    table = tmp_path / "a.csv"
    run("audit", "accounting", str(person[1]), "--csv", str(table), "--since", "2999-01-01")
    assert len(table.read_text().splitlines()) == 1
    assert isinstance(run("audit", "accounting", str(person[1])).exception, BadRequest)
    assert isinstance(
        run("audit", "accounting", str(person[1]), "--csv", str(tmp_path / "no" / "a")).exception, BadRequest
    )


@pytest.mark.parametrize(
    ("cell", "inert"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("plain", "plain"), ("", ""), ("-2", "'-2")]
)
def test_no_cell_is_a_formula(cell, inert):
    assert _inert(cell) == inert
