"""Chapter: one question, one answer. Where order matters, a total one is added."""

import pytest

from policies.decide import decide

pytestmark = pytest.mark.spec


def test_results_are_ordered_by_every_column(ask):
    rows = ask("SELECT concept_id, concept_name FROM concept c UNION ALL SELECT 0, 'zero'", role="clinician")
    assert [row[0] for row in rows] == [0, 1, 2, 3, 8507, 8532]


def test_plain_scans_keep_the_files_order(held, grants):
    judged = decide("SELECT concept_id FROM concept WHERE concept_id > 2 LIMIT 2", grants["clinician"], held, 11)
    assert "ORDER BY" not in judged.sql


def test_row_numbers_get_a_tie_breaker(held, grants):
    sql = "SELECT row_number() OVER (ORDER BY year_of_birth) FROM person"
    judged = decide(sql, grants["clinician"], held, 11)
    assert 'ORDER BY "person"."year_of_birth", "person"."person_id"' in judged.sql


def test_limits_inside_are_ordered_too(held, grants):
    sql = "SELECT max(n) FROM (SELECT count(*) n FROM person GROUP BY year_of_birth LIMIT 2)"
    judged = decide(sql, grants["clinician"], held, 11)
    assert "ORDER BY 1 LIMIT 2" in judged.sql
