"""Exports of a real room's record: one line a call, no person unless asked for, and then by the keys that were shown."""

import json

import pytest

from data.errors import BadRequest

pytestmark = pytest.mark.integration


@pytest.fixture
def three(asked):
    """An answer that shows three persons, one that counts, and a refusal; the first's keys."""
    shown = asked("SELECT person_id, family_name FROM patient_identity LIMIT 3", role="clinician", subject="eve")
    asked("SELECT count(*) AS n FROM person")
    asked("SELECT family_name FROM patient_identity")
    return {row[0] for row in shown.structured["rows"]}, {row[1] for row in shown.structured["rows"]}


def test_fhir_of_a_room_is_valid_and_names_persons_only_when_asked(run, three, tmp_path):
    audit = pytest.importorskip("fhir.resources.R4B.auditevent")
    keys, names = three
    file = tmp_path / "events.ndjson"
    assert "wrote 3 lines about 3 calls" in run("audit", "export-fhir", "--out", str(file)).stdout
    text = file.read_text()
    assert not any(str(key) in text for key in keys)
    result = run("audit", "export-fhir", "--out", str(file), "--persons")
    assert "handle it as health information" in result.stderr
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(events) == 5
    for event in events:
        audit.AuditEvent.model_validate(event)
    patients = [
        one["what"]["identifier"]["value"] for event in events for one in event["entity"] if one["type"]["code"] == "1"
    ]
    assert sorted(patients) == sorted(map(str, keys))
    assert not any(name in file.read_text() for name in names)


@pytest.mark.parametrize("form", ["ocsf", "cef"])
def test_siem_lines_of_a_room(run, three, tmp_path, form):
    keys, names = three
    file = tmp_path / "lines"
    assert run("audit", "export-siem", "--format", form, "--out", str(file)).exit_code == 0
    assert len(file.read_text().splitlines()) == 3
    assert not any(str(one) in file.read_text() for one in keys | names)
    run("audit", "export-siem", "--format", form, "--out", str(file), "--persons")
    assert all(str(key) in file.read_text().splitlines()[0] for key in keys)
    run("audit", "export-siem", "--format", form, "--out", str(file), "--since", "2999-01-01")
    assert file.read_text() == ""


def test_what_keeps_an_export_from_being_written_is_said(run, three, room, tmp_path):
    assert isinstance(run("audit", "export-fhir", "--out", str(tmp_path / "no" / "file")).exception, BadRequest)
    (room.keys_path / "sealing.key").unlink()
    assert isinstance(run("audit", "export-fhir", "--out", str(tmp_path / "file"), "--persons").exception, BadRequest)
    assert run("audit", "export-fhir", "--out", str(tmp_path / "file")).exit_code == 0
