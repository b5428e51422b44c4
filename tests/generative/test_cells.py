"""Questions made by Hypothesis: a cell that is shown is right, and rests on nobody or on enough persons.

The plain SQL is run beside the governed one as an independent count; agreement of the two is looked for, not assumed.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.decide import decide

pytestmark = pytest.mark.generative

CONDITIONS = (
    "true", "condition_concept_id = 1", "condition_concept_id <> 1", "gender_concept_id = 8532", "year_of_birth >= 1970",
    "year_of_birth = 1950 AND condition_concept_id = 2", "condition_start_date < DATE '2020-03-01'", "year_of_birth BETWEEN 1960 AND 1980",
)  # fmt: skip
KEYS = ("condition_concept_id", "gender_concept_id", "year_of_birth", "year(condition_start_date)")
WAYS = (
    "JOIN person p USING (person_id)",
    "JOIN person p ON p.person_id = c.person_id",
    "LEFT JOIN person p ON c.person_id = p.person_id",
)


@st.composite
def questions(draw):
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=2))
    inside, outside = draw(st.sampled_from(CONDITIONS)), draw(st.sampled_from(CONDITIONS))
    shape = draw(
        st.sampled_from(
            ["count(*) FILTER (WHERE {0})", "sum(CASE WHEN {0} THEN 1 ELSE 0 END)", "count(CASE WHEN {0} THEN 1 END)"]
        )
    )
    return keys, shape.format(inside), inside, outside, draw(st.sampled_from(WAYS))


def rows_of(con, sql):
    return con.execute(sql).fetchall()


@given(questions())
@settings(max_examples=120, deadline=None, derandomize=True)
def test_shown_cells_are_right_and_rest_on_enough(tiny, held, grants, question):
    """No cell shows a number that one to ten persons make up, directly or as what is left of their group."""
    keys, aggregate, inside, outside, way = question
    source = f"FROM condition_occurrence c {way} WHERE {outside}"
    listed = "".join(f"{key} AS k{place}, " for place, key in enumerate(keys))
    group = f"GROUP BY {', '.join(keys)}" if keys else ""
    judged = decide(f"SELECT {listed}{aggregate} AS n {source} {group}", grants["researcher"], held, 11)
    persons = f"count(DISTINCT person_id) FILTER (WHERE {inside})".replace("person_id", "c.person_id")
    plain = rows_of(tiny, f"SELECT {listed}{aggregate} AS n, {persons}, count(DISTINCT c.person_id) {source} {group}")
    truth = {row[: len(keys)]: row[len(keys) :] for row in plain}
    shown = [row for row in rows_of(tiny, judged.sql) if row[len(keys)] is not None]
    assert len(rows_of(tiny, judged.sql)) == len(plain)
    for row in shown:
        value, touched, all_persons = truth[row[: len(keys)]]
        assert row[len(keys)] == value
        assert touched not in range(1, 11)
        assert all_persons not in range(1, 11)
        assert all_persons - touched not in range(1, 11)


@given(questions())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_lone_cell_is_never_hidden_alone(tiny, held, grants, question):
    """One hidden cell among shown ones could be had from the total."""
    keys, aggregate, _, outside, way = question
    if not keys:
        return
    listed = "".join(f"{key} AS k{place}, " for place, key in enumerate(keys))
    sql = f"SELECT {listed}{aggregate} AS n FROM condition_occurrence c {way} WHERE {outside} GROUP BY ALL"
    values = [row[len(keys)] for row in rows_of(tiny, decide(sql, grants["researcher"], held, 11).sql)]
    nonzero = [value for value in values if value != 0]
    assert nonzero.count(None) != 1 or len(nonzero) == 1
