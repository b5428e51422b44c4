"""Carries the person through a question in aggregate mode, from the innermost part outwards, and suppresses where it ends.

Each part gets a `Kind`. Rules, each of which refuses with its name:
 join-on-person     parts about persons meet on the person's key, so that a row is never about two
 key-compared       keys are only equated with keys, counted and grouped by: no question about one person or record
 window-per-person  a window over persons' rows stays within one person
 limit-per-person   no LIMIT or DISTINCT picks among persons' rows before they are aggregated
 subquery-on-person a condition about persons concerns the row's own person
 linked-table       addresses are only seen through the persons they belong to
 aggregate-only     what comes out is aggregates
 extreme            no minimum, maximum or percentile of what somebody wrote (`texts.py`)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from policies.disclosure.bound import in_context, met_on_keys, most_rows
from policies.disclosure.cells import suppressed
from policies.disclosure.kinds import (
    BY_STEPS,
    BY_VALUE,
    HIDDEN,
    OUTER,
    PUBLIC,
    UNIT,
    Kind,
    equalities,
    own_nodes,
    pair,
    source_kinds,
)
from policies.disclosure.leaves import Leaves
from policies.disclosure.profile import Profile, Sizes, Witness
from policies.disclosure.texts import check_texts, with_extremes_of_texts
from policies.disclosure.ties import holding, nullable, tie, unseen
from policies.disclosure.uses import about_others, check_keys, check_subqueries, check_windows, is_key, touches_persons
from policies.guard.refusal import refuse
from policies.guard.shape import group_keys, grouping_sets, is_aggregated


@dataclass(frozen=True)
class Carried:
    """The question with suppression built in, whether its result has the column `__hidden`, and whom each of its cells counts."""

    tree: exp.Query
    hidden: bool
    witnesses: tuple[Witness, ...]


def carry(tree: exp.Query, scopes: Sequence[Scope], profile: Profile, sizes: Sizes | None = None) -> Carried:
    """Carries the person through the question, whose `scopes` come inner before outer. Raises Refused by one of the rules above."""
    holder = exp.Subquery(this=tree)  # so that the root, too, can be replaced
    texts = with_extremes_of_texts(scopes)
    known: dict[int, Kind] = {}
    witnesses: list[Witness] = []
    for scope in scopes:
        part = _Part(scope, known, profile, sizes or Sizes(), witnesses, texts, root=scope is scopes[-1])
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
        texts: set[int],
        root: bool,
    ) -> None:
        self.scope, self.known, self.profile, self.root = scope, known, profile, root
        self.witnesses, self.texts = witnesses, texts
        self.in_expression = scope.is_subquery
        select = isinstance(scope.expression, exp.Select)
        self.sources = source_kinds(scope, known, sizes.most) if select else {}
        self.persons = [alias for alias, kind in self.sources.items() if kind.person and kind.unit]
        self.tied = [alias for alias, kind in self.sources.items() if kind.person and not kind.unit]
        self.units = {(alias, name) for alias, kind in self.sources.items() for name in kind.unit}
        self.keys = self.units | {(alias, name) for alias, kind in self.sources.items() for name in kind.keys}
        self.empty = nullable(scope.expression) if isinstance(scope.expression, exp.Select) else set()
        self.leaves = Leaves(scope, self.sources)

    def settle(self) -> Kind:
        """Checks and rewrites the part; gives its kind."""
        query = self.scope.expression
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query)
        if isinstance(query, exp.Lateral):
            return self._lateral()
        if not isinstance(query, exp.Select):
            raise refuse("not-understood", "A part of the question is no SELECT.", "Write it with SELECT.")
        check_subqueries(self.scope, self.known, self.units, self.keys)
        self._mark_outer()
        if not self.persons and not self.tied:
            return self._public(query)
        check_texts(self.scope, self.texts)
        self._check_tied()
        self._check_linked(query)
        ties, outer_keys = self._ties(query)
        tie(query, self.sources, self.persons, self.units)
        own = own_nodes(query)
        check_keys(own, self.keys | outer_keys, self.units | ties)
        check_windows(query, own, self.units)
        return self._about_persons(query, own, ties)

    def _mark_outer(self) -> None:
        """Marks what queries inside take from this one; LATERAL parts about nobody must not take keys."""
        for inner in self.scope.subquery_scopes:
            for column in inner.external_columns:
                column.meta[OUTER] = True
        for source in self.scope.sources.values():
            if isinstance(source, Scope) and isinstance(source.expression, exp.Lateral) and source.subquery_scopes:
                inner = source.subquery_scopes[0]
                taken = {pair(column) for column in inner.external_columns}
                if not self.known[id(inner)].person and taken & self.keys:
                    raise refuse("key-compared", "A key is computed with in a LATERAL part.", "Join on it instead.")

    def _is_person(self, node: exp.Expr) -> bool:
        """Whether an expression is the person of the row, and never empty."""
        if isinstance(node, exp.Coalesce):
            parts = [pair(one) for one in [node.this, *node.expressions]]
            seen = {alias for alias in self.persons if alias not in unseen(self.scope.expression)}  # type: ignore[arg-type]
            whole = any(alias not in self.empty for alias, _ in parts) or seen <= {alias for alias, _ in parts}
            return whole and set(parts) <= self.units
        return pair(node) in self.units and pair(node)[0] not in self.empty

    # --- rows about nobody ---------------------------------------------------------------------------------------

    def _public(self, select: exp.Select) -> Kind:
        if any(kind.linked and not self._of_places(select, alias) for alias, kind in self.sources.items()):
            raise refuse(
                "linked-table", "Addresses are asked for without their persons.", "Join person on location_id."
            )
        flagged = [alias for alias, kind in self.sources.items() if kind.hidden]
        safe = frozenset() if self.scope.external_columns else frozenset(select.named_selects)
        if not flagged or self.in_expression:
            return Kind(safe=safe)
        flag: exp.Expr = exp.or_(*[exp.column(HIDDEN, table=alias, quoted=True) for alias in flagged])
        flag = exp.Coalesce(this=flag, expressions=[exp.false()])
        if is_aggregated(select, own_nodes(select)):
            flag = exp.LogicalOr(this=flag)
        if select.args.get("group") and grouping_sets(select) is None:
            select.set("group", exp.Group(expressions=[key.copy() for key in group_keys(select)]))
        select.select(exp.alias_(flag, HIDDEN, quoted=True), copy=False)
        return Kind(hidden=True, safe=frozenset(select.named_selects))

    def _of_places(self, select: exp.Select, alias: str) -> bool:
        """Whether addresses are met on the location of a place of care, and so are no person's."""
        met = {
            one if other == (alias, "location_id") else other
            for one, other in holding(select)
            if (alias, "location_id") in (one, other)
        }
        return any(name == "location_id" and not self.sources[place].linked for place, name in met)

    # --- rows about one person each --------------------------------------------------------------------------------

    def _about_persons(self, select: exp.Select, own: list[exp.Expr], ties: set[tuple[str, str]]) -> Kind:
        grouped = group_keys(select)
        if ties and self.in_expression:
            keys = frozenset(one.alias_or_name for one in select.expressions if self._hands_key(one))
            regions = self.leaves.handed_on(select, may_add=False)
            return Kind(person=True, ties=frozenset(ties), keys=keys, regions=regions)
        if not any(self._is_person(key) for key in grouped) and (is_aggregated(select, own) or self._lists(select)):
            return self._suppressed(select)
        self._check_picks(select)
        return self._carried(select, grouped)

    def _hands_key(self, output: exp.Expr) -> bool:
        return is_key(output.unalias(), self.keys)

    def _lists(self, select: exp.Select) -> bool:
        """Whether DISTINCT lists plain categories: then they are grouped by instead."""
        distinct = select.args.get("distinct")
        outputs = [one.unalias() for one in select.expressions]
        safe = self._safe(select)
        if not distinct or distinct.args.get("on") or not all(pair(one) in safe for one in outputs):
            return False
        select.set("distinct", None)
        select.set("group", exp.Group(expressions=[one.copy() for one in outputs if one.find(exp.Column)]))
        return True

    def _suppressed(self, select: exp.Select) -> Kind:
        unit, flag = self._unit(select), not self.in_expression
        for node in [one for one in own_nodes(select) if isinstance(one, exp.Coalesce) and self._is_person(one)]:
            node.replace(unit.copy())  # as USING and FULL JOIN make it
        done, witness = suppressed(
            select, unit, self.profile, self._safe(select), flag, self.leaves.leaf, most_rows(select, self.sources),
            self._sure(select), self._weighted(select), self._mixed(select),
        )  # fmt: skip
        self.witnesses.append(in_context(witness, select))
        if (parts := select.args.get("with_")) is not None:
            done.set("with_", parts.pop())
        select.replace(done)
        return Kind(hidden=flag, safe=frozenset(done.named_selects))

    def _safe(self, select: exp.Select) -> set[tuple[str, str]]:
        """Columns whose values single out nobody; one that is set equal to a column that might is none."""
        safe = {
            (alias, name)
            for alias, kind in self.sources.items()
            if kind.person
            or isinstance(self.scope.sources.get(alias), exp.Table)  # labels of a written list are a choice
            for name in kind.safe
        }
        for left, right in holding(select):
            for one, other in ((left, right), (right, left)):
                if other[0] in self.sources and self.sources[other[0]].person and other not in safe | self.keys:
                    safe.discard(one)
        return safe

    def _weighted(self, select: exp.Select) -> bool:
        """Whether some persons may have more rows than others by the question's own doing: by an outer join, or by what mixes them."""
        joins = select.args.get("joins") or []
        outer = any(join.args.get("side") and join.alias_or_name in self.persons for join in joins)
        return outer or self._mixed(select)

    def _mixed(self, select: exp.Select) -> bool:
        """Whether one row of a person's may stand several times, and so in several groups."""
        return (
            any(kind.mixed for kind in self.sources.values())
            or any(one.find(exp.Explode) for one in select.expressions)
            or not met_on_keys(select, self.sources)
        )

    def _check_picks(self, select: exp.Select) -> None:
        if select.args.get("limit") or select.args.get("offset"):
            raise refuse("limit-per-person", "LIMIT picks among rows of persons.", "Aggregate first, then LIMIT.")
        if select.args.get("distinct") and not any(self._is_person(one.unalias()) for one in select.expressions):
            raise refuse(
                "limit-per-person", "DISTINCT lists values of persons.", "Use GROUP BY with count(DISTINCT person_id)."
            )

    def _carried(self, select: exp.Select, grouped: list[exp.Expr]) -> Kind:
        values = {one.alias_or_name: one.unalias() for one in select.expressions}
        unit = {name for name, value in values.items() if self._is_person(value)}
        told_apart = isinstance(select.parent, exp.SetOperation) and _is_distinct(select.parent)
        if not unit and not self.in_expression and not self.root and not told_apart:
            value = next((key for key in grouped if self._is_person(key)), None) or self._unit(select)
            select.select(exp.alias_(value.copy(), UNIT, quoted=True), copy=False)
            unit = {UNIT}
        by_person = bool(grouped) and all(self._is_person(key) for key in grouped)
        whole = bool(select.args.get("distinct")) or isinstance(select.parent, exp.SetOperation)
        single = by_person or (bool(select.args.get("distinct")) and set(values) <= unit)
        unfolds = any(one.find(exp.Explode) for one in select.expressions)
        safe_sources = self._safe(select)
        return Kind(
            person=True,
            unit=frozenset(unit),
            keys=frozenset(name for name, value in values.items() if name not in unit and self._hands_key(value)),
            safe=frozenset(name for name, value in values.items() if pair(value) in safe_sources),
            most=1 if single and not unfolds else most_rows(select, self.sources),
            sure=self._sure(select),
            regions={} if self.root or self.in_expression else self.leaves.handed_on(select, may_add=not whole),
            mixed=unfolds or (not single and self._mixed(select)),
        )

    def _sure(self, select: exp.Select) -> bool:
        """Whether every row has its person: all parts about persons have, and no outer join leaves one empty."""
        outer = any(join.args.get("side") for join in select.args.get("joins") or [])
        return not outer and all(self.sources[alias].sure for alias in self.persons)

    def _unit(self, select: exp.Select) -> exp.Expr:
        """The person of a row: any of its parts' keys, the first that is there where an outer join may leave some empty."""
        hidden = unseen(select)
        columns: list[exp.Expr] = [
            exp.column(min(self.sources[alias].unit), table=alias, quoted=True)
            for alias in self.persons
            if alias not in hidden
        ]
        if not columns:
            allowed = "Write it the other way round: count persons FROM their table."
            raise refuse("join-on-person", "Persons stand in a SEMI or ANTI join only.", allowed)
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
        return kind if not kind.person else Kind(person=True, ties=kind.ties, keys=kind.keys, regions=kind.regions)

    def _check_tied(self) -> None:
        if any(not (self.sources[alias].ties and self.sources[alias].ties <= self.units) for alias in self.tied):
            raise about_others()
        if self.tied and not self.persons:
            raise about_others()

    # --- joins ---------------------------------------------------------------------------------------------------

    def _check_linked(self, select: exp.Select) -> None:
        """Addresses are met on location_id, of a person or of a place of care."""
        met = {one for two in holding(select) for one in two} | {
            one for join in select.args.get("joins") or [] for two in equalities(join.args.get("on")) for one in two
        }
        if any(kind.linked and (alias, "location_id") not in met for alias, kind in self.sources.items()):
            raise refuse("linked-table", "Addresses are met on something else.", "Join person on location_id.")

    def _ties(self, select: exp.Select) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Outer columns that a WHERE of this part equates with its own person, and outer columns that are keys.

        Where it equates keys of records, the tie of their persons is added.
        """
        external = {pair(column) for column in self.scope.external_columns}
        if not external or self.scope.parent is None:
            return set(), set()
        outer = source_kinds(self.scope.parent, self.known, {})
        outer_keys = {one for one in external if one[0] in outer and one[1] in outer[one[0]].keys | outer[one[0]].unit}
        where = select.args.get("where")
        found: set[tuple[str, str]] = set()
        for left, right in equalities(where.this if where else None):
            for here, there in ((left, right), (right, left)):
                if here in self.units and there in external:
                    found.add(there)
                elif here in self.keys and there in outer_keys and outer[there[0]].unit:
                    found.add(self._tied_by_record(select, here[0], there[0], outer))
        return found, outer_keys | found

    def _tied_by_record(self, select: exp.Select, here: str, there: str, outer: Mapping[str, Kind]) -> tuple[str, str]:
        own = exp.column(min(self.sources[here].unit), table=here, quoted=True)
        other = exp.column(min(outer[there].unit), table=there, quoted=True)
        other.meta[OUTER] = True
        select.where(exp.EQ(this=own, expression=other), copy=False)
        return pair(other)

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
            if not kind.hidden:
                _unmarked(side)
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
        lies = {
            name: one if one == other else BY_STEPS if {one, other} == {"", BY_STEPS} else BY_VALUE
            for name, across in zip(*sides, strict=False)
            if (one := left.regions.get(name, "")) + (other := right.regions.get(across, ""))
        }
        keys = frozenset(
            name
            for name, across in zip(*sides, strict=False)
            if name not in unit and (name in left.keys | left.unit or across in right.keys | right.unit)
        )
        single = _is_distinct(query) and set(sides[0]) <= unit
        return Kind(
            person=True, unit=unit, keys=keys, most=1 if single else most, sure=sure, regions=lies, mixed=not single
        )


def _is_distinct(query: exp.SetOperation) -> bool:
    """Whether a set operation compares rows, so that a column more would change what it gives."""
    return bool(query.args.get("distinct")) or not isinstance(query, exp.Union)


def _unmarked(side: exp.Expr) -> None:
    """A side of a set operation of which nothing is withheld says so in each of its SELECTs."""
    bare = side.unnest()
    if isinstance(bare, exp.SetOperation):
        _unmarked(bare.left)
        _unmarked(bare.right)
    elif isinstance(bare, exp.Select):
        bare.select(exp.alias_(exp.false(), HIDDEN, quoted=True), copy=False)
