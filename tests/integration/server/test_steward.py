"""The steward's commands as a steward runs them."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from data.errors import ReadingRoomError
from server.cli import app, show
from server.filling import ingest_room, publish_room
from server.quality import lineage
from server.room import init_room, open_room

pytestmark = pytest.mark.integration


def run(*arguments, room):
    show.out.width = 200
    result = CliRunner().invoke(app, [*map(str, arguments), "--room", str(room.root)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_sources_say_how_they_stand(published_room):
    rows = json.loads(run("sources", "--json", room=published_room))
    assert [row["name"] for row in rows] == ["ehr", "adt", "laboratory", "imaging", "registry", "operations"]
    assert all(
        row["arrivals"] > 0 and row["last_arrival"] and row["lag_seconds"] >= 0 and row["problem"] is None
        for row in rows
    )
    assert "laboratory" in run("sources", room=published_room)


def test_quality_is_shown_in_three_ways(published_room, tmp_path):
    report = json.loads(run("quality", "--json", room=published_room))
    assert all(book["holds"] for book in report["books"])
    assert report["dashboard"]["summary"]["total"]["total"]["passed"] > 500
    assert [one["name"] for one in report["dashboard"]["results"] if one["status"] == "error"] == []
    assert "hold" in run("quality", room=published_room)
    run("quality", "--html", tmp_path / "q.html", room=published_room)
    page = (tmp_path / "q.html").read_text()
    assert "laboratory" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=.?http", page)


def test_quarantine_names_file_and_line(published_room, truth):
    planted = {(case["where"], case["record"]) for case in truth["planted"] if case["becomes"] == "quarantined"}
    found = json.loads(run("quarantine", "show", "--records", "--json", room=published_room))
    assert len(found) == len(planted)
    told = {(one["source"], one["file"], one["line"]) for one in found}
    assert ("ehr", "Observation.ndjson") in {(source, file) for source, file, _ in told}
    for where, record in planted:
        if where.startswith("operations"):  # its rows come in the order of their keys, not of the key file
            continue
        file = Path(where).name
        assert any(one[1].endswith((file, Path(file).stem)) and one[2] == record for one in told), (where, record)
    shown = run("quarantine", "show", room=published_room)
    assert "no-pid" in shown
    assert "high" in run("quarantine", "show", "--rule", "not-a-number", "--raw", room=published_room)


def test_every_row_leads_back_to_its_bytes(published_room, build):
    """One row of every table with records of its own, from a release, back to the raw record it came from."""
    snapshot = next(path for path in (published_room.root / "snapshots").iterdir())
    rows = duckdb.sql(
        f"SELECT table_name, min(row_id) FROM '{snapshot}/vault/lineage.parquet' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert len(rows) >= 13
    for table, row in rows:
        for origin in lineage(published_room, table, row):
            assert origin.path.is_file()
            assert origin.file != "?"
    missing = duckdb.sql(
        f"SELECT count(*) FROM '{snapshot}/tables/measurement.parquet' WHERE measurement_id NOT IN "
        f"(SELECT row_id FROM '{snapshot}/vault/lineage.parquet' WHERE table_name = 'measurement')"
    ).fetchall()
    assert missing == [(0,)]


def test_a_key_as_a_release_shows_it_leads_back_too(published_room):
    snapshot = next(path for path in (published_room.root / "snapshots").iterdir())
    shown = duckdb.sql(
        f"SELECT min(measurement_id) FROM '{snapshot}/releases/deidentified/measurement.parquet'"
    ).fetchall()[0][0]
    [origin] = lineage(published_room, "measurement", shown)
    assert origin.path.is_file()
    person = duckdb.sql(f"SELECT min(person_id) FROM '{snapshot}/releases/deidentified/person.parquet'").fetchall()[0][
        0
    ]
    assert lineage(published_room, "person", person)
    with pytest.raises(ReadingRoomError):
        lineage(published_room, "measurement", 1)


def lines(path, *resources):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in resources))


def patient(id_, **more):
    return {"resourceType": "Patient", "id": id_, "birthDate": "1980-01-01", "gender": "female", **more}


def weight(id_, who, value=70.0):
    return {
        "resourceType": "Observation", "id": id_, "subject": {"reference": f"Patient/{who}"}, "effectiveDateTime": "2024-05-05",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "valueQuantity": {"value": value, "code": "kg"},
    }  # fmt: skip


@pytest.fixture
def small(tmp_path):
    init_room(tmp_path)
    (tmp_path / "readingroom.yaml").write_text("sources: [{name: ehr, kind: fhir-ndjson, system: ehr, path: in}]\n")
    lines(tmp_path / "in/a.ndjson", patient("p1"), weight("o1", "p1"), weight("o2", "late"))
    room = open_room(tmp_path)
    ingest_room(room)
    publish_room(room)
    return room


def test_a_patient_that_comes_late_frees_the_records(small):
    lines(small.root / "in/b.ndjson", patient("late"))
    ingest_room(small)
    assert "1 records left quarantine, 0 are in it" in run("quarantine", "retry", room=small)


def test_decisions_link_and_are_taken_back(small):
    lines(small.root / "in/b.ndjson", patient("late", birthDate="1999-09-09"))
    ingest_room(small)

    def persons():
        manifest = publish_room(small)
        return manifest.tables["person"].rows, manifest.id

    apart, first = persons()
    run("persons", "decide", "ehr", "p1", "ehr", "late", "same", "--reason", "one person", room=small)
    together, second = persons()
    run("persons", "decide", "ehr", "p1", "ehr", "late", "undecided", room=small)
    assert (apart, together) == (2, 1)
    assert second != first
    assert persons() == (2, first)
    assert "Decide with" in run("persons", "review", room=small)


def test_drift_is_kept_at_publish(small):
    more = [weight(f"n{number}", "p1", 70 + number) for number in range(200)]
    lines(small.root / "in/c.ndjson", *more)
    ingest_room(small)
    publish_room(small)
    drift = json.loads(run("quality", "--json", room=small))["drift"]
    assert {"kind": "volume", "table": "measurement", "what": "rows", "before": 1, "now": 201} in drift["findings"]
    assert "Drift since" in run("quality", room=small)


@pytest.mark.parametrize(
    ("quality", "words"),
    [("{gate: [measurement.measurement_concept_id.isRequired, plausibleAfterBirth], thresholds: {plausibleAfterBirth: 0}}", None),
     ("{gate: [sourceValueCompleteness], thresholds: {sourceValueCompleteness: 0}}", "gate")],
)  # fmt: skip
def test_gates_stop_a_publish(small, quality, words):
    (small.root / "readingroom.yaml").write_text(
        f"sources: [{{name: ehr, kind: fhir-ndjson, system: ehr, path: in}}]\nquality: {quality}\n"
    )
    odd = weight("odd", "p1")
    odd["code"]["coding"][0]["code"] = "99999-9"
    lines(small.root / "in/d.ndjson", odd)
    room = open_room(small.root)
    ingest_room(room)
    if words is None:
        publish_room(room)
    else:
        with pytest.raises(ReadingRoomError, match=words):
            publish_room(room)


def test_too_much_quarantine_stops_a_publish(small):
    lines(small.root / "in/e.ndjson", *(weight(f"x{number}", "nobody") for number in range(500)))
    ingest_room(small)
    with pytest.raises(ReadingRoomError, match="are quarantined"):
        publish_room(small)


def test_what_lies_in_the_future_is_quarantined(small):
    lines(small.root / "in/f.ndjson", {**weight("f", "p1"), "effectiveDateTime": "2090-01-01"})
    ingest_room(small)
    publish_room(small)
    assert "implausible-date" in run("quarantine", "show", room=small)


def test_listening_moves_what_was_sent_into_the_raw_store(tmp_path):
    init_room(tmp_path)
    (tmp_path / "readingroom.yaml").write_text(
        "sources: [{name: lab, kind: hl7v2-mllp, system: laboratory, path: spool, options: {port: 0}}]\n"
    )
    command = [sys.executable, "-m", "server.cli", "listen", "--room", str(tmp_path), "--every", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        port = int(re.search(r":(\d+) ", child.stdout.readline())[1])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sender:
            sender.sendall(b"\x0bMSH|^~\\&|A|B|C|D|20240101||ADT^A28|1|P|2.5\rPID|1||L1\r\x1c\r")
            assert b"MSA|AA|1" in sender.recv(4096)
        child.send_signal(signal.SIGINT)
        assert "1 received, 0 refused" in child.stdout.read()
    [row] = json.loads(run("sources", "--json", room=open_room(tmp_path)))
    assert row["arrivals"] == 1
    assert list((tmp_path / "spool").iterdir()) == []


def test_snapshots_say_what_they_were_made_from(small):
    first = json.loads(run("snapshots", "--json", room=small))
    lines(small.root / "in/b.ndjson", patient("late"))
    ingest_room(small)
    publish_room(small)
    rows = json.loads(run("snapshots", "--json", room=small))
    assert [row["in_force"] for row in rows] == [False, True]
    assert rows[0]["id"] == first[0]["id"]
    assert rows[1]["inputs"]["ehr"]["arrivals"] == 2
    assert rows[1]["inputs"]["vocabulary"].startswith("starter ")
    assert rows[1]["versions"]["normalise"].startswith("2-")
    assert "in force" in run("snapshots", room=small)


def test_one_source_alone_is_read(small):
    lines(small.root / "in/b.ndjson", patient("late"))
    assert "1 new" in run("ingest", "--source", "ehr", room=small)
    with pytest.raises(ReadingRoomError, match="no source nowhere"):
        run("ingest", "--source", "nowhere", room=small)


def test_doctor_looks_at_sources_and_vocabulary(small):
    def found():
        result = CliRunner().invoke(app, ["doctor", "--json", "--room", str(small.root)])
        return {one["name"]: one for one in json.loads(result.output)}

    assert found()["source ehr"]["ok"]
    assert found()["vocabulary"]["words"].startswith("starter ")
    (small.root / "readingroom.yaml").write_text(
        "sources:\n- {name: ehr, kind: telepathy, system: ehr, path: in}\n- {name: lab, kind: hl7v2-mllp, system: laboratory, path: spool}\n"
        "- {name: gone, kind: hl7v2, system: laboratory, path: nowhere}\nvocabulary: athena\n"
    )
    assert {name: one["ok"] for name, one in found().items() if name in ("source ehr", "source lab", "source gone", "vocabulary")} == {
        "source ehr": False, "source lab": True, "source gone": False, "vocabulary": False,
    }  # fmt: skip
