"""What a policy says is what holds: row filters, thresholds, expiry, break-glass and budgets, each against known persons."""

from datetime import date

import pytest

from data.errors import BadRequest, Refused
from policies.decide import Judge
from policies.model import Policy, parse_policy
from server.earlier.budget import Budgets

HEAD = """\
version: 1
contact: the guardian
row_filters:
  own_site: {meaning: persons who live at the asker's site, keep: "SELECT person_id FROM person WHERE location_id = $site"}
  own_state: {meaning: persons who live in the asker's state,
    keep: "SELECT p.person_id FROM person p JOIN location l USING (location_id) WHERE l.state = $state"}
  opted_out: {meaning: persons who opted out of research, drop: "SELECT person_id FROM person WHERE person_id < 10"}
  not_few: {meaning: all but three persons, drop: "SELECT person_id FROM person WHERE person_id < 3"}
grants:
"""
GRANT = """\
  - {{role: researcher, purpose: HRESCH, release: deidentified, mode: {mode}, tables: ["*"], {more}
     tags: [person_key, record_key, quasi_identifier, date, clinical, operational]}}
"""


def policy(more: str = "", mode: str = "aggregate", also: str = "") -> Policy:
    return parse_policy(HEAD + GRANT.format(mode=mode, more=more and more + ",") + also)


@pytest.fixture
def rows(tiny, held):
    """Rows of a question under a policy's first grant."""

    def asked(made: Policy, sql: str, **attributes: str):
        judged = Judge(made).judge(sql, made.grants[0], held, "one", attributes=attributes)
        return tiny.execute(judged.sql).fetchall()

    return asked


def test_row_filters_keep_the_askers_site_and_drop_who_opted_out(rows):
    made = policy("rows: [own_site, opted_out]", "record")
    seen = rows(made, "SELECT person_id FROM person", site="1")
    assert [one[0] for one in seen] == list(range(11, 100, 2))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT person_id FROM measurement",
        "SELECT person_id FROM person UNION SELECT person_id FROM condition_occurrence",
        "WITH a AS (SELECT * FROM visit_occurrence) SELECT DISTINCT a.person_id FROM a LEFT JOIN person USING (person_id)",
        "SELECT person_id FROM person p WHERE EXISTS (SELECT 1 FROM measurement m WHERE m.person_id = p.person_id)",
        "SELECT max(person_id) AS person_id FROM measurement GROUP BY measurement.person_id",
    ],
)
def test_no_path_reaches_around_a_row_filter(rows, sql):
    seen = {one[0] for one in rows(policy("rows: [own_site, opted_out]", "record"), sql, site="1")}
    assert seen == set(range(11, 100, 2))


def test_row_filters_cut_before_persons_are_counted(rows):
    made = policy("rows: [opted_out]")
    assert rows(made, "SELECT count(DISTINCT person_id) AS n FROM measurement")[0][0] == 90


def test_a_row_filter_without_its_attribute_refuses(held):
    made = policy("rows: [own_site]")
    with pytest.raises(Refused) as refused:
        Judge(made).judge("SELECT count(*) FROM person", made.grants[0], held, "one")
    assert refused.value.rule == "row-filter"
    assert "site" in refused.value.message


def test_an_attribute_is_a_value_and_never_sql(rows):
    made = policy("rows: [own_state]", "record")
    asked = "SELECT count(DISTINCT person_id) FROM condition_occurrence"
    assert rows(made, asked, state="MA")[0][0] == 50
    for trick in ("MA' OR '1'='1", "MA OR 1=1", "'MA'", "1; DROP TABLE person"):
        assert rows(made, asked, state=trick)[0][0] == 0


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        ("SELECT location_id FROM person", "person_id"),
        ("DELETE FROM person", "SELECT"),
        ("SELECT person_id FROM no_such_table", "no_such_table"),
        ("SELECT person_id FROM read_csv('/etc/passwd')", "read_csv"),
    ],
)
def test_a_row_filter_passes_the_same_guard(keep, says):
    with pytest.raises(BadRequest) as wrong:
        parse_policy(
            HEAD.replace("SELECT person_id FROM person WHERE location_id = $site", keep)
            + GRANT.format(mode="record", more="")
        )
    assert "own_site" in wrong.value.message
    assert says.lower() in str(wrong.value).lower()


def test_counts_are_rounded_where_the_profile_says(rows):
    made = policy("threshold: ehrql, rows: [opted_out]")
    by_measure = (
        "SELECT measurement_concept_id AS c, count(DISTINCT person_id) AS n FROM measurement GROUP BY 1 ORDER BY 1"
    )
    by_gender = "SELECT gender_concept_id AS c, count(*) AS n FROM person GROUP BY 1 ORDER BY 1"
    assert [row[:2] for row in rows(made, by_measure)] == [(0, 90), (1, 90), (2, 90)]
    assert [row[:2] for row in rows(policy("threshold: ehrql, rows: [not_few]"), by_measure)] == [
        (0, 95),
        (1, 95),
        (2, 95),
    ]
    assert all(n is None or n % 5 == 0 for _, n, *_ in rows(made, by_gender))


@pytest.mark.parametrize("value", ["min(year_of_birth)", "max(year_of_birth)", "quantile_cont(year_of_birth, 0.99)"])
def test_a_profile_may_forbid_extremes(rows, value):
    sql = f"SELECT {value} AS x FROM person"
    with pytest.raises(Refused) as refused:
        rows(policy("threshold: strict"), sql)
    assert refused.value.rule == "extreme"


@pytest.mark.parametrize("value", ["min(year_of_birth)", "max(year_of_birth)"])
def test_other_profiles_show_extremes_of_groups_that_are_large(rows, value):
    assert rows(policy("threshold: cms"), f"SELECT {value} AS x FROM person")[0][0] is not None


@pytest.mark.parametrize(
    ("place", "shown"),
    [("0.5", True), ("0.25", True), ("0.2", True), ("0.1", False), ("0.05", False), ("0.333", False)],
)
def test_a_percentile_takes_enough_persons_on_each_of_its_steps(rows, place, shown):
    """A hundred persons: a quarter of them is enough of eleven, a tenth is not, and a walk in small steps shows nothing."""
    made = rows(policy("threshold: cms"), f"SELECT quantile_cont(year_of_birth, {place}) AS x FROM person")
    assert (made[0][0] is not None) == shown


def test_a_grant_holds_from_its_first_to_its_last_day():
    judge = Judge(policy("valid_from: 2026-01-01, valid_until: 2026-06-30"))
    for day in (date(2026, 1, 1), date(2026, 6, 30)):
        assert judge.grant("researcher", "HRESCH", day).role == "researcher"
    for day in (date(2025, 12, 31), date(2026, 7, 1)):
        with pytest.raises(Refused) as refused:
            judge.grant("researcher", "HRESCH", day)
        assert refused.value.rule == "grant-expired"


EMERGENCY = """\
  - {role: clinician, purpose: ETREAT, release: identified, mode: record, tables: ["*"], tags: [person_key], break_glass: true}
"""


def test_a_break_glass_grant_serves_only_who_says_why():
    judge = Judge(policy(also=EMERGENCY))
    with pytest.raises(Refused) as refused:
        judge.grant("clinician", "ETREAT")
    assert refused.value.rule == "break-glass"
    assert judge.grant("clinician", "ETREAT", break_glass=True).release == "identified"
    # Where there is no grant for emergencies a reason opens nothing.
    assert judge.grant("researcher", "HRESCH", break_glass=True).mode == "aggregate"


@pytest.mark.parametrize("kind", ["calls_per_hour: 2", "calls_per_day: 2"])
def test_calls_are_budgeted_and_come_back_with_time(kind):
    now = [0.0]
    grant = policy(f"budget: {{{kind}}}").grants[0]
    budgets = Budgets(list, lambda: now[0])
    budgets.check("a", grant)
    budgets.check("a", grant)
    with pytest.raises(Refused) as refused:
        budgets.check("a", grant)
    assert refused.value.rule == "budget"
    budgets.check("b", grant)
    now[0] = 3601.0 if "hour" in kind else 86_401.0
    budgets.check("a", grant)


def test_rows_and_persons_are_budgeted_over_a_restart():
    grant = policy("budget: {rows_per_day: 100, persons_per_day: 10}", "record").grants[0]
    budgets = Budgets(lambda: [("a", "researcher", 10.0, 5, 8)], lambda: 20.0)
    budgets.check("a", grant)
    budgets.took("a", grant, 2, [1, 2])
    with pytest.raises(Refused):
        budgets.took("a", grant, 1, [3])
    budgets.took("b", grant, 100, [1])
    with pytest.raises(Refused) as refused:
        budgets.check("b", grant)
    assert refused.value.rule == "budget"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GRANT.format(mode="aggregate", more="rows: [nobody],"), "row_filters"),
        (GRANT.format(mode="aggregate", more="threshold: none_such,"), "thresholds"),
        (GRANT.format(mode="aggregate", more="").replace("deidentified", "own"), "releases"),
        (GRANT.format(mode="aggregate", more="tables_too: 1,"), "tables_too"),
        (GRANT.format(mode="aggregate", more="valid_until: soon,"), "valid_until"),
        (GRANT.format(mode="aggregate", more="") * 2, "repeats"),
    ],
)
def test_a_wrong_policy_names_its_place(text, says):
    with pytest.raises(BadRequest) as wrong:
        parse_policy(HEAD + text, "policy.yaml")
    assert wrong.value.message.startswith("policy.yaml")
    assert says in wrong.value.message
