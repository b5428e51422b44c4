"""No extremes of names and of what somebody wrote: the least or greatest text of many persons is the text of one.

A number's extreme is one person's, too, but tells little of whose; a text, or a word of one, may be a name, and asking for the next greater
one lists them all. So in aggregate mode minimum, maximum and percentiles are not taken of a free text or an identifier, nor of a text made
from one.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import catalogue
from policies.disclosure.kinds import own_nodes
from policies.guard.refusal import refuse
from policies.guard.resolve import full_name
from policies.guard.values import Values

_EXTREMES = (exp.Min, exp.Max, exp.Quantile, exp.PercentileDisc, exp.PercentileCont, exp.Median, exp.WithinGroup)
_ONES_OWN = {"free_text", "identifier"}
_MAYBE_TEXT = ("text", "")  # families of `values.py`; the empty one is not known


def with_extremes_of_texts(scopes: Sequence[Scope]) -> set[int]:
    """Of the scopes, by `id`, those in which an extreme is taken of such a text, under whatever name it goes by then."""
    values = Values(scopes)
    return {
        id(scope)
        for scope in scopes
        if isinstance(scope.expression, exp.Select)
        for node in own_nodes(scope.expression)
        if isinstance(node, _EXTREMES) and any(_is_free(part, scope, values) for part in _of(node))
    }


def check_texts(scope: Scope, found: set[int]) -> None:
    """Raises Refused, by `extreme`, where the scope, which is about persons, is among those found."""
    if id(scope) in found:
        message = "The least, greatest or middle one of texts that persons wrote is a single person's."
        raise refuse("extreme", message, "Count them: GROUP BY, or FILTER (WHERE ...).")


def _of(node: exp.Expr) -> Iterator[exp.Expr]:
    """What an extreme is taken of."""
    if not isinstance(node, exp.WithinGroup):
        yield from (
            one for one in (node.this, node.args.get("expression"), *node.expressions) if isinstance(one, exp.Expr)
        )
        return
    yield from (ordered.this for ordered in node.expression.expressions)


def _is_free(value: exp.Expr, scope: Scope, values: Values) -> bool:
    if values.of(value).family not in _MAYBE_TEXT:
        return False
    return any(_reaches(column, scope, set()) for column in value.find_all(exp.Column))


def _reaches(column: exp.Column, scope: Scope | None, seen: set[tuple[int, str]]) -> bool:
    """Whether a column is, or is made of, one of the catalogue that holds such texts."""
    while scope is not None and column.table not in scope.sources:
        scope = scope.parent
    if scope is None:
        return False
    source = scope.sources[column.table]
    if isinstance(source, exp.Table):
        known = {one.name: one for one in catalogue()[full_name(source)].columns}
        return column.name in known and bool(known[column.name].tags & _ONES_OWN)
    return _hands_on(source, _place(source, column.name), seen)


def _hands_on(scope: Scope, place: int | None, seen: set[tuple[int, str]]) -> bool:
    """Whether the output at a place, or where none is known any, is made of such a text."""
    if (id(scope), str(place)) in seen:
        return False  # a recursive WITH that comes back to itself
    seen.add((id(scope), str(place)))
    if scope.set_operation_scopes:
        return any(_hands_on(one, place, seen) for one in scope.set_operation_scopes)
    if isinstance(scope.expression, exp.Lateral):
        return any(_hands_on(one, place, seen) for one in scope.subquery_scopes)
    outputs = scope.expression.selects if isinstance(scope.expression, exp.Query) else []
    shown = outputs if place is None else outputs[place : place + 1]
    return any(_reaches(column, scope, seen) for one in shown for column in one.find_all(exp.Column))


def _place(scope: Scope, name: str) -> int | None:
    """At which place a part hands on a column of that name."""
    query = scope.expression
    while isinstance(query, exp.Subquery | exp.Lateral):
        query = query.this
    part = query.parent
    alias = part.args.get("alias") if part is not None else None
    names = [one.name for one in (alias.args.get("columns") or [])] if isinstance(alias, exp.TableAlias) else []
    names = names or (query.named_selects if isinstance(query, exp.Query) else [])
    return names.index(name) if name in names else None
