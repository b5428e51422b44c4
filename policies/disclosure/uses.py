"""What may be done with the keys of persons and records, with windows and with subqueries, in a part about persons.

Keys may be equated with keys, counted, grouped by, partitioned by and handed on; a question that compares one with a value, or
computes with it, asks about somebody in particular and is refused. Called by `unit.py` for each part.
"""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import catalogue
from policies.disclosure.kinds import Kind, own_nodes, pair
from policies.guard.refusal import refuse
from policies.guard.resolve import full_name
from policies.guard.shape import is_aggregate

Columns = set[tuple[str, str]]


def check_keys(select: exp.Select, keys: Columns, units: Columns) -> None:
    """Refuses a key in any place but the listed ones."""
    for node in own_nodes(select):
        if isinstance(node, exp.Column) and pair(node) in keys | units and not _harmless(node, keys | units):
            message = f"Column '{node.name}' identifies a person or record and is compared or computed with."
            raise refuse("key-compared", message, "Join on it, count it (DISTINCT) or group by it.")


def _harmless(column: exp.Column, keys: Columns) -> bool:
    parent = column.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if isinstance(parent, exp.EQ | exp.NullSafeEQ):
        return pair(parent.left) in keys and pair(parent.right) in keys
    if isinstance(parent, exp.Is):
        return isinstance(parent.expression, exp.Null)
    if isinstance(parent, exp.In):
        return parent.this is column and parent.args.get("query") is not None
    if isinstance(parent, exp.Distinct):
        return isinstance(parent.parent, exp.Count | exp.Select)
    return isinstance(parent, exp.Count | exp.Group | exp.Alias | exp.Select | exp.Window | exp.Ordered)


def check_windows(select: exp.Select, units: Columns) -> None:
    """A window over rows of persons must be partitioned by the person; one over aggregates looks at cells and may not."""
    for node in own_nodes(select):
        if not isinstance(node, exp.Window):
            continue
        over_cells = any(is_aggregate(one) for one in node.walk()) or select.args.get("group") is not None
        if not over_cells and not any(pair(one) in units for one in node.args.get("partition_by") or []):
            raise refuse(
                "window-per-person", "A window runs across persons.", "Add PARTITION BY person_id, or aggregate first."
            )


def check_subqueries(scope: Scope, known: dict[int, Kind], units: Columns) -> None:
    """Conditions about persons must concern the person of the row: IN on the person's key, or correlated by it."""
    for inner in scope.subquery_scopes:
        kind = known[id(inner)]
        if not kind.person:
            if inner.external_columns and touches_persons(inner):
                raise about_others()
            continue
        if kind.ties and kind.ties <= units:
            continue
        if not (_is_membership(inner, kind, units) and not inner.external_columns):
            raise about_others()


def touches_persons(scope: Scope) -> bool:
    """Whether a part, or one inside it, reads a table about persons; suppressed or not: cells for each value of an outer row are a walk."""
    tables = [one for one in scope.expression.find_all(exp.Table) if one.db]
    return any(catalogue()[full_name(one)].unit != "reference" for one in tables)


def _is_membership(inner: Scope, kind: Kind, units: Columns) -> bool:
    node = inner.expression.parent
    while isinstance(node, exp.Subquery | exp.Paren):
        node = node.parent
    if not isinstance(node, exp.In) or pair(node.this) not in units:
        return False
    names = inner.expression.named_selects if isinstance(inner.expression, exp.Query) else []
    return len(names) == 1 and names[0] in kind.unit


def about_others() -> Exception:
    """The refusal of a part that looks at persons other than the row's own."""
    allowed = "Write person_id IN (SELECT person_id ...), or tie the subquery with t.person_id = outer.person_id."
    return refuse("subquery-on-person", "A subquery looks at persons other than the row's own.", allowed)
