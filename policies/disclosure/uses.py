"""What may be done with the keys of persons and records, with windows and with subqueries, in a part about persons.

Keys may be equated with keys, counted, grouped by, partitioned by and handed on; a question that compares one with a value, or
computes with it, asks about somebody in particular and is refused. Called by `unit.py` for each part.
"""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import catalogue
from policies.disclosure.kinds import Kind, pair
from policies.guard.refusal import refuse
from policies.guard.resolve import full_name
from policies.guard.shape import group_keys, is_aggregate

Columns = set[tuple[str, str]]


def check_keys(own: list[exp.Expr], keys: Columns, units: Columns) -> None:
    """Refuses a key in any place but the listed ones; `own` are the nodes of a SELECT."""
    for node in own:
        if isinstance(node, exp.Column) and pair(node) in keys | units and not _harmless(node, keys | units):
            message = f"Column '{node.name}' identifies a person or record and is compared or computed with."
            raise refuse("key-compared", message, "Join on it, count it (DISTINCT) or group by it.")


_COMPARED = (exp.EQ, exp.NullSafeEQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def is_key(node: exp.Expr, keys: Columns) -> bool:
    """A key, or the first that is there of several, as USING and FULL JOIN make it."""
    if isinstance(node, exp.Paren):
        return is_key(node.this, keys)
    if isinstance(node, exp.Coalesce):
        return all(pair(one) in keys for one in [node.this, *node.expressions])
    return pair(node) in keys


def _harmless(column: exp.Column, keys: Columns) -> bool:
    node: exp.Expr = column
    while isinstance(node.parent, exp.Paren) or (isinstance(node.parent, exp.Coalesce) and is_key(node.parent, keys)):
        node = node.parent
    parent = node.parent
    if isinstance(parent, _COMPARED):
        return is_key(parent.left, keys) and is_key(parent.right, keys)
    if isinstance(parent, exp.Is):
        return isinstance(parent.expression, exp.Null)
    if isinstance(parent, exp.In):
        return parent.this is node and parent.args.get("query") is not None
    if isinstance(parent, exp.Tuple):
        return _is_counted(parent) or (isinstance(parent.parent, exp.In) and parent.parent.this is parent)
    if isinstance(parent, exp.If) and isinstance(parent.parent, exp.Case):
        return node is parent.args.get("true") and _is_counted(parent.parent)
    if isinstance(parent, exp.Distinct):
        return isinstance(parent.parent, exp.Count | exp.Select)
    return isinstance(parent, exp.Count | exp.Group | exp.Alias | exp.Select | exp.Window | exp.Ordered)


def _is_counted(node: exp.Expr) -> bool:
    """Whether it is counted, and nothing else is done with it."""
    parent = node.parent
    return isinstance(parent.parent if isinstance(parent, exp.Distinct) else parent, exp.Count)


def check_windows(select: exp.Select, own: list[exp.Expr], units: Columns) -> None:
    """A window over rows of persons must be partitioned by the person; one over cells may look at them all.

    Groups by the person are rows of persons still, whatever is aggregated in them.
    """
    grouped = group_keys(select)
    cells = not any(is_key(key, units) for key in grouped)
    for node in own:
        if not isinstance(node, exp.Window):
            continue
        over_cells = cells and (bool(grouped) or any(is_aggregate(one) for one in node.walk()))
        if not over_cells and not any(is_key(one, units) for one in node.args.get("partition_by") or []):
            raise refuse(
                "window-per-person", "A window runs across persons.", "Add PARTITION BY person_id, or aggregate first."
            )


def check_subqueries(scope: Scope, known: dict[int, Kind], units: Columns, keys: Columns) -> None:
    """Conditions about persons must concern the person of the row: IN on the person's key, or correlated by it."""
    for inner in scope.subquery_scopes:
        kind, node = known[id(inner)], _around(inner)
        membership = isinstance(node, exp.In | exp.Exists)
        if not kind.person:
            _check_public(inner, node, keys)
        elif kind.ties and kind.ties <= units:
            if not membership:
                _check_single(inner, kind)
        elif not (_is_membership(inner, kind, units) and not inner.external_columns):
            raise about_others()


def _check_public(inner: Scope, node: exp.Expr | None, keys: Columns) -> None:
    """A part about nobody must not be told the keys of a row, nor hold such as are to be met."""
    if inner.external_columns and touches_persons(inner):
        raise about_others()
    asked = [node.this, *node.this.find_all(exp.Column)] if isinstance(node, exp.In) else []
    if any(pair(column) in keys for column in [*inner.external_columns, *asked]):
        message = "A key of a person or record is compared with what is not about persons."
        raise refuse("key-compared", message, "Join on it, count it (DISTINCT) or group by it.")


def _check_single(inner: Scope, kind: Kind) -> None:
    """A subquery that stands for a value: one row, which must be made sure of, and no key."""
    select = inner.expression
    if kind.keys:
        raise refuse("key-compared", "A subquery hands on a key as a value.", "Join on it instead.")
    plain = isinstance(select, exp.Select) and (select.args.get("group") or not _aggregates_all(select))
    if plain or not isinstance(select, exp.Select):
        allowed = "Aggregate it, as in (SELECT max(x) ...), or use EXISTS."
        raise refuse("subquery-on-person", "A subquery may give several rows where one value stands.", allowed)


def _aggregates_all(select: exp.Select) -> bool:
    return any(is_aggregate(node) for output in select.expressions for node in output.walk())


def touches_persons(scope: Scope) -> bool:
    """Whether a part, or one inside it, reads a table about persons; suppressed or not: cells for each value of an outer row are a walk."""
    tables = [one for one in scope.expression.find_all(exp.Table) if one.db]
    return any(catalogue()[full_name(one)].unit != "reference" for one in tables)


def _around(inner: Scope) -> exp.Expr | None:
    """What a subquery stands in: IN, EXISTS or else."""
    node = inner.expression.parent
    while isinstance(node, exp.Subquery | exp.Paren):
        node = node.parent
    return node


def _is_membership(inner: Scope, kind: Kind, units: Columns) -> bool:
    """`person_id IN (SELECT person_id ...)`, or a tuple in which the person stands at the same place on both sides."""
    node = _around(inner)
    names = inner.expression.named_selects if isinstance(inner.expression, exp.Query) else []
    if not isinstance(node, exp.In):
        return False
    asked = node.this.expressions if isinstance(node.this, exp.Tuple) else [node.this]
    return len(asked) == len(names) and any(
        is_key(one, units) and name in kind.unit for one, name in zip(asked, names, strict=True)
    )


def about_others() -> Exception:
    """The refusal of a part that looks at persons other than the row's own."""
    allowed = "Write person_id IN (SELECT person_id ...), or tie the subquery with t.person_id = outer.person_id."
    return refuse("subquery-on-person", "A subquery looks at persons other than the row's own.", allowed)
