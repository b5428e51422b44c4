"""How many rows of a part one person can have at most, and the part with the WITH clauses it needs to stand alone.

The bound is a product: of the most rows a person has in each table about persons, where every other source is met on its unique key.
It may be too high, never too low: a wrong bound would show a small cell (tests/generative/test_bound.py holds it against the count).
"""

from dataclasses import replace

from sqlglot import exp

from data.catalogue.model import catalogue
from policies.disclosure.kinds import Kind, equalities
from policies.disclosure.profile import Witness
from policies.guard.resolve import full_name

_FAR = 1_000_000


def most_rows(select: exp.Select, sources: dict[str, Kind]) -> int | None:
    """The bound for a SELECT before it groups; None where it is not known."""
    joins = select.args.get("joins") or []
    where = select.args.get("where")
    pairs = [pair for join in joins for pair in equalities(join.args.get("on"))]
    pairs += equalities(where.this if where is not None else None)
    unseen = {one.alias_or_name for one in joins if str(one.args.get("kind") or "").upper() in ("SEMI", "ANTI")}
    tables = {one.alias_or_name: one for one in _tables(select)}
    if any(select.expressions and one.find(exp.Explode) for one in select.expressions):
        return None
    most = 1
    for alias, kind in sources.items():
        if alias in unseen:
            continue
        if kind.person:
            if kind.most is None:
                return None
            most *= max(1, kind.most)
        elif not _met_on_key(alias, tables.get(alias), pairs):
            return None
    return most if most <= _FAR else None


def _tables(select: exp.Select) -> list[exp.Table]:
    sources = [select.args["from_"].this] if select.args.get("from_") else []
    sources += [join.this for join in select.args.get("joins") or []]
    return [one for one in sources if isinstance(one, exp.Table)]


def _met_on_key(alias: str, table: exp.Table | None, pairs: list[tuple[tuple[str, str], tuple[str, str]]]) -> bool:
    """Whether a reference table is joined on its whole key, so that a row meets at most one of its rows."""
    entry = catalogue().get(full_name(table)) if table is not None and table.db else None
    if entry is None:
        return False
    met = {
        one[1] for left, right in pairs for one, other in ((left, right), (right, left)) if one[0] == alias != other[0]
    }
    return set(entry.keys) <= met


def in_context(witness: Witness, select: exp.Select) -> Witness:
    """The witness with copies of the WITH parts that the SELECT it is about can see."""
    seen: dict[str, exp.CTE] = {}
    recursive = False
    levels: list[tuple[list[exp.CTE], bool]] = []
    node: exp.Expr = select
    while True:
        if isinstance(node, exp.Query) and (parts := node.args.get("with_")) is not None:
            levels.append((list(parts.expressions), bool(parts.args.get("recursive"))))
        parent = node.parent
        if parent is None:
            break
        if isinstance(parent, exp.With):
            earlier = parent.expressions[: parent.expressions.index(node)]
            levels.append((list(earlier), bool(parent.args.get("recursive"))))
            parent = parent.parent  # its own WITH is this one: not looked at again
            if parent is None or parent.parent is None:
                break
            parent = parent.parent
        node = parent
    for ctes, is_recursive in reversed(levels):  # outermost first: an inner name wins
        recursive = recursive or is_recursive
        for cte in ctes:
            seen.pop(cte.alias_or_name, None)
            seen[cte.alias_or_name] = cte
    if not seen:
        return witness
    query = witness.query.copy()
    query.set("with_", exp.With(expressions=[one.copy() for one in seen.values()], recursive=recursive))
    return replace(witness, query=query)
