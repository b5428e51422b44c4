"""Rows that a question brings itself: VALUES, unnest and range. They become subqueries; these and recursion are bounded.

Runs with `desugar.py`, before anything is resolved. What makes rows may be made of written values only: a list unfolded from a
column would multiply the rows of some persons and not of others.
"""

from datetime import date

from sqlglot import exp

from policies.guard.recursion import check_recursion, interval_days, written
from policies.guard.refusal import refuse

MOST_ROWS = 100_000
MOST_VALUES = 500


def bring(tree: exp.Query) -> exp.Query:
    """The tree with its own rows as subqueries. Raises Refused where their number is not bounded by what is written."""
    for series in list(tree.find_all(exp.GenerateSeries)):
        _check_series(series)
    for unfolded in tree.find_all(exp.Explode, exp.Unnest):
        if unfolded.find(exp.Column, exp.Query, exp.Placeholder):
            raise refuse("own-rows", "A list that is unfolded must be written out.", "Write unnest([1, 2, 3]).")
    for node in list(tree.find_all(exp.Values, exp.Unnest, exp.Table)):
        _replace(node)
    for parts in tree.find_all(exp.With):
        if parts.args.get("recursive"):
            check_recursion(parts)
    return tree


def _replace(node: exp.Expr) -> None:
    if isinstance(node, exp.Table):
        if isinstance(node.this, exp.GenerateSeries):
            default = "range" if node.this.args.get("is_end_exclusive") else "generate_series"
            node.replace(_unfolded(node.this, node.args.get("alias"), default))
    elif isinstance(node.parent, exp.In) and isinstance(node, exp.Values):
        _listed(node.parent, node)
    elif isinstance(node.parent, exp.From | exp.Join):
        if isinstance(node, exp.Values):
            node.replace(_from_values(node))
        else:
            node.replace(_unfolded(node.expressions[0], node.args.get("alias"), "unnest"))


def _unfolded(values: exp.Expr, alias: exp.Expr | None, default: str) -> exp.Subquery:
    columns = alias.args.get("columns") or [] if isinstance(alias, exp.TableAlias) else []
    name = columns[0].name if columns else default
    table = alias.name if isinstance(alias, exp.TableAlias) and alias.this else default
    listed = values if isinstance(values, exp.Explode) else exp.Explode(this=values.copy())
    select = exp.Select(expressions=[exp.alias_(listed, name, quoted=True)])
    return exp.Subquery(this=select, alias=exp.TableAlias(this=exp.to_identifier(table, quoted=True)))


def _from_values(values: exp.Values) -> exp.Subquery:
    rows = [list(one.expressions) if isinstance(one, exp.Tuple) else [one] for one in values.expressions]
    if len(rows) > MOST_VALUES or len({len(row) for row in rows}) != 1:
        raise refuse("own-rows", f"VALUES holds more than {MOST_VALUES} rows, or uneven ones.", "Write fewer.")
    alias = values.args.get("alias")
    names = [one.name for one in (alias.args.get("columns") or [])] if alias else []
    names += [f"col{place}" for place in range(len(names), len(rows[0]))]
    query: exp.Query | None = None
    for row in rows:
        items = [exp.alias_(one.copy(), name, quoted=True) for one, name in zip(row, names, strict=False)]
        select = exp.Select(expressions=items)
        query = select if query is None else exp.Union(this=query, expression=select, distinct=False)
    table = alias.name if alias else "valueslist"
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(table, quoted=True)))


def _listed(member: exp.In, values: exp.Values) -> None:
    """`x IN (VALUES (1), (2))` is `x IN (1, 2)`."""
    rows = [one.expressions if isinstance(one, exp.Tuple) else [one] for one in values.expressions]
    if member.expressions != [values] or len(rows) > MOST_VALUES or any(len(row) != 1 for row in rows):
        raise refuse("own-rows", f"VALUES holds more than {MOST_VALUES} rows, or uneven ones.", "Write fewer.")
    member.set("expressions", [row[0].copy() for row in rows])


def _check_series(series: exp.GenerateSeries) -> None:
    start, end, step = (series.args.get(name) for name in ("start", "end", "step"))
    first, last, by = written(start), written(end), written(step)
    rows: float = MOST_ROWS + 1
    if isinstance(first, int) and isinstance(last, int) and (step is None or (isinstance(by, int) and by != 0)):
        rows = abs(last - first) / abs(by if isinstance(by, int) else 1)
    elif isinstance(first, date) and isinstance(last, date) and (days := interval_days(step)):
        rows = abs((last - first).days) / days
    if rows > MOST_ROWS:
        advice = f"Write both ends and the step as numbers or dates, at most {MOST_ROWS} apart."
        raise refuse("own-rows", "A series of rows has no written bound, or a far one.", advice)
