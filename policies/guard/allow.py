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
    exp.Rollup, exp.Cube, exp.GroupingSets, exp.Grouping, exp.GroupingId, exp.Lateral, exp.Values, exp.Unnest, exp.Aliases,
)  # fmt: skip
# Values, comparison, logic and arithmetic: results depend on their operands alone.
SCALAR = (
    exp.Literal, exp.Boolean, exp.Null, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
    exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Exists, exp.Case, exp.If,
    exp.Coalesce, exp.Nullif, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Cast,
    exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Greatest, exp.Least, exp.Abs, exp.Round, exp.Ceil,
    exp.Floor, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sign, exp.Trunc, exp.Cbrt, exp.WidthBucket, exp.Pi, exp.Sin, exp.Cos,
    exp.Tan, exp.Asin, exp.Acos, exp.Atan, exp.Atan2, exp.Radians, exp.Degrees, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor,
    exp.IsNan, exp.SafeDivide, exp.Xor,
)  # fmt: skip
# Text: DuckDB matches regular expressions with RE2, in time linear in the text; patterns are literals (parse.py). No repetition.
TEXT = (
    exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpFullMatch, exp.SimilarTo, exp.StrPosition, exp.SplitPart, exp.Initcap,
    exp.Reverse, exp.Pad, exp.Escape, exp.EndsWith, exp.Glob, exp.TimeToStr, exp.Ascii,
    exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Concat, exp.ConcatWs, exp.StartsWith, exp.Left, exp.Right,
    exp.Replace, exp.Contains, exp.Coalesce,
)  # fmt: skip
# Dates: arithmetic on columns; the clock itself is left out.
DATES = (
    exp.Extract, exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week, exp.DayOfWeek, exp.DayOfYear, exp.DateTrunc, exp.TimestampTrunc,
    exp.DateDiff, exp.DateAdd, exp.DateSub, exp.DateFromParts, exp.LastDay, exp.DayOfWeekIso, exp.Monthname, exp.Dayname,
    exp.WeekOfYear, exp.TimeToUnix, exp.DateBin, exp.ToDays, exp.TsOrDsToDate, exp.Date, exp.Hour, exp.Minute, exp.Second, exp.YearOfWeek,
    exp.TimestampAdd, exp.TimestampSub, exp.TimestampDiff, exp.AddMonths, exp.IntervalSpan, exp.StrToDate, exp.StrToTime, exp.TsOrDsAdd,
    exp.TsOrDsDiff, exp.UnixToTime, exp.WeekStart,
)  # fmt: skip
# Aggregates whose value does not depend on row order.
AGGREGATES = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.WithinGroup,
    exp.Filter, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.CovarPop, exp.CovarSamp,
    exp.LogicalAnd, exp.LogicalOr, exp.CountIf, exp.Kurtosis, exp.Skewness, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrCount,
)  # fmt: skip
# Windows; those that depend on order get a total one (order.py).
WINDOWS = (
    exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
    exp.FirstValue, exp.LastValue, exp.NthValue,
)  # fmt: skip

# Lists and structs as values: built from what is written, looked into, compared. No lambdas, no lists gathered from rows.
NESTED = (
    exp.Array, exp.Struct, exp.PropertyEQ, exp.StructExtract, exp.Dot, exp.Bracket, exp.Slice, exp.ArrayContains, exp.ArraySize, exp.ArrayConcat,
    exp.ArrayContainsAll, exp.ArrayOverlaps, exp.ArrayDistinct, exp.ArrayMax, exp.ArrayMin, exp.ArraySum, exp.Explode,
    exp.ArrayPosition, exp.ArrayToString, exp.ArrayExcept, exp.ArrayIntersect, exp.Split, exp.ArrayFirst, exp.ArrayLast,
)  # fmt: skip
# Table functions: only those that count from one written number or date to another (bounded in sources.py).
TABLES = (exp.GenerateSeries,)
# Set operations by name, and frames of windows.
FRAMES = (exp.IgnoreNulls, exp.RespectNulls)

NODES: frozenset[type[exp.Expr]] = frozenset(
    SKELETON + SCALAR + TEXT + DATES + AGGREGATES + WINDOWS + NESTED + TABLES + FRAMES
)

# Functions sqlglot has no class for, by their DuckDB name in upper case.
NAMED = frozenset(
    {"DATE_PART", "DATE_SUB", "DATESUB", "DATEPART", "ISFINITE", "ISINF", "ISNAN", "AGE", "EPOCH", "YEARWEEK", "CENTURY", "DECADE", "ERA",
     "JULIAN",
     "TO_YEARS", "TO_MONTHS", "TO_WEEKS", "TO_DAYS", "TO_HOURS", "TO_MINUTES", "GCD", "LCM", "EVEN", "LIST_SUM", "LIST_AVG", "LIST_MIN",
     "LIST_MAX",
     "LIST_COUNT", "LIST_HAS", "LIST_HAS_ANY", "LIST_HAS_ALL", "LIST_INDEXOF", "LIST_POSITION", "LIST_UNIQUE", "LIST_REVERSE",
     "ARRAY_HAS", "MAD", "SEM", "FSUM", "STRUCT_KEYS", "LEVENSHTEIN", "DAMERAU_LEVENSHTEIN", "JACCARD", "PREFIX", "SUFFIX", "NFC_NORMALIZE",
     "STRIP_ACCENTS", "BIT_COUNT", "MONTHS_BETWEEN", "FDIV", "FMOD", "STRING_SPLIT", "HAMMING", "DAYOFMONTH", "MILLENNIUM"}
)  # fmt: skip

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
    exp.Join: frozenset({"this", "on", "using", "side", "kind", "method"}),
    exp.Group: frozenset({"expressions", "all", "rollup", "cube", "grouping_sets"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.With: frozenset({"expressions", "recursive"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Lateral: frozenset({"this", "alias"}),
    exp.Unnest: frozenset({"expressions", "alias"}),
    exp.Values: frozenset({"expressions", "alias"}),
    exp.RegexpLike: frozenset({"this", "expression"}),
    exp.RegexpExtract: frozenset({"this", "expression", "group", "null_if_pos_overflow"}),
    exp.RegexpReplace: frozenset({"this", "expression", "replacement", "single_replace", "modifiers"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Limit: frozenset({"expression"}),
}

JOIN_METHODS = frozenset({"", "ASOF"})
JOIN_KINDS = frozenset({"", "INNER", "CROSS", "OUTER", "SEMI", "ANTI"})

# Types a CAST may name; regclass-like and nested types reach further than a value.
TYPES = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "INT128", "DECIMAL", "FLOAT", "DOUBLE", "VARCHAR", "TEXT", "DATE",
     "TIMESTAMP", "TIME", "INTERVAL", "TIMESTAMPNTZ"}
)  # fmt: skip
