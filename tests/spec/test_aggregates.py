"""Chapter: what a researcher learns in aggregate mode. Small groups are withheld, on whatever path they are asked for."""

import pytest

pytestmark = pytest.mark.spec


def test_large_groups_are_counted(ask):
    assert ask("SELECT count(*) FROM person") == [(100, False)]


def test_small_cells_are_withheld(ask):
    """Five women: their number is withheld; the men's too, since it would tell it by difference."""
    rows = ask("SELECT gender_concept_id, count(*) FROM person GROUP BY 1")
    assert rows == [(8507, None, True), (8532, None, True)]


def test_a_lone_small_cell_takes_its_smallest_neighbour(ask):
    """Condition 1 has 5 persons; condition 2 with 35 is withheld beside it, 3 with 60 stays."""
    rows = ask(
        "SELECT condition_concept_id, count(DISTINCT person_id) n FROM condition_occurrence GROUP BY 1 ORDER BY n DESC"
    )
    assert rows == [(3, 60, False), (1, None, True), (2, None, True)]


def test_persons_count_not_rows(ask):
    """Five persons with 25 rows are still five persons."""
    assert ask("SELECT count(*) FROM condition_occurrence WHERE condition_concept_id = 1") == [(None, True)]


def test_zero_is_shown(ask):
    assert ask("SELECT count(*) FROM condition_occurrence WHERE condition_concept_id = 99") == [(0, False)]


def test_filtered_aggregates_rest_on_their_own_persons(ask):
    """The group is large; the condition inside the aggregate is not."""
    rows = ask("SELECT count(*) FILTER (WHERE gender_concept_id = 8532), count(*) FROM person")
    assert rows == [(None, 100, True)]


def test_the_complement_of_a_condition_is_withheld(ask):
    """95 of 100 would tell that five are not."""
    rows = ask("SELECT sum(CASE WHEN gender_concept_id = 8507 THEN 1 ELSE 0 END), count(*) FROM person")
    assert rows == [(None, 100, True)]


def test_having_sees_withheld_values_as_null(ask):
    assert ask("SELECT gender_concept_id FROM person GROUP BY 1 HAVING count(*) = 5") == []


def test_order_says_nothing_of_withheld_cells(ask):
    rows = ask(
        "SELECT condition_concept_id FROM condition_occurrence GROUP BY 1 ORDER BY count(DISTINCT person_id) LIMIT 1"
    )
    assert rows == [(3, False)]


def test_keys_that_single_out_are_withheld_with_their_cell(ask):
    rows = ask("SELECT condition_start_date, count(*) FROM condition_occurrence GROUP BY 1 LIMIT 2")
    assert rows == [(None, None, True), (None, None, True)]


def test_withheld_cells_stay_withheld_further_up(ask):
    """A percentage over cells is made of what may be seen only."""
    rows = ask(
        "WITH c AS (SELECT condition_concept_id c, count(DISTINCT person_id) n FROM condition_occurrence GROUP BY 1) "
        "SELECT c, round(100.0 * n / sum(n) OVER (), 1) FROM c ORDER BY c"
    )
    assert rows == [(1, None, True), (2, None, True), (3, 100.0, False)]


def test_cohorts_by_membership_are_counted(ask):
    sql = "SELECT count(*) FROM person WHERE person_id IN (SELECT person_id FROM condition_occurrence WHERE condition_concept_id = 2)"
    assert ask(sql) == [(35, False)]


def test_first_events_per_person_are_counted(ask):
    rows = ask(
        "WITH f AS (SELECT person_id, condition_concept_id, row_number() OVER (PARTITION BY person_id ORDER BY condition_start_date) r "
        "FROM condition_occurrence) SELECT condition_concept_id, count(*) FROM f WHERE r = 1 GROUP BY 1 ORDER BY 1"
    )
    assert rows == [(1, None, True), (2, None, True), (3, 60, False)]


def test_joins_over_a_visit_keep_to_one_person(ask):
    sql = "SELECT count(*) FROM condition_occurrence c JOIN visit_occurrence v ON v.visit_occurrence_id = c.visit_occurrence_id"
    assert ask(sql) == [(500, False)]


def test_percentiles_and_spread_work(ask):
    rows = ask(
        "SELECT median(value_as_number), percentile_cont(0.5) WITHIN GROUP (ORDER BY value_as_number) FROM measurement"
    )
    assert [float(value) for value in rows[0][:2]] == [8.0, 8.0]


def test_addresses_are_seen_through_persons(ask):
    rows = ask(
        "SELECT l.state, count(*) FROM person p JOIN location l ON l.location_id = p.location_id GROUP BY 1 ORDER BY 1"
    )
    assert rows == [("MA", 50, False), ("NY", 50, False)]


def test_averages_of_per_person_counts_work(ask):
    assert ask("SELECT avg(n) FROM (SELECT person_id, count(*) n FROM condition_occurrence GROUP BY person_id)") == [
        (5.0, False)
    ]


def test_per_person_scalars_tied_to_the_row_work(ask):
    sql = "SELECT avg(n) FROM (SELECT (SELECT count(*) FROM condition_occurrence c WHERE c.person_id = p.person_id) n FROM person p)"
    assert ask(sql) == [(5.0, False)]


def test_unions_of_cells_carry_their_marks(ask):
    rows = ask(
        "SELECT 'all' k, count(*) FROM person UNION ALL SELECT 'few', count(*) FROM person WHERE gender_concept_id = 8532"
    )
    assert rows == [("all", 100, False), ("few", None, True)]


def test_casts_in_conditions_do_not_speak_by_failing(ask):
    """A cast that cannot work yields nothing instead of an error that would tell of a row."""
    sql = "SELECT count(*) FROM person WHERE CAST(CASE WHEN year_of_birth = 1950 THEN 'x' ELSE '1' END AS INTEGER) = 1"
    assert ask(sql) == [(80, False)]
