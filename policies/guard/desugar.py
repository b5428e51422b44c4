"""Turns the dialect's conveniences into plain SELECTs, so that all later checks know one language only.

PIVOT becomes aggregates with FILTER, UNPIVOT a UNION ALL, ASOF ... USING an ASOF ... ON. Runs before anything is resolved; what it
makes is judged like what was asked. Knows of granted columns only to spell out the groups of a PIVOT.
"""

from collections.abc import Mapping
from itertools import product
from math import prod

from sqlglot import exp

from policies.guard.refusal import refuse

_MOST_PIVOTED = 200
_MOST_COPIED = 10_000  # nodes: UNPIVOT repeats its source once for each column


def desugar(tree: exp.Query | exp.Pivot, granted: Mapping[str, Mapping[str, str]]) -> exp.Query:
    """The tree without PIVOT, UNPIVOT and ASOF USING. Raises Refused where a PIVOT's columns would depend on the data."""
    holder = exp.Subquery(this=tree)
    for pivot in list(holder.find_all(exp.Pivot))[::-1]:  # the innermost first
        if isinstance(pivot.parent, exp.Table | exp.Subquery) and pivot.arg_key == "pivots":
            _replace_clause(pivot, granted)
        else:
            pivot.replace(_from_statement(pivot, granted))
    for sets in list(holder.find_all(exp.Rollup, exp.Cube, exp.GroupingSets)):
        _spell_out(sets)
    for join in holder.find_all(exp.Join):
        if str(join.args.get("method") or "").upper() == "ASOF" and join.args.get("using"):
            _asof_on(join)
    done = holder.this
    while isinstance(done, exp.Subquery) and not done.args.get("alias"):
        done = done.this
    assert isinstance(done, exp.Query)  # noqa: S101 - a Subquery holds a query; for the type checker
    return done.pop()


def _replace_clause(pivot: exp.Pivot, granted: Mapping[str, Mapping[str, str]]) -> None:
    """`FROM source PIVOT (...) AS p` becomes a subquery in the source's place."""
    source = pivot.parent
    assert isinstance(source, exp.Table | exp.Subquery)  # noqa: S101 - the caller looked
    if len(source.args["pivots"]) > 1:
        raise refuse("pivot", "Two PIVOTs stand in a row.", "Put the first into a WITH.")
    alias = pivot.args.get("alias") or source.args.get("alias")
    bare = source.copy()
    bare.set("pivots", None)
    made = (
        _unpivot_clause(pivot, bare, granted)
        if pivot.args.get("unpivot")
        else _pivoted(bare, pivot.args.get("fields") or [], pivot.expressions, pivot.args.get("group"), granted)
    )
    name = alias.this.copy() if isinstance(alias, exp.TableAlias) and alias.this else exp.to_identifier("pivoted")
    source.replace(exp.Subquery(this=made, alias=exp.TableAlias(this=name)))


def _from_statement(pivot: exp.Pivot, granted: Mapping[str, Mapping[str, str]]) -> exp.Query:
    """`PIVOT source ON column IN (...) USING ...` and `UNPIVOT source ON a, b INTO NAME n VALUE v` as a SELECT."""
    source = pivot.this.copy()
    if pivot.args.get("unpivot"):
        into = pivot.args.get("into")
        name = into.this.name if into is not None else "name"
        values = into.expressions if into is not None else []
        value = values[0].name if values else "value"
        made: exp.Query = _unpivoted(source, [one.unalias().name for one in pivot.expressions], name, value, granted)
    else:
        using = pivot.args.get("using") or []
        made = _pivoted(source, pivot.expressions, using, pivot.args.get("group"), granted)
    if pivot.args.get("with_"):
        made.set("with_", pivot.args["with_"].copy())
    for clause in ("order", "limit"):
        if pivot.args.get(clause):
            made.set(clause, pivot.args[clause].copy())
    return made


def _pivoted(
    source: exp.Expr,
    fields: list[exp.Expr],
    aggregates: list[exp.Expr],
    group: exp.Expr | None,
    granted: Mapping[str, Mapping[str, str]],
) -> exp.Select:
    if not fields or not all(isinstance(one, exp.In) and one.expressions for one in fields):
        raise refuse("pivot", "The columns of this PIVOT depend on the data.", "Write ON column IN (value, ...).")
    columns = [one.this for one in fields]
    if not aggregates or prod(len(one.expressions) for one in fields) * len(aggregates) > _MOST_PIVOTED:
        raise refuse("pivot", "A PIVOT needs aggregates (USING ...) and few columns.", "Write USING count(*).")
    values = [value.unalias() for one in fields for value in one.expressions]
    if not all(isinstance(one, exp.Literal | exp.Boolean | exp.Null | exp.Neg | exp.Cast) for one in values):
        raise refuse("pivot", "The columns of this PIVOT depend on the data.", "Write ON column IN (value, ...).")
    keys = _pivot_keys(source, [*columns, *aggregates], group, granted)
    made = exp.Select(expressions=keys)
    for chosen in product(*(one.expressions for one in fields)):
        for aggregate in aggregates:
            made.select(_one_pivoted(columns, chosen, aggregate, len(aggregates) > 1), copy=False)
    made.set("from_", exp.From(this=_named(source)))
    if keys:
        made.set("group", exp.Group(expressions=[one.copy() for one in keys]))
    return made


def _pivot_keys(
    source: exp.Expr, taken: list[exp.Expr], group: exp.Expr | None, granted: Mapping[str, Mapping[str, str]]
) -> list[exp.Expr]:
    """What a PIVOT groups by: what it says, else every column it does not use otherwise."""
    if group is not None:
        return [one.copy() for one in group.expressions]
    used = {one.name.lower() for item in taken for one in item.find_all(exp.Column)}
    others = [one for one in _columns(source, granted) if one.lower() not in used]
    return [exp.column(exp.to_identifier(one, quoted=True)) for one in others]


def _one_pivoted(columns: list[exp.Expr], chosen: tuple[exp.Expr, ...], aggregate: exp.Expr, several: bool) -> exp.Expr:
    tests = [
        exp.EQ(this=column.copy(), expression=value.unalias().copy())
        for column, value in zip(columns, chosen, strict=True)
    ]
    filtered = exp.Filter(this=aggregate.unalias().copy(), expression=exp.Where(this=exp.and_(*tests, copy=False)))
    name = "_".join(
        one.alias or (one.name if isinstance(one, exp.Literal) else one.unalias().sql("duckdb")) for one in chosen
    )
    if several or aggregate.alias:
        name = f"{name}_{aggregate.alias or aggregate.unalias().sql('duckdb').lower()}"
    return exp.alias_(filtered, name, quoted=True)


def _unpivot_clause(pivot: exp.Pivot, source: exp.Expr, granted: Mapping[str, Mapping[str, str]]) -> exp.Query:
    fields = pivot.args.get("fields") or []
    if len(pivot.expressions) != 1 or len(fields) != 1 or not isinstance(fields[0], exp.In):
        raise refuse("pivot", "This UNPIVOT is not understood.", "Write UNPIVOT (value FOR name IN (a, b)).")
    columns = [one.name for one in fields[0].expressions]
    return _unpivoted(source, columns, fields[0].this.name, pivot.expressions[0].name, granted)


def _unpivoted(
    source: exp.Expr, columns: list[str], name: str, value: str, granted: Mapping[str, Mapping[str, str]]
) -> exp.Query:
    if not 1 <= len(columns) <= 50 or not all(columns):
        raise refuse("pivot", "This UNPIVOT names no columns.", "Write UNPIVOT t ON a, b INTO NAME n VALUE v.")
    if sum(1 for _ in source.walk()) * len(columns) > _MOST_COPIED:
        raise refuse("size", "An UNPIVOT repeats a large source.", "Put the source into a WITH.")
    taken = {one.lower() for one in columns}
    others = [one for one in _columns(source, granted) if one.lower() not in taken]
    parts: list[exp.Query] = []
    for column in columns:
        plain = exp.column(exp.to_identifier(column, quoted=True))
        part = exp.Select(expressions=[exp.column(exp.to_identifier(one, quoted=True)) for one in others])
        part.select(exp.alias_(exp.Literal.string(column), name, quoted=True), copy=False)
        part.select(exp.alias_(plain, value, quoted=True), copy=False)
        part.set("from_", exp.From(this=_named(source)))
        part.set("where", exp.Where(this=exp.Not(this=exp.Is(this=plain.copy(), expression=exp.Null()))))
        parts.append(part)
    made: exp.Query = parts[0]
    for more in parts[1:]:
        made = exp.Union(this=made, expression=more, distinct=False)
    return made


def _named(source: exp.Expr) -> exp.Expr:
    copy = source.copy()
    if isinstance(copy, exp.Query) and not isinstance(copy, exp.Subquery):
        copy = exp.Subquery(this=copy)
    if not copy.args.get("alias"):
        copy.set("alias", exp.TableAlias(this=exp.to_identifier("__pivot", quoted=True)))
    return copy


def _columns(source: exp.Expr, granted: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names of a source's columns: of a subquery its outputs, of a table what is granted, of a WITH what it gives."""
    if isinstance(source, exp.Table):
        name = source.name.lower()
        full = next((one for one in (name, f"operations.{name}") if one in granted), None)
        if full is not None and source.db.lower() in ("", "main", "operations"):
            return list(granted[full])
        part = _with_part(source, name)
        if part is None:
            return []  # no such table: the next check says so
        return _columns(part, granted)
    query = source.this if isinstance(source, exp.Subquery) else source
    if isinstance(query, exp.Query) and not any(one.find(exp.Star) is one for one in query.selects):
        return list(query.named_selects)
    if (
        isinstance(query, exp.Select)
        and query.args.get("from_")
        and not query.args.get("joins")
        and len(query.selects) == 1
    ):
        return _columns(query.args["from_"].this, granted)
    raise refuse("pivot", "The columns of a PIVOT's source are not written out.", "Name them in its SELECT.")


def _with_part(source: exp.Expr, name: str) -> exp.Expr | None:
    root = source.root()
    found = (cte for cte in root.find_all(exp.CTE) if cte.alias_or_name.lower() == name)
    return next((cte.this for cte in found), None)


def _asof_on(join: exp.Join) -> None:
    """USING (a, b, last) of an ASOF join means a = a, b = b and left.last >= right.last."""
    names = [one.name for one in join.args["using"]]
    owner = join.parent
    first = owner.args["from_"].this if isinstance(owner, exp.Select) else None
    if first is None or len(owner.args.get("joins") or []) != 1:  # type: ignore[union-attr]
        raise refuse("join-on-person", "This ASOF JOIN ... USING is ambiguous.", "Write ASOF JOIN ... ON.")
    left, right = first.alias_or_name, join.this.alias_or_name
    sides = [(exp.column(name, table=left), exp.column(name, table=right)) for name in names]
    tests: list[exp.Expr] = [exp.EQ(this=one, expression=other) for one, other in sides[:-1]]
    tests.append(exp.GTE(this=sides[-1][0], expression=sides[-1][1]))
    join.set("using", None)
    join.set("on", exp.and_(*tests))


def _spell_out(sets: exp.Expr) -> None:
    """Places and output names inside ROLLUP, CUBE and GROUPING SETS become the expressions they mean."""
    select = sets.find_ancestor(exp.Select)
    if select is None:
        return
    outputs = list(select.expressions)
    named = {one.alias.lower(): one.this for one in outputs if isinstance(one, exp.Alias)}
    for node in list(sets.find_all(exp.Literal, exp.Column)):
        if isinstance(node, exp.Literal) and isinstance(node.parent, (*_SETS, exp.Tuple, exp.Paren)):
            place = int(node.name) if node.name.isdigit() else 0
            if 1 <= place <= len(outputs):
                node.replace(outputs[place - 1].unalias().copy())
        elif isinstance(node, exp.Column) and not node.table and node.name.lower() in named:
            node.replace(named[node.name.lower()].copy())


_SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)
