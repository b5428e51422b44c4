"""What is withheld from a table with totals cannot be solved for: the attacker takes every number shown, and linear programming.

Persons have one row each. The attacker knows which groups there are, that each holds somebody, and all the equations between a total and what
lies under it. What is promised: whatever rests on 1 to k-1 persons (a cell of any level, those a condition leaves out, two such together)
keeps at least two whole numbers it may be. What was once derived stands at the end, each with its smallest example.
"""

from itertools import combinations, product
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from scipy.optimize import linprog

from data.errors import Refused
from policies.decide import decide
from tests.generative.grammar import emptied, few, fill

pytestmark = pytest.mark.generative

K = 4
KEYS = ("condition_concept_id", "condition_status_concept_id", "condition_type_concept_id")
MARK = "condition_source_concept_id"
# By name: the aggregate, and of which marks it counts the persons.
AGGREGATES = {
    "all": ("count(*)", (0, 1, 2)),
    "one": (f"count(*) FILTER (WHERE {MARK} = 1)", (1,)),
    "two": (f"sum(CASE WHEN {MARK} = 2 THEN 1 ELSE 0 END)", (2,)),
    "both": (f"count(*) FILTER (WHERE {MARK} > 0)", (1, 2)),
}
MARKS = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


@pytest.fixture(scope="module")
def con(held):
    return emptied(held, ["condition_occurrence"])


@pytest.fixture
def solved(con, held, grants):
    """What an attacker learns about few persons: `solved(cells, sets, shown)`, cells being (keys..., mark) -> persons."""

    def learnt(cells, sets, shown=("all",)):
        keys = len(next(iter(cells))) - 1
        everybody = [key for key, count in cells.items() for _ in range(count)]
        rows = [(number, number, *key[:-1], *(0,) * (3 - keys), key[-1]) for number, key in enumerate(everybody)]
        fill(con, {"condition_occurrence": (f"condition_occurrence_id, person_id, {', '.join(KEYS)}, {MARK}", rows)})
        sql = question(keys, sets, shown)
        return Attack(
            cells, con.execute(decide(sql, grants["researcher"], held, K).sql).fetchall(), sets, shown
        ).learnt()

    return learnt


def question(keys, sets, shown):
    names = KEYS[:keys]
    levels = ", ".join(f"({', '.join(names[one] for one in level)})" for level in sets)
    values = ", ".join(f"{AGGREGATES[name][0]} AS {name}_" for name in shown)
    return f"SELECT grouping({', '.join(names)}) AS level, {', '.join(names)}, {values} FROM condition_occurrence GROUP BY GROUPING SETS ({levels})"


class Attack:
    """The numbers of an answer as equations over the number of persons of each combination of keys and mark."""

    def __init__(self, cells, rows, sets, shown):
        self.keys, self.truth = len(next(iter(cells))) - 1, cells
        live = [key for key, count in cells.items() if count]
        there = [{tuple(key[one] for one in level) for key in live} for level in sets]
        possible = product(*(sorted({key[one] for key in live}) for one in range(self.keys)))
        possible = [
            key
            for key in possible
            if all(tuple(key[one] for one in level) in groups for level, groups in zip(sets, there, strict=True))
        ]
        marks = sorted({key[-1] for key in cells})
        self.unknown = [(*key, mark) for key in possible for mark in marks]
        self.equal, self.value, self.some, self.targets = [], [], [], []
        for level, *rest in rows:
            self.read(level, rest, shown)

    def read(self, level, row, shown):
        kept = [one for one in range(self.keys) if not level >> (self.keys - 1 - one) & 1]
        if any(
            row[one] is None for one in kept
        ):  # its key is withheld, and with it every number: no equation names the group
            assert all(value is None for value in row[self.keys : self.keys + len(shown)])
            return
        whole = np.array([all(key[one] == row[one] for one in kept) for key in self.unknown], float)
        self.some.append(-whole)
        for name, value in zip(shown, row[self.keys :], strict=False):
            part = whole * [key[-1] in AGGREGATES[name][1] for key in self.unknown]
            if value is not None:
                self.equal.append(part)
                self.value.append(value)
        for marks in MARKS:  # of those that hold everybody, once
            part = whole * [key[-1] in marks for key in self.unknown]
            self.targets.append(((marks, tuple(kept), tuple(row[one] for one in kept)), part))

    def learnt(self):
        """(what, persons) of all that rests on few and has one possible value."""
        truth = np.array([self.truth.get(key, 0) for key in self.unknown])
        pairs = [((a, b), one + other) for (a, one), (b, other) in combinations(self.targets, 2) if a[:2] == b[:2]]
        few_persons = [(what, part, int(truth @ part)) for what, part in self.targets + pairs if 1 <= truth @ part < K]
        return [(what, persons) for what, part, persons in few_persons if self.values(part) == 1]

    def values(self, part):
        """How many whole numbers a sum of unknowns may be."""
        facts = {
            "A_ub": np.array(self.some),
            "b_ub": [-1] * len(self.some),
            "method": "highs",
            "integrality": 1,
        }
        if self.equal:
            facts |= {"A_eq": np.array(self.equal), "b_eq": self.value}
        low, high = linprog(part, **facts), linprog(-part, **facts)
        assert low.status == 0
        return floor(-high.fun + 1e-6) - ceil(low.fun - 1e-6) + 1 if high.status == 0 else K


sizes = st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5, 7, 15])


def tables(keys, marks=(0,), width=4):
    """Contingency tables of so many keys."""
    places = list(product(*[range(width)] * keys, marks))
    return (
        st.lists(sizes, min_size=len(places), max_size=len(places))
        .map(lambda counts: {key: count for key, count in zip(places, counts, strict=True) if count})
        .filter(bool)
    )


LEVELS = {
    "one way": (1, [(0,)]),
    "one way and a total": (1, [(0,), ()]),
    "two ways": (2, [(0, 1)]),
    "two ways and a total": (2, [(0, 1), ()]),
    "two ways and one margin": (2, [(0, 1), (0,)]),
    "both margins and a total": (2, [(0,), (1,), ()]),
    "three levels": (2, [(0, 1), (0,), ()]),
    "a table with both margins": (2, [(0, 1), (0,), (1,), ()]),
    "levels that share a key": (3, [(0, 1), (0, 2)]),
    "a cube": (3, [(0, 1, 2), (0, 1), (0, 2), (1, 2), (0,), (1,), (2,), ()]),
    "three levels without a total": (3, [(0, 1, 2), (0, 1), (0,)]),
}
WIDE = {1: 4, 2: 4, 3: 2}  # values of each key
OF_CONDITIONS = {
    "one way": [(0,)],
    "one way and a total": [(0,), ()],
}


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_totals_do_not_give_small_cells_away(solved, name):
    """Nothing that rests on one to three persons has one possible value."""
    keys, sets = LEVELS[name]

    @given(tables(keys, width=WIDE[keys]))
    @few(9)
    def tried(cells):
        assert solved(cells, sets) == []

    tried()


@pytest.mark.parametrize("name", sorted(OF_CONDITIONS))
def test_conditions_beside_one_another_give_nobody_away(solved, name):
    """Numbers of one row can be subtracted from one another; a question that would allow it is answered with fewer of them, or refused."""

    @given(tables(1, (0, 1, 2), 3), st.lists(st.sampled_from(sorted(AGGREGATES)), min_size=1, max_size=4, unique=True))
    @few(15)
    def tried(cells, shown):
        try:
            assert solved(cells, OF_CONDITIONS[name], tuple(shown)) == []
        except Refused as refused:
            event(refused.rule)

    tried()


# What was once derived: cells (keys..., mark) -> persons, levels, aggregates.
DERIVED = {
    "a group that two conditions and all leave over": ({(0, 0): 1, (0, 1): 4, (0, 2): 4}, [(0,)], ("all", "one", "two")),
    "the difference of two conditions": ({(0, 0): 4, (0, 1): 1, (0, 2): 4}, [(0,)], ("both", "two")),
    "a condition and all, with their totals": ({(0, 1): 4, (1, 0): 1, (3, 0): 4}, [(0,), ()], ("all", "one")),
    "three levels, a total withheld over a cell shown": ({(0, 3, 0): 1, (1, 2, 0): 1, (1, 3, 0): 3, (3, 3, 0): 4}, [(0, 1), (0,), ()]),
    "both margins of a table": ({(1, 3, 0): 2, (3, 1, 0): 1, (3, 2, 0): 4, (3, 3, 0): 3}, [(0, 1), (0,), (1,), ()]),
    "two levels that share a key": ({(0, 1, 1, 0): 4, (1, 1, 0, 0): 1, (1, 1, 1, 0): 4}, [(0, 1), (0, 2)]),
    "as many persons as groups": ({(one, 0): 1 for one in range(4)}, [(0,), ()]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DERIVED))
def test_nothing_small_is_derived_within_one_answer(solved, name):
    """Each answer once pinned a number of one to three persons down."""
    assert solved(*DERIVED[name]) == []
