"""Rewrites what could fail on a value, so that no value can speak through an error: whether one came tells that some row has it.

Casts become TRY_CAST, a divisor NULL where it is nought, and other calls that fail on some values stand in TRY(), which gives NULL
there and the same value everywhere else. What surely does not fail is left as it is. For aggregate mode, after `resolve.py`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from policies.guard.refusal import refuse
from policies.guard.shape import AGGREGATES, by_kind
from policies.guard.values import Value, Values

_SPAN = 1_000_000.0  # days: a date of this age, with this added, is still a date
_SCALE = 18  # places of a decimal that leave room for any whole number beside them
_DIGITS = 18
_NUMBERS = ("whole", "decimal", "float")
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_Mend = Callable[[], None]


def soften(tree: exp.Query, scopes: Sequence[Scope]) -> None:
    """Rewrites the tree where it stands; its scopes stay true. Raises Refused, by `may-fail`, where nothing can be put around a call."""
    values = Values(scopes)
    mends: list[_Mend] = []
    for kind, nodes in by_kind(tree).items():
        rule = _RULES.get(kind)
        if rule is not None:
            mends += [mend for node in nodes if (mend := rule(node, values)) is not None]
    for mend in mends:
        mend()


def _tried(node: exp.Expr) -> _Mend:
    """TRY around the node. It holds no aggregate, window or subquery: these are worked out elsewhere, out of its reach."""
    if node.find(*AGGREGATES, exp.Window, exp.Query, exp.Filter, exp.WithinGroup) is not None:
        name = node.sql_name() if isinstance(node, exp.Func) else type(node).__name__
        message = f"{name} may fail on some values, and stands around an aggregate, a window or a subquery."
        raise refuse("may-fail", message, "Compute these in a WITH, and the rest outside of it.")

    def mend() -> None:
        around = exp.Try()
        node.replace(around)
        around.set("this", node)

    return mend


def _as(parent: exp.Expr, kind: str) -> _Mend:
    """What the node is made of, cast to a type that holds it."""

    def mend() -> None:
        inner = parent.this
        around = exp.TryCast(to=exp.DataType.build(kind, dialect="duckdb"))
        inner.replace(around)
        around.set("this", inner)

    return mend


def _cast(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    to = node.args["to"]
    if any(isinstance(one.this, exp.Literal) and int(one.name) > _SCALE for one in to.expressions[1:]):
        raise refuse("may-fail", f"A decimal has more than {_SCALE} places.", "Cast to DOUBLE.")
    if type(node) is not exp.Cast:
        return None
    if isinstance(node.this, exp.Literal):
        if _fits(node.this.name, _CAST_TO.get(to.this.name, "")):
            return None
        if to.this.name in ("DATE", "TIMESTAMP", "TIMESTAMPNTZ"):
            raise refuse("may-fail", "A date is not of the years 1 to 9999, or none.", "Write DATE '2020-01-31'.")

    def mend() -> None:
        node.replace(exp.TryCast(this=node.this, to=to))

    return mend


def _written(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    if not node.is_string and len(node.name) > _DIGITS:
        raise refuse("may-fail", f"A number is written with more than {_DIGITS} digits.", "Write fewer.")
    return None


def _computed(node: exp.Expr, values: Values) -> _Mend | None:
    """Plus, minus, times and the sign."""
    parts = [one for one in (node.this, node.args.get("expression")) if isinstance(one, exp.Expr)]
    found = [values.of(one) for one in parts]
    _check_texts(parts, "whole")
    made = values.of(node)
    if all(one.family in _NUMBERS for one in found):
        if made.family == "float" or made.most < made.holds:
            return None
        if isinstance(node, exp.Add | exp.Sub | exp.Mul) and (made.family == "decimal" or _aggregated(node)):
            return _as(node, "DOUBLE")
        return _tried(node)
    if _dated(found) or any(isinstance(one, exp.Null) for one in parts):
        return None
    return _tried(node)


def _dated(found: Sequence[Value]) -> bool:
    """A date with a span or a number of days that is small enough, the difference of dates, small spans."""
    families = [one.family for one in found]
    small = all(one.most <= _SPAN for one in found if one.family in ("span", "whole", "decimal"))
    return small and all(one in ("day", "moment", "span", "whole") for one in families) and "" not in families


def _divided(node: exp.Expr, values: Values) -> _Mend | None:
    """By nought: `/` gives NULL or infinity of itself, except of an interval."""
    _check_texts([node.this, node.expression], "whole")
    by = node.expression
    while isinstance(by, exp.Paren):
        by = by.this
    if isinstance(node, exp.Div) and values.of(node.this).family in _NUMBERS:
        return None
    if isinstance(by, exp.Literal) and values.of(by).most > 0:
        return None
    if isinstance(by, exp.Nullif) and isinstance(by.expression, exp.Literal) and values.of(by.expression).most == 0:
        return None

    def mend() -> None:
        divisor = node.expression
        around = exp.Nullif(expression=exp.Literal.number(0))
        divisor.replace(around)
        around.set("this", divisor)

    return mend


def _compared(node: exp.Expr, values: Values) -> _Mend | None:
    """Text that is compared with a number or date is read as one, which fails where it is none; parameters likewise."""
    parts = list(_operands(node))
    families = {values.of(one).family for one in parts if not _is_text(one)} - {"null"}
    for family in families - {"", "text"}:
        _check_texts(parts, family)
    if any(isinstance(one, exp.Placeholder) for one in parts):
        return _tried(node) if not _aggregated(node) else None
    mixed = "text" in families and bool(families - {"", "text"})
    numbers = any(isinstance(one, exp.Literal) and not one.is_string for one in parts)
    if mixed or ("text" in families and numbers):
        return _tried(node)
    return None


def _operands(node: exp.Expr) -> Iterable[exp.Expr]:
    if isinstance(node, exp.Case):
        if node.this is not None:
            yield node.this
            yield from (one.this for one in node.args["ifs"])
    elif isinstance(node, exp.In):
        query = node.args.get("query")
        yield from [node.this, *node.expressions, *([query] if query is not None else [])]
    elif isinstance(node, exp.Between):
        yield from (node.this, node.args["low"], node.args["high"])
    else:
        yield from (
            one for one in (node.this, node.args.get("expression"), *node.expressions) if isinstance(one, exp.Expr)
        )


def _chosen(node: exp.Expr, values: Values) -> _Mend | None:
    """Text among numbers or dates is read as one."""
    if isinstance(node, exp.Case):
        parts = [one.args["true"] for one in node.args["ifs"]] + [node.args.get("default")]
    elif isinstance(node, exp.If):
        parts = [node.args.get("true"), node.args.get("false")]
    else:
        parts = [node.this, *node.expressions]
    written = [one for one in parts if one is not None]
    for family in {values.of(one).family for one in written} - {"", "text", "null"}:
        _check_texts(written, family)
    return _compared(node, values) if isinstance(node, exp.Case) and node.this is not None else None


def _logic(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    _check_texts(_operands(node), "truth")
    return None


def _sized(node: exp.Expr, values: Values) -> _Mend | None:
    """Places and lengths in a text are small."""
    sizes = [
        one
        for name, one in node.args.items()
        if name in ("start", "length", "expression", "part_index") and isinstance(one, exp.Expr)
    ]
    numbers = [values.of(one) for one in sizes]
    _check_texts(sizes if not isinstance(node, exp.SplitPart) else (), "whole")
    return None if all(one.family == "text" or one.most < 2.0**32 for one in numbers) else _tried(node)


def _date_parts(node: exp.Expr, values: Values) -> _Mend | None:
    """make_date of a year, and of a written month and day."""
    year, month, day = (node.args.get(name) for name in ("year", "month", "day"))
    safe = isinstance(year, exp.Expr) and values.of(year).family == "whole" and values.of(year).most <= 1e5
    return None if safe and ((_between(month, 12) and _between(day, 28)) or _is_day(month, day)) else _tried(node)


def _is_day(month: object, day: object) -> bool:
    if not isinstance(month, exp.Literal) or not isinstance(day, exp.Literal):
        return False
    return _fits(f"2001-{month.name}-{day.name}", "day")


def _between(node: object, most: int) -> bool:
    """Whether a month or day surely is one: written, or the month of birth."""
    if isinstance(node, exp.Coalesce):
        return all(_between(one, most) for one in [node.this, *node.expressions])
    if isinstance(node, exp.Column):
        return most == 12 and node.name == "month_of_birth"
    return isinstance(node, exp.Literal) and node.name.isdigit() and 1 <= int(node.name) <= most


def _span(node: exp.Expr, values: Values) -> _Mend | None:
    return None if values.of(node).most <= _SPAN else _tried(node)


def _called(node: exp.Expr, values: Values) -> _Mend | None:
    name = str(node.this).upper()
    if name in ("DATE_PART", "DATEPART", "DATE_SUB", "DATESUB"):
        unit = node.expressions[0] if node.expressions else None
        _check_texts(node.expressions[1:], "day")
        _check_unit(unit)
        return None
    if name == "AGE" and all(values.of(one).family in ("day", "moment") for one in node.expressions):
        return None
    return _tried(node) if name in _FAILING else None


def _truncated(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    _check_unit(node.args.get("unit"))
    return None


def _check_unit(unit: object) -> None:
    if not isinstance(unit, exp.Var | exp.Literal | exp.WeekStart):
        raise refuse("may-fail", "The part of a date is not written out.", "Write 'year' or 'month' itself.")


def _days_between(node: exp.Expr, values: Values) -> _Mend | None:
    _check_texts([node.this, node.expression], "day")
    return _truncated(node, values) if node.args.get("unit") is not None else None


def _dated_call(node: exp.Expr, values: Values) -> _Mend | None:
    when = node.expression if isinstance(node, exp.DateBin) else node.this
    return None if values.of(when).family in ("day", "moment") else _tried(node)


def _replaced(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    told = node.args.get("replacement")
    plain = isinstance(told, exp.Literal) and "\\" not in told.name and isinstance(node.expression, exp.Literal)
    return None if plain else _tried(node)


def _matched(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    return None if isinstance(node.expression, exp.Literal) else _tried(node)


def _always(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    return _tried(node)


def _summed(node: exp.Expr, values: Values) -> _Mend | None:
    """A sum that its type cannot hold."""
    what = values.of(node.this)
    if what.family == "whole" and what.bits > 64 and what.most > 2.0**86:
        return _as(node, "BIGINT")  # of which a sum is of the same type
    if what.family == "decimal" and what.most * 1e12 > 10.0 ** (38 - what.scale):
        return _as(node, "DOUBLE")
    return None


def _skewed(node: exp.Expr, values: Values) -> _Mend | None:
    return None if values.of(node.this).family in ("whole", "decimal") else _as(node, "DECIMAL(38, 10)")


def _numeric(node: exp.Expr, values: Values) -> _Mend | None:
    del values
    _check_texts(_operands(node), "whole")
    return None


def _aggregated(node: exp.Expr) -> bool:
    return node.find(*AGGREGATES, exp.Window, exp.Query) is not None


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _check_texts(parts: Iterable[exp.Expr], family: str) -> None:
    for one in parts:
        if _is_text(one) and not _fits(one.name, family):
            message = "A text stands where it would be read as a number, a date or a truth, and is none."
            raise refuse("may-fail", message, "Write the number, or DATE '2020-01-31', itself.")


def _fits(text: str, family: str) -> bool:
    """Whether a written text surely reads as a value of the family."""
    if family == "text":
        return True
    if family in ("whole", "decimal", "float"):
        return re.fullmatch(r"-?\d{1,15}" if family == "whole" else r"-?\d{1,9}(\.\d{1,6})?", text) is not None
    if family in ("day", "moment"):
        found = _DAY.fullmatch(text)
        try:
            return found is not None and bool(date(*(int(one) for one in found.groups())))
        except ValueError:
            return False
    return family == "truth" and text.lower() in ("true", "false")


_CAST_TO = {
    "INT": "whole", "BIGINT": "whole", "DECIMAL": "decimal", "DOUBLE": "decimal", "FLOAT": "decimal", "VARCHAR": "text", "TEXT": "text",
    "DATE": "day", "TIMESTAMP": "moment", "TIMESTAMPNTZ": "moment", "BOOLEAN": "truth",
}  # fmt: skip
_FAILING = frozenset({"HAMMING", "JACCARD", "LCM", "GCD", "LIST_SUM", "LIST_AVG", "TO_YEARS", "TO_MONTHS", "TO_WEEKS", "TO_HOURS",
                      "TO_MINUTES", "TO_SECONDS", "TRY_STRPTIME", "AGE"})  # fmt: skip
_RULES: dict[type[exp.Expr], Callable[[exp.Expr, Values], _Mend | None]] = {
    exp.Cast: _cast, exp.TryCast: _cast, exp.Literal: _written,
    exp.Add: _computed, exp.Sub: _computed, exp.Mul: _computed, exp.Neg: _computed, exp.Abs: _computed,
    exp.Div: _divided, exp.IntDiv: _divided, exp.Mod: _divided,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Between,
                     exp.Nullif), _compared),
    **dict.fromkeys((exp.Case, exp.If, exp.Coalesce, exp.Greatest, exp.Least), _chosen),
    **dict.fromkeys((exp.And, exp.Or, exp.Not), _logic),
    **dict.fromkeys((exp.Substring, exp.Left, exp.Right, exp.SplitPart), _sized),
    exp.DateFromParts: _date_parts, exp.Interval: _span, exp.ToDays: _span, exp.Anonymous: _called, exp.TimestampTrunc: _truncated,
    exp.DateDiff: _days_between, exp.LastDay: _dated_call, exp.DateBin: _dated_call, exp.RegexpReplace: _replaced,
    **dict.fromkeys((exp.RegexpLike, exp.RegexpExtract, exp.RegexpFullMatch, exp.SimilarTo), _matched),
    **dict.fromkeys((exp.StrToTime, exp.UnixToTime, exp.TimestampFromParts), _always),
    exp.Sum: _summed, exp.Avg: _summed, exp.Skewness: _skewed,
    **dict.fromkeys((exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Cbrt, exp.Sin, exp.Cos, exp.Tan, exp.Asin, exp.Acos, exp.Atan,
                     exp.Atan2, exp.Radians, exp.Degrees, exp.Sign, exp.Round, exp.Trunc, exp.Ceil, exp.Floor, exp.BitwiseAnd,
                     exp.BitwiseOr, exp.BitwiseXor), _numeric),
}  # fmt: skip
