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
    exp.Rollup, exp.Cube, exp.GroupingSets, exp.Grouping, exp.GroupingId, exp.Lateral,
)  # fmt: skip
# Values, comparison, logic and arithmetic: results depend on their operands alone.
SCALAR = (
    exp.Literal, exp.Boolean, exp.Null, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE,
    exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Is, exp.Like, exp.ILike, exp.Exists, exp.Case, exp.If,
    exp.Coalesce, exp.Nullif, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Cast,
    exp.TryCast, exp.Try, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Var, exp.Greatest, exp.Least, exp.Abs, exp.Round,
    exp.Ceil, exp.Floor, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sign, exp.Trunc, exp.Cbrt, exp.Pi, exp.Sin, exp.Cos,
    exp.Tan, exp.Asin, exp.Acos, exp.Atan, exp.Atan2, exp.Radians, exp.Degrees, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor,
    exp.IsNan, exp.IsInf,
)  # fmt: skip
# Text: DuckDB matches regular expressions with RE2, in time linear in the text; patterns are literals, widths bounded (clauses.py).
# No repetition.
TEXT = (
    exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpFullMatch, exp.SimilarTo, exp.StrPosition, exp.SplitPart,
    exp.Reverse, exp.Pad, exp.Escape, exp.EndsWith, exp.Glob, exp.TimeToStr, exp.Ascii, exp.Translate, exp.Levenshtein,
    exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Concat, exp.ConcatWs, exp.StartsWith, exp.Left, exp.Right,
    exp.Replace, exp.Contains, exp.Coalesce,
)  # fmt: skip
# Dates: arithmetic on columns; the clock itself is left out.
DATES = (
    exp.Extract, exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.Quarter, exp.Week, exp.DayOfWeek, exp.DayOfYear,
    exp.TimestampTrunc, exp.DateDiff, exp.DateFromParts, exp.TimestampFromParts, exp.LastDay, exp.DayOfWeekIso, exp.Monthname,
    exp.Dayname, exp.WeekOfYear, exp.TimeToUnix, exp.DateBin, exp.ToDays, exp.Hour, exp.Minute, exp.Second, exp.StrToTime,
    exp.UnixToTime,
)  # fmt: skip
# Aggregates whose value does not depend on row order.
AGGREGATES = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.WithinGroup,
    exp.Filter, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.CovarPop, exp.CovarSamp,
    exp.LogicalAnd, exp.LogicalOr, exp.CountIf, exp.Kurtosis, exp.Skewness, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrCount,
)  # fmt: skip
# Windows; those that depend on order get a total one (order.py). Frames are written out (clauses.py).
WINDOWS = (
    exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead,
    exp.FirstValue, exp.LastValue, exp.NthValue, exp.IgnoreNulls, exp.RespectNulls,
)  # fmt: skip
# Lists and structs as values: built from what is written, looked into, compared. No lambdas, no lists gathered from rows.
NESTED = (
    exp.Array, exp.Struct, exp.PropertyEQ, exp.StructExtract, exp.Dot, exp.Bracket, exp.Slice, exp.ArrayContains, exp.ArraySize,
    exp.ArrayConcat, exp.ArrayContainsAll, exp.ArrayOverlaps, exp.ArrayDistinct, exp.ArrayMax, exp.ArrayMin, exp.ArrayPosition,
    exp.ArrayToString, exp.ArrayIntersect, exp.Split, exp.ArraySort, exp.ArraySlice, exp.Flatten,
)  # fmt: skip
# What makes rows: only from one written number or date to another, or of a list that is written out (sources.py).
TABLES = (exp.GenerateSeries, exp.Explode)

NODES: frozenset[type[exp.Expr]] = frozenset(SKELETON + SCALAR + TEXT + DATES + AGGREGATES + WINDOWS + NESTED + TABLES)

# Functions sqlglot has no class for, by their DuckDB name in upper case; each depends on its arguments alone.
NAMED = frozenset(
    {"AGE", "BIT_COUNT", "CENTURY", "DAMERAU_LEVENSHTEIN", "DATEPART", "DATESUB", "DATE_PART", "DATE_SUB", "DECADE", "ERA", "EVEN",
     "FDIV", "FMOD", "GCD", "HAMMING", "ISFINITE", "ISOYEAR", "JACCARD", "JULIAN", "LCM", "LIST_AVG", "LIST_COUNT", "LIST_EXTRACT",
     "LIST_HAS_ALL", "LIST_INDEXOF", "LIST_POSITION", "LIST_REVERSE", "LIST_SLICE", "LIST_SUM", "LIST_UNIQUE", "MILLENNIUM",
     "NFC_NORMALIZE", "PREFIX", "STRIP_ACCENTS", "STRLEN", "STRUCT_KEYS", "SUFFIX", "TO_HOURS", "TO_MINUTES", "TO_MONTHS",
     "TO_SECONDS", "TO_WEEKS", "TO_YEARS", "TRY_STRPTIME", "WEEKDAY", "YEARWEEK"}
)  # fmt: skip

# Functions that honest people try, with why they are left out; those of sqlglot's own classes are refused without a word.
LEFT_OUT: dict[str, str] = {
    "FSUM": "its value depends on the order of the rows; write sum()",
    "KAHAN_SUM": "its value depends on the order of the rows; write sum()",
    "SUMKAHAN": "its value depends on the order of the rows; write sum()",
    "FAVG": "its value depends on the order of the rows; write avg()",
    "PRODUCT": "its value depends on the order of the rows, and may be too large to compute",
    "ENTROPY": "its value depends on the order of the rows",
    "GEOMEAN": "write exp(avg(ln(x)))",
    "GEOMETRIC_MEAN": "write exp(avg(ln(x)))",
    "MAD": "how many persons it rests on is not checked; write quantile_cont(x, 0.75) - quantile_cont(x, 0.25)",
    "SEM": "how many persons it rests on is not checked; write stddev(x) / sqrt(count(x))",
    "PRINTF": "it writes as wide as it is told; write || and round()",
}

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
    exp.Union: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Intersect: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Except: frozenset({"with_", "this", "expression", "distinct", "order", "limit", "offset"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "over"}),
    exp.WindowSpec: frozenset({"kind", "start", "start_side", "end", "end_side", "exclude"}),
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
