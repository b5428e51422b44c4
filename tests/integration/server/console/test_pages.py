"""Every page of the console shows what is recorded, to those who may see it, and finds what is asked for."""

import re
import time

import pytest

from server.console.app import PAGES
from server.console.tally import Tally
from server.ledger import Ledger, Reader, Wanted, load_or_create_keys
from tests.integration.server.console.ways import form_token, recorded

pytestmark = pytest.mark.integration


def lines(page):
    """The rows of the first table, as lists of texts without elements."""
    body = re.search(r"<tbody>(.*?)</tbody>", page.text, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL) if body else []
    return [
        [re.sub(r"<.*?>", "", cell).strip() for cell in re.findall(r"<t[dh].*?>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]


def test_every_page_is_shown(desk, browse):
    client, calls = browse("auditor"), recorded(desk)
    for at in PAGES:
        if at.method == "GET" and not at.is_open:
            path = at.path.replace("{call:str}", calls.counts).replace("{digest:str}", desk.house.judge.digest)
            digests = sorted(path.stem for path in desk.house.room.policies_path.glob("*.yaml"))
            query = {"one": digests[0], "other": digests[1]} if path.endswith("compare") else {}
            shown = client.get(f"/console{path}", params=query)
            assert shown.status_code == 200, path
            assert shown.text.count("<h1>") == 1
            assert "a auditor, auditor" in shown.text


def test_calls_are_listed_newest_first(browse):
    rows = lines(browse("auditor").get("/console/calls"))
    assert len(rows) == 7
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
    assert {row[5] for row in rows} == {"answered", "refused", "failed"}


@pytest.mark.parametrize(
    ("asked", "many"),
    [
        ({"subject": "clinician-1"}, 1),
        ({"subject": "nobody"}, 0),
        ({"role": "researcher"}, 5),
        ({"role": "researcher", "status": "answered"}, 3),
        ({"role": "research"}, 0),
        ({"tool": "describe_data"}, 1),
        ({"status": "refused"}, 2),
        ({"status": "open"}, 0),
        ({"rule": "aggregate-only"}, 1),
        ({"rule": "aggregate-only", "subject": "clinician-1"}, 0),
        ({"text": "researcher"}, 5),
        ({"text": "session-0"}, 3),
        ({"text": "session-", "tool": "query", "status": "answered"}, 3),
        ({"since": "2000-01-01", "until": "2000-01-02"}, 0),
        ({"since": "2000-01-01", "until": "2999-01-01", "role": "clinician"}, 1),
    ],
)
def test_calls_are_found_by_filters(browse, asked, many):
    assert len(lines(browse("auditor").get("/console/calls", params=asked))) == many


def test_a_call_is_found_by_the_beginning_of_its_id(desk, browse):
    call = recorded(desk).rows
    for text in (call, call[:8]):
        page = browse("auditor").get("/console/calls", params={"text": text})
        assert [row[1] for row in lines(page)] == [f"{call[:12]}\u2026"]


def test_a_list_goes_on_where_it_ended(desk, browse, monkeypatch):
    monkeypatch.setattr("server.console.calls.PAGE", 3)
    client, seen, address = browse("auditor"), [], "/console/calls"
    while address:
        page = client.get(address)
        seen += re.findall(r'/console/calls/([0-9a-f]{32})"', page.text)
        older = re.search(r'<a href="([^"]+)" data-swap="results">Older', page.text)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == [call.call_id for call in desk.reader.calls(newest_first=True)]


def test_a_search_that_ran_out_of_time_says_so_and_goes_on(browse, monkeypatch):
    monkeypatch.setattr("server.console.calls.MOMENT", 0.0)
    monkeypatch.setattr("server.console.find.WINDOW", 5)
    client = browse("auditor")
    page = client.get("/console/calls", params={"role": "nobody"})
    assert "Not all entries have been looked through yet" in page.text
    address = re.search(r'<a href="([^"]+)" data-swap="results">Look further back', page.text)[1].replace("&amp;", "&")
    assert "No call fits." in client.get(address).text


def test_sessions_are_listed_with_their_calls(browse):
    rows = lines(browse("auditor").get("/console/sessions"))
    assert sorted(row[5] for row in rows) == ["1", "1", "2", "3"]


def test_a_question_is_shown_beside_what_was_run(desk, browse):
    page = browse("auditor").get(f"/console/calls/{recorded(desk).counts}").text
    assert "Judged anew, it comes to the SQL whose digest was recorded." in page
    assert "<del>" in page
    assert "<ins>" in page
    assert "gender_concept_id" in page


def test_a_question_stays_sealed_for_roles_that_may_not_open_it(desk, browse):
    page = browse("steward").get(f"/console/calls/{recorded(desk).counts}").text
    assert "The question is sealed" in page
    assert "gender_concept_id" not in page


def test_a_question_stays_sealed_without_its_key(desk, browse, monkeypatch):
    keys = desk.house.keys
    monkeypatch.setattr(desk.house, "keys", type(keys)(keys.signing, bytes(32), keys.pseudonym))
    page = browse("auditor").get(f"/console/calls/{recorded(desk).counts}").text
    assert "Sealed arguments cannot be opened." in page
    assert "gender_concept_id" not in page


@pytest.mark.parametrize("which", ["counts", "rows", "refused", "content"])
def test_a_replayed_call_comes_out_the_same(desk, browse, which):
    client, before = browse("auditor"), len(list(desk.reader.calls()))
    call = getattr(recorded(desk), which)
    page = client.post(f"/console/calls/{call}/replay", data={"form_token": form_token(client)}).text
    assert '<span class="mark identical">identical</span>' in page
    assert len(list(desk.reader.calls())) == before


def test_a_replay_that_differs_says_why(desk, browse, monkeypatch):
    outcome = desk.reader.call(recorded(desk).counts).outcome
    real = desk.reader.call

    def changed(call_id):
        found = real(call_id)
        body = {**outcome.body, "result": "0" * 64}
        object.__setattr__(found.outcome, "body", body)
        return found

    monkeypatch.setattr(desk.reader, "call", changed)
    client = browse("auditor")
    page = client.post(f"/console/calls/{outcome.call_id}/replay", data={"form_token": form_token(client)}).text
    assert '<span class="mark differs">differs</span>' in page
    assert "all that the record binds is as it was" in page


def test_who_saw_finds_the_answers_that_showed_a_person(desk, browse):
    from server.records import unsealed_persons

    call = desk.reader.call(recorded(desk).rows)
    person = min(unsealed_persons(desk.house, call.outcome))
    client = browse("auditor")
    page = client.post("/console/persons", data={"form_token": form_token(client), "person": str(person)})
    assert [row[1] for row in lines(page)] == [f"{call.call_id[:12]}\u2026"]
    notes = [entry.text for entry in desk.reader.entries(kind="note")]
    assert not any(str(person) in text for text in notes)
    assert any('"console":"who-saw"' in text for text in notes)
    steward = browse("steward")
    refused = steward.post(
        "/console/persons", data={"form_token": form_token(steward, "/console/ledger"), "person": str(person)}
    )
    assert refused.status_code == 403


def test_the_ledger_is_verified_by_button(desk, browse):
    client = browse("auditor")
    client.post("/console/ledger/verify", data={"form_token": form_token(client)})
    assert "Running since" in client.get("/console/ledger").text
    until = time.monotonic() + 60
    while desk.verifying.since and time.monotonic() < until:
        time.sleep(0.1)
    page = client.get("/console/ledger").text
    assert '<span class="mark identical">verified</span>' in page
    assert desk.reader.newest().note.splitlines()[0] in page


def test_alerts_are_listed_and_so_is_who_looked(desk, browse):
    client = browse("auditor")
    call = recorded(desk).counts
    client.get(f"/console/calls/{call}")
    assert lines(client.get("/console/incidents"))[0][3] == "clinician"
    looked = lines(client.get("/console/incidents?kind=viewings"))
    assert any(row[1:4] == ["call", "a auditor", "auditor"] and call[:12] in row[4] for row in looked)
    assert client.get("/console/incidents?kind=all").status_code == 400


def test_policies_are_compared(desk, browse):
    client = browse("steward")
    one, other = [row[0] for row in lines(client.get("/console/policies"))][::-1]
    digests = {path.stem[:24]: path.stem for path in desk.house.room.policies_path.glob("*.yaml")}
    old, new = digests[one.rstrip("\u2026")], digests[other.rstrip("\u2026")]
    page = client.get("/console/policies/compare", params={"one": old, "other": new}).text
    assert "<del>-   strict: {hide_below: 20}</del>" in page
    assert "<ins>+   strict: {hide_below: 21}</ins>" in page


def test_a_policy_file_that_was_changed_is_named(desk, browse):
    path = desk.house.room.policies_path / f"{'0' * 64}.yaml"
    path.write_text(desk.house.room.policy_path.read_text())
    try:
        assert (
            "This file is not the policy that its name says"
            in browse("steward").get(f"/console/policies/{'0' * 64}").text
        )
    finally:
        path.unlink()


def test_counts_of_the_overview_are_those_of_the_ledger(desk, browse):
    page = browse("auditor").get("/console/")
    counted = desk.tally.counted()
    ended = [call.outcome.status for call in desk.reader.calls(Wanted())]
    assert counted.whole
    assert {status: sum(hour[status] for hour in counted.hours.values()) for status in set(ended)} == {
        status: ended.count(status) for status in set(ended)
    }
    assert counted.rules[max(counted.rules)]["aggregate-only"] == 1
    assert page.text.count('role="img"') == 3


def test_what_is_new_is_counted_on(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = Ledger(url, tmp_path / "ledger.checkpoint", load_or_create_keys(tmp_path / "keys"))
    ledger.note({"pruned": 0})
    with Reader(url) as reader:
        tally = Tally(lambda: reader)
        for number, rule in enumerate(("overlap", "budget", "overlap"), 1):
            ledger.intent(f"{number}", {"subject": "x", "session": "z"})
            ledger.outcome(f"{number}", {"status": "refused", "rule": rule, "microseconds": {}})
            counted = tally.counted()
            assert sum(hour["refused"] for hour in counted.hours.values()) == number
        tally.close()
    ledger.close()
    assert dict(counted.rules[max(counted.rules)]) == {"overlap": 2, "budget": 1}
