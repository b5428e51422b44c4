"""What a call's two entries bind: who, why, under what, with which versions, and what came of it; persons and arguments sealed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import Damaged
from server import pipeline
from server.call import Principal, Request
from server.ledger import Reader
from server.ledger.canonical import canonical_json
from server.records import _as_it_was, _plain, showed, unsealed_arguments, unsealed_persons

pytestmark = pytest.mark.integration


def recorded(house, reply):
    with Reader(house.room.ledger_url) as reader:
        return reader.call(reply.call)


def test_an_entry_binds_what_the_answer_rested_on(call, house):
    reply = call("SELECT count(*) AS n FROM person", session="bound")
    intent, outcome = (one.body for one in (recorded(house, reply).intent, recorded(house, reply).outcome))
    snapshot = house.snapshots.current()
    assert (intent["role"], intent["purpose"], intent["session"]) == ("researcher", "HRESCH", "bound")
    assert (intent["tool"], intent["verdict"], intent["rule"]) == ("query", "allowed", "")
    assert intent["policy"] == house.judge.digest
    assert (intent["snapshot"], intent["release"], intent["mode"]) == (snapshot.id, "deidentified", "aggregate")
    assert intent["redactor"] == snapshot.manifest.versions["redactor"]
    assert intent["redactor"]
    assert intent["engine"].startswith("duckdb ")
    assert intent["versions"]["sqlglot"]
    assert all(len(intent[name]) == 64 for name in ("arguments", "policy", "sql"))
    assert intent["obligations"]
    assert (outcome["status"], outcome["result"], outcome["rows"]) == ("answered", reply.digest, 1)
    assert {"judge", "run", "render"} <= set(outcome["microseconds"])


def test_a_refusal_binds_its_rule(call, house):
    intent = recorded(house, call("SELECT family_name FROM patient_identity")).intent.body
    assert (intent["verdict"], intent["rule"]) == ("refused", "table-not-in-release")


def test_the_clients_trace_is_bound(house):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    principal = Principal("t", "researcher", "HRESCH", "s", parent)
    reply = pipeline.answer(house, Request("query", {"sql": "SELECT 1"}, principal))
    assert recorded(house, reply).intent.body["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_persons_shown_are_sealed_with_the_outcome(call, house):
    """Who was shown is known to the sealing key's holder only: in the file stand a count and a digest."""
    reply = call("SELECT person_id, family_name FROM patient_identity ORDER BY person_id LIMIT 7", role="clinician")
    one = recorded(house, reply)
    shown = {row[0] for row in reply.structured["rows"]}
    assert len(shown) == 7
    assert unsealed_persons(house, one.outcome) == shown
    assert (one.outcome.body["persons"], one.outcome.body["persons_sealed"]) == (7, 7)
    assert showed(house, one.outcome, min(shown))
    assert not showed(house, one.outcome, max(shown) + 1)
    assert not any(str(person) in one.outcome.text for person in shown)
    with pytest.raises(Damaged):
        house.keys.unseal("another call", one.outcome.sealed)


def test_aggregates_keep_no_persons(call, house):
    for sql, role in (
        ("SELECT count(*) FROM person", "researcher"),
        ("SELECT ward FROM operations.bed_stay LIMIT 3", "analyst"),
    ):
        outcome = recorded(house, call(sql, role=role)).outcome
        assert (outcome.body["status"], outcome.sealed, outcome.body["persons_sealed"]) == ("answered", None, None)
        assert (unsealed_persons(house, outcome), showed(house, outcome, 1)) == (None, False)


def test_keys_that_were_cast_to_text_are_persons_all_the_same(call, house):
    reply = call("SELECT CAST(person_id AS VARCHAR) AS person_id FROM patient_identity LIMIT 3", role="clinician")
    assert unsealed_persons(house, recorded(house, reply).outcome) == {int(row[0]) for row in reply.structured["rows"]}


def test_an_answer_that_did_not_leave_keeps_no_persons(call, house, monkeypatch):
    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr("server.steps.digest_of", broken)
    outcome = recorded(house, call("SELECT person_id FROM person LIMIT 3", role="clinician")).outcome
    assert (outcome.body["status"], outcome.sealed) == ("failed", None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"sql": "SELECT \ud800"},
        {"sql": "SELECT 1", "\udfff": 1},
        {"sql": "\0", "n": 10**400},
        {"sql": float("nan")},
        {"sql": {"float": "x"}},
    ],
)
def test_whatever_is_asked_is_recorded(house, arguments):
    """Half characters, endless numbers, NUL: a refusal, with its pair in the ledger, and never a crash before the record."""
    principal = Principal("half \ud800", "researcher", "HRESCH", "s\0")
    reply = pipeline.answer(house, Request("query", arguments, principal))
    assert reply.structured["error"]["code"] == "bad_request"
    one = recorded(house, reply)
    assert (one.intent.body["subject"], one.intent.body["session"]) == ("half ?", "s\0")
    assert one.outcome is not None
    told = unsealed_arguments(house, one.intent)
    assert json.dumps(told, sort_keys=True) == json.dumps(arguments, sort_keys=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()) | st.sampled_from(["float", "int", "json", "pairs"]), inner, max_size=3),
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters()), JSON, max_size=4))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_arguments_come_back_as_they_were(arguments):
    told = json.loads(canonical_json(_plain(arguments)), object_hook=_as_it_was)
    assert json.dumps(told, sort_keys=True) == json.dumps(arguments, sort_keys=True)
