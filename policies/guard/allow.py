"""The words a question may use, each group with its reason. What is not listed is refused, so a new word is no hole.

Node types are sqlglot expression classes, function names are those of expressions sqlglot has no class for. Left out on
purpose: anything that reads a file, a setting, a catalogue or the clock, that draws at random, that runs text as SQL, or
whose result depends on the order in which rows happen to arrive.
"""

from sqlglot import exp

# The skeleton of a SELECT, its set operations and joins.
SKELETON = (
    exp.Select, exp.From, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Join,
    exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Intersect, exp.Except, exp.Distinct, exp.Qualify, exp.Table,
    exp.TableAlias, exp.Alias, exp.Column, exp.Identifier, exp.Star, exp.Paren, exp.Tuple, exp.Placeholder,
)  # fmt: skip
# Values, comparison, logic and arithmetic: results depend on their operands alone.
SCALAR = (
    exp.Literal, exp.Boolean, exp.Null, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
    exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Exists, exp.Case, exp.If,
    exp.Coalesce, exp.Nullif, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Cast,
    exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Greatest, exp.Least, exp.Abs, exp.Round, exp.Ceil,
    exp.Floor, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sign,
)  # fmt: skip
# Text: no regular expressions yet, whose cost can explode, and no repetition.
TEXT = (
    exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Concat, exp.ConcatWs, exp.StartsWith, exp.Left, exp.Right,
    exp.Replace, exp.Contains, exp.Coalesce,
)  # fmt: skip
# Dates: arithmetic on columns; the clock itself is left out.
DATES = (
    exp.Extract, exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week, exp.DayOfWeek, exp.DayOfYear, exp.DateTrunc, exp.TimestampTrunc,
    exp.DateDiff, exp.DateAdd, exp.DateSub, exp.DateFromParts, exp.LastDay, exp.DayOfWeekIso, exp.Monthname, exp.Dayname,
)  # fmt: skip
# Aggregates whose value does not depend on row order.
AGGREGATES = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.WithinGroup,
    exp.Filter, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.CovarPop, exp.CovarSamp,
    exp.LogicalAnd, exp.LogicalOr, exp.CountIf,
)  # fmt: skip
# Windows; those that depend on order get a total one (order.py).
WINDOWS = (
    exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
    exp.FirstValue, exp.LastValue, exp.NthValue,
)  # fmt: skip

NODES: frozenset[type[exp.Expr]] = frozenset(SKELETON + SCALAR + TEXT + DATES + AGGREGATES + WINDOWS)

# Functions sqlglot has no class for, by their DuckDB name in upper case.
NAMED = frozenset({"DATE_PART", "DATE_SUB", "ISFINITE", "ISNAN"})

# Arguments a node may carry; any other, when set, is a clause this guard does not know.
ARGUMENTS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: frozenset(
        {
            "with_",
            "expressions",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "qualify",
            "order",
            "limit",
            "offset",
            "distinct",
        }
    ),
    exp.Table: frozenset({"this", "alias", "db"}),
    exp.Join: frozenset({"this", "on", "using", "side", "kind"}),
    exp.Group: frozenset({"expressions", "all"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Limit: frozenset({"expression"}),
}

JOIN_KINDS = frozenset({"", "INNER", "CROSS", "OUTER", "SEMI", "ANTI"})

# Types a CAST may name; regclass-like and nested types reach further than a value.
TYPES = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "INT128", "DECIMAL", "FLOAT", "DOUBLE", "VARCHAR", "TEXT", "DATE",
     "TIMESTAMP", "TIME", "INTERVAL", "TIMESTAMPNTZ"}
)  # fmt: skip
