"""Two answers that can be subtracted to a few persons are never both given: brute force over all cells is the judge of `isolates`.

Persons have attributes and one row or two. Questions count persons or rows of a cohort, by nothing or by an attribute; cohorts differ in
few persons on purpose. Brute force knows which persons (or rows) each shown number counts, and subtracts everything from everything of the
kinds that are promised. How often the check refuses where brute force finds nothing is bounded, so that it does not simply always refuse.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.decide import decide
from policies.disclosure.overlap import answered, isolates
from tests.generative.grammar import emptied, few, fill

pytestmark = pytest.mark.generative

K = 4
A, B, C = "condition_concept_id", "condition_status_concept_id", "condition_type_concept_id"
VALUES = {"persons": "count(DISTINCT person_id)", "rows": "count(*)"}


@pytest.fixture(scope="module")
def con(held):
    return emptied(held, ["condition_occurrence"])


@dataclass(frozen=True)
class Row:
    """A row of the table: its number, its person, three attributes."""

    number: int
    person: int
    a: int
    b: int
    c: int


@st.composite
def populations(draw, twice):
    """Rows of 8 to 40 persons; a few attributes are rare."""
    common = st.sampled_from([0, 0, 0, 0, 1, 1, 2])
    rare = st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3])
    rows, number = [], 0
    for person in range(draw(st.integers(8, 40))):
        for _ in range(draw(st.integers(1, 2)) if twice else 1):
            rows.append(Row(number, person, draw(common), draw(common), draw(rare)))
            number += 1
    return rows


@dataclass(frozen=True)
class Question:
    """Counts of a cohort: its SQL, the attribute it is grouped by, if any, and the cohort in Python."""

    sql: str
    key: str
    meets: Callable[[Row], bool] = field(repr=False)


@st.composite
def cohorts(draw):
    """(SQL, the same in Python)."""
    value = draw(st.integers(0, 2))
    column, name = draw(st.sampled_from([("a", A), ("b", B), ("c", C)]))
    return draw(
        st.sampled_from([
            ("true", lambda row: True),
            (f"{name} = {value}", lambda row: getattr(row, column) == value),
            (f"{name} <> {value}", lambda row: getattr(row, column) != value),
            (f"{name} <= {value}", lambda row: getattr(row, column) <= value),
        ])
    )  # fmt: skip


@st.composite
def series(draw, kind, number):
    """Questions one after the other; most are the first one's cohort, with or without the few of whom something rare is true."""
    sql, meets = draw(cohorts())
    questions = []
    for place in range(number):
        where, test = sql, meets
        if place or draw(st.booleans()):
            rare = draw(st.integers(1, 3))
            where, test = draw(
                st.sampled_from([
                    (f"({sql}) AND {C} <> {rare}", lambda row, rare=rare: meets(row) and row.c != rare),
                    (f"({sql}) OR {C} = {rare}", lambda row, rare=rare: meets(row) or row.c == rare),
                    (sql, meets),
                    draw(cohorts()),
                ])
            )  # fmt: skip
        key, name = draw(st.sampled_from([("", ""), ("a", A), ("b", B)]))
        listed, group = (f"{name}, ", f" GROUP BY {name}") if key else ("", "")
        questions.append(
            Question(f"SELECT {listed}{VALUES[kind]} AS n FROM condition_occurrence WHERE {where}{group}", key, test)
        )
    return questions


def asked(con, grant, held, kind, rows, question):
    """What `overlap.py` keeps of an answer, and the sets of persons (or rows) its shown numbers count."""
    key, meets = question.key, question.meets
    judged = decide(question.sql, grant, held, K)
    shown = {row[0] if key else None: row[-2] for row in con.execute(judged.sql).fetchall()}
    kept = [
        answered(con.sql(one.sql).to_arrow_table(), one.told, one.tables, K, one.one_level) for one in judged.witnesses
    ]
    cells: dict = {}
    for row in rows:
        if meets(row):
            cells.setdefault(getattr(row, key) if key else None, set()).add(row)
    sets = []
    for name, value in shown.items():
        if value:
            counted = {row.person for row in cells[name]} if kind == "persons" else {row.number for row in cells[name]}
            assert len(counted) == value
            sets.append(frozenset(counted))
    return kept, sets


class Brute:
    """Subtracts shown numbers from one another, for every subset of the cells of an answer."""

    def __init__(self, kind, rows):
        self.person = {row.number: row.person for row in rows} if kind == "rows" else None

    def isolated(self, *plus, minus) -> bool:
        """Whether what is left of numbers less others is a number about 1 to k-1 persons, and about nobody else."""
        left = Counter(one for cell in plus for one in cell)
        left.subtract(one for cell in minus for one in cell)
        counts = {one: count for one, count in left.items() if count}
        persons = {self.who(one) for one in counts}
        one_way = bool(counts) and (min(counts.values()) > 0 or max(counts.values()) < 0)
        return one_way and len(persons) < K

    def who(self, one) -> int:
        return one if self.person is None else self.person[one]

    def unions(self, cells):
        return [some for size in range(1, len(cells) + 1) for some in combinations(cells, size)]

    def found(self, new, earlier) -> str:
        """Why the newest answer beside earlier ones gives somebody away: two numbers, a union, or a total less a number less a union."""
        for other in earlier:
            if any(self.isolated(one, minus=[two]) for one in new for two in other):
                return "pair"
            if any(self.isolated(one, minus=some) for one in new for some in self.unions(other)):
                return "union"
            if any(self.isolated(one, minus=some) for one in other for some in self.unions(new)):
                return "union"
        for total in (one for other in earlier for one in other):
            unions = [some for other in [new, *earlier] for some in self.unions(other)]
            if any(self.isolated(total, minus=[cell, *some]) for cell in new if cell < total for some in unions):
                return "rest"
        return ""


def filled(rows):
    columns = f"condition_occurrence_id, person_id, {A}, {B}, {C}"
    return {"condition_occurrence": (columns, [(row.number, row.person, row.a, row.b, row.c) for row in rows])}


def tried_with(con, held, grants, kind, twice, number, examples):
    """Runs the property; gives how often each verdict met each finding."""
    met: Counter = Counter()

    @given(populations(twice), series(kind, number))
    @few(examples)
    def tried(rows, asked_for):
        fill(con, filled(rows))
        kept, given_out = [], []
        for question in asked_for:
            parts, sets = asked(con, grants["researcher"], held, kind, rows, question)
            found = Brute(kind, rows).found(sets, given_out)
            said = isolates(parts, kept, K)
            met[bool(said), found] += bool(given_out)
            assert said or not found, f"{found} not seen"
            if not said:  # what is refused is not given out
                kept, given_out = [*kept, *parts], [*given_out, sets]

    tried()
    return met


@pytest.mark.parametrize(
    ("kind", "twice", "number"),
    [
        ("persons", False, 2),
        ("persons", True, 2),
        ("rows", False, 2),
        ("rows", True, 2),
        ("persons", False, 3),
        ("rows", True, 3),
    ],
)
def test_what_can_be_subtracted_is_seen(con, held, grants, kind, twice, number):
    """No false fine; and of the pairs brute force finds nothing in, fewer than a quarter are refused."""
    met = tried_with(con, held, grants, kind, twice, number, 25)
    fine, refused = met[False, ""], met[True, ""]
    found = sum(count for (_, why), count in met.items() if why)
    print(f"{kind}, {number} answers: {found} isolate, {fine} fine, {refused} refused in vain")
    assert refused < 0.25 * (fine + refused)


def test_a_union_is_seen_where_persons_differ_in_some_of_their_rows(con, held, grants):
    """Thirteen persons' rows by site, then all rows but two: the only one of person 12, and one of the two of person 11."""
    rows = [Row(number, number, int(number > 3), 0, 0) for number in range(12)] + [
        Row(12, 12, 1, 0, 1),
        Row(13, 11, 1, 0, 1),
    ]
    fill(con, filled(rows))
    every = Question(f"SELECT {A}, count(*) AS n FROM condition_occurrence GROUP BY {A}", "a", lambda row: True)
    common = Question(f"SELECT count(*) AS n FROM condition_occurrence WHERE {C} = 0", "", lambda row: row.c == 0)
    (before, totals), (after, rest) = (
        asked(con, grants["researcher"], held, "rows", rows, one) for one in (every, common)
    )
    assert sum(map(len, totals)) - sum(map(len, rest)) == 2
    assert isolates(after, before, K)


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_two_whole_answers_are_seen_to_differ_in_one_person(con, held, grants, kind):
    """Everybody by one attribute, then everybody but person 40 by another: the sums are 41 and 40."""
    rows = [Row(number, number, number % 2, number // 2 % 2, 0) for number in range(40)] + [Row(40, 40, 0, 0, 1)]
    fill(con, filled(rows))
    every = Question(f"SELECT {A}, {VALUES[kind]} AS n FROM condition_occurrence GROUP BY {A}", "a", lambda row: True)
    most = Question(
        f"SELECT {B}, {VALUES[kind]} AS n FROM condition_occurrence WHERE {C} = 0 GROUP BY {B}",
        "b",
        lambda row: row.c == 0,
    )
    (before, all_), (after, rest) = (asked(con, grants["researcher"], held, kind, rows, one) for one in (every, most))
    assert (sum(map(len, all_)), sum(map(len, rest))) == (41, 40)
    assert isolates(after, before, K)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=7))
@few(60)
def test_the_check_takes_for_shown_what_is_shown(con, held, grants, sizes):
    """A neighbour that is withheld is withheld in both; a cell the check took for withheld would never be compared."""
    groups = [group for group, size in enumerate(sizes) for _ in range(size)]
    rows = [(number, number, group) for number, group in enumerate(groups)]
    fill(con, {"condition_occurrence": (f"condition_occurrence_id, person_id, {A}", rows)})
    sql = f"SELECT {A}, count(*) AS n FROM condition_occurrence GROUP BY 1"
    judged = decide(sql, grants["researcher"], held, K)
    shown = sorted(n for _, n, _ in con.execute(judged.sql).fetchall() if n is not None)
    one = judged.witnesses[0]
    taken = answered(con.sql(one.sql).to_arrow_table(), one.told, one.tables, K, one.one_level, one.mixed)
    assert sorted(len(cell.persons) for column in taken.columns for cell in column) == shown
