"""A WITH that calls itself counts upwards, from a written start by a written step to a written bound.

The step reads nothing but the part itself, so each row makes one row at most. Used by `sources.py`, before anything is resolved.
"""

from collections.abc import Iterator
from datetime import date

from sqlglot import exp

from policies.guard.refusal import refuse
from policies.guard.shape import conjuncts, folded

MOST_STEPS = 10_000
_DAYS = {"DAY": 1, "WEEK": 7, "MONTH": 28, "QUARTER": 89, "YEAR": 365}


def check_recursion(parts: exp.With) -> None:
    """Raises Refused where a part calls itself otherwise; `parts` are those of a WITH RECURSIVE."""
    for part in parts.expressions:
        name = folded(part.alias_or_name)
        calls = [one for one in part.this.find_all(exp.Table) if folded(one.name) == name and not one.db]
        if not calls:
            continue
        step = part.this.expression if isinstance(part.this, exp.Union) else None
        if len(calls) != 1 or not isinstance(step, exp.Select) or calls[0].parent is not step.args.get("from_"):
            raise _unbounded()
        if step.args.get("joins") or step.find(exp.Unnest, exp.Explode, exp.Lateral):
            message = "The step of a recursive WITH reads more than the WITH itself."
            raise refuse("recursion", message, "Join outside of the recursion.")
        if not _counts(part, step):
            raise _unbounded()


def written(node: exp.Expr | None) -> int | date | None:
    """A written whole number or date; None for anything else."""
    if isinstance(node, exp.Neg):
        inner = written(node.this)
        return -inner if isinstance(inner, int) else None
    if isinstance(node, exp.Cast | exp.TryCast) and isinstance(node.this, exp.Literal):
        try:
            return date.fromisoformat(node.this.name[:10])
        except ValueError:
            return None
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isascii() and node.name.isdigit():
        return int(node.name)
    return None


def interval_days(node: exp.Expr | None) -> int:
    """The least number of days a written interval takes; 0 where it is not written, or shorter than a day."""
    if not isinstance(node, exp.Interval) or not isinstance(node.this, exp.Literal) or node.unit is None:
        return 0
    number = node.this.name
    return _DAYS.get(node.unit.name.upper().rstrip("S"), 0) * (
        int(number) if number.isascii() and number.isdigit() else 0
    )


def _counts(part: exp.CTE, step: exp.Select) -> bool:
    """Whether one column is itself and a step more, and WHERE bounds that very column."""
    anchors = list(_anchors(part.this.this))
    if not anchors:
        return False
    names = [folded(one.name) for one in part.args["alias"].args.get("columns") or ()]
    names += [folded(one.alias_or_name) for one in anchors[0][len(names) :]]
    where = step.args.get("where")
    for test in conjuncts(where.this if where is not None else None):
        if not isinstance(test, exp.LT | exp.LTE) or not isinstance(test.this, exp.Column):
            continue
        name = folded(test.this.name)
        if names.count(name) != 1 or len(step.expressions) != len(names):
            continue
        place = names.index(name)
        starts = [written(one[place].unalias()) for one in anchors if len(one) > place]
        by = _step(step.expressions[place].unalias(), name)
        bound = written(test.expression)
        if len(starts) == len(anchors) and by and all(_few(start, bound, by) for start in starts):
            return True
    return False


def _anchors(query: exp.Expr) -> Iterator[list[exp.Expr]]:
    """The outputs of each SELECT that the counting starts from."""
    while isinstance(query, exp.Subquery):
        query = query.this
    if isinstance(query, exp.SetOperation):
        yield from _anchors(query.this)
        yield from _anchors(query.expression)
    elif isinstance(query, exp.Select):
        source = query.args.get("from_")
        starred = len(query.expressions) == 1 and query.expressions[0].is_star and not query.args.get("joins")
        if starred and source is not None and isinstance(source.this, exp.Subquery):  # as VALUES became
            yield from _anchors(source.this)
        else:
            yield list(query.expressions)


def _step(output: exp.Expr, name: str) -> int:
    """How much `column + step` adds, in numbers or days; 0 where it is not such. DATE + INTERVAL may be cast back to a date."""
    if isinstance(output, exp.Cast | exp.TryCast) and output.to.this.name in ("DATE", "TIMESTAMP", "TIMESTAMPNTZ"):
        output = output.this
        if not isinstance(output, exp.Add) or not isinstance(output.expression, exp.Interval):
            return 0
    if not isinstance(output, exp.Add) or not isinstance(output.this, exp.Column) or folded(output.this.name) != name:
        return 0
    by = written(output.expression)
    return by if isinstance(by, int) else interval_days(output.expression)


def _few(start: int | date | None, bound: int | date | None, by: int) -> bool:
    if isinstance(start, date) and isinstance(bound, date):
        return (bound - start).days <= by * MOST_STEPS
    return isinstance(start, int) and isinstance(bound, int) and bound - start <= by * MOST_STEPS


def _unbounded() -> Exception:
    advice = "Count the steps: SELECT n + 1 ... WHERE n < 100; range() makes plain series."
    return refuse("recursion", "A recursive WITH has no written bound.", advice)
