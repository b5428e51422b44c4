"""Which parts of a SELECT are about the same person in each row, and which of them an outer join may leave empty.

An equality holds for every row where it stands in WHERE or in the ON of an inner or SEMI join. In the ON of an outer or ANTI join it holds
only where something was met, so it ties that join's own part to one other and never two others with each other.
"""

from collections.abc import Iterator, Mapping

from sqlglot import exp

from policies.disclosure.kinds import Kind, equalities
from policies.guard.refusal import refuse

Pair = tuple[str, str]
_ADVICE = "Add AND a.person_id = b.person_id to the join."


def kind_of(join: exp.Join) -> str:
    """SEMI, ANTI, CROSS, INNER or nothing."""
    return str(join.args.get("kind") or "").upper()


def unseen(select: exp.Select) -> set[str]:
    """Aliases that only choose rows: those of SEMI and ANTI joins."""
    return {join.alias_or_name for join in select.args.get("joins") or [] if kind_of(join) in ("SEMI", "ANTI")}


def holding(select: exp.Select) -> Iterator[tuple[Pair, Pair]]:
    """Equalities of columns that hold for every row."""
    where = select.args.get("where")
    yield from equalities(where.this if where is not None else None)
    for join in select.args.get("joins") or []:
        if not join.args.get("side") and kind_of(join) != "ANTI":
            yield from equalities(join.args.get("on"))


def nullable(select: exp.Select) -> set[str]:
    """Aliases of which a row may have nothing, through an outer join."""
    first = select.args.get("from_")
    before, empty = ({first.this.alias_or_name} if first is not None else set()), set()
    for join in select.args.get("joins") or []:
        side = str(join.args.get("side") or "").upper()
        empty |= {join.alias_or_name} if side in ("LEFT", "FULL") else set()
        empty |= before if side in ("RIGHT", "FULL") else set()
        before = before | {join.alias_or_name}
    return empty


def tie(select: exp.Select, sources: Mapping[str, Kind], persons: list[str], units: set[Pair]) -> None:
    """Sees that all parts about persons are tied on the person; parts that meet on records' keys get the tie added.

    Raises Refused, by the rule `join-on-person`, where a row could be about two.
    """
    groups = {alias: alias for alias in persons}
    for left, right in holding(select):
        if left in units and right in units:
            _union(groups, left[0], right[0])
    for join in select.args.get("joins") or []:
        _by_person(join, groups, units)
        _by_record(join, groups, sources)
    if len({_root(groups, alias) for alias in persons}) > 1:
        raise refuse("join-on-person", "Two tables about persons are joined without the person.", _ADVICE)


def _by_person(join: exp.Join, groups: dict[str, str], units: set[Pair]) -> None:
    own = join.alias_or_name
    met = [pair for pair in equalities(join.args.get("on")) if pair[0] in units and pair[1] in units]
    others = {
        _root(groups, one[0]) for pair in met for one in pair if own in (pair[0][0], pair[1][0]) and one[0] != own
    }
    if own in groups and len(others - {_root(groups, own)}) == 1 and len(others) == 1:
        _union(groups, own, others.pop())


def _by_record(join: exp.Join, groups: dict[str, str], sources: Mapping[str, Kind]) -> None:
    own = join.alias_or_name
    for left, right in equalities(join.args.get("on")):
        here, there = (left, right) if left[0] == own else (right, left)
        both = here[0] == own and own in groups and there[0] in groups and there[0] != own
        keys = both and here[1] in sources[own].keys and there[1] in sources[there[0]].keys
        if keys and _alone(groups, own):
            sides = [exp.column(min(sources[one].unit), table=one, quoted=True) for one in (own, there[0])]
            join.set("on", exp.and_(join.args["on"], exp.EQ(this=sides[0], expression=sides[1])))
            _union(groups, own, there[0])


def _alone(groups: dict[str, str], alias: str) -> bool:
    return all(_root(groups, one) != _root(groups, alias) for one in groups if one != alias)


def _root(groups: dict[str, str], alias: str) -> str:
    while groups[alias] != alias:
        alias = groups[alias]
    return alias


def _union(groups: dict[str, str], one: str, other: str) -> None:
    if one in groups and other in groups:
        groups[_root(groups, one)] = _root(groups, other)
