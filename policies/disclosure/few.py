"""On how many persons the small cells rest, counted without counting those of the large ones.

Counting distinct persons of every cell costs 3 to 20 times the question itself. So it is done in stages, each over the rows of the cells
that the one before left in doubt:
 1. a cell of more than (k-1)*M rows rests on k persons for certain, where a person has at most M rows in what is aggregated;
 2. each person sets one of 64 bits; a cell of k bits or more rests on k persons for certain, as no person sets two;
 3. the persons of the rest are counted exactly.
Where M is not known the bits are set along with the aggregates. `cells.py` puts the rest around it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from policies.disclosure.arguments import there
from policies.disclosure.parts import Parts, as_, met, rows_of

_UNIT = '"__u"'
BIT = f"CAST(1 AS UBIGINT) << (hash({_UNIT}) & 63)"
MOST_BY_BITS = 24  # of 64 bits so many are set soon after so many persons; beyond that the bits clear too few cells


@dataclass(frozen=True)
class Doubt:
    """What is to be known: `persons` of conditions, `rest` of the rows they leave out, each by number of the condition."""

    persons: tuple[int, ...]
    rest: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.persons or self.rest)


def doubt(parts: Parts) -> Doubt:
    """All that decides on hiding and that no aggregate of the question tells already."""
    persons = tuple(number for number in range(len(parts.conditions)) if number not in parts.known)
    return Doubt(persons, tuple(sorted(parts.derivable())))


def bits_of(unit: exp.Expr) -> Callable[[Parts], list[exp.Expr]]:
    """The bits of all that is in doubt, to be set in the same pass as the aggregates."""

    def made(parts: Parts) -> list[exp.Expr]:
        asked = doubt(parts)
        return [as_(_bit(unit, parts.conditions[number]), f"__b{number}") for number in asked.persons] + [
            as_(_bit(unit, parts.conditions[number], rest=True), f"__c{number}") for number in asked.rest
        ]

    return made


def _bit(unit: exp.Expr, condition: exp.Expr | None, rest: bool = False) -> exp.Expr:
    """The aggregate that sets a bit for each person whose rows meet the condition, or do not."""
    test = there(unit)
    if condition is not None:
        test = exp.and_(test, exp.Not(this=met(condition)) if rest else met(condition))
    return exp.maybe_parse(
        f"bit_or(CASE WHEN {test.sql('duckdb')} THEN {BIT.replace(_UNIT, unit.sql('duckdb'))} END)", dialect="duckdb"
    )


def few(parts: Parts, asked: Doubt, k: int, most: int | None) -> list[str]:
    """The WITH parts over `__rows` and `__g` (the groups), to `__f`: keys, `__p...` and `__q...` of the small ones."""
    within, stages, names = "__g", [], list(parts.nodes)
    tests = [f'"__n{number}" >= 1' for number in asked.persons] + ["FALSE"]
    if most is not None:
        tests = [f'"__n{one}" BETWEEN 1 AND {(k * parts.times(one) - 1) * most}' for one in asked.persons]
        tests += [f'"__n0" - "__n{number}" BETWEEN 1 AND {(k - 1) * most}' for number in asked.rest]
        if k <= MOST_BY_BITS:
            stages.append(f'"__b" AS MATERIALIZED ({_over(names, within, tests, _bits(asked))})')
            within = "__b"
    if most is None or within == "__b":
        tests = [_too_few(f"__b{one}", k * parts.times(one)) for one in asked.persons]
        tests += [_too_few(f"__c{number}", k) for number in asked.rest]
    return [*stages, f'"__f" AS ({_over(names, within, tests, _counts(asked))})']


def _too_few(bits: str, k: int) -> str:
    """Of more persons than bits can tell, all are counted."""
    return f'bit_count("{bits}") BETWEEN 1 AND {k - 1}' if k <= MOST_BY_BITS else f'bit_count("{bits}") >= 1'


def rows(select: exp.Select, unit: exp.Expr, parts: Parts, asked: Doubt) -> str:
    """The WITH part `__rows` that stages and regions read: keys, person, `__m...` by condition and `__v...` by region. Written once, so
    that a part in a part in a part does not grow with all that is asked of each.
    """
    made = rows_of(select, unit, parts)
    regions = {one.condition for one in parts.regions}
    for number in sorted({*asked.persons, *asked.rest, *regions} - {0}):
        made.select(as_(met(parts.conditions[number]), f"__m{number}"), copy=False)
    for number, region in enumerate(parts.regions):
        if region.value is not None:
            made.select(as_(region.value.copy(), f"__v{number}"), copy=False)
    return f'"__rows" AS NOT MATERIALIZED ({made.sql("duckdb", copy=False)})'


def _over(names: list[str], within: str, tests: list[str], aggregates: list[str]) -> str:
    """Aggregates over the rows of the groups that a test leaves in doubt.

    The groups come as one list of hashes that is unfolded: else the engine may take them for many and build its hash table over all rows.
    Should two keys share a hash, a group too many is counted, no more.
    """
    keys = ", ".join(f'"{name}"' for name in names) or "0"
    some = f'(SELECT unnest((SELECT list(hash({keys})) FROM "{within}" WHERE {" OR ".join(tests)})) AS "h")'
    listed = ", ".join(f'r."{name}"' for name in names)
    selected = ", ".join([*([listed] if listed else []), *aggregates])
    end = f" GROUP BY {listed}" if listed else " HAVING count(*) > 0"
    return f'SELECT {selected} FROM "__rows" AS r JOIN {some} AS s ON hash({listed or "0"}) = s."h"{end}'


def _bits(asked: Doubt) -> list[str]:
    persons = [
        f'bit_or({BIT if not number else f"CASE WHEN __m{number} THEN {BIT} END"}) AS "__b{number}"'
        for number in asked.persons
    ]
    return persons + [f'bit_or(CASE WHEN NOT "__m{number}" THEN {BIT} END) AS "__c{number}"' for number in asked.rest]


def _counts(asked: Doubt) -> list[str]:
    persons = [
        f'count(DISTINCT {"__u" if not number else f"CASE WHEN __m{number} THEN __u END"}) AS "__p{number}"'
        for number in asked.persons
    ]
    return persons + [
        f'count(DISTINCT CASE WHEN NOT "__m{number}" THEN "__u" END) AS "__q{number}"' for number in asked.rest
    ]
