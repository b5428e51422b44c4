"""Turns an aggregation over persons into cells that may be shown. The suppression is part of the SQL itself.

The SELECT becomes three: the innermost computes groups, aggregates and on how many distinct persons each rests; the middle one
decides which cells to hide; the outer one is the asker's, over values already withheld, so HAVING, ORDER BY, LIMIT and all that
is built on top see nothing the answer does not show. A cell is hidden when it rests on 1 to k-1 persons, or would let such a
number be derived: from the rows a condition leaves out, or as the only hidden one among its neighbours (CMS cell size
suppression policy). Group keys that could single somebody out are withheld with a small group.
"""

from dataclasses import dataclass, field

from sqlglot import exp

from policies.disclosure.arguments import rests_on
from policies.disclosure.kinds import HIDDEN
from policies.guard.parse import refuse
from policies.guard.shape import group_keys, is_aggregate

_CELLS = "__cells"


@dataclass
class _Parts:
    """What the innermost SELECT computes: by SQL text, the name it goes by."""

    keys: dict[str, str] = field(default_factory=dict)
    risky: set[str] = field(default_factory=set)
    aggregates: dict[str, tuple[str, str, bool]] = field(default_factory=dict)  # name, name of its persons, derivable
    persons: dict[str, str] = field(default_factory=dict)


def suppressed(
    select: exp.Select, unit: exp.Expr, hide_below: int, safe_columns: set[tuple[str, str]], flag: bool
) -> exp.Select:
    """The SELECT with suppression built in; `unit` is the person of a row, `safe_columns` those whose values single out nobody.

    `flag`: whether to add the column `__hidden`. The With clause, if any, moves to the outermost SELECT.
    """
    parts = _Parts()
    inner = _inner(select, unit, parts, safe_columns)
    middle = _middle(inner, parts, hide_below)
    return _outer(select, middle, parts, flag)


def _inner(select: exp.Select, unit: exp.Expr, parts: _Parts, safe: set[tuple[str, str]]) -> exp.Select:
    inner = exp.Select(expressions=[])
    for clause in ("from_", "joins", "where"):
        if select.args.get(clause):
            value = select.args[clause]
            inner.set(clause, [one.copy() for one in value] if isinstance(value, list) else value.copy())
    keys = group_keys(select)
    for number, key in enumerate(keys):
        name = f"__k{number}"
        parts.keys[key.sql("duckdb")] = name
        if not _is_safe(key, safe):
            parts.risky.add(name)
        inner.select(exp.alias_(key.copy(), name, quoted=True), copy=False)
    if len(parts.keys) > 3:  # many plain categories together single out as well as one fine one
        parts.risky.update(parts.keys.values())
    if keys:
        inner.set("group", exp.Group(expressions=[key.copy() for key in keys]))
    _persons(inner, parts, unit, None)
    for aggregate in _aggregates(select):
        text = aggregate.sql("duckdb")
        if text not in parts.aggregates:
            condition, derivable = rests_on(aggregate)
            persons = _persons(inner, parts, unit, condition)
            name = f"__a{len(parts.aggregates)}"
            parts.aggregates[text] = (name, persons, derivable)
            inner.select(exp.alias_(aggregate.copy(), name, quoted=True), copy=False)
    return inner


def _aggregates(select: exp.Select) -> list[exp.Expr]:
    clauses = [*select.expressions, select.args.get("having"), select.args.get("order"), select.args.get("qualify")]
    found = [node for clause in clauses if clause is not None for node in clause.walk() if is_aggregate(node)]
    return [node for node in found if not any(is_aggregate(one) for one in _ancestors(node, select))]


def _ancestors(node: exp.Expr, stop: exp.Expr) -> list[exp.Expr]:
    line: list[exp.Expr] = []
    while (node := node.parent) is not None and node is not stop:  # type: ignore[assignment]
        line.append(node)
    return line


def _persons(inner: exp.Select, parts: _Parts, unit: exp.Expr, condition: exp.Expr | None) -> str:
    """Name of the column that counts the distinct persons the condition holds for, added where it is not there yet."""
    text = condition.sql("duckdb") if condition is not None else ""
    if text not in parts.persons:
        parts.persons[text] = f"__p{len(parts.persons)}"
        who = unit.copy() if condition is None else exp.Case(ifs=[exp.If(this=condition.copy(), true=unit.copy())])
        count = exp.Count(this=exp.Distinct(expressions=[who]))
        inner.select(exp.alias_(count, parts.persons[text], quoted=True), copy=False)
    return parts.persons[text]


def _is_safe(key: exp.Expr, safe: set[tuple[str, str]]) -> bool:
    """A key is safe to show beside a hidden count when it is a category or a constant, or made of conditions only."""
    if isinstance(key, exp.Case):
        outcomes = [one.args["true"] for one in key.args.get("ifs") or []] + [key.args.get("default")]
        return all(one is None or isinstance(one, exp.Literal | exp.Null | exp.Boolean) for one in outcomes)
    columns = list(key.find_all(exp.Column))
    return not columns or (isinstance(key, exp.Column) and (key.table, key.name) in safe)


def _middle(inner: exp.Select, parts: _Parts, k: int) -> exp.Select:
    """Adds `__s0` (the group is small) and for each aggregate `__h...` (its cell is hidden)."""
    group = parts.persons[""]
    order = ", ".join(f'"{name}"' for name in parts.keys.values())
    small = {"__s0": f'"{group}" BETWEEN 1 AND {k - 1}'}
    for name, persons, derivable in parts.aggregates.values():
        tests = [f'"{group}" BETWEEN 1 AND {k - 1}', f'"{persons}" BETWEEN 1 AND {k - 1}']
        if derivable:
            tests.append(f'"{group}" - "{persons}" BETWEEN 1 AND {k - 1}')
        small[f"__s{name}"] = " OR ".join(dict.fromkeys(tests))
    flags = ", ".join(f'({test}) AS "{name}"' for name, test in small.items())
    hidden = ", ".join(
        f"({_neighbour(f'__s{name}', persons, order, k)}) AS {_quoted('__h' + name)}"
        for name, persons, _ in parts.aggregates.values()
    )
    flagged = f'SELECT *, {flags} FROM ({inner.sql("duckdb")}) AS "__groups"'
    text = f'SELECT *{", " + hidden if hidden else ""} FROM ({flagged}) AS "__flagged"'
    parsed: exp.Expr = exp.maybe_parse(text, dialect="duckdb")
    assert isinstance(parsed, exp.Select)  # noqa: S101 - a fact about the text above, not about input
    return parsed


def _neighbour(small: str, persons: str, order: str, k: int) -> str:
    """Small itself, or the smallest other cell where one small cell stands alone or the small ones are few together."""
    count = f'count(*) FILTER (WHERE "{small}") OVER ()'
    together = f'sum("{persons}") FILTER (WHERE "{small}") OVER ()'
    rank = f'row_number() OVER (ORDER BY "{small}" DESC, ("{persons}" = 0), "{persons}"{", " + order if order else ""})'
    return (
        f'"{small}" OR ({count} > 0 AND ({count} = 1 OR {together} < {k}) AND {rank} = {count} + 1 AND "{persons}" > 0)'
    )


def _outer(select: exp.Select, middle: exp.Select, parts: _Parts, flag: bool) -> exp.Select:
    outer = exp.Select(expressions=[])
    used: set[str] = set()
    for output in select.expressions:
        outer.select(exp.alias_(_over(output.unalias(), parts, used), output.alias_or_name, quoted=True), copy=False)
    if flag:
        flags = [_column(name) for name in sorted(used)]
        outer.select(exp.alias_(exp.or_(*flags) if flags else exp.false(), HIDDEN, quoted=True), copy=False)
    outer.set(
        "from_",
        exp.From(this=exp.Subquery(this=middle, alias=exp.TableAlias(this=exp.to_identifier(_CELLS, quoted=True)))),
    )
    if (having := select.args.get("having")) is not None:
        outer.set("where", exp.Where(this=_over(having.this, parts, used)))
    for clause in ("order", "qualify"):
        if (value := select.args.get(clause)) is not None:
            outer.set(clause, _over(value, parts, used))
    for clause in ("limit", "offset", "distinct", "with_"):
        if select.args.get(clause) is not None:
            outer.set(clause, select.args[clause].copy())
    return outer


def _over(expression: exp.Expr, parts: _Parts, used: set[str]) -> exp.Expr:
    """The asker's expression, over the cells: keys and aggregates become columns, hidden ones NULL."""

    def replace(node: exp.Expr) -> exp.Expr:
        text = node.sql("duckdb")
        if (key := parts.keys.get(text)) is not None:
            if key not in parts.risky:
                return _column(key)
            used.add("__s0")
            return _hidden_if("__s0", key)
        if text in parts.aggregates and is_aggregate(node):
            name = parts.aggregates[text][0]
            used.add(f"__h{name}")
            return _hidden_if(f"__h{name}", name)
        for argument, value in list(node.args.items()):
            if isinstance(value, exp.Expr):
                node.set(argument, replace(value))
            elif isinstance(value, list):
                node.set(argument, [replace(one) if isinstance(one, exp.Expr) else one for one in value])
        return node

    done = replace(expression.copy())
    for column in done.find_all(exp.Column):
        if column.table and column.table != _CELLS:
            advice = "Group by it, or aggregate it."
            raise refuse("not-grouped", f"Column '{column.name}' is neither grouped by nor aggregated.", advice)
    return done


def _hidden_if(flag: str, name: str) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=exp.Not(this=_column(flag)), true=_column(name))])


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(_CELLS, quoted=True))


def _quoted(name: str) -> str:
    return f'"{name}"'
