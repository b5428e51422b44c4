"""Replay: what was recorded is executed again; what came out otherwise is named with its reason; what would be answered now is shown."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from data.errors import BadRequest
from server import records
from server.house import open_house
from server.ledger import Reader, calls
from server.replay import Pick, picked, replay
from tests.integration.server.evidence.conftest import copied

pytestmark = pytest.mark.integration
COUNT = "SELECT gender_concept_id, count(DISTINCT person_id) AS persons FROM person GROUP BY 1 ORDER BY 1"
MANY = 10_000 if os.environ.get("READINGROOM_LONG") else 300
QUESTIONS = (
    COUNT,
    "SELECT measurement_concept_id, avg(value_as_number) AS a, stddev(value_as_number) AS s FROM measurement GROUP BY 1",
    "SELECT condition_source_value, count(DISTINCT person_id) AS n FROM condition_occurrence GROUP BY 1 ORDER BY n DESC LIMIT 4",
    "SELECT family_name FROM patient_identity",
    "SELECT year_of_birth, corr(value_as_number, year_of_birth) AS c FROM measurement JOIN person USING (person_id) GROUP BY 1",
    "SELECT p.gender_concept_id, median(m.value_as_number) AS m FROM person p JOIN measurement m USING (person_id) GROUP BY 1",
)


def test_many_calls_replay_identical_on_any_threads_and_after_a_restart(room, asked):
    for number in range(MANY):
        place = number % len(QUESTIONS)
        asked(QUESTIONS[place], subject=f"s{place}", session="many")
    for threads in (1, 2, 4):
        house = open_house(room, threads=threads)
        verdicts = [one.verdict for one in replay(house, calls(room.ledger_url, session="many"))]
        house.close()
        assert verdicts == ["identical"] * MANY


def test_the_command_picks_a_call_a_time_and_a_sample(room, asked, run):
    first = asked(COUNT)
    for _ in range(40):
        asked("SELECT family_name FROM patient_identity", session="two")
    assert json.loads(run("replay", "--call", first.call, "--json").stdout)["identical"] == 1
    assert json.loads(run("replay", "two", "--json").stdout)["identical"] == 40
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    assert json.loads(run("replay", "--since", tomorrow, "--json").stdout)["identical"] == 0
    assert json.loads(run("replay", "--until", tomorrow, "--json").stdout)["identical"] == 41
    drawn = [run("replay", "--sample", "30%", "--seed", "7", "--json").stdout for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 3 <= json.loads(drawn[0])["identical"] <= 25
    assert run("replay", "two").exit_code == 0
    for wrong in (("--sample", "0%"), ("--sample", "many"), ("--call", "nothing"), ("--show",)):
        assert isinstance(run("replay", *wrong).exception, BadRequest)
    assert "No calls of session nobody" in str(run("replay", "nobody").exception)


def test_a_sample_takes_its_share(room, asked):
    for _ in range(200):
        asked("", tool="drop")
    with Reader(room.ledger_url) as reader:
        sizes = [sum(1 for _ in picked(reader, Pick(share=0.25, seed=seed))) for seed in range(20)]
    assert 40 <= sum(sizes) / 20 <= 60
    assert len(set(sizes)) > 1


def test_another_engine_is_named_and_ends_with_one(room, asked, run, monkeypatch):
    monkeypatch.setattr(records, "_ENGINE", "duckdb 1.0.0")
    monkeypatch.setattr(records, "_VERSIONS", {**records._VERSIONS, "sqlglot": "1.2.3"})
    monkeypatch.setattr("server.steps.digest_of", lambda _: "another")
    asked(COUNT)
    monkeypatch.undo()
    result = run("replay")
    assert result.exit_code == 1
    assert "the engine was duckdb 1.0.0, is duckdb " in result.stdout
    assert "sqlglot was 1.2.3, is " in result.stdout
    assert "Of an answer only its digest is kept" in result.stdout


def test_a_changed_policy_file_of_old_is_named(room, asked, run):
    """The policy kept for replay is found by its digest; if somebody wrote into it, the difference is said."""
    asked(COUNT)
    (kept,) = room.policies_path.glob("*.yaml")
    kept.write_text(kept.read_text().replace("hide_below: 11", "hide_below: 900"))
    room.policy_path.write_text(room.policy_path.read_text() + "\n# another digest\n")
    room.policy_path.write_text(room.policy_path.read_text().replace("hide_below: 20", "hide_below: 30"))
    result = run("replay", "one")
    assert result.exit_code == 1
    assert "the policy kept under that digest differs" in result.stdout
    kept.unlink()
    result = run("replay", "one")
    assert result.exit_code == 0
    assert "is not kept in" in result.stdout


def test_a_retired_snapshot_and_damaged_files_are_named(published_room, room, asked, run, tmp_path):
    asked(COUNT)
    asked("SELECT 1 AS one")
    (snapshot,) = (room.root / "snapshots").iterdir()
    serving = snapshot / "releases" / "deidentified" / "serving.duckdb"
    shutil.copyfile(serving, tmp_path / "changed.duckdb")
    with duckdb.connect(str(tmp_path / "changed.duckdb")) as con:  # somebody with the rights to do so takes persons out
        con.execute("DELETE FROM person WHERE person_id % 2 = 0")
    (tmp_path / "changed.duckdb").replace(serving)
    house = open_house(room)
    results = list(replay(house, calls(room.ledger_url)))
    house.close()
    assert [one.verdict for one in results] == ["differs", "identical"]
    assert f"snapshot {snapshot.name} is damaged" in results[0].reason
    shutil.rmtree(snapshot)
    other = copied(published_room, tmp_path / "other")
    shutil.copytree(other.root / "snapshots" / snapshot.name, snapshot.with_name("0" * 16))
    result = run("replay", "--json")
    told = json.loads(result.stdout)
    assert told["not_replayable"] == 2
    assert f"Snapshot {snapshot.name} of that call was retired" in told["calls"][0]["reason"]


def test_what_another_policy_would_answer(room, asked, run):
    asked(COUNT)
    asked(
        "SELECT condition_source_value, count(DISTINCT person_id) AS n FROM condition_occurrence GROUP BY 1",
        subject="b",
    )
    asked("SELECT family_name FROM patient_identity", role="analyst", session="refused")
    asked("SELECT ward, bed FROM operations.bed_stay LIMIT 5", role="analyst")
    asked("", tool="explain_policy", subject="c")
    other = room.root / "other.yaml"
    text = room.policy_path.read_text().replace("hide_below: 11", "hide_below: 30")
    text = text.replace('tables: ["operations.*", care_site]', "tables: [patient_identity]")
    text = text.replace("release: limited", "release: identified").replace(
        "tags: [person_key, record_key, date, operational, clinical]", "tags: [person_key, identifier]"
    )
    other.write_text(text.split("# The policy's own test")[0])
    told = json.loads(run("replay", "--what-if", f"policy={other}", "--json").stdout)
    kinds = [one["kind"] for one in told["calls"]]
    assert kinds == ["same", "changed", "now_answered", "now_refused", "changed"]
    assert told["calls"][1]["rows_changed"] > 0
    assert told["calls"][1]["cells_hidden"][1] > told["calls"][1]["cells_hidden"][0]
    assert told["calls"][3]["now"] == "refused table-not-granted"
    assert "rows" not in json.dumps(told["calls"][2]["parts"])
    assert "added" not in told["calls"][1]
    shown = run("replay", "one", "--what-if", f"policy={other}", "--show")
    assert shown.exit_code == 0
    assert "  - " in shown.stdout
    assert "withheld or empty" in shown.stdout
    assert "withheld or empty" not in run("replay", "one", "--what-if", f"policy={other}").stdout


def test_what_another_snapshot_would_answer(published_room, room, asked, run, tmp_path):
    from server.filling import publish_room

    asked(COUNT)
    asked("SELECT count(*) AS n FROM measurement", subject="b")
    then = (room.root / "current").read_text().strip()
    shutil.copytree(published_room.root / "raw", room.root / "raw")
    settings = room.root / "readingroom.yaml"
    settings.write_text("\n".join(line for line in settings.read_text().splitlines() if "name: laboratory" not in line))
    from server.room import open_room

    publish_room(open_room(room.root))
    assert (room.root / "current").read_text().strip() != then
    assert json.loads(run("replay", "--json").stdout)["identical"] == 2
    told = json.loads(run("replay", "--what-if", "snapshot=current", "--json").stdout)
    assert [one["kind"] for one in told["calls"]] == ["changed", "changed"]  # the laboratory knew persons of its own
    assert all(one["rows_changed"] == 1 for one in told["calls"])
    assert json.loads(run("replay", "--what-if", f"snapshot={then}", "--json").stdout)["same"] == 2
    assert isinstance(run("replay", "--what-if", "snapshot=nothing").exception, BadRequest)
    assert isinstance(run("replay", "--what-if", "weather=fine").exception, BadRequest)
