"""What a number put together tells of the parts it was put together from.

A sum of zeros and ones is a count of the ones; so is the average of any value that was chosen by a condition, taken from a written list
or made of few steps, wherever in the question that was done. The rows where it came out one way are a region. An aggregate of such a
value is shown only where each region of its cell holds enough persons or none. Plain measured values, and arithmetic over them, have
no regions. `cells.py` hides by them, `parts.py` counts them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from policies.guard.shape import AGGREGATES

# Arithmetic and calendar: change with their operands little by little. What is not listed here is taken for a step.
_SMOOTH = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren, exp.Ln, exp.Log, exp.Sqrt, exp.DateDiff, exp.TimestampDiff, exp.DateAdd,
    exp.DateSub, exp.Interval, exp.IntervalSpan, exp.Var, exp.DataType, exp.DataTypeParam, exp.Extract, exp.Year, exp.Month, exp.Day,
    exp.Hour, exp.Minute, exp.DayOfYear, exp.TimeToUnix, exp.TsOrDsToDate, exp.Date, exp.ToDays, exp.Alias, exp.Try,
    exp.TimestampAdd, exp.TimestampSub, exp.DateTrunc, exp.TimestampTrunc, exp.Identifier, exp.DateFromParts,
)  # fmt: skip
# Many values become one.
_STEPS = (exp.Round, exp.Floor, exp.Ceil, exp.Trunc, exp.IntDiv, exp.Mod, exp.Length, exp.Upper, exp.Lower, exp.Trim)
_SMOOTH_NAMED = frozenset(
    {
        "DATE_PART",
        "DATEPART",
        "DATE_SUB",
        "DATESUB",
        "EPOCH",
        "JULIAN",
        "TO_DAYS",
        "TO_WEEKS",
        "TO_MONTHS",
        "TO_YEARS",
        "TO_HOURS",
    }
)
_WHOLE = frozenset({"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "INT128"})
_SCALED = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_COUNTS = (exp.Count, exp.CountIf, exp.RegrCount)


@dataclass(frozen=True)
class Regions:
    """`strict`: expressions of which each value is a region. `few`: such of which that holds where they have few values only.

    `odd`: there is something that could hold much in a little, such as a power of a column.
    """

    strict: tuple[exp.Expr, ...] = ()
    few: tuple[exp.Expr, ...] = ()
    odd: bool = False

    def __add__(self, other: "Regions") -> "Regions":
        return Regions(self.strict + other.strict, self.few + other.few, self.odd or other.odd)

    def __bool__(self) -> bool:
        return bool(self.strict or self.few)


NONE = Regions()
Leaf = Callable[[exp.Column], Regions]


def regions(node: exp.Expr, leaf: Leaf) -> Regions:
    """The regions of an expression; `leaf` knows those of the columns it is made of."""
    found = _of(node, leaf)
    few = tuple(one for one in found.few if not _is_chain(node, one))
    if few:  # a step beside something else: what is small of it may hide in its last digits
        chains = tuple(one for one in found.few if _is_chain(node, one))
        return Regions(found.strict + few, chains, found.odd)
    return found


def _of(node: exp.Expr, leaf: Leaf) -> Regions:  # noqa: PLR0911 - one line a kind of node
    if isinstance(node, exp.Column):
        return leaf(node)
    if isinstance(node, exp.Literal | exp.Placeholder | exp.Null | exp.Boolean | exp.Star):
        return NONE
    if isinstance(node, exp.Case | exp.If):
        return _chosen(node, leaf)
    if isinstance(node, exp.Predicate | exp.And | exp.Or | exp.Not | exp.Xor):
        return Regions((node,))
    if isinstance(node, exp.Greatest | exp.Least | exp.Coalesce | exp.Nullif):
        return Regions((_which(node),)) + _inside(node, leaf)
    if isinstance(node, exp.Abs | exp.Sign):
        return Regions((exp.Sign(this=node.this.copy()),)) + _inside(node, leaf)
    if isinstance(node, exp.Window):
        return _window(node, leaf)
    if isinstance(node, (*AGGREGATES, exp.Filter, exp.WithinGroup)):
        return _aggregate(node, leaf)
    if isinstance(node, exp.Query):
        return Regions((nought(node),)) if _is_count(node) else Regions((node,))
    inside = _inside(node, leaf)
    if isinstance(node, _STEPS) or (isinstance(node, exp.Cast) and not _keeps(node)):
        return Regions((node,)) if inside else Regions(few=(node,))
    steep = (isinstance(node, exp.Mul | exp.Div) and _is_steep(node, inside)) or (isinstance(node, exp.Pow) and inside)
    if _is_smooth(node) and not steep:
        return inside
    return Regions((node,), odd=True)


def _inside(node: exp.Expr, leaf: Leaf) -> Regions:
    found = NONE
    for child in node.iter_expressions():
        found += _of(child, leaf)
    return found


def _is_steep(node: exp.Mul | exp.Div, inside: Regions) -> bool:
    """Whether a product or quotient may tell single values apart: more than two factors, factors in steps, a divisor near nothing."""
    if isinstance(node, exp.Div):
        flat = (
            exp.Column,
            exp.Identifier,
            exp.Literal,
            exp.Mul,
            exp.Paren,
            exp.Cast,
            exp.DataType,
            exp.DataTypeParam,
            exp.Nullif,
        )
        return node.expression.find(exp.Column) is not None and not all(
            isinstance(one, flat) for one in node.expression.walk()
        )
    if node.this.find(exp.Column) is None or node.expression.find(exp.Column) is None:
        return False
    return degree(node) > 2 or bool(inside)


def degree(node: exp.Expr) -> int:
    """How many columns are multiplied with one another at most."""
    if isinstance(node, exp.Column):
        return 1
    parts = [degree(one) for one in node.iter_expressions()]
    if isinstance(node, exp.Pow):
        return 2 * max(parts, default=0)
    return sum(parts) if isinstance(node, exp.Mul) else max(parts, default=0)


def _is_smooth(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper() in _SMOOTH_NAMED
    if isinstance(node, exp.Pow):  # a square, of what is itself no product
        return node.expression == exp.Literal.number(2) and degree(node.this) <= 1
    return isinstance(node, _SMOOTH) or (isinstance(node, exp.Cast) and _keeps(node))


def _keeps(cast: exp.Cast) -> bool:
    """Whether a cast changes nothing in steps: to a kind with fractions, or of a bare column."""
    return cast.to.this.name not in _WHOLE or isinstance(cast.this, exp.Column)


def _chosen(node: exp.Expr, leaf: Leaf) -> Regions:
    """Which branch was taken, and the regions of what stands in the branches."""
    branches = node.args.get("ifs") or [node]
    default = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
    which = exp.Case(
        this=node.this.copy() if isinstance(node, exp.Case) and node.this is not None else None,
        ifs=[exp.If(this=one.this.copy(), true=exp.Literal.number(place)) for place, one in enumerate(branches, 1)],
        default=exp.Literal.number(0),
    )
    found = Regions((which,))
    for value in [*(one.args["true"] for one in branches), default]:
        found += _of(value, leaf) if value is not None else NONE
    return found


def _which(node: exp.Expr) -> exp.Expr:
    """Which of its arguments an expression gives: by place, the first that it equals."""
    if isinstance(node, exp.Nullif):
        return exp.NullSafeEQ(this=node.this.copy(), expression=node.expression.copy())
    places = [
        exp.If(this=exp.NullSafeEQ(this=node.copy(), expression=one.copy()), true=exp.Literal.number(place))
        for place, one in enumerate([node.this, *node.expressions], 1)
    ]
    return exp.Case(ifs=places, default=exp.Literal.number(0))


def _aggregate(node: exp.Expr, leaf: Leaf) -> Regions:
    """Of an aggregate over one person's rows: whether there was anything; where its argument was chosen, each value."""
    bare = node.this if isinstance(node, exp.Filter | exp.WithinGroup) else node
    argument = bare.this
    plain = isinstance(bare, _COUNTS) or argument is None or not _inside(bare, leaf) or _is_indicator(argument)
    if not plain:
        return Regions((node,))
    if isinstance(bare, exp.LogicalAnd | exp.LogicalOr):
        return Regions((node,))
    return Regions((nought(node),)) if isinstance(bare, _COUNTS) or _is_indicator(argument) else NONE


def nought(node: exp.Expr) -> exp.Expr:
    """Whether a count is other than nought; that of a value which is not there is none."""
    zero = exp.Literal.number(0)
    return exp.NEQ(this=exp.Coalesce(this=node.copy(), expressions=[zero]), expression=zero.copy())


def is_nought(strict: tuple[exp.Expr, ...], value: exp.Expr) -> bool:
    """Whether all there is to say of a value is whether it is nought."""
    return len(strict) == 1 and strict[0] == nought(value)


def _is_indicator(argument: exp.Expr | None) -> bool:
    """`CASE WHEN c THEN 1 [ELSE 0] END`, or a condition as a number."""
    while isinstance(argument, exp.Paren | exp.Cast):
        argument = argument.this
    if isinstance(argument, exp.Predicate | exp.And | exp.Or | exp.Not):
        return True
    if not isinstance(argument, exp.Case) or argument.this is not None or len(argument.args.get("ifs") or []) != 1:
        return False
    default = argument.args.get("default")
    nothing = default is None or isinstance(default, exp.Null) or is_zero(default)
    return nothing and isinstance(argument.args["ifs"][0].args["true"], exp.Literal)


def is_zero(node: exp.Expr | None) -> bool:
    """Whether it is a written 0, 0.0 and so on."""
    return isinstance(node, exp.Literal) and not node.is_string and not node.name.strip("0.")


def _is_count(query: exp.Query) -> bool:
    """Whether a query within gives one number, a count."""
    inner = query.unnest()
    outputs = inner.expressions if isinstance(inner, exp.Select) and not inner.args.get("group") else []
    bare = outputs[0].unalias() if len(outputs) == 1 else None
    return isinstance(bare.this if isinstance(bare, exp.Filter) else bare, _COUNTS)


def _window(node: exp.Window, leaf: Leaf) -> Regions:
    if _inside(node.this, leaf):
        return Regions((node,))
    if isinstance(node.this, _COUNTS):
        return Regions((nought(node),))
    return NONE


def _is_chain(root: exp.Expr, step: exp.Expr) -> bool:
    """Whether nothing but written numbers is put to a step on its way to the root."""
    node = step
    while node is not root:
        parent = node.parent
        if parent is None:
            return False
        others = [one for one in parent.iter_expressions() if one is not node]
        if isinstance(parent, _SCALED):
            if not all(isinstance(one, exp.Literal | exp.Neg) for one in others):
                return False
        elif not isinstance(parent, exp.Paren | exp.Neg | exp.Cast | exp.Alias | exp.Distinct):
            return False
        node = parent
    return True
