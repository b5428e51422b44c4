"""The shape of a SELECT: which of its nodes are aggregates, and what it groups by. Shared by the guard and disclosure control."""

from sqlglot import exp

AGGREGATES = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Stddev, exp.Quantile,
    exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.CovarPop, exp.CovarSamp, exp.LogicalAnd, exp.LogicalOr,
    exp.CountIf, exp.Kurtosis, exp.Skewness, exp.RegrSlope, exp.RegrIntercept, exp.RegrR2, exp.RegrCount,
)  # fmt: skip


_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

Nodes = dict[type[exp.Expr], list[exp.Expr]]


def folded(name: str) -> str:
    """A name as DuckDB compares it: letters of ASCII without their case, all others as they are."""
    return name.translate(_LOWER)


def by_kind(tree: exp.Expr) -> Nodes:
    """Every node of a tree by its class, in one walk."""
    found: Nodes = {}
    for node in tree.walk():
        found.setdefault(type(node), []).append(node)
    return found


def is_aggregate(node: exp.Expr) -> bool:
    """Whether the node is a whole aggregate: not one that a window, FILTER or WITHIN GROUP wraps."""
    if isinstance(node, exp.Filter | exp.WithinGroup):
        return not isinstance(node.parent, exp.Window | exp.Filter)
    return isinstance(node, AGGREGATES) and not isinstance(node.parent, exp.Window | exp.Filter | exp.WithinGroup)


def group_keys(select: exp.Select) -> list[exp.Expr]:
    """Expressions grouped by; GROUP BY ALL means every output without an aggregate."""
    group = select.args.get("group")
    if group is None:
        return []
    if group.args.get("all") or any(
        isinstance(one, exp.Var) and one.name.upper() == "ALL" for one in group.expressions
    ):
        outputs = [one.unalias() for one in select.expressions]
        return [one for one in outputs if not any(is_aggregate(node) for node in one.walk()) and one.find(exp.Column)]
    sets = grouping_sets(select)
    if sets is not None:
        return list({key.sql("duckdb"): key for one in sets for key in one}.values())
    return [one.this if isinstance(one, exp.Paren) else one for one in group.expressions]


def grouping_sets(select: exp.Select) -> list[list[exp.Expr]] | None:
    """The keys of each grouping set; None where the SELECT groups one way only. ROLLUP, CUBE and several elements are multiplied out."""
    group = select.args.get("group")
    elements = list(group.expressions) if group is not None else []
    if not any(isinstance(one, exp.Rollup | exp.Cube | exp.GroupingSets) for one in elements):
        return None
    sets: list[list[exp.Expr]] = [[]]
    for element in elements:
        sets = [before + more for before in sets for more in _sets_of(element)][:_MOST_SETS]
    found: dict[frozenset[str], list[exp.Expr]] = {}
    for one in sets:
        found.setdefault(frozenset(key.sql("duckdb") for key in one), one)
    return list(found.values())


_MOST_SETS = 1000


def _sets_of(element: exp.Expr) -> list[list[exp.Expr]]:
    if isinstance(element, exp.Rollup):
        steps = [_keys_of(one) for one in element.expressions]
        return [[key for step in steps[:length] for key in step] for length in range(len(steps), -1, -1)]
    if isinstance(element, exp.Cube):
        sets: list[list[exp.Expr]] = [[]]
        for one in element.expressions[:10]:
            sets = [[*before, *_keys_of(one)] for before in sets] + sets
        return sets
    if isinstance(element, exp.GroupingSets):
        return [made for one in element.expressions for made in _sets_of(one)]
    return [_keys_of(element)]


def _keys_of(element: exp.Expr) -> list[exp.Expr]:
    if isinstance(element, exp.Tuple):
        return list(element.expressions)
    return [element.this if isinstance(element, exp.Paren) else element]


def is_aggregated(select: exp.Select, nodes: list[exp.Expr]) -> bool:
    """Whether the SELECT groups or aggregates; `nodes` are its own, without those of queries inside it."""
    return bool(select.args.get("group")) or any(is_aggregate(node) for node in nodes)


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """Parts of a condition that must all hold."""
    if condition is None:
        return []
    if isinstance(condition, exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return conjuncts(condition.left) + conjuncts(condition.right)
    return [condition]
