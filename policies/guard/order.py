"""Gives a question one answer: the same rows in the same order on any number of threads.

Where rows or values would depend on the order in which DuckDB happens to meet them, an order is added: to the result, to each
LIMIT, and to window functions that look at neighbours. A plain scan of one table keeps the order of the file and is left alone.
"""

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from data.catalogue.model import catalogue
from policies.guard.resolve import full_name
from policies.guard.shape import group_keys

_ORDER_BOUND = (exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)


def order_windows(scopes: Sequence[Scope]) -> None:
    """Puts a total order into every window that looks at neighbours; before suppression, on the asker's own parts."""
    for scope in scopes:
        if isinstance(scope.expression, exp.Select):
            _order_windows(scope)


def order_rows(tree: exp.Query, keeps_order: bool = True) -> exp.Query:
    """The tree with a total order at every LIMIT and of the result; after suppression, so that no order speaks of hidden cells.

    `keeps_order`: whether a plain scan comes in the order of the file, which one behind a row filter need not.
    """
    scopes = list(traverse_scope(tree))
    for scope in scopes[:-1]:
        bounded = scope.expression.args.get("limit") or scope.expression.args.get("offset")
        if bounded and isinstance(scope.expression, exp.Query) and not (keeps_order and _is_plain_scan(scope)):
            _order_rows(scope.expression)
    if not (keeps_order and _is_plain_scan(scopes[-1])):
        _order_rows(tree)
    return tree


def _is_plain_scan(scope: Scope) -> bool:
    """One base table, filtered and projected only: DuckDB keeps insertion order there (preserve_insertion_order)."""
    select = scope.expression
    if not isinstance(select, exp.Select) or any(
        select.args.get(one) for one in ("joins", "group", "distinct", "order", "qualify")
    ):
        return False
    sources = list(scope.sources.values())
    single = len(scope.selected_sources) == 1 and all(isinstance(source, exp.Table) for source in sources)
    return single and not any(select.find_all(exp.AggFunc, exp.Window)) and not scope.subquery_scopes


def _order_rows(query: exp.Query) -> None:
    """Appends every output column, by place, to the ORDER BY."""
    order = query.args.get("order")
    present = list(order.expressions) if order is not None else []
    if any(isinstance(one.this, exp.Var | exp.Column) and one.this.name.upper() == "ALL" for one in present):
        present = []
    if not query.named_selects:
        return
    places = [
        exp.Ordered(this=exp.Literal.number(place), nulls_first=False)
        for place in range(1, len(query.named_selects) + 1)
    ]
    query.set("order", exp.Order(expressions=[*present, *places]))


def _order_windows(scope: Scope) -> None:
    ties = _row_names(scope)
    for window in scope.find_all(exp.Window):
        frame = window.args.get("spec")
        by_rows = frame is not None and str(frame.args.get("kind", "")).upper() == "ROWS"
        called = window.this
        while isinstance(called, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
            called = called.this
        if isinstance(called, _ORDER_BOUND) or by_rows:
            order = window.args.get("order")
            present = list(order.expressions) if order is not None else []
            extra = [exp.Ordered(this=tie.copy(), nulls_first=False) for tie in ties]
            window.set("order", exp.Order(expressions=[*present, *extra]))


def _row_names(scope: Scope) -> list[exp.Expr]:
    """Columns that tell a scope's rows apart: the key of a base table, every column of a part of the question."""
    select = scope.expression
    if isinstance(select, exp.Select) and select.args.get("group") is not None:
        return [one.copy() for one in group_keys(select)]
    names: list[exp.Expr] = []
    for alias, (_, source) in scope.selected_sources.items():
        if isinstance(source, exp.Table):
            columns = list(catalogue()[full_name(source)].keys)
        else:
            part = source.expression
            columns = part.named_selects if isinstance(part, exp.Query) else []
        names.extend(
            exp.column(exp.to_identifier(one, quoted=True), table=exp.to_identifier(alias, quoted=True))
            for one in columns
        )
    return names
