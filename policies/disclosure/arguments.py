"""Aggregates over persons: which are allowed, and on which persons each truly rests.

A group of many persons can hide a cell that rests on one: `count(*) FILTER (...)`, `sum(CASE ...)`. So each aggregate gets a
condition naming the rows it rests on. Arguments that could pack several counts into one number are refused.
"""

from sqlglot import exp

from policies.guard.refusal import refuse

_ARITHMETIC = (
    exp.Column, exp.Identifier, exp.Literal, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren, exp.Cast,
    exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Round, exp.Abs, exp.Coalesce, exp.Nullif, exp.DateDiff,
    exp.Var, exp.Year, exp.Extract, exp.Null, exp.Interval,
)  # fmt: skip

_OF_TWO = (exp.Corr, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrCount)


def rests_on(aggregate: exp.Expr, unit: exp.Expr | None = None) -> tuple[exp.Expr | None, bool]:
    """Condition of the rows an aggregate rests on (None: all), and whether the rows left out are derivable too.

    A count or sum tells, beside a count of all, about the rows it leaves out; so does any argument that is more than a column.
    """
    if isinstance(aggregate, exp.Filter):
        inner, _ = rests_on(aggregate.this, unit)
        return _both(inner, aggregate.expression.this), True
    if isinstance(aggregate, exp.WithinGroup):
        order = aggregate.expression.expressions[0]
        return _not_null(order.this), False
    if isinstance(aggregate, exp.CountIf | exp.LogicalAnd | exp.LogicalOr):
        return aggregate.this.copy(), True
    if isinstance(aggregate, exp.Count):
        return _counted(aggregate, unit)
    return _measured(aggregate)


def _counted(aggregate: exp.Count, unit: exp.Expr | None) -> tuple[exp.Expr | None, bool]:
    argument = aggregate.this
    if isinstance(argument, exp.Star | exp.Literal):
        return None, False
    values = argument.expressions if isinstance(argument, exp.Distinct) else [argument]
    if len(values) == 1 and values[0] == unit:
        return None, False
    conditions = [_indicator(value) or _not_null(value) for value in values]
    return _both(*conditions), True


def _measured(aggregate: exp.Expr) -> tuple[exp.Expr | None, bool]:
    values = [aggregate.this] + ([aggregate.expression] if isinstance(aggregate, (exp.Binary, *_OF_TWO)) else [])
    conditions: list[exp.Expr | None] = []
    conditional = isinstance(aggregate, exp.Sum) or not all(isinstance(one, exp.Column | exp.Literal) for one in values)
    for value in values:
        bare = value.expressions[0] if isinstance(value, exp.Distinct) and len(value.expressions) == 1 else value
        if (condition := _indicator(bare)) is not None:
            conditions, conditional = [*conditions, condition], True
        else:
            _check_arithmetic(bare, isinstance(aggregate, exp.Min | exp.Max))
            conditions.append(_not_null(bare))
    return _both(*conditions), conditional


def _indicator(value: exp.Expr) -> exp.Expr | None:
    """The condition of `CASE WHEN c THEN x [ELSE 0|NULL] END` or of a boolean cast to a number; None for other shapes."""
    while isinstance(value, exp.Paren):
        value = value.this
    if isinstance(value, exp.Cast) and _is_condition(value.this):
        return _copy(value.this)
    if _is_condition(value):
        return _copy(value)
    if isinstance(value, exp.Case):
        return _case(value)
    return None


def _copy(node: exp.Expr) -> exp.Expr:
    return node.copy()


def _is_condition(value: exp.Expr) -> bool:
    while isinstance(value, exp.Paren):
        value = value.this
    return isinstance(value, exp.Predicate | exp.And | exp.Or | exp.Not | exp.Boolean)


def _case(case: exp.Case) -> exp.Expr | None:
    branches, default = case.args.get("ifs") or [], case.args.get("default")
    empty = (
        default is None or isinstance(default, exp.Null) or (isinstance(default, exp.Literal) and default.name == "0")
    )
    if case.this is not None or len(branches) != 1 or not empty:
        raise _packed()
    value = branches[0].args["true"]
    _check_arithmetic(value, extremes=True)
    return _both(branches[0].this.copy(), _not_null(value))


def _check_arithmetic(value: exp.Expr, extremes: bool) -> None:
    for node in value.walk():
        if isinstance(node, _ARITHMETIC):
            concept = isinstance(node, exp.Column) and node.name.endswith("concept_id")
            if not (concept and not extremes):
                continue
        raise _packed()


def _packed() -> Exception:
    return refuse(
        "aggregate-argument",
        "An aggregate's argument is more than one number or one condition.",
        "Aggregate a column or plain arithmetic, use FILTER (WHERE ...) or CASE WHEN ... THEN 1 ELSE 0 END, or GROUP BY.",
    )


def _not_null(value: exp.Expr) -> exp.Expr | None:
    if isinstance(value, exp.Literal):
        return None
    return exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))


def _both(*conditions: exp.Expr | None) -> exp.Expr | None:
    present = [condition for condition in conditions if condition is not None]
    return exp.and_(*present) if present else None
