"""Turns other spellings into those that the rest of the guard knows.

Brackets around a question, = ANY, <> ALL, FETCH FIRST, the WINDOW clause, DISTINCT ON, BY NAME, mean(), date_add() and x[1] each
say what a plain SELECT can say. Runs before `desugar.py`; what it makes is judged like what was asked.
"""

import re

from sqlglot import exp

from policies.guard.refusal import refuse
from policies.guard.shape import Nodes, folded

_SPELLINGS: set[type[exp.Expr]] = {exp.Any, exp.All, exp.Fetch, exp.DateAdd, exp.Bracket}


def needs_plain(nodes: Nodes) -> bool:
    """Whether there is anything to do."""
    return (
        not _SPELLINGS.isdisjoint(nodes)
        or any(node.args.get("windows") for node in nodes.get(exp.Select, ()))
        or any(node.args.get("on") for node in nodes.get(exp.Distinct, ()))
        or any(str(node.this).upper() == "MEAN" for node in nodes.get(exp.Anonymous, ()))
        or any(node.args.get("by_name") for kind in _SETS for node in nodes.get(kind, ()))
    )


def plain(tree: exp.Expr) -> None:
    """Rewrites the tree where it stands. Raises Refused where a spelling has no plain form here."""
    for compared in list(tree.find_all(exp.EQ, exp.NEQ))[::-1]:  # the innermost first
        _membership(compared)
    for fetch in list(tree.find_all(exp.Fetch)):
        fetch.replace(_limit(fetch))
    for call in list(tree.find_all(exp.Anonymous, exp.DateAdd))[::-1]:
        _respelled(call)
    for bracket in list(tree.find_all(exp.Bracket))[::-1]:
        _element(bracket)
    for select in list(tree.find_all(exp.Select)):
        if select.args.get("windows"):
            _inline_windows(select)
    for select in list(tree.find_all(exp.Select)):
        distinct = select.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            _first_of_each(select, distinct.args["on"])
    for combined in list(tree.find_all(*_SETS))[::-1]:
        if combined.args.get("by_name"):
            _by_place(combined)


def unbracketed(tree: exp.Expr) -> exp.Expr:
    """The question inside brackets; an ORDER BY or LIMIT behind them goes in, where the question has none of its own."""
    while isinstance(tree, exp.Subquery) and not tree.args.get("alias"):
        inner = tree.this
        behind = {name: value for name, value in tree.args.items() if value and name != "this"}
        if not behind:
            tree = inner.pop()
            continue
        own = isinstance(inner, exp.Query) and not any(inner.args.get(name) for name in _BOUNDS)
        terms = [one.this for one in behind["order"].expressions] if "order" in behind else []
        simple = all(isinstance(one, exp.Literal) or (isinstance(one, exp.Column) and not one.table) for one in terms)
        if not (own and simple and behind.keys() <= set(_BOUNDS)):
            message = "What stands behind the brackets is not understood here."
            raise refuse("clause-not-listed", message, "Write ORDER BY and LIMIT inside the brackets.")
        tree = inner.pop()
        for name, value in behind.items():
            tree.set(name, value.pop())
    return tree


_BOUNDS = ("order", "limit", "offset")
_SETS = (exp.Union, exp.Intersect, exp.Except)


def _membership(compared: exp.Expr) -> None:
    """`x = ANY (...)` is IN, `x <> ALL (...)` is NOT IN, of a subquery or of a list that is written out."""
    every = compared.expression
    if not (
        (isinstance(every, exp.Any) and isinstance(compared, exp.EQ))
        or (isinstance(every, exp.All) and isinstance(compared, exp.NEQ))
    ):
        return
    among = every.this
    while isinstance(among, exp.Paren):
        among = among.this
    member = exp.In(this=compared.this.copy())
    if isinstance(among, exp.Array) and among.expressions:
        member.set("expressions", [one.copy() for one in among.expressions])
    elif isinstance(among, exp.Query):
        member.set("query", among.copy() if isinstance(among, exp.Subquery) else exp.Subquery(this=among.copy()))
    else:
        return  # no listed word: the next check says so
    compared.replace(exp.Not(this=member) if isinstance(compared, exp.NEQ) else member)


def _limit(fetch: exp.Expr) -> exp.Limit:
    options = fetch.args.get("limit_options")
    if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
        raise refuse("clause-not-listed", "FETCH with PERCENT or WITH TIES is not understood here.", "Write LIMIT 5.")
    count = fetch.args.get("count")
    return exp.Limit(expression=count.copy() if count is not None else exp.Literal.number(1))


def _respelled(call: exp.Expr) -> None:
    """date_add(a, b) is a + b and mean(x) is avg(x), as DuckDB defines them itself."""
    if isinstance(call, exp.DateAdd):
        if call.args.get("unit") is None:
            made = exp.Add(this=call.this.copy(), expression=call.expression.copy())
            alone = isinstance(call.parent, exp.Alias | exp.Select | exp.Group | exp.Ordered)
            call.replace(made if alone else exp.Paren(this=made))
    elif str(call.this).upper() == "MEAN" and len(call.expressions) == 1:
        call.replace(exp.Avg(this=call.expressions[0].copy()))


def _element(bracket: exp.Expr) -> None:
    """x[2] is list_extract(x, 2): sqlglot counts from nought where it knows a list, which another form around it would undo."""
    number = re.search(r"\[(-?\d+)\]$", bracket.sql("duckdb"))
    if number is not None and not isinstance(bracket.this, exp.Struct | exp.Tuple):
        place = exp.Literal.number(number.group(1))
        bracket.replace(exp.Anonymous(this="LIST_EXTRACT", expressions=[bracket.this.copy(), place]))


def _inline_windows(select: exp.Select) -> None:
    """Each name of the WINDOW clause is replaced by what it stands for."""
    named: dict[str, exp.Expr] = {}
    for spec in select.args["windows"]:
        _inline(spec, named)
        named[folded(spec.this.name)] = spec
    select.set("windows", None)
    for window in list(select.find_all(exp.Window)):
        if window.find_ancestor(exp.Select) is select:
            _inline(window, named)


def _inline(window: exp.Expr, named: dict[str, exp.Expr]) -> None:
    alias = window.args.get("alias")
    if alias is None:
        return
    base = named.get(folded(alias.name))
    if base is None:
        raise refuse("clause-not-listed", "A window is named that no WINDOW clause defines.", "Write OVER (...).")
    twice = any(base.args.get(part) and window.args.get(part) for part in ("partition_by", "order", "spec"))
    if twice or window.args.get("partition_by"):
        raise refuse("clause-not-listed", "A named window is changed where it is used.", "Write OVER (...) in full.")
    for part in ("partition_by", "order", "spec"):
        value = base.args.get(part)
        if isinstance(value, list):
            window.set(part, [one.copy() for one in value])
        elif value is not None:
            window.set(part, value.copy())
    window.set("alias", None)


def _first_of_each(select: exp.Select, on: exp.Expr) -> None:
    """DISTINCT ON (k) ... ORDER BY k, d keeps the first row of each k: QUALIFY row_number() OVER (PARTITION BY k ORDER BY k, d) = 1."""
    if select.args.get("qualify"):
        raise refuse("clause-not-listed", "DISTINCT ON beside QUALIFY is not understood here.", _FIRST)
    keys = [_spelled(select, one) for one in (on.expressions if isinstance(on, exp.Tuple) else [on])]
    order = select.args.get("order")
    terms = []
    for term in order.expressions if order is not None else ():
        meant = term.copy()
        meant.set("this", _spelled(select, term.this))
        terms.append(meant)
    number = exp.Window(this=exp.RowNumber(), partition_by=keys, over="OVER")
    if terms:
        number.set("order", exp.Order(expressions=terms))
    select.set("distinct", None)
    select.set("qualify", exp.Qualify(this=exp.EQ(this=number, expression=exp.Literal.number(1))))


_FIRST = "Write QUALIFY row_number() OVER (PARTITION BY ... ORDER BY ...) = 1."


def _spelled(select: exp.Select, term: exp.Expr) -> exp.Expr:
    """What a place or the name of an output means. Raises Refused where that is a window, or is not written out."""
    outputs = {folded(one.alias): one.this for one in select.expressions if isinstance(one, exp.Alias)}
    meant = term
    if isinstance(term, exp.Literal) and term.name.isdigit():
        place = int(term.name)
        starred = any(one.is_star for one in select.expressions[:place])
        if not 1 <= place <= len(select.expressions) or starred:
            raise refuse("clause-not-listed", "DISTINCT ON goes by a place that is not written out.", _FIRST)
        meant = select.expressions[place - 1].unalias()
    elif isinstance(term, exp.Column) and not term.table:
        if term.name.upper() == "ALL":
            raise refuse("clause-not-listed", "DISTINCT ON beside ORDER BY ALL is not understood here.", _FIRST)
        meant = outputs.get(folded(term.name), term)
    elif any(not one.table and folded(one.name) in outputs for one in term.find_all(exp.Column)):
        raise refuse("clause-not-listed", "DISTINCT ON computes with an output's name.", _FIRST)
    if meant.find(exp.Window, exp.Query):
        raise refuse("clause-not-listed", "DISTINCT ON goes by a window or subquery.", _FIRST)
    return meant.copy()


def _by_place(combined: exp.Expr) -> None:
    """Both sides of BY NAME give the same columns in the same places; one that a side lacks is NULL there."""
    left, right = combined.this, combined.expression
    names = [_written_names(left), _written_names(right)]
    wanted = names[0] + [one for one in names[1] if one not in names[0]]
    for side, found in ((left, names[0]), (right, names[1])):
        if found != wanted:
            side.replace(_in_order(side.copy(), found, wanted))
    combined.set("by_name", None)


def _written_names(side: exp.Expr) -> list[str]:
    """The names of a side's columns. Raises Refused where they are not written, or come twice."""
    written = isinstance(side, exp.Query) and not any(one.is_star for one in side.selects)
    names = [folded(one) for one in side.named_selects] if written and isinstance(side, exp.Query) else []
    if not names or not all(names) or len(names) != len(set(names)):
        raise refuse("clause-not-listed", "BY NAME needs every column's name.", "Write them in the same order.")
    return names


def _in_order(side: exp.Expr, found: list[str], wanted: list[str]) -> exp.Select:
    bare = side if isinstance(side, exp.Subquery) else exp.Subquery(this=side)
    bare.set("alias", exp.TableAlias(this=exp.to_identifier("__named", quoted=True)))
    items = [
        exp.column(exp.to_identifier(one, quoted=True)) if one in found else exp.alias_(exp.Null(), one, quoted=True)
        for one in wanted
    ]
    return exp.Select(expressions=items, from_=exp.From(this=bare))
