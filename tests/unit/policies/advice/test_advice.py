"""Advice: each rule speaks where it should and keeps quiet where the question is right; none refuses."""

from datetime import date

import pytest

from policies.advice import ADVICE
from policies.decide import decide
from policies.disclosure.profile import Sizes

pytestmark = pytest.mark.unit
DAY = date(2025, 6, 30)

WRONG = {
    "source-and-standard": [
        "SELECT count(*) FROM condition_occurrence WHERE condition_source_concept_id = condition_concept_id",
        "SELECT count(DISTINCT person_id) FROM condition_occurrence WHERE condition_concept_id = '44054006'",
    ],
    "descendants-left-out": [
        "SELECT count(DISTINCT person_id) FROM condition_occurrence WHERE condition_concept_id = 201826",
        "SELECT count(DISTINCT person_id) FROM drug_exposure WHERE drug_concept_id IN (1503297, 1529331)",
        "WITH d AS (SELECT person_id, drug_concept_id AS c FROM drug_exposure) SELECT count(DISTINCT person_id) FROM d WHERE c = $drug",
    ],
    "wrong-domain": [
        "SELECT count(*) FROM condition_occurrence o JOIN concept c ON c.concept_id = o.condition_concept_id WHERE c.domain_id = 'Drug'",
        ("SELECT count(*) FROM person p JOIN condition_occurrence a ON a.person_id = p.person_id JOIN drug_exposure b "
        "ON b.person_id = p.person_id AND a.condition_concept_id = b.drug_concept_id"),
    ],
    "concept-by-name": [
        "SELECT count(*) FROM condition_occurrence WHERE condition_concept_id IN (SELECT concept_id FROM concept WHERE concept_name ILIKE '%x%')",
    ],
    "code-without-vocabulary": [
        "SELECT concept_id FROM concept WHERE concept_code = '44054006'",
    ],
    "not-only-standard": [
        "SELECT count(*) FROM drug_exposure WHERE drug_concept_id IN (SELECT concept_id FROM concept WHERE vocabulary_id = 'RxNorm')",
    ],
    "unmapped-as-concept": [
        "SELECT condition_concept_id, count(DISTINCT person_id) FROM condition_occurrence GROUP BY 1",
    ],
    "ancestor-turned-round": [
        ("SELECT count(DISTINCT person_id) FROM condition_occurrence o JOIN concept_ancestor a "
        "ON a.ancestor_concept_id = o.condition_concept_id WHERE a.descendant_concept_id = 201826"),
    ],
    "keys-of-different-things": [
        "SELECT count(*) FROM visit_occurrence v JOIN provider p ON p.provider_id = v.care_site_id",
    ],
    "outside-observation": [
        "SELECT count(DISTINCT person_id) FROM condition_occurrence WHERE condition_start_date >= DATE '2020-01-01'",
        "SELECT count(*) FROM measurement WHERE measurement_date BETWEEN '2020-01-01' AND '2020-12-31'",
    ],
    "empty-range": [
        "SELECT count(*) FROM person WHERE year_of_birth BETWEEN 1990 AND 1950",
        "SELECT count(*) FROM visit_occurrence WHERE visit_start_date BETWEEN DATE '2021-01-01' AND DATE '2020-01-01'",
    ],
    "future-date": ["SELECT count(*) FROM visit_occurrence WHERE visit_start_date > DATE '2031-01-01'"],
    "units-mixed": ["SELECT avg(value_as_number) FROM measurement WHERE measurement_concept_id = 3004410"],
    "measurements-mixed": ["SELECT median(value_as_number) FROM measurement"],
    "events-for-persons": [
        "SELECT count(person_id) FROM condition_occurrence",
        "SELECT count(*) AS patients FROM drug_exposure",
        "SELECT gender_concept_id, count(*) AS number_of_persons FROM person JOIN visit_occurrence USING (person_id) GROUP BY 1",
    ],
    "rows-multiplied": [
        "SELECT count(*) FROM condition_occurrence c JOIN drug_exposure d ON d.person_id = c.person_id",
    ],
    "null-compared": ["SELECT count(*) FROM visit_occurrence WHERE visit_end_date = NULL"],
    "left-join-undone": [
        "SELECT count(DISTINCT p.person_id) FROM person p LEFT JOIN death d ON d.person_id = p.person_id WHERE d.death_date > '2020-01-01'",
    ],
}  # fmt: skip
RIGHT = [
    "SELECT count(*) FROM person",
    "SELECT gender_concept_id, count(*) AS persons FROM person GROUP BY 1",
    ("SELECT count(DISTINCT person_id) AS patients FROM condition_occurrence WHERE condition_concept_id IN "
    "(SELECT descendant_concept_id FROM concept_ancestor WHERE ancestor_concept_id = 201826)"),
    ("SELECT count(DISTINCT o.person_id) FROM condition_occurrence o JOIN concept_ancestor a "
    "ON a.descendant_concept_id = o.condition_concept_id WHERE a.ancestor_concept_id = 201826"),
    "SELECT unit_concept_id, avg(value_as_number) FROM measurement WHERE measurement_concept_id = 3004410 GROUP BY 1",
    ("SELECT count(DISTINCT c.person_id) FROM condition_occurrence c JOIN observation_period o ON o.person_id = c.person_id "
    "AND c.condition_start_date BETWEEN o.observation_period_start_date AND o.observation_period_end_date "
    "WHERE c.condition_start_date >= DATE '2020-01-01'"),
    ("SELECT count(*) FROM condition_occurrence c JOIN visit_occurrence v ON v.visit_occurrence_id = c.visit_occurrence_id "
    "AND v.person_id = c.person_id"),
    ("SELECT c.concept_name, count(*) FROM condition_occurrence o JOIN concept c ON c.concept_id = o.condition_concept_id "
    "WHERE o.condition_concept_id <> 0 GROUP BY 1"),
    "SELECT count(*) FROM person p LEFT JOIN death d ON d.person_id = p.person_id WHERE d.person_id IS NULL",
    "SELECT concept_id FROM concept WHERE concept_code = '44054006' AND vocabulary_id = 'SNOMED'",
]  # fmt: skip


def advice(sql, grants, held):
    return dict(decide(sql, grants["researcher"], held, 11, Sizes(day=DAY)).advice)


@pytest.mark.parametrize(("rule", "sql"), [(rule, sql) for rule, asked in WRONG.items() for sql in asked])
def test_what_may_be_wrong_is_told(rule, sql, grants, held):
    told = advice(sql, grants, held)
    assert rule in told
    assert told[rule].endswith(".")


@pytest.mark.parametrize("sql", RIGHT)
def test_what_is_right_gets_no_advice(sql, grants, held):
    assert advice(sql, grants, held) == {}


def test_every_rule_is_tried():
    assert set(WRONG) == set(ADVICE)


def test_advice_comes_beside_the_answer_and_in_the_explanation(call):
    sql = "SELECT count(person_id) FROM condition_occurrence WHERE condition_start_date > '2020-01-01'"
    reply = call(sql)
    rules = [one["rule"] for one in reply.structured["advice"]]
    assert rules == ["outside-observation", "events-for-persons"]
    assert "Advice (events-for-persons)" in reply.text
    told = call(sql, tool="explain_policy")
    assert [one["rule"] for one in told.structured["question"]["advice"]] == rules
