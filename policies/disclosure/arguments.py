"""Aggregates over persons: on which persons each truly rests.

A group of many persons can hide a cell that rests on one: `count(*) FILTER (...)`, `sum(CASE ...)`. So each aggregate gets a condition
naming the rows it rests on, and its arguments are looked at for regions (`regions.py`).
"""

from dataclasses import dataclass
from fractions import Fraction

from sqlglot import exp

from policies.disclosure.regions import NONE, Leaf, Regions, is_zero, regions
from policies.guard.refusal import refuse

QUANTILES = (exp.Quantile, exp.PercentileCont, exp.PercentileDisc)
_OF_TWO = (exp.Corr, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrCount)


@dataclass(frozen=True)
class Rests:
    """`condition` of the rows an aggregate rests on (None: all); `derivable`: the rows left out can be told beside a count of all.

    `counts`: it counts, or adds up where a condition holds, so that beside others like it what none of them takes can be told.
    `regions` of its arguments. `times`: how many times the persons of a plain cell it takes (a quantile is about one part of them only).
    """

    condition: exp.Expr | None
    derivable: bool = False
    regions: Regions = NONE
    times: int = 1
    counts: bool = False


def rests_on(aggregate: exp.Expr, unit: exp.Expr | None, leaf: Leaf) -> Rests:
    """On what an aggregate rests. Raises Refused, by the rule `aggregate-argument`, where a code is computed with."""
    if isinstance(aggregate, exp.Filter):
        inner = rests_on(aggregate.this, unit, leaf)
        return Rests(_both(inner.condition, aggregate.expression.this), True, inner.regions, inner.times, counts=True)
    if isinstance(aggregate, exp.WithinGroup):
        value = aggregate.expression.expressions[0].this
        return Rests(_not_null(value), False, _found(value, leaf), _times(aggregate.this))
    if isinstance(aggregate, exp.CountIf | exp.LogicalAnd | exp.LogicalOr):
        return Rests(aggregate.this.copy(), True, counts=True)
    if isinstance(aggregate, exp.Count):
        return _counted(aggregate, unit, leaf)
    return _measured(aggregate, leaf)


def _counted(aggregate: exp.Count, unit: exp.Expr | None, leaf: Leaf) -> Rests:
    argument = aggregate.this
    if isinstance(argument, exp.Star | exp.Literal):
        return Rests(None, counts=True)
    distinct = isinstance(argument, exp.Distinct)
    values = argument.expressions if distinct else [argument]
    if len(values) == 1 and values[0] == unit:
        return Rests(None, counts=True)
    values = [part for one in values for part in (one.expressions if isinstance(one, exp.Tuple) else [one])]
    found = NONE  # how many values there are tells which there are, where they were chosen by a condition
    for value in values if distinct else ():
        if not _is_person(value, unit):
            found += Regions(regions(value, leaf).strict)
    return Rests(_both(*[_not_null(value) for value in values]), True, found, counts=True)


def _is_person(value: exp.Expr, unit: exp.Expr | None) -> bool:
    """`CASE WHEN c THEN person END`: the persons of a condition, which is then the one of the rows that have a value."""
    default = value.args.get("default") if isinstance(value, exp.Case) else exp.true()
    chosen = [one.args["true"] for one in value.args.get("ifs") or []]
    return (default is None or isinstance(default, exp.Null)) and bool(chosen) and all(one == unit for one in chosen)


def _measured(aggregate: exp.Expr, leaf: Leaf) -> Rests:
    values = [aggregate.this] + ([aggregate.expression] if isinstance(aggregate, (exp.Binary, *_OF_TWO)) else [])
    conditions: list[exp.Expr | None] = []
    found, conditional, chosen = NONE, isinstance(aggregate, exp.Sum), False
    if isinstance(aggregate, exp.Min | exp.Max) and (aggregate.args.get("count") or aggregate.expressions):
        raise refuse(
            "extreme", "A list of the greatest or least values is one of single persons.", "Ask for one: max(x)."
        )
    for value in values:
        bare = value.expressions[0] if isinstance(value, exp.Distinct) and len(value.expressions) == 1 else value
        if (condition := _indicator(bare, leaf)) is not None:
            conditions, conditional, chosen = [*conditions, condition], True, True
            continue
        if not isinstance(aggregate, exp.Min | exp.Max):
            _check_no_code(bare)
        elif len({column.sql() for column in bare.find_all(exp.Column)}) > 1 and bare.find(exp.Mul):
            raise _more()  # several values of one person in one number
        conditional = conditional or not isinstance(bare, exp.Column | exp.Literal)
        found += _found(bare, leaf)
        conditions.append(_not_null(bare))
    return Rests(_both(*conditions), conditional, found, _times(aggregate), chosen)


def _found(value: exp.Expr, leaf: Leaf) -> Regions:
    found = regions(value, leaf)
    if found.odd:
        raise _more()
    return found


def _more() -> Exception:
    message = "An aggregate's argument is more than plain arithmetic, rounding or a choice by a condition."
    advice = "Aggregate a column or plain arithmetic, use FILTER (WHERE ...) or CASE WHEN ... END, or GROUP BY."
    return refuse("aggregate-argument", message, advice)


def _times(aggregate: exp.Expr) -> int:
    """A quantile at a/b takes b times the persons: asked for at all such places it tells of each b-th part of the cell."""
    if isinstance(aggregate, exp.Median):
        return 2
    if not isinstance(aggregate, QUANTILES):
        return 1
    places = places_of(aggregate)
    if not all(isinstance(one, exp.Literal) and not one.is_string for one in places):
        raise refuse("extreme", "A percentile's place is not written out.", "Write it as a number between 0 and 1.")
    return max(Fraction(one.name).limit_denominator(1_000_000).denominator for one in places)


def places_of(quantile: exp.Expr) -> list[exp.Expr]:
    """The places a quantile is asked at, each a number between 0 and 1 where it is written out."""
    asked = quantile.args.get("quantile") or quantile.args.get("expression") or quantile.this
    return list(asked.expressions) if isinstance(asked, exp.Array) else [asked]


def _indicator(value: exp.Expr, leaf: Leaf) -> exp.Expr | None:
    """The condition of `CASE WHEN c THEN x [ELSE 0|NULL] END`; None for other shapes."""
    while isinstance(value, exp.Paren):
        value = value.this
    return _case(value, leaf) if isinstance(value, exp.Case) else None


def _case(case: exp.Case, leaf: Leaf) -> exp.Expr | None:
    branches, default = case.args.get("ifs") or [], case.args.get("default")
    empty = default is None or isinstance(default, exp.Null) or is_zero(default)
    if case.this is not None or len(branches) != 1 or not empty or regions(branches[0].args["true"], leaf):
        return None
    return _both(branches[0].this.copy(), _not_null(branches[0].args["true"]))


def _check_no_code(value: exp.Expr) -> None:
    if any(column.name.endswith("concept_id") for column in _computed(value)):
        message = "A concept is a code and no number: sums and averages of it mean nothing, and would tell which codes there are."
        raise refuse(
            "aggregate-argument",
            message,
            "Count by it: GROUP BY, FILTER (WHERE ...) or CASE WHEN ... THEN 1 ELSE 0 END.",
        )


def _computed(value: exp.Expr) -> list[exp.Column]:
    """Columns whose values an expression gives or computes with; those of conditions are not among them."""
    if isinstance(value, exp.Predicate | exp.And | exp.Or | exp.Not | exp.Query):
        return []
    if isinstance(value, exp.Column):
        return [value]
    children = list(value.iter_expressions())
    if isinstance(value, exp.If):
        children = [one for one in children if one is not value.this]
    return [column for child in children for column in _computed(child)]


def _not_null(value: exp.Expr) -> exp.Expr | None:
    return None if isinstance(value, exp.Literal) else there(value)


def there(value: exp.Expr) -> exp.Expr:
    """That a value is not NULL."""
    return exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))


def _both(*conditions: exp.Expr | None) -> exp.Expr | None:
    present = [condition for condition in conditions if condition is not None]
    return exp.and_(*present) if present else None
