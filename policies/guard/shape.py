"""The shape of a SELECT: which of its nodes are aggregates, and what it groups by. Shared by the guard and disclosure control."""

from sqlglot import exp

AGGREGATES = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Stddev, exp.Quantile,
    exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, exp.Corr, exp.CovarPop, exp.CovarSamp, exp.LogicalAnd, exp.LogicalOr,
    exp.CountIf,
)  # fmt: skip


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
    return [one.this if isinstance(one, exp.Paren) else one for one in group.expressions]


def is_aggregated(select: exp.Select, nodes: list[exp.Expr]) -> bool:
    """Whether the SELECT groups or aggregates; `nodes` are its own, without those of queries inside it."""
    return bool(select.args.get("group")) or any(is_aggregate(node) for node in nodes)
