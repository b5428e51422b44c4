"""Carries the person through a question in aggregate mode, from the innermost part outwards, and suppresses where it ends.

Each part gets a `Kind`. Rules, each of which refuses with its name:
 join-on-person     parts about persons meet on the person's key, so that a row is never about two
 key-compared       keys are only equated with keys, counted and grouped by: no question about one person or record
 window-per-person  a window over persons' rows stays within one person
 limit-per-person   no LIMIT or DISTINCT picks among persons' rows before they are aggregated
 subquery-on-person a condition about persons concerns the row's own person
 linked-table       addresses are only seen through the persons they belong to
 aggregate-only     what comes out is aggregates
"""

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from policies.disclosure.bound import in_context, most_rows
from policies.disclosure.cells import suppressed
from policies.disclosure.kinds import HIDDEN, PUBLIC, UNIT, Kind, equalities, own_nodes, pair, source_kinds
from policies.disclosure.profile import Profile, Sizes, Witness
from policies.disclosure.uses import about_others, check_keys, check_subqueries, check_windows, touches_persons
from policies.guard.refusal import refuse
from policies.guard.shape import group_keys, grouping_sets, is_aggregated

_PERSON_ADVICE = "Add AND a.person_id = b.person_id to the join."


@dataclass(frozen=True)
class Carried:
    """The question with suppression built in, whether its result has the column `__hidden`, and whom each of its cells counts."""

    tree: exp.Query
    hidden: bool
    witnesses: tuple[Witness, ...]


def carry(tree: exp.Query, profile: Profile, sizes: Sizes | None = None) -> Carried:
    """Carries the person through the question. Raises Refused by one of the rules above."""
    holder = exp.Subquery(this=tree)  # so that the root, too, can be replaced
    known: dict[int, Kind] = {}
    witnesses: list[Witness] = []
    scopes = list(traverse_scope(tree))
    for scope in scopes:
        part = _Part(scope, known, profile, sizes or Sizes(), witnesses, root=scope is scopes[-1])
        known[id(scope)] = part.settle()
    last = known[id(scopes[-1])]
    if last.person:
        allowed = "Count or average: SELECT ..., count(DISTINCT person_id) ... GROUP BY ..."
        raise refuse("aggregate-only", "The answer would have rows about single persons.", allowed)
    done = holder.this
    assert isinstance(done, exp.Query)  # noqa: S101 - a Subquery holds a query; for the type checker
    return Carried(done, last.hidden, tuple(witnesses))


class _Part:
    """One SELECT or set operation of the question, with the kinds of those inside it known."""

    def __init__(
        self,
        scope: Scope,
        known: dict[int, Kind],
        profile: Profile,
        sizes: Sizes,
        witnesses: list[Witness],
        root: bool,
    ) -> None:
        self.scope, self.known, self.profile, self.root = scope, known, profile, root
        self.witnesses = witnesses
        self.in_expression = scope.is_subquery
        select = isinstance(scope.expression, exp.Select)
        self.sources = source_kinds(scope, known, sizes.most) if select else {}
        self.persons = [alias for alias, kind in self.sources.items() if kind.person and kind.unit]
        self.tied = [alias for alias, kind in self.sources.items() if kind.person and not kind.unit]

    def settle(self) -> Kind:
        """Checks and rewrites the part; gives its kind."""
        query = self.scope.expression
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query)
        if isinstance(query, exp.Lateral):
            return self._lateral()
        if not isinstance(query, exp.Select):
            raise refuse("not-understood", "A part of the question is no SELECT.", "Write it with SELECT.")
        units = {(alias, name) for alias, kind in self.sources.items() for name in kind.unit}
        keys = units | {(alias, name) for alias, kind in self.sources.items() for name in kind.keys}
        check_subqueries(self.scope, self.known, units)
        if not self.persons and not self.tied:
            return self._public(query)
        self._check_tied(units)
        ties = self._ties(query, units)
        self._equate(query, units)
        check_keys(query, keys, units | ties)
        check_windows(query, units)
        return self._about_persons(query, units, keys, ties)

    # --- rows about nobody ---------------------------------------------------------------------------------------

    def _public(self, select: exp.Select) -> Kind:
        if any(kind.linked for kind in self.sources.values()):
            raise refuse(
                "linked-table", "Addresses are asked for without their persons.", "Join person on location_id."
            )
        flagged = [alias for alias, kind in self.sources.items() if kind.hidden]
        if not flagged or self.in_expression:
            return Kind(safe=frozenset(select.named_selects))
        flag: exp.Expr = exp.or_(*[exp.column(HIDDEN, table=alias, quoted=True) for alias in flagged])
        flag = exp.Coalesce(this=flag, expressions=[exp.false()])
        if is_aggregated(select, own_nodes(select)):
            flag = exp.LogicalOr(this=flag)
        if select.args.get("group") and grouping_sets(select) is None:
            select.set("group", exp.Group(expressions=[key.copy() for key in group_keys(select)]))
        select.select(exp.alias_(flag, HIDDEN, quoted=True), copy=False)
        return Kind(hidden=True, safe=frozenset(select.named_selects))

    # --- rows about one person each --------------------------------------------------------------------------------

    def _about_persons(
        self, select: exp.Select, units: set[tuple[str, str]], keys: set[tuple[str, str]], ties: set[tuple[str, str]]
    ) -> Kind:
        grouped = group_keys(select)
        aggregated = is_aggregated(select, own_nodes(select))
        if ties and self.in_expression:
            return Kind(person=True, ties=frozenset(ties))
        if aggregated and not any(pair(key) in units for key in grouped):
            safe = {(alias, name) for alias, kind in self.sources.items() for name in kind.safe}
            most = most_rows(select, self.sources)
            flag = not self.in_expression
            done, witness = suppressed(select, self._unit(select), self.profile, safe, flag, most, self._sure(select))
            self.witnesses.append(in_context(witness, select))
            select.replace(done)
            return Kind(hidden=not self.in_expression, safe=frozenset(done.named_selects))
        self._check_picks(select, units)
        return self._carried(select, units, keys, grouped)

    def _check_picks(self, select: exp.Select, units: set[tuple[str, str]]) -> None:
        if select.args.get("limit") or select.args.get("offset"):
            raise refuse("limit-per-person", "LIMIT picks among rows of persons.", "Aggregate first, then LIMIT.")
        if select.args.get("distinct") and not any(pair(one.unalias()) in units for one in select.expressions):
            raise refuse(
                "limit-per-person", "DISTINCT lists values of persons.", "Use GROUP BY with count(DISTINCT person_id)."
            )

    def _carried(
        self, select: exp.Select, units: set[tuple[str, str]], keys: set[tuple[str, str]], grouped: list[exp.Expr]
    ) -> Kind:
        outputs = {one.alias_or_name: pair(one.unalias()) for one in select.expressions}
        unit = {name for name, source in outputs.items() if source in units}
        if not unit and not self.in_expression and not self.root:
            value = next((key for key in grouped if pair(key) in units), None) or self._unit(select)
            select.select(exp.alias_(value.copy(), UNIT, quoted=True), copy=False)
            unit = {UNIT}
        most = 1 if grouped and all(pair(key) in units for key in grouped) else most_rows(select, self.sources)
        safe_sources = {(alias, name) for alias, kind in self.sources.items() for name in kind.safe}
        return Kind(
            person=True,
            unit=frozenset(unit),
            keys=frozenset(name for name, source in outputs.items() if source in keys and source not in units),
            safe=frozenset(name for name, source in outputs.items() if source in safe_sources),
            most=most,
            sure=self._sure(select),
        )

    def _sure(self, select: exp.Select) -> bool:
        """Whether every row has its person: all parts about persons have, and no outer join leaves one empty."""
        outer = any(join.args.get("side") for join in select.args.get("joins") or [])
        return not outer and all(self.sources[alias].sure for alias in self.persons)

    def _unit(self, select: exp.Select) -> exp.Expr:
        """The person of a row: any of its parts' keys, the first that is there where an outer join may leave some empty."""
        unseen = {
            join.alias_or_name
            for join in select.args.get("joins") or []
            if str(join.args.get("kind")).upper() in ("SEMI", "ANTI")
        }
        columns: list[exp.Expr] = [
            exp.column(min(self.sources[alias].unit), table=alias, quoted=True)
            for alias in self.persons
            if alias not in unseen
        ]
        outer = any(join.args.get("side") for join in select.args.get("joins") or [])
        return exp.Coalesce(this=columns[0], expressions=columns[1:]) if outer and len(columns) > 1 else columns[0]

    # --- LATERAL ---------------------------------------------------------------------------------------------------

    def _lateral(self) -> Kind:
        """A LATERAL part: about nobody and seeing nobody, or tied to the person of the row it stands beside."""
        inner = self.scope.subquery_scopes[0] if self.scope.subquery_scopes else None
        if inner is None:
            raise refuse("not-understood", "A LATERAL part is no subquery.", "Write LATERAL (SELECT ...).")
        kind = self.known[id(inner)]
        if not kind.person and inner.external_columns and touches_persons(inner):
            raise about_others()
        if kind.person and not kind.ties:
            if inner.external_columns:
                raise about_others()
            return kind
        return kind if not kind.person else Kind(person=True, ties=kind.ties)

    def _check_tied(self, units: set[tuple[str, str]]) -> None:
        if any(not (self.sources[alias].ties and self.sources[alias].ties <= units) for alias in self.tied):
            raise about_others()
        if self.tied and not self.persons:
            raise about_others()

    # --- joins ---------------------------------------------------------------------------------------------------

    def _ties(self, select: exp.Select, units: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Outer columns that a WHERE of this part equates with its own person."""
        where = select.args.get("where")
        external = {pair(column) for column in self.scope.external_columns}
        found: set[tuple[str, str]] = set()
        for left, right in equalities(where.this if where else None):
            found |= ({left} & external if right in units else set()) | ({right} & external if left in units else set())
        return found

    def _equate(self, select: exp.Select, units: set[tuple[str, str]]) -> None:
        """All parts about persons must be tied on the person; parts that meet on a record's own key get the tie added."""
        joins = select.args.get("joins") or []
        where = select.args.get("where")
        groups = {alias: alias for alias in self.persons}
        conditions = [join.args.get("on") for join in joins] + [where.this if where else None]
        for condition in conditions:
            for left, right in equalities(condition):
                if left in units and right in units:
                    _union(groups, left[0], right[0])
        for join in joins:
            self._tie_by_record(join, groups)
        if len({_root(groups, alias) for alias in self.persons}) > 1:
            raise refuse("join-on-person", "Two tables about persons are joined without the person.", _PERSON_ADVICE)

    def _tie_by_record(self, join: exp.Join, groups: dict[str, str]) -> None:
        own = join.alias_or_name
        for left, right in equalities(join.args.get("on")):
            here, there = (left, right) if left[0] == own else (right, left)
            both = here[0] == own and own in groups and there[0] in groups and there[0] != own
            keys = both and here[1] in self.sources[own].keys and there[1] in self.sources[there[0]].keys
            if keys and here[1] == there[1] and _root(groups, own) != _root(groups, there[0]):
                sides = [exp.column(min(self.sources[one].unit), table=one, quoted=True) for one in (own, there[0])]
                join.set("on", exp.and_(join.args["on"], exp.EQ(this=sides[0], expression=sides[1])))
                _union(groups, own, there[0])

    # --- set operations --------------------------------------------------------------------------------------------

    def _set_operation(self, query: exp.SetOperation) -> Kind:
        left, right = (self.known[id(scope)] for scope in self.scope.set_operation_scopes)
        if left.person != right.person:
            raise refuse(
                "aggregate-only", "One side holds rows of persons, the other does not.", "Aggregate both sides."
            )
        if left.person:
            return self._union_of_persons(query, left, right)
        if not (left.hidden or right.hidden) or self.in_expression:
            return PUBLIC
        if isinstance(query.parent, exp.CTE) and query.parent.parent.args.get("recursive"):  # type: ignore[union-attr]
            raise refuse("recursion", "A recursive WITH builds on withheld cells.", "Recurse over reference data.")
        for side, kind in ((query.left, left), (query.right, right)):
            if not kind.hidden and isinstance(side, exp.Select):
                side.select(exp.alias_(exp.false(), HIDDEN, quoted=True), copy=False)
        return Kind(hidden=True)

    def _union_of_persons(self, query: exp.SetOperation, left: Kind, right: Kind) -> Kind:
        sides = [query.left.named_selects, query.right.named_selects]
        places = [[names.index(name) for name in kind.unit] for names, kind in zip(sides, (left, right), strict=True)]
        shared = set(places[0]) & set(places[1])
        if not shared:
            raise refuse(
                "join-on-person", "The sides of a UNION do not both carry the person.", "Select person_id in each."
            )
        if query.args.get("limit") or query.args.get("offset"):
            raise refuse("limit-per-person", "LIMIT picks among rows of persons.", "Aggregate first, then LIMIT.")
        most = left.most + right.most if left.most is not None and right.most is not None else None
        unit = frozenset(sides[0][place] for place in shared)
        sure = left.sure and right.sure
        return Kind(person=True, unit=unit, keys=left.keys | right.keys, most=most, sure=sure)


def _root(groups: dict[str, str], alias: str) -> str:
    while groups[alias] != alias:
        alias = groups[alias]
    return alias


def _union(groups: dict[str, str], one: str, other: str) -> None:
    if one in groups and other in groups:
        groups[_root(groups, one)] = _root(groups, other)
