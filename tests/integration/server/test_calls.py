"""Calls through the whole pipeline, on a published room: what is answered, refused, recorded, withheld and replayed."""

import json

import pytest

from server import pipeline
from server.call import Principal, Request
from server.house import open_house
from server.ledger import calls, entries, public_key, verify
from server.replay import replay
from tools import TOOLS

pytestmark = pytest.mark.integration
ERROR_FIELDS = {"code", "message", "advice", "rule", "allowed", "ask", "call"}


def test_cohort_is_that_of_the_key(call, truth):
    reply = call("", tool="count_cohort", conditions=["44054006"])
    assert reply.structured["rows"] == [[truth["cohorts"]["condition 44054006"]]]


def test_small_cell_is_null_and_said(call):
    reply = call(
        "SELECT count(DISTINCT person_id) AS n FROM condition_occurrence WHERE condition_source_value = '62106007'"
    )
    assert (reply.structured["rows"], reply.structured["cells_hidden"]) == ([[None]], 1)
    assert "withheld" in reply.text
    assert "fewer than 11" in reply.structured["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"sql": "SELECT family_name FROM patient_identity"}, "refused"),
        ({"sql": "SELEC"}, "bad_request"),
        ({"sql": ""}, "bad_request"),
        ({"sql": "SELECT $x"}, "bad_request"),
        ({}, "bad_request"),
        ({"sql": "SELECT 1", "rows": 9}, "bad_request"),
        ({"sql": 7}, "bad_request"),
    ],
)
def test_every_error_has_one_shape(house, arguments, code):
    """{code, message, advice, rule, allowed, ask, call}, all texts; the code says which kind."""
    reply = pipeline.answer(house, Request("query", arguments, Principal("t", "researcher", "HRESCH", "s")))
    assert reply.is_error
    error = reply.structured["error"]
    assert set(error) == ERROR_FIELDS
    assert error["code"] == code
    assert error["message"]


def test_unknown_tool_and_role_are_recorded(house):
    before = sum(1 for _ in entries(house.room.ledger_url))
    for tool, role in (("drop", "researcher"), ("query", "janitor")):
        assert pipeline.answer(house, Request(tool, {}, Principal("t", role, "HRESCH", "s"))).is_error
    assert sum(1 for _ in entries(house.room.ledger_url)) == before + 4


def test_every_call_leaves_intent_and_outcome(call, house):
    reply = call("SELECT count(*) FROM person", session="pair")
    recorded = next(calls(house.room.ledger_url, session="pair"))
    assert recorded.call_id == reply.call
    assert recorded.outcome.body["result"] == reply.digest
    assert recorded.intent.body["verdict"] == "allowed"
    assert recorded.intent.at < recorded.outcome.at


def test_clinician_sees_names_and_persons_are_counted(call, house):
    reply = call("SELECT person_id, family_name FROM patient_identity LIMIT 5", role="clinician", session="names")
    assert len(reply.structured["rows"]) == 5
    assert next(calls(house.room.ledger_url, session="names")).outcome.body["persons"] == 5


def test_no_identity_stands_in_the_deidentified_file(house, build):
    """Every name and number of the vault is looked for in every text of the release."""
    import duckdb

    known = {
        row[0]
        for row in build.execute("SELECT DISTINCT unnest([mrn, phone, street]) FROM staging.patient").fetchall()
        if row[0] and len(row[0]) > 6
    }
    serving = house.snapshots.current().serving("deidentified")
    with duckdb.connect(str(serving), read_only=True) as con:
        texts = con.execute("SELECT note_text || ' ' || coalesce(note_title, '') FROM note").fetchall()
        columns = con.execute(
            "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('family_name', 'person_source_value', 'address_1')"
        ).fetchone()
    assert columns == (0,)
    found = [value for value in known for (text,) in texts if value in text]
    assert texts
    assert found == []


def test_answer_is_withheld_when_it_cannot_be_recorded(call, house, monkeypatch):
    """No record, no answer: the outcome cannot be written, so the result does not leave."""
    from data.errors import ReadingRoomError

    def broken(*_):
        raise ReadingRoomError("The ledger cannot be written.", code="ledger_unwritable")

    monkeypatch.setattr(house.ledger, "outcome", broken)
    reply = call("SELECT count(*) FROM person")
    assert reply.is_error
    assert "rows" not in json.dumps(reply.structured)
    monkeypatch.undo()
    monkeypatch.setattr(house.ledger, "intent", broken)
    assert call("SELECT count(*) FROM person").structured["error"]["code"] == "ledger_unwritable"


def test_a_bug_is_a_recorded_refusal_without_values(call, house, monkeypatch, capsys):
    """A crash in a step becomes one error and one log line, neither with the value that caused it."""

    def buggy(*_):
        raise RuntimeError("MARKER")

    monkeypatch.setattr(house.engine, "run", buggy)
    reply = call("SELECT count(*) FROM person", session="bug")
    assert reply.structured["error"]["code"] == "crashed"
    assert next(calls(house.room.ledger_url, session="bug")).outcome.body["status"] == "failed"
    captured = capsys.readouterr()
    assert "MARKER" not in reply.text + captured.out + captured.err


def test_hundred_answers_replay_identical_on_any_threads(published_room):
    house = open_house(published_room)
    questions = [
        "SELECT measurement_concept_id, avg(value_as_number), stddev(value_as_number) FROM measurement GROUP BY 1",
        "SELECT condition_source_value, count(DISTINCT person_id) n FROM condition_occurrence GROUP BY 1 ORDER BY n DESC LIMIT 3",
        "SELECT person_id FROM person",
        "SELECT year_of_birth, corr(value_as_number, year_of_birth) FROM measurement JOIN person USING (person_id) GROUP BY ALL",
        "SELECT p.gender_concept_id, median(m.value_as_number) FROM person p JOIN measurement m USING (person_id) GROUP BY 1",
    ]
    for number in range(100):
        sql = questions[number % 5]
        subject = f"t{number % 5}"  # each question has an asker of its own, so that none overlaps
        pipeline.answer(house, Request("query", {"sql": sql}, Principal(subject, "researcher", "HRESCH", "hundred")))
    house.close()
    for threads in (1, 2, 4):
        again = open_house(published_room, threads=threads)
        verdicts = [one.verdict for one in replay(again, calls(published_room.ledger_url, session="hundred"))]
        again.close()
        assert verdicts == ["identical"] * 100


def test_replay_says_what_differs(published_room, monkeypatch):
    house = open_house(published_room)
    pipeline.answer(
        house, Request("query", {"sql": "SELECT count(*) FROM person"}, Principal("t", "researcher", "HRESCH", "other"))
    )
    monkeypatch.setattr("server.steps.digest_of", lambda _: "another")
    (one,) = replay(house, calls(published_room.ledger_url, session="other"))
    house.close()
    assert one.verdict == "differs"
    assert one.reason.startswith(
        "the answer's digest is another, its counts are the same; all that the record binds is as it was"
    )


def test_calls_of_an_old_policy_replay_under_it(published_room):
    house = open_house(published_room)
    pipeline.answer(
        house,
        Request("query", {"sql": "SELECT count(*) FROM person"}, Principal("t", "researcher", "HRESCH", "policy")),
    )
    house.close()
    text = published_room.policy_path.read_text()
    published_room.policy_path.write_text(text.replace("hide_below: 11", "hide_below: 900"))
    house = open_house(published_room)
    try:
        (one,) = replay(house, calls(published_room.ledger_url, session="policy"))
        assert one.verdict == "identical"
    finally:
        house.close()
        published_room.policy_path.write_text(text)


def test_ledger_verifies_after_all_that(published_room):
    found = verify(published_room.ledger_url, published_room.ledger_head, public_key(published_room.keys_path))
    assert found.ok, found.problem


def test_volume_is_alerted_once(house):
    for _ in range(130):
        pipeline.answer(house, Request("describe_data", {}, Principal("busy", "clinician", "TREAT", "volume")))
    notes = [entry.body for entry in entries(house.room.ledger_url) if entry.kind == "note"]
    assert [note["alert"] for note in notes if note.get("subject") == "busy"] == ["volume"]
    assert b'readingroom_alerts_total{kind="volume"} 1.0' in house.metrics.text()


def test_tools_are_five():
    assert sorted(TOOLS) == ["count_cohort", "describe_data", "explain_policy", "query", "search_notes"]


def test_steps_are_spans(house):
    """One span a step under one a call; names and ids, no argument."""
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from server.traces import Traces

    exporter = InMemorySpanExporter()
    house.traces = Traces(exporter)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    pipeline.answer(
        house, Request("query", {"sql": "SELECT 'MARKER'"}, Principal("t", "researcher", "HRESCH", "s", parent))
    )
    house.traces.close()
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [step.name for step in pipeline.STEPS] + ["tools/call query"]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert "MARKER" not in str([dict(span.attributes) for span in spans])
