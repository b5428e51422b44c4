"""Rows that a question brings itself: VALUES, unnest, range and recursion. All become subqueries, and all are bounded.

Runs with `desugar.py`, before anything is resolved. What makes rows may be made of written values only: a list unfolded from a
column would multiply the rows of some persons and not of others.
"""

from datetime import date

from sqlglot import exp

from policies.guard.refusal import refuse

MOST_ROWS = 100_000
MOST_VALUES = 500
MOST_STEPS = 10_000
_DAYS = {
    "DAY": 1,
    "DAYS": 1,
    "WEEK": 7,
    "WEEKS": 7,
    "MONTH": 28,
    "MONTHS": 28,
    "QUARTER": 89,
    "YEAR": 365,
    "YEARS": 365,
}


def bring(tree: exp.Query) -> exp.Query:
    """The tree with its own rows as subqueries. Raises Refused where their number is not bounded by what is written."""
    for series in list(tree.find_all(exp.GenerateSeries)):
        _check_series(series)
    for unfolded in tree.find_all(exp.Explode, exp.Unnest):
        if unfolded.find(exp.Column, exp.Query, exp.Placeholder):
            raise refuse("own-rows", "A list that is unfolded must be written out.", "Write unnest([1, 2, 3]).")
    for values in list(tree.find_all(exp.Values)):
        if isinstance(values.parent, exp.From | exp.Join):
            values.replace(_from_values(values))
    for unnest in list(tree.find_all(exp.Unnest)):
        if isinstance(unnest.parent, exp.From | exp.Join):
            unnest.replace(_unfolded(unnest.expressions[0], unnest.args.get("alias"), "unnest"))
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.GenerateSeries):
            default = "range" if table.this.args.get("is_end_exclusive") else "generate_series"
            table.replace(_unfolded(table.this, table.args.get("alias"), default))
    for parts in tree.find_all(exp.With):
        if parts.args.get("recursive"):
            _check_recursion(parts)
    return tree


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


def _check_series(series: exp.GenerateSeries) -> None:
    start, end, step = (_value(series.args.get(name)) for name in ("start", "end", "step"))
    rows: float = MOST_ROWS + 1
    if isinstance(start, int) and isinstance(end, int) and (step is None or (isinstance(step, int) and step != 0)):
        rows = abs(end - start) / abs(step or 1)
    elif isinstance(start, date) and isinstance(end, date) and isinstance(step, exp.Interval):
        days = _DAYS.get(step.unit.name.upper() if step.unit is not None else "", 0)
        number = step.this.name if isinstance(step.this, exp.Literal) else ""
        if days and number.isdigit() and int(number):
            rows = abs((end - start).days) / (days * int(number))
    if rows > MOST_ROWS:
        advice = f"Write both ends and the step as numbers or dates, at most {MOST_ROWS} apart."
        raise refuse("own-rows", "A series of rows has no written bound, or a far one.", advice)


def _value(node: exp.Expr | None) -> int | date | exp.Interval | None:
    """A written whole number, date or interval; None for anything else."""
    if isinstance(node, exp.Interval):
        return node
    if isinstance(node, exp.Neg):
        inner = _value(node.this)
        return -inner if isinstance(inner, int) else None
    if isinstance(node, exp.Cast | exp.TryCast) and isinstance(node.this, exp.Literal):
        try:
            return date.fromisoformat(node.this.name[:10])
        except ValueError:
            return None
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        return int(node.name)
    return None


def _check_recursion(parts: exp.With) -> None:
    """A part that calls itself counts something upwards to a written bound; what it reads is looked at by the caller."""
    for part in parts.expressions:
        name = part.alias_or_name.lower()
        calls = [one for one in part.this.find_all(exp.Table) if one.name.lower() == name and not one.db]
        if not calls:
            continue
        step = part.this.expression if isinstance(part.this, exp.Union) else None
        if len(calls) != 1 or not isinstance(step, exp.Select) or calls[0].find_ancestor(exp.Select) is not step:
            raise _unbounded()
        if not _counts(part, step):
            raise _unbounded()


def _counts(part: exp.CTE, step: exp.Select) -> bool:
    """Whether one output is `column + number` and WHERE says `column < number` of the same column."""
    counted = {
        one.unalias().this.name.lower()
        for one in step.expressions
        if isinstance(one.unalias(), exp.Add)
        and isinstance(one.unalias().this, exp.Column)
        and isinstance(one.unalias().expression, exp.Literal | exp.Interval)
    }
    where = step.args.get("where")
    tests = (
        list(where.this.flatten()) if where is not None and isinstance(where.this, exp.And) else [where and where.this]
    )
    for test in tests:
        if (
            isinstance(test, exp.LT | exp.LTE)
            and isinstance(test.this, exp.Column)
            and test.this.name.lower() in counted
        ):
            bound = _value(test.expression)
            if isinstance(bound, date) or (isinstance(bound, int) and bound <= MOST_STEPS):
                return True
    return False


def _unbounded() -> Exception:
    advice = "Count the steps: SELECT n + 1 ... WHERE n < 100; range() makes plain series."
    return refuse("recursion", "A recursive WITH has no written bound.", advice)
