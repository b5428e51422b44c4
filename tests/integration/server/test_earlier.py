"""Earlier answers count: by principal or by role, over a restart, between processes, and within one answer whose cells are mixed."""

import duckdb
import pytest

from data.errors import Refused
from server.call import Principal, Request
from server.house import open_house
from server.pipeline import answer

pytestmark = pytest.mark.integration


@pytest.fixture
def year(house):
    """A year of birth that one to ten persons are below."""
    serving = house.snapshots.current().serving("deidentified")
    with duckdb.connect(str(serving), read_only=True) as con:
        years = con.execute("SELECT year_of_birth, count(*) FROM person GROUP BY 1 ORDER BY 1").fetchall()
    below = 0
    for born, persons in years:
        if 1 <= below <= 10:
            return born
        below += persons
    raise AssertionError("the sample hospital has no such year")


@pytest.fixture
def pair(year):
    return "SELECT count(*) AS n FROM person", f"SELECT count(*) AS n FROM person WHERE year_of_birth >= {year}"


def asked(house, sql, subject="one"):
    return answer(house, Request("query", {"sql": sql}, Principal(subject, "researcher", "HRESCH", "test")))


def rule(reply):
    return reply.structured.get("error", {}).get("rule", "")


def test_two_counts_that_differ_by_few_are_not_both_given(house, pair, request):
    whole, part = pair
    subject = request.node.name
    assert rule(asked(house, whole, subject)) == ""
    assert rule(asked(house, part, subject)) == "overlap"
    assert rule(asked(house, part, f"{subject} somebody else")) == ""


def test_what_was_answered_may_be_asked_again(house, pair, request):
    subject = request.node.name
    first, again = asked(house, pair[0], subject), asked(house, pair[0], subject)
    assert first.digest == again.digest != ""


def test_earlier_answers_count_after_a_restart(house, pair, published_room, request):
    subject = request.node.name
    assert rule(asked(house, pair[0], subject)) == ""
    other = open_house(published_room)
    try:
        assert rule(asked(other, pair[1], subject)) == "overlap"
    finally:
        other.close()


def test_another_process_sees_what_this_one_answered(house, pair, published_room, request):
    """Both houses are open: neither has a lead."""
    subject = request.node.name
    other = open_house(published_room)
    try:
        assert rule(asked(other, "SELECT count(*) AS n FROM visit_occurrence", subject)) == ""
        assert rule(asked(house, pair[0], subject)) == ""
        assert rule(asked(other, pair[1], subject)) == "overlap"
    finally:
        other.close()


def test_a_whole_role_may_count_as_one(house, pair, request):
    grant = house.judge.grant("researcher", "HRESCH").model_copy(update={"overlap": "role"})
    snapshot = house.snapshots.current()
    held, _ = house.schemas(snapshot, grant)
    judged = [house.judge.judge(sql, grant, held, snapshot.id, house.sizes(snapshot, grant)) for sql in pair]
    house.answers.remember(judged[0], {}, grant, f"{request.node.name} one", snapshot)
    with pytest.raises(Refused) as refused:
        house.answers.remember(judged[1], {}, grant, f"{request.node.name} two", snapshot)
    assert refused.value.rule == "overlap"


def test_the_parts_of_one_question_are_held_against_one_another(house, pair, request):
    sql = f"SELECT ({pair[0]}) - ({pair[1]}) AS few"
    assert rule(asked(house, sql, request.node.name)) == "overlap"


@pytest.mark.parametrize(
    "sql",
    [
        (
            "SELECT g, count(DISTINCT person_id) AS n FROM (SELECT person_id, 'all' AS g FROM person UNION ALL "
            "SELECT person_id, 'most' FROM person WHERE year_of_birth >= {year}) t GROUP BY g"
        ),
        (
            "SELECT v.g, count(DISTINCT p.person_id) AS n FROM person p JOIN (VALUES (0, 'all'), ({year}, 'most')) v(y, g) "
            "ON p.year_of_birth >= v.y GROUP BY 1"
        ),
    ],
)
def test_groups_in_which_the_same_persons_stand_are_held_against_one_another(house, year, sql, request):
    assert rule(asked(house, sql.format(year=year), request.node.name)) == "overlap"


def test_what_cannot_be_subtracted_is_not_compared(house, year, request):
    """A mean of some and a count of others tell nothing together: no persons are looked up."""
    subject = request.node.name
    assert rule(asked(house, "SELECT avg(year_of_birth) AS mean FROM person", subject)) == ""
    assert rule(asked(house, f"SELECT count(*) AS n FROM person WHERE year_of_birth >= {year}", subject)) == ""
    assert not next(one for one in house.answers._askers.values() if len(one.questions) == 2).cells
