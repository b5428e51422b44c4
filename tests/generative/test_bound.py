"""The bound on a person's rows is never too low, on any join Hypothesis can think of, and an answer that rests on it is the exact one.

The bound is caught on its way into `cells.py`; the rows are counted person by person, as the witness of the same part says. The bound may be
unknown or too high. A grant's threshold of 3 makes small data interesting.
"""

from inspect import signature
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from data.errors import ReadingRoomError
from policies.decide import decide
from policies.disclosure import cells, unit
from policies.disclosure.cells import suppressed
from policies.disclosure.profile import Sizes
from policies.verdict import Judged
from tests.generative.grammar import emptied, few, fill

pytestmark = pytest.mark.generative

ABOUT = ("person", "condition_occurrence", "measurement", "visit_occurrence", "death")
BESIDE = ("concept", "concept_ancestor", "care_site")
# What stands for (person, concept, visit) in each table about persons.
NAMES = {
    "person": ("person_id", "gender_concept_id", "care_site_id"),
    "condition_occurrence": ("person_id", "condition_concept_id", "visit_occurrence_id"),
    "measurement": ("person_id", "measurement_concept_id", "visit_occurrence_id"),
    "visit_occurrence": ("person_id", "visit_concept_id", "visit_occurrence_id"),
    "death": ("person_id", "cause_concept_id", "death_type_concept_id"),
}
SIDES = ("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


@pytest.fixture(scope="module")
def con(held):
    return emptied(held, [*ABOUT, *BESIDE])


small = st.integers(0, 2)
people = st.integers(0, 4)


@st.composite
def data(draw):
    """Rows of every table: up to five persons, three concepts, six visits."""
    tables = {
        "person": ("person_id, gender_concept_id, care_site_id", [(one, draw(small), draw(small)) for one in range(5)])
    }
    for name in ("condition_occurrence", "measurement", "visit_occurrence"):
        person, concept, visit = NAMES[name]
        if name == "visit_occurrence":
            rows = [(draw(people), draw(small), number) for number in range(draw(st.integers(0, 6)))]
            tables[name] = (f"{person}, {concept}, {visit}", rows)
        else:
            rows = draw(st.lists(st.tuples(people, small, st.integers(0, 5)), max_size=7))
            tables[name] = (f"{name.split('_')[0]}{'_occurrence' if 'occ' in name else ''}_id, {person}, {concept}, {visit}",
                            [(number, *row) for number, row in enumerate(rows)])  # fmt: skip
    tables["death"] = (
        "person_id, cause_concept_id, death_type_concept_id",
        [(one, draw(small), 1) for one in range(draw(st.integers(0, 3)))],
    )
    tables["concept"] = (
        "concept_id, vocabulary_id",
        [(one, draw(st.sampled_from("ab"))) for one in range(draw(st.integers(0, 3)))],
    )
    pairs = draw(st.lists(st.tuples(small, small), unique=True, max_size=6))
    tables["concept_ancestor"] = ("ancestor_concept_id, descendant_concept_id", pairs)
    tables["care_site"] = ("care_site_id, location_id", [(one, draw(small)) for one in range(3)])
    return tables


class _Asked:
    """A question under way: fresh names, and the WITH parts that may be read again."""

    def __init__(self, draw):
        self.draw, self.names = draw, iter(f"s{number}" for number in range(1000))
        self.texts: dict[str, str] = {}  # of the WITH parts, in order

    def pick(self, *choices):
        return self.draw(st.sampled_from(choices))

    def part(self, depth):
        """(SQL of a FROM item with its name, the three columns as one writes them there)."""
        name = next(self.names)
        way = (
            self.pick("table", "table", "select", "grouped", "once", "twice", "distinct", "union", "with", "again")
            if depth
            else "table"
        )
        if way == "table":
            table = self.pick(*ABOUT)
            return f"{table} AS {name}", [f"{name}.{column}" for column in NAMES[table]]
        if way == "again" and self.texts:
            return f"{self.pick(*self.texts)} AS {name}", [f"{name}.p", f"{name}.c", f"{name}.v"]
        query = self.query(depth - 1, way)
        if way in ("with", "again"):
            written = f"w{len(self.texts)}"
            self.texts[written] = query
            return f"{written} AS {name}", [f"{name}.p", f"{name}.c", f"{name}.v"]
        return f"({query}) AS {name}", [f"{name}.p", f"{name}.c", f"{name}.v"]

    def query(self, depth, way):
        source, (person, concept, visit) = self.sources(depth)
        if way == "grouped":
            return f"SELECT {person} AS p, {concept} AS c, count(*) AS v FROM {source} GROUP BY {person}, {concept}"
        if way == "once":
            return f"SELECT {person} AS p, count({visit}) AS c, count(*) AS v FROM {source} GROUP BY {person}"
        if way == "twice":
            more = self.pick("unnest([1, 2])", f"row_number() OVER (PARTITION BY {person} ORDER BY {concept})")
            return f"SELECT {person} AS p, {concept} AS c, {more} AS v FROM {source}"
        if way == "distinct":
            return f"SELECT DISTINCT {person} AS p, {concept} AS c, 1 AS v FROM {source}"
        mine = f"SELECT {person} AS p, {concept} AS c, {visit} AS v FROM {source}"
        if way == "union":
            other, (person, concept, visit) = self.sources(depth)
            return f"{mine} {self.pick('UNION ALL', 'UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT')} SELECT {person}, {concept}, {visit} FROM {other}"
        return mine

    def sources(self, depth):
        """FROM, joins and WHERE, and the columns that stand for person, concept and visit."""
        text, columns = self.part(depth)
        tests = []
        for _ in range(self.draw(st.integers(0, 2))):
            text, columns = self.joined(text, columns, tests, depth)
        if self.pick(True, False, False):
            tests.append(
                self.pick(f"{columns[1]} = 1", f"{columns[1]} IS NOT NULL", f"{columns[1]} < 2 OR {columns[1]} IS NULL")
            )
        if depth and self.pick(True, False, False, False):
            inner, others = self.part(depth - 1)
            tests.append(
                self.pick(
                    f"{columns[0]} IN (SELECT {others[0]} FROM {inner})",
                    f"EXISTS (SELECT 1 FROM {inner} WHERE {others[0]} = {columns[0]})",
                )
            )
        return text + (f" WHERE {' AND '.join(f'({one})' for one in tests)}" if tests else ""), columns

    def joined(self, text, columns, tests, depth):
        way = self.pick(
            "person",
            "person",
            "person",
            "comma",
            "semi",
            "key",
            "reference",
            "reference",
            "half",
            "free",
            "own",
            "lateral",
        )
        name, side = next(self.names), self.pick(*SIDES)
        person, concept, visit = columns
        if way in ("person", "comma", "semi", "key"):
            other, others = self.part(depth)
            same = f"{person} = {others[0]}"
            if way == "comma":
                tests.append(same)
                return f"{text}, {other}", columns
            if way == "semi":
                return f"{text} {self.pick('SEMI', 'ANTI')} JOIN {other} ON {same}", columns
            also = self.pick("", f" AND {concept} = {others[1]}", f" AND {others[1]} = 1")
            on = f"{visit} = {others[2]}" if way == "key" else same + also
            return f"{text} {side} {other} ON {on}", self.pick(columns, others)
        if way == "reference":
            on = self.pick(
                f"{name}.concept_id = {concept}", f"{concept} = {name}.concept_id AND {name}.vocabulary_id = 'a'"
            )
            return f"{text} {side} concept AS {name} ON {on}", [person, self.pick(concept, f"{name}.concept_id"), visit]
        if way == "half":  # met on less than its key, or on another column
            return self.pick(
                (
                    f"{text} {side} concept_ancestor AS {name} ON {name}.ancestor_concept_id = {concept}",
                    [person, f"{name}.descendant_concept_id", visit],
                ),
                (
                    f"{text} {side} concept_ancestor AS {name} ON {name}.ancestor_concept_id = {concept} AND {name}.descendant_concept_id = {concept}",
                    columns,
                ),
                (
                    f"{text} {side} concept_ancestor AS {name} ON {name}.ancestor_concept_id = {concept} AND {name}.descendant_concept_id = {name}.ancestor_concept_id",
                    columns,
                ),
                (f"{text} {side} care_site AS {name} ON {name}.location_id = {concept}", columns),
                (
                    f"{text} {side} concept AS {name} ON {name}.concept_id = {concept} OR {name}.vocabulary_id = 'a'",
                    columns,
                ),
                (f"{text} {side} concept AS {name} ON {name}.concept_id = {name}.concept_id", columns),
                (f"{text} {side} concept AS {name} ON {name}.concept_id >= {concept}", columns),
                (
                    f"{text} {side} (SELECT concept_id, vocabulary_id FROM concept) AS {name} ON {name}.concept_id = {concept}",
                    columns,
                ),
                (f"{text} ASOF JOIN concept AS {name} ON {concept} >= {name}.concept_id", columns),
            )
        if way == "free":
            tests.append(self.pick("true", f"{name}.concept_id = {concept}"))
            return f"{text}, concept AS {name}", columns
        if way == "own":
            rows = self.pick("(VALUES (1), (2))", "unnest([1, 1])", "range(1, 3)", "(SELECT unnest([1, 2]))")
            return f"{text} CROSS JOIN {rows} AS {name}(x)", columns
        other, others = self.part(0)
        return (
            f"{text} CROSS JOIN LATERAL (SELECT {others[1]} AS x FROM {other} WHERE {others[0]} = {person}) AS {name}",
            columns,
        )


@st.composite
def questions(draw):
    asked = _Asked(draw)
    text, (person, concept, _) = asked.sources(2)
    key = f"{concept} AS c, " if asked.pick(True, False) else ""
    group = f" GROUP BY {concept}" if key else ""
    values = asked.pick(
        "count(*) AS n",
        f"count(*) AS n, count(DISTINCT {person}) AS m",
        f"count(*) FILTER (WHERE {concept} = 1) AS n, count(*) AS m",
    )
    parts = ", ".join(f"{name} AS ({query})" for name, query in asked.texts.items())
    return f"{f'WITH {parts} ' if parts else ''}SELECT {key}{values} FROM {text}{group}"


def most_of(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """By table about persons, the most rows one person has."""
    counted = "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {} GROUP BY person_id)"
    return {name: con.execute(counted.format(name)).fetchone()[0] for name in ABOUT}


def exact(con: duckdb.DuckDBPyConnection, judged: Judged) -> list[int]:
    """By part that is aggregated, the most rows one person has in it: its witness says of each cell and person how many."""
    counted = "SELECT coalesce(max(n), 0) FROM (SELECT sum(rows0) AS n FROM ({}) GROUP BY person)"
    return [int(con.execute(counted.format(one.sql)).fetchone()[0]) for one in judged.witnesses]


def judged_and_bounds(con, sql, grant, held) -> tuple[Judged, list[int | None]]:
    """The question judged with the sizes of its tables, and the bound of each part that is aggregated, in order."""
    bounds, how = [], signature(suppressed)

    def catching(*arguments, **more):
        bounds.append(how.bind(*arguments, **more).arguments.get("most"))
        return suppressed(*arguments, **more)

    with patch.object(unit, "suppressed", catching):
        return decide(sql, grant, held, 3, Sizes(most=most_of(con))), bounds


@given(data(), questions())
@few(60)
def test_the_bound_is_never_below_the_count_and_changes_no_answer(con, held, grants, tables, sql):
    """A bound that is too low would show a cell of few persons. Plain counting, the bound, and counting without it give one answer."""
    fill(con, tables)
    try:
        bounded, bounds = judged_and_bounds(con, sql, grants["researcher"], held)
        answers = [
            con.execute(bounded.sql).fetchall(),
            con.execute(decide(sql, grants["researcher"], held, 3).sql).fetchall(),
        ]
    except ReadingRoomError as error:
        event(f"refused: {getattr(error, 'rule', error.code)}")
        return
    except duckdb.BinderException:  # a question that is none: then the plain one is none either
        event("no question")
        with pytest.raises(duckdb.BinderException):
            con.execute(sql)
        return
    counts = exact(con, bounded)
    event("bounded" if any(one is not None for one in bounds) else "counted")
    assert len(bounds) == len(counts)
    assert [
        (most, count) for most, count in zip(bounds, counts, strict=True) if most is not None and most < count
    ] == []
    with patch.object(cells, "_LONGEST_TWICE", 0):  # every part counts its persons in one pass
        answers.append(con.execute(decide(sql, grants["researcher"], held, 3).sql).fetchall())
    assert answers[0] == answers[1] == answers[2]


TWICE = "FROM person AS a FULL JOIN person AS b ON a.person_id = b.person_id AND a.gender_concept_id = 2"


def test_a_full_join_may_hold_the_rows_of_both_sides(con, held, grants):
    """Nobody meets anybody, so each of two persons stands there twice: four rows are more than a bound of one row each lets two be."""
    fill(con, {"person": ("person_id, gender_concept_id", [(1, 1), (2, 1)])})
    sql = f"SELECT count(*) AS n {TWICE}"
    judged, bounds = judged_and_bounds(con, sql, grants["researcher"], held)
    assert con.execute(judged.sql).fetchall() == [(None, True)]
    assert [
        (most, count)
        for most, count in zip(bounds, exact(con, judged), strict=True)
        if most is not None and most < count
    ] == []
