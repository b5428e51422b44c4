"""What kind of value an expression gives, and how large it can honestly be; what `soften.py` decides by.

Columns are taken to hold what a hospital writes: identifiers below 2**40, other numbers below a million or ten. An asker cannot change
that; what an asker writes (numbers, intervals, casts) is reckoned with as it stands. What is not known here counts as unbounded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import catalogue
from policies.guard.resolve import full_name

_IDENTIFIERS = 2.0**40
_ROWS = 2.0**31
_DAYS = {"MILLISECOND": 0.0, "SECOND": 1e-5, "MINUTE": 1e-3, "HOUR": 0.05, "DAY": 1.0, "WEEK": 7.0, "MONTH": 31.0, "QUARTER": 93.0,
         "YEAR": 366.0, "DECADE": 3660.0, "CENTURY": 36600.0}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """Family: whole, decimal, float, text, day, moment, span, truth, null; empty where not known. `most`: of a span in days."""

    family: str = ""
    most: float = inf
    bits: int = 64  # of a whole number
    scale: int = 0  # of a decimal

    @property
    def holds(self) -> float:
        """What the type can hold at most."""
        if self.family == "whole":
            return 2.0 ** (self.bits - 1)
        return 10.0 ** ((38 if self.bits > 64 else 18) - self.scale) if self.family == "decimal" else inf


UNKNOWN = Value()
_TYPES = {
    "BOOLEAN": Value("truth", 1), "TINYINT": Value("whole", 2.0**7, 8), "SMALLINT": Value("whole", 2.0**15, 16),
    "INT": Value("whole", 2.0**31, 32), "BIGINT": Value("whole", 2.0**63), "INT128": Value("whole", 2.0**127, 128),
    "FLOAT": Value("float"), "DOUBLE": Value("float"), "VARCHAR": Value("text"), "TEXT": Value("text"), "DATE": Value("day"),
    "TIMESTAMP": Value("moment"), "TIMESTAMPNTZ": Value("moment"), "INTERVAL": Value("span"),
}  # fmt: skip


class Values:
    """Values of the expressions of one resolved question."""

    def __init__(self, scopes: Sequence[Scope]) -> None:
        self._scopes = {id(scope.expression): scope for scope in scopes}
        self._known: dict[int, Value] = {}

    def of(self, node: exp.Expr) -> Value:
        """The value of an expression."""
        found = self._known.get(id(node))
        if found is None:
            self._known[id(node)] = UNKNOWN  # where a recursive WITH comes back to itself
            found = self._known[id(node)] = self._worked_out(node)
        return found

    def _worked_out(self, node: exp.Expr) -> Value:
        if isinstance(node, exp.Column):
            return self._column(node)
        if isinstance(node, exp.Query):
            selects = node.selects
            return self._output(node, 0) if selects else UNKNOWN
        if isinstance(node, exp.Cast | exp.TryCast):
            return self._cast(node)
        if isinstance(node, exp.Anonymous):
            return _CALLED.get(str(node.this).upper(), UNKNOWN)
        make = _MADE.get(type(node))
        return make(self, node) if make is not None else _FIXED.get(type(node), UNKNOWN)

    def _column(self, column: exp.Column) -> Value:
        node: exp.Expr | None = column
        while node is not None and id(node) not in self._scopes:
            node = node.parent
        scope: Scope | None = self._scopes[id(node)] if node is not None else None
        while scope is not None and column.table not in scope.sources:
            scope = scope.parent
        if scope is None:
            return UNKNOWN
        source = scope.sources[column.table]
        if isinstance(source, exp.Table):
            return _stored(full_name(source), column.name)
        query = _bare(source.expression)
        part = query.parent
        alias = part.args.get("alias") if isinstance(part, exp.CTE) else None
        names = [one.name for one in (alias.args.get("columns") or [])] if isinstance(alias, exp.TableAlias) else []
        names = names or (query.named_selects if isinstance(query, exp.Query) else [])
        return self._output(query, names.index(column.name)) if column.name in names else UNKNOWN

    def _output(self, query: exp.Expr, place: int) -> Value:
        query = _bare(query)
        if isinstance(query, exp.SetOperation):
            sides = [self._output(query.this, place), self._output(query.expression, place)]
            return together([one for one in sides if one is not UNKNOWN])
        outputs = query.selects if isinstance(query, exp.Select) else []
        return self.of(outputs[place].unalias()) if place < len(outputs) else UNKNOWN

    def _cast(self, node: exp.Cast) -> Value:
        to = node.to.this.name
        before = self.of(node.this)
        if to == "DECIMAL":
            sizes = [int(one.name) for one in node.to.expressions if one.name.isdigit()] or [18, 3]
            scale = sizes[1] if len(sizes) > 1 else 0
            bits = 64 if sizes[0] <= 18 else 128
            return Value("decimal", min(before.most, 10.0 ** (sizes[0] - scale)), bits, scale)
        made = _TYPES.get(to, UNKNOWN)
        return Value(made.family, min(before.most, made.most), made.bits)


def _bare(query: exp.Expr) -> exp.Expr:
    while isinstance(query, exp.Subquery | exp.Lateral):
        query = query.this
    return query


def together(values: Sequence[Value]) -> Value:
    """The value of what is one or another: of CASE, of a UNION."""
    known = [one for one in values if one.family != "null"]
    families = {one.family for one in known}
    if families in ({"whole", "decimal"}, {"whole", "float"}, {"decimal", "float"}, {"whole", "decimal", "float"}):
        families = {"float" if "float" in families else "decimal"}
    if len(families) != 1:
        return UNKNOWN
    most, bits, scale = max(one.most for one in known), max(one.bits for one in known), max(one.scale for one in known)
    return Value(families.pop(), most, bits, scale)


def _stored(table: str, name: str) -> Value:
    column = next((one for one in catalogue()[table].columns if one.name == name), None)
    kind = column.type if column is not None else ""
    if kind.startswith("DECIMAL"):
        return Value("decimal", 1e7, 64, int(kind.rstrip(")").split(",")[1]))
    if kind == "BIGINT":
        return Value("whole", _IDENTIFIERS if name.endswith("_id") else 1e4 if "year" in name else 1e6)
    return _TYPES.get(kind, UNKNOWN)


def _literal(_: Values, node: exp.Expr) -> Value:
    text = node.name.replace("_", "")
    if node.args.get("is_string"):
        return Value("text")
    if text.isascii() and text.isdigit():
        most = float(int(text))
        return Value("whole", most, 32 if most < 2.0**31 else 64 if most < 2.0**63 else 128)
    whole, _point, part = text.partition(".")
    if (whole + part).isdigit():
        return Value("decimal", float(text), 64 if len(whole + part) <= 18 else 128, len(part))
    return Value("float", float(text)) if "e" in text.lower() and text[0].isdigit() else UNKNOWN


def _plus(values: Values, node: exp.Expr) -> Value:
    left, right = values.of(node.this), values.of(node.expression)
    families = {left.family, right.family}
    if families <= {"whole", "decimal", "float"}:
        kind = together([left, right])
        return Value(kind.family, left.most + right.most, 128 if _wide(left, right) else kind.bits, kind.scale)
    if left.family == right.family == "day":
        return Value("whole", 1e7)
    if left.family in ("day", "moment") and left.family == right.family:
        return Value("span", 1e7)
    if families == {"span"}:
        return Value("span", left.most + right.most)
    if families == {"day", "whole"}:
        return Value("day")
    return Value("moment") if families <= {"day", "moment", "span"} and "span" in families else UNKNOWN


def _times(values: Values, node: exp.Expr) -> Value:
    left, right = values.of(node.this), values.of(node.expression)
    most = left.most * right.most if left.most and right.most else 0.0
    if {left.family, right.family} <= {"whole", "decimal", "float"}:
        kind = together([left, right])
        return Value(kind.family, most, 128 if _wide(left, right) else kind.bits, left.scale + right.scale)
    return Value("span", most) if "span" in (left.family, right.family) else UNKNOWN


def _wide(left: Value, right: Value) -> bool:
    """A column of whole numbers with a decimal takes 19 digits and more, so it is held in 38."""
    families = {left.family, right.family}
    return families == {"whole", "decimal"} and any(one.family == "whole" and one.bits >= 64 for one in (left, right))


def _divided(values: Values, node: exp.Expr) -> Value:
    left, by = values.of(node.this), node.expression
    small = isinstance(by, exp.Literal) and values.of(by).most >= 1
    return Value("span" if left.family == "span" else "float", left.most if small else inf)


def _rest(values: Values, node: exp.Expr) -> Value:
    left, right = values.of(node.this), values.of(node.expression)
    kind = together([left, right])
    return Value(kind.family, left.most, kind.bits, kind.scale)


def _sum(values: Values, node: exp.Expr) -> Value:
    what = values.of(node.this)
    if what.family in ("whole", "truth"):
        return Value("whole", what.most * _ROWS, 128)
    return Value(what.family, what.most * _ROWS, 128, what.scale)


def _mean(values: Values, node: exp.Expr) -> Value:
    what = values.of(node.this)
    return Value("moment") if what.family in ("day", "moment") else Value("float", what.most)


def _same(values: Values, node: exp.Expr) -> Value:
    return values.of(node.this)


def _within(values: Values, node: exp.Expr) -> Value:
    return values.of(node.expression.expressions[0].this)


def _case(values: Values, node: exp.Expr) -> Value:
    branches = [one.args["true"] for one in node.args["ifs"]]
    other = node.args.get("default")
    return together([values.of(one) for one in [*branches, *([other] if other is not None else [])]])


def _if(values: Values, node: exp.Expr) -> Value:
    parts = [node.args.get("true"), node.args.get("false")]
    return together([values.of(one) for one in parts if one is not None])


def _any(values: Values, node: exp.Expr) -> Value:
    return together([values.of(one) for one in [node.this, *node.expressions]])


def _interval(values: Values, node: exp.Expr) -> Value:
    unit = node.args.get("unit")
    days = _DAYS.get(unit.name.upper().rstrip("S"), inf) if unit is not None else inf
    what = node.this
    if isinstance(what, exp.Literal) and what.name.lstrip("-").isdigit():
        return Value("span", abs(int(what.name)) * days)
    if isinstance(what, exp.Literal) or what is None:
        return Value("span")
    return Value("span", values.of(what).most * days)


def _days(values: Values, node: exp.Expr) -> Value:
    return Value("span", values.of(node.this).most)


def _series(values: Values, node: exp.Expr) -> Value:
    ends = [node.args.get(name) for name in ("start", "end")]
    return together([values.of(one) for one in ends if one is not None])


def _elements(values: Values, node: exp.Expr) -> Value:
    return together([values.of(one) for one in node.expressions])


_WHOLE = Value("whole", _ROWS)
_PART = Value("whole", 1e4)
_MADE: dict[type[exp.Expr], Callable[[Values, exp.Expr], Value]] = {
    exp.Literal: _literal, exp.Add: _plus, exp.Sub: _plus, exp.Mul: _times, exp.Div: _divided, exp.IntDiv: _rest, exp.Mod: _rest,
    exp.Sum: _sum, exp.Avg: _mean, exp.Median: _mean, exp.Case: _case, exp.If: _if, exp.Coalesce: _any, exp.Greatest: _any,
    exp.Least: _any, exp.Nullif: _same, exp.Interval: _interval, exp.WithinGroup: _within,
    **dict.fromkeys(
        (exp.Paren, exp.Neg, exp.Abs, exp.Try, exp.Alias, exp.Window, exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.Min, exp.Max,
         exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Round, exp.Trunc, exp.Ceil, exp.Floor,
         exp.TimestampTrunc, exp.PercentileDisc, exp.Quantile), _same),
    exp.PercentileCont: _mean, exp.Explode: _same, exp.ToDays: _days, exp.GenerateSeries: _series, exp.Array: _elements,
}  # fmt: skip
_FIXED: dict[type[exp.Expr], Value] = {
    exp.Null: Value("null"),
    **dict.fromkeys((exp.Count, exp.CountIf, exp.RegrCount, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Length, exp.DateDiff,
                     exp.StrPosition, exp.Ascii, exp.Levenshtein, exp.ArraySize, exp.ArrayPosition), _WHOLE),
    **dict.fromkeys((exp.Extract, exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.Quarter, exp.Week, exp.DayOfWeek, exp.DayOfYear,
                     exp.DayOfWeekIso, exp.WeekOfYear, exp.Hour, exp.Minute, exp.Second, exp.Sign), _PART),
    **dict.fromkeys((exp.Boolean, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ,
                     exp.NullSafeNEQ, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Exists, exp.RegexpLike, exp.StartsWith,
                     exp.RegexpFullMatch, exp.SimilarTo, exp.EndsWith, exp.Contains, exp.Glob, exp.IsNan, exp.IsInf, exp.LogicalAnd,
                     exp.LogicalOr, exp.ArrayContains), Value("truth", 1)),
    **dict.fromkeys((exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Replace, exp.TimeToStr,
                     exp.Left, exp.Right, exp.Monthname, exp.Dayname, exp.SplitPart, exp.RegexpReplace, exp.RegexpExtract, exp.Reverse,
                     exp.Pad, exp.Translate), Value("text")),
    **dict.fromkeys((exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Cbrt, exp.Pi, exp.Sin, exp.Cos, exp.Tan, exp.Asin, exp.Acos,
                     exp.Atan, exp.Atan2, exp.Radians, exp.Degrees, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance,
                     exp.VariancePop, exp.Corr, exp.CovarPop, exp.CovarSamp, exp.Kurtosis, exp.Skewness, exp.RegrSlope, exp.RegrIntercept,
                     exp.RegrR2, exp.PercentRank, exp.CumeDist), Value("float")),
    **dict.fromkeys((exp.DateFromParts, exp.LastDay), Value("day")),
    **dict.fromkeys((exp.StrToTime, exp.UnixToTime, exp.TimestampFromParts, exp.DateBin), Value("moment")),
    exp.TimeToUnix: Value("float", 1e12),
}  # fmt: skip
_CALLED: dict[str, Value] = {
    **dict.fromkeys(("DATE_PART", "DATEPART", "DATE_SUB", "DATESUB", "ISOYEAR", "WEEKDAY", "YEARWEEK", "CENTURY", "DECADE", "MILLENNIUM",
                     "ERA", "STRLEN", "BIT_COUNT", "HAMMING", "DAMERAU_LEVENSHTEIN", "LIST_COUNT", "LIST_POSITION"), _WHOLE),
    **dict.fromkeys(("FDIV", "FMOD", "JACCARD", "JULIAN", "LIST_AVG", "EVEN"), Value("float")),
    **dict.fromkeys(("STRIP_ACCENTS", "NFC_NORMALIZE"), Value("text")),
    **dict.fromkeys(("PREFIX", "SUFFIX", "ISFINITE", "LIST_HAS_ALL"), Value("truth", 1)),
    **dict.fromkeys(("AGE", "TO_YEARS", "TO_MONTHS", "TO_WEEKS", "TO_HOURS", "TO_MINUTES", "TO_SECONDS"), Value("span")),
    **dict.fromkeys(("GCD", "LCM", "LIST_SUM"), Value("whole", 2.0**63)),
    "TRY_STRPTIME": Value("moment"),
}  # fmt: skip
