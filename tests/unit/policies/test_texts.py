"""Extremes of texts that name, or that somebody wrote: refused wherever they are taken and whatever the text is called by then."""

import pytest

from data.catalogue.model import TAGS, catalogue
from data.errors import Refused
from policies.decide import decide

pytestmark = pytest.mark.unit
REFUSED = [
    "SELECT min(note_text) FROM note",
    "SELECT max(term) FROM note_term",
    "SELECT min(family_name) FROM patient_identity",
    "SELECT max(t) FROM (SELECT person_id, term AS t FROM note_term) AS words",
    "WITH words(p, w) AS (SELECT person_id, term FROM note_term) SELECT min(w) FROM words",
    "SELECT max(t) FROM (SELECT person_id, condition_source_value AS t FROM condition_occurrence UNION ALL SELECT person_id, term FROM note_term) AS u",
    "SELECT max(CASE WHEN position > 3 THEN term END) FROM note_term",
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY term) FROM note_term",
    "SELECT quantile_disc(term, 0.5) FROM note_term",
    "SELECT max(w) FROM (SELECT person_id, lag(term) OVER (PARTITION BY person_id ORDER BY position) AS w FROM note_term) AS words",
    "SELECT max(w) FROM (SELECT person_id, max(term) AS w FROM note_term GROUP BY person_id) AS words",
    "SELECT max(x.w) FROM person p, LATERAL (SELECT term AS w FROM note_term t WHERE t.person_id = p.person_id) AS x",
    "SELECT max(w) FROM (SELECT person_id, (SELECT max(t.term) FROM note_term t WHERE t.person_id = p.person_id) AS w FROM person p) AS x",
    "SELECT count(*) FROM person GROUP BY year_of_birth HAVING min(year_of_birth) < (SELECT max(length(w)) FROM (SELECT min(term) AS w FROM note_term) AS x)",
    "SELECT max(term) FILTER (WHERE position = 1) FROM note_term",
]  # fmt: skip
ALLOWED = [
    "SELECT min(condition_source_value) FROM condition_occurrence",
    "SELECT max(length(note_text)) FROM note",
    "SELECT median(position) FROM note_term",
    "SELECT max(terms) FROM note_length",
    "SELECT term, count(DISTINCT person_id) AS persons FROM note_term GROUP BY term ORDER BY persons DESC LIMIT 20",
    "SELECT max(term) FROM (SELECT term, count(DISTINCT person_id) AS persons FROM note_term GROUP BY term) AS cells WHERE persons > 50",
    "SELECT count(DISTINCT term) FROM note_term",
    "SELECT count(DISTINCT person_id) FROM note_term WHERE term = 'fall'",
]


@pytest.fixture(scope="module")
def verdict(grants):
    """Judges under a grant of everything, in a mode."""
    everything = {name: {one.name: one.type for one in table.columns} for name, table in catalogue().items()}
    widest = grants["researcher"].model_copy(update={"tables": ("*",), "tags": tuple(TAGS)})
    return lambda sql, mode="aggregate": decide(sql, widest.model_copy(update={"mode": mode}), everything, 11)


@pytest.mark.parametrize("sql", REFUSED)
def test_the_least_text_of_many_is_one_persons(verdict, sql):
    with pytest.raises(Refused) as refusal:
        verdict(sql)
    assert refusal.value.rule == "extreme"


@pytest.mark.parametrize("sql", ALLOWED)
def test_codes_lengths_and_cells_that_are_shown_have_extremes(verdict, sql):
    assert verdict(sql)


@pytest.mark.parametrize("sql", REFUSED[:3])
def test_rows_may_be_sorted_by_whom_they_are_shown_to(verdict, sql):
    assert verdict(sql, "record")
