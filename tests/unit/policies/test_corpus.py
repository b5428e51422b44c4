"""The corpora: what is in tests/fixtures/refused is refused by the rule it names, what is in allowed is allowed and runs.

A file may hold several questions, each headed by a comment: `-- rule: NAME` (and `-- role: ROLE`). A new leak becomes a new file first.
"""

import time
from pathlib import Path

import pytest

from data.errors import ReadingRoomError, Refused
from policies.decide import Judge, decide
from policies.model import parse_policy
from policies.workbench.questions import blocks
from server.templates import POLICY

pytestmark = pytest.mark.unit
FIXTURES = Path(__file__).parents[2] / "fixtures"


def cases(folder: str) -> list:
    return [pytest.param(block.heads, block.sql, id=block.name) for block in blocks(FIXTURES / folder)]


@pytest.mark.parametrize(("heads", "sql"), cases("refused"))
def test_attacks_are_refused_by_their_rule(heads, sql, grants, held):
    with pytest.raises(ReadingRoomError) as refusal:
        decide(sql, grants[heads.get("role", "researcher")], held, 11)
    rule = refusal.value.rule if isinstance(refusal.value, Refused) else refusal.value.code
    assert rule == heads["rule"]


@pytest.mark.parametrize(("heads", "sql"), cases("allowed"))
def test_honest_questions_are_allowed_and_run(heads, sql, grants, held, tiny):
    judged = decide(sql, grants[heads.get("role", "researcher")], held, 11)
    rows = tiny.execute(judged.sql, dict.fromkeys(judged.parameters, 1) or None).fetchall()
    assert all(len(row) == judged.visible + judged.guarded for row in rows)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT 1\x00", "plain-text"),
        ("SELECT '" + "x" * 60_000 + "'", "size"),
        ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "size"),
        ("SELECT " + "- " * 5_000 + "1", "size"),
        ("SELECT 1" + "+1" * 9_000, "size"),
        ("SELECT * FROM " + "(SELECT * FROM " * 400 + "person" + ")" * 400, "size"),
        ("SELECT a" + "[1]" * 5_000, "size"),
    ],
)
def test_monstrous_questions_are_refused_quickly(sql, rule, grants, held):
    begun = time.monotonic()
    with pytest.raises(Refused) as refusal:
        decide(sql, grants["researcher"], held, 11)
    assert refusal.value.rule == rule
    assert time.monotonic() - begun < 10  # far above what it takes, far below what a hang would


def test_no_grant_is_default_deny(held):
    with pytest.raises(Refused) as refusal:
        Judge(parse_policy(POLICY)).grant("janitor", "HRESCH")
    assert refusal.value.rule == "default-deny"
    assert "researcher" in refusal.value.allowed


def test_the_verdict_on_a_question_is_kept_whatever_its_layout(held):
    judge = Judge(parse_policy(POLICY))
    grant = judge.policy.grants[0]
    first = judge.judge("SELECT count(*) FROM person WHERE gender_concept_id = 8507", grant, held, "one")
    again = judge.judge("select  COUNT(*) -- men\nFROM person\nWHERE gender_concept_id=8507", grant, held, "one")
    assert again.sql == first.sql
    other = judge.judge("SELECT count(*) FROM person WHERE gender_concept_id = 8532", grant, held, "one")
    assert other.sql != first.sql


def test_a_text_and_a_name_of_the_same_letters_are_told_apart(held):
    judge = Judge(parse_policy(POLICY))
    grant = judge.policy.grants[0]
    assert judge.judge("SELECT 'gender_concept_id' AS x, count(*) FROM person", grant, held, "one")
    with pytest.raises(ReadingRoomError):
        judge.judge('SELECT "month_of_birth" AS x, count(*) FROM visit_occurrence GROUP BY 1', grant, held, "one")
    assert judge.judge("SELECT 'month_of_birth' AS x, count(*) FROM visit_occurrence GROUP BY 1", grant, held, "one")


@pytest.mark.parametrize(("heads", "sql"), cases("justified"))
def test_honest_questions_that_are_refused_have_their_reason(heads, sql, grants, held):
    """The rate of honest questions refused is what stands in that folder; each says what would be told, or what says the same."""
    assert len(heads["why"]) > 8
    with pytest.raises(ReadingRoomError) as refusal:
        decide(sql, grants[heads.get("role", "researcher")], held, 11)
    assert getattr(refusal.value, "rule", refusal.value.code) == heads["rule"]


def test_the_corpora_are_large():
    assert len(cases("allowed")) >= 300
    assert len(cases("refused")) >= 500
    assert len(cases("justified")) <= len(cases("allowed")) // 10
