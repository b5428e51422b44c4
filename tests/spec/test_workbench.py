"""What a steward works with: every rule has its wall, an explanation names the wall that refuses, a diff names what opens."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from policies.decide import Judge
from policies.model import parse_policy
from policies.workbench.compare import grants_changed, verdicts_changed
from policies.workbench.questions import Question, asked_as, blocks, holds, of_example, verdict
from policies.workbench.rules import WALLS, explained, grant_words
from server.templates import POLICY

ROOT = Path(__file__).parents[2]
RESEARCHER = ("researcher", "HRESCH")


def test_every_rule_stands_in_one_wall():
    page = (ROOT / "docs/reference/rules.md").read_text()
    listed = [rule for wall in WALLS for rule in wall.rules if rule != "bad_request"]
    assert sorted(listed) == sorted(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE))


@pytest.mark.parametrize(
    ("sql", "wall", "rule"),
    [
        ("SELECT 1; SELECT 2", "statement", "one-statement"),
        ("SELECT now()", "words", "volatile-function"),
        ("SELECT count(*) FROM patient_identity", "tables", "table-not-in-release"),
        ("SELECT count(birth_datetime) FROM person", "columns", "column-not-in-release"),
        ("SELECT person_id FROM person", "persons", "aggregate-only"),
        ("SELEC", "text", "bad_request"),
    ],
)
def test_an_explanation_names_the_wall_that_refuses_and_those_before_it(sql, wall, rule):
    told = explained(Judge(parse_policy(POLICY)), Question("q", sql, *RESEARCHER))
    states = {one.wall.name: one.state for one in told.walls}
    assert not told.allowed
    assert [(one.wall.name, one.rule) for one in told.walls if one.state == "refused"] == [(wall, rule)]
    names = [one.name for one in WALLS]
    assert {states[name] for name in names[: names.index(wall)]} <= {"held", "when asked"}
    assert {states[name] for name in names[names.index(wall) + 1 :]} <= {"not reached"}


def test_an_allowed_question_is_explained_by_its_columns_and_their_tags():
    sql = "SELECT gender_concept_id, count(*) FROM person GROUP BY 1"
    told = explained(Judge(parse_policy(POLICY)), Question("q", sql, *RESEARCHER))
    assert told.allowed
    assert dict(told.columns) == {"person.gender_concept_id": "quasi_identifier"}


def test_the_examples_a_new_room_comes_with_hold():
    policy = parse_policy(POLICY)
    for number, example in enumerate(policy.examples, 1):
        got = verdict(Judge(policy), of_example(number, example))
        assert (got.allowed, got.rule) == (example.expect == "allowed", example.rule), example.sql


def test_safe_harbors_years_and_offsets_can_be_asked_about():
    policy = parse_policy(POLICY.replace("release: deidentified", "release: safe_harbor"))
    assert "birth_datetime" not in holds(policy, "safe_harbor")["person"]
    sql = "SELECT condition_start_date_year, avg(condition_start_date_offset) FROM condition_occurrence GROUP BY 1"
    assert verdict(Judge(policy), Question("q", sql, *RESEARCHER)).allowed


def test_a_diff_names_columns_terms_and_questions_that_open():
    old = parse_policy(POLICY)
    new = parse_policy(
        POLICY.replace("cms: {hide_below: 11}", "cms: {hide_below: 15}").replace(
            '["operations.*", care_site]', '["operations.*", death]'
        )
    )
    changed = {one.grant: one for one in grants_changed(old, new)}
    assert set(changed) == {"researcher for HRESCH", "analyst for HOPERAT", "clinician for TREAT"}
    assert "hide_below': 15" in changed["researcher for HRESCH"].terms[0]
    analyst = changed["analyst for HOPERAT"]
    assert "death.person_id" in analyst.gained
    assert "care_site.care_site_id" in analyst.lost
    asked = [
        Question("opens", "SELECT count(*) FROM death", "analyst", "HOPERAT"),
        Question("closes", "SELECT count(*) FROM care_site", "analyst", "HOPERAT"),
        Question("same", "SELECT count(*) FROM operations.claim", "analyst", "HOPERAT"),
        Question("coarser", "SELECT count(*) FROM person", *RESEARCHER),
    ]
    found = {one.question.name: one for one in verdicts_changed(old, new, asked)}
    assert set(found) == {"opens", "closes", "coarser"}
    assert [name for name, one in found.items() if one.opens] == ["opens"]


def test_a_corpus_is_asked_as_the_grants_its_heads_name(tmp_path):
    path = tmp_path / "a.sql"
    path.write_text("-- role: analyst\nSELECT 1\n\n-- a comment\nSELECT 2\n")
    policy = parse_policy(POLICY)
    first, second = blocks(path)
    assert [one.role for one in asked_as(first, policy)] == ["analyst"]
    assert [one.role for one in asked_as(second, policy)] == ["researcher", "analyst", "clinician"]
    assert second.sql == "-- a comment\nSELECT 2"


def test_a_grant_is_told_in_sentences():
    policy = parse_policy(
        POLICY.replace("grants:", "row_filters:\n  mine: {meaning: patients of the asker, "
        'keep: "SELECT person_id FROM visit_occurrence WHERE provider_id = $provider"}\ngrants:', 1)
        .replace("threshold: cms", "threshold: ehrql\n    rows: [mine]\n    budget: {calls_per_day: 50}\n    valid_until: 2030-01-01")
    )  # fmt: skip
    words = " ".join(grant_words(policy, policy.grants[0]))
    for said in ("multiples of 5", "patients of the asker", "50 calls a day", "2030-01-01", "1 to 7 persons"):
        assert said in words


def run(*words, cwd):
    command = [sys.executable, "-m", "server.cli", "policy", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


@pytest.mark.integration
def test_the_commands(tmp_path, published_room, call):
    call("SELECT count(*) AS asked_before FROM person")
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    assert "7 of 7 examples right" in run("test", policy, cwd=tmp_path).stdout
    policy.write_text(POLICY.replace("expect: refused, rule: aggregate-only", "expect: allowed"))
    failed = run("test", policy, cwd=tmp_path)
    assert (failed.returncode, "aggregate-only" in failed.stderr) == (1, True)
    policy.write_text(POLICY.replace("mode: aggregate", "mode: record"))
    told = run("explain", "SELECT count(*) FROM death", "--policy", policy, "--json", "--role", "analyst", cwd=tmp_path)
    assert (told.returncode, json.loads(told.stdout)[0]["allowed"]) == (1, False)
    room = published_room.root
    diff = run("diff", room / "policy.yaml", policy, "--ledger", "--exit-code", "--json", cwd=room)
    changes = json.loads(diff.stdout)
    assert diff.returncode == 1
    assert any(one["opens"] and one["sql"] == "SELECT person_id FROM person" for one in changes["changes"])
    assert any("asked_before" in one["sql"] for one in changes["changes"])
    assert run("diff", policy, policy, "--exit-code", cwd=tmp_path).returncode == 0
    schema = json.loads(run("schema", cwd=tmp_path).stdout)
    assert schema["title"] == "Reading Room policy"
