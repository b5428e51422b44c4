"""Chapter: every column, in every use, for every grant. What the judge says must be what the policy means (`matrix.py`), cell by cell.

All catalogue columns are tried, those a release makes of dates too. The number of cells is written down, so that none is lost unnoticed.
"""

from collections import Counter
from datetime import date
from itertools import product
from typing import get_args

import pytest

from data.catalogue.model import catalogue
from data.errors import BadRequest, Refused
from policies.decide import Judge
from policies.model import Policy, Purpose, parse_policy
from policies.releases import compile_release
from server.templates import POLICY
from tests.spec.matrix import ALLOWED, UNRESOLVED, Oracle, Use, granted_at, held, tags_and_type, uses

pytestmark = pytest.mark.spec

WRITTEN = """\
version: 1
contact: the guardian
thresholds:
  blunt: {hide_below: 15, round_to: 5, extremes: hide}
row_filters:
  own_site: {meaning: persons who live at the asker's site, keep: "SELECT person_id FROM person WHERE location_id = $site"}
  opted_out: {meaning: persons who opted out of research, drop: "SELECT person_id FROM observation WHERE observation_concept_id = 1"}
releases:
  coarse:
    base: limited
    ground: a limited data set without notes, providers and places smaller than a state
    drop: [note, "*.provider_id", "location.c*", location.zip, "operations.*"]
    generalise: {person.year_of_birth: decade, death.death_date: year}
grants:
  - {role: researcher, purpose: HRESCH, release: deidentified, mode: aggregate, tables: ["m*", "p*", "*_era", note, "?oncept"], threshold: blunt,
     tags: [person_key, record_key, clinical, quasi_identifier], hide: [person.race_concept_id, measurement.value_as_number]}
  - {role: student, purpose: HRESCH, release: safe_harbor, mode: aggregate, tables: ["condition_*", "d*", person, "operations.bed_stay"],
     tags: [person_key, date, clinical]}
  - {role: student, purpose: HQUALIMP, release: safe_harbor, mode: record, tables: ["*_occurrence", death, concept], tags: [date, clinical],
     hide: [death.death_date, concept.concept_name]}
  - {role: planner, purpose: HOPERAT, release: limited, mode: record, tables: ["operations.*", location, care_site],
     tags: [person_key, record_key, operational, quasi_identifier]}
  - {role: registrar, purpose: PUBHLTH, release: coarse, mode: aggregate, tables: [person, "no*", "lo*", "co*_occurrence", "operations.*"],
     tags: [person_key, record_key, quasi_identifier, date, free_text, identifier, clinical], rows: [own_site, opted_out]}
  - {role: registrar, purpose: PATADMIN, release: identified, mode: record, tables: [person, patient_identity, "visit_*", note],
     tags: [identifier, quasi_identifier]}
  - {role: clinician, purpose: ETREAT, release: identified, mode: record, tables: [patient_identity, note, location], break_glass: true,
     tags: [person_key, record_key, identifier, date, free_text]}
  - {role: auditor, purpose: HPAYMT, release: coarse, mode: record, tables: ["operations.*", "d*"], tags: [clinical, date, free_text],
     valid_from: 2026-01-01, valid_until: 2026-06-30}
"""
POLICIES = {"default": parse_policy(POLICY), "written": parse_policy(WRITTEN)}
GRANTS = [(name, place) for name, policy in POLICIES.items() for place in range(len(policy.grants))]
ATTRIBUTES = {"site": "7"}
# By grant: cells, and of them those allowed.
SIZES = {
    ("default", 0): (3523, 1527), ("default", 1): (3523, 403), ("default", 2): (3523, 3523),
    ("written", 0): (3523, 529), ("written", 1): (4485, 401), ("written", 2): (4485, 819), ("written", 3): (3523, 338),
    ("written", 4): (3523, 183), ("written", 5): (3523, 260), ("written", 6): (3523, 325), ("written", 7): (3523, 377),
}  # fmt: skip
TOTAL = 40_677
VERDICTS = {
    ALLOWED, UNRESOLVED, "table-not-in-release", "table-not-granted", "column-not-in-release", "column-not-granted", "linked-table",
    "aggregate-only", "limit-per-person", "window-per-person", "key-compared", "extreme", "join-on-person", "subquery-on-person",
}  # fmt: skip
# By policy: how many of the roles, purposes, days and reasons tried end how.
RULES = {
    "default": {ALLOWED: 24, "default-deny": 744},
    "written": {ALLOWED: 56, "default-deny": 992, "grant-expired": 4, "break-glass": 4},
}
DAYS = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1))


def release_of(policy: Policy, name: str) -> dict[str, dict[str, str]]:
    """What the publisher would write, as the judge is told it: table -> column -> type."""
    made = compile_release(name, catalogue(), policy.releases.get(name))
    return {
        table: {one: tags_and_type(table, one)[1] for one in columns} for table, (columns, _) in made.tables.items()
    }


def said(judge: Judge, place: int, use: Use, release: dict[str, dict[str, str]], attributes: dict[str, str]) -> str:
    try:
        judge.judge(use.sql, judge.policy.grants[place], release, "one", attributes=attributes)
    except Refused as refused:
        return refused.rule
    except BadRequest:
        return UNRESOLVED
    return ALLOWED


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_releases_hold_what_they_promise(name):
    policy = POLICIES[name]
    for release in {"identified", "limited", "deidentified", "safe_harbor", *policy.releases}:
        assert {table: list(columns) for table, columns in release_of(policy, release).items()} == held(policy, release)


@pytest.mark.parametrize(("name", "place"), GRANTS)
def test_every_cell_is_as_the_policy_means(name, place):
    """Whatever is not granted is refused, by the rule that says why; whatever is granted is allowed."""
    policy = POLICIES[name]
    judge, oracle = Judge(policy), Oracle(policy, policy.grants[place])
    release = release_of(policy, policy.grants[place].release)
    wrong = [
        (use.table, use.column, use.operation, expected, heard)
        for use in uses(policy, policy.grants[place].release)
        if (heard := said(judge, place, use, release, ATTRIBUTES)) != (expected := oracle.verdict(use))
    ]
    assert wrong == []


def test_without_its_attribute_a_filtered_grant_gives_nothing():
    policy = POLICIES["written"]
    place = next(number for number, grant in enumerate(policy.grants) if grant.rows)
    judge, release = Judge(policy), release_of(policy, policy.grants[place].release)
    asked = [use for use in uses(policy, policy.grants[place].release) if use.operation == "select"]
    assert {said(judge, place, use, release, {"city": "7"}) for use in asked} == {"row-filter"}


def roles_and_purposes(policy: Policy) -> list[tuple[str, str, date, bool]]:
    roles = sorted({grant.role for grant in policy.grants} | {"nobody", "", "Researcher", "*", "clinician "})
    return list(product(roles, [*get_args(Purpose), "", "*", "hresch"], DAYS, (False, True)))


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_role_and_purpose_without_a_grant_is_denied(name):
    """Default deny, expiry and break-glass, for every role, purpose, day and reason: before any column is looked at."""
    judge, policy = Judge(POLICIES[name]), POLICIES[name]
    wrong, rules = [], Counter()
    for role, purpose, day, reason in roles_and_purposes(policy):
        expected = granted_at(policy, role, purpose, day, reason)
        try:
            heard = judge.grant(role, purpose, day, reason)
        except Refused as refused:
            heard = refused.rule
        rules[expected if isinstance(expected, str) else ALLOWED] += 1
        wrong += [(role, purpose, day, reason, expected, heard)] if heard != expected else []
    assert wrong == []
    assert rules == RULES[name]


def test_the_matrix_is_as_large_as_it_was():
    """Grants times columns times uses, and of them those that are allowed: fewer would mean that something is no longer tried."""
    counted, verdicts = {}, set()
    for name, place in GRANTS:
        policy = POLICIES[name]
        oracle = Oracle(policy, policy.grants[place])
        heard = [oracle.verdict(use) for use in uses(policy, policy.grants[place].release)]
        counted[name, place] = (len(heard), heard.count(ALLOWED))
        verdicts |= set(heard)
    assert verdicts == VERDICTS
    assert counted == SIZES
    assert sum(cells for cells, _ in counted.values()) == TOTAL
