"""How many rows of a part one person can have at most, and which WITH parts it needs to stand alone.

The bound is a product: of the most rows a person has in each table about persons, where every other source is met on its unique key.
It may be too high, never too low: a wrong bound would show a small cell (tests/generative/test_bound.py holds it against the count).
"""

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from data.catalogue.model import catalogue
from policies.disclosure.kinds import Kind, equalities
from policies.disclosure.profile import Witness
from policies.disclosure.ties import Pair, holding, unseen
from policies.guard.resolve import full_name

_FAR = 1_000_000


def most_rows(select: exp.Select, sources: Mapping[str, Kind]) -> int | None:
    """The bound for a SELECT before it groups; None where it is not known."""
    if any(one.find(exp.Explode) for one in select.expressions) or not met_on_keys(select, sources):
        return None
    if any(str(join.args.get("side") or "").upper() == "FULL" for join in select.args.get("joins") or []):
        return None  # what meets nothing on either side adds up, where the bound multiplies
    most = 1
    for alias, kind in sources.items():
        if kind.person and alias not in unseen(select):
            if kind.most is None:
                return None
            most *= max(1, kind.most)
    return most if most <= _FAR else None


def met_on_keys(select: exp.Select, sources: Mapping[str, Kind]) -> bool:
    """Whether a row about a person meets at most one of each source that is not about persons: each is met on its whole key, one after
    the other, beginning at the persons.
    """
    tables = {one.alias_or_name: one for one in _tables(select)}
    pairs = list(holding(select))
    for join in select.args.get("joins") or []:
        own = join.alias_or_name
        pairs += [two for two in equalities(join.args.get("on")) if own in (two[0][0], two[1][0])]
    hidden = unseen(select)
    reached = {alias for alias, kind in sources.items() if kind.person}
    waiting = {alias for alias in sources if alias not in reached | hidden}
    while waiting:
        met = {alias for alias in waiting if _met_on_key(alias, tables.get(alias), pairs, reached)}
        if not met:
            return False
        waiting, reached = waiting - met, reached | met
    return True


def _tables(select: exp.Select) -> list[exp.Table]:
    sources = [select.args["from_"].this] if select.args.get("from_") else []
    sources += [join.this for join in select.args.get("joins") or []]
    return [one for one in sources if isinstance(one, exp.Table)]


def _met_on_key(alias: str, table: exp.Table | None, pairs: list[tuple[Pair, Pair]], reached: set[str]) -> bool:
    """Whether a reference table is joined on its whole key with what is reached already."""
    entry = catalogue().get(full_name(table)) if table is not None and table.db else None
    if entry is None:
        return False
    met = {
        one[1]
        for left, right in pairs
        for one, other in ((left, right), (right, left))
        if one[0] == alias and other[0] in reached
    }
    return set(entry.keys) <= met


def in_context(witness: Witness, select: exp.Select) -> Witness:
    """The witness with the WITH parts that the SELECT it is about can see: the question's own, as they will be rewritten."""
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
    return replace(witness, parts=tuple(seen.values()), recursive=recursive)
