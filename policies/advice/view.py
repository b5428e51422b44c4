"""A judged tree as the rules of advice look at it: which base column a name means, what is held against what, what is grouped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from policies.guard.resolve import base_tables, full_name
from policies.guard.shape import conjuncts

Base = tuple[str, str]  # table, column of the catalogue
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.Like, exp.ILike)


@dataclass(frozen=True)
class Held:
    """A base column held against something: `node` is the comparison, `other` what stands on the other side."""

    base: Base
    node: exp.Expr
    other: tuple[exp.Expr, ...]


@dataclass
class View:
    """The tree, qualified by the guard, with its scopes (inner before outer), and the snapshot's day where it is known.

    All else is worked out once, on first use.
    """

    tree: exp.Query
    scopes: Sequence[Scope]
    day: date | None = None
    _bases: dict[int, Base] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for scope in self.scopes:
            for column in scope.columns:
                if (base := _base(scope, column)) is not None:
                    self._bases[id(column)] = base

    def nodes(self, *kinds: type[exp.Expr]) -> Iterator[exp.Expr]:
        """All nodes of just these kinds; the tree is walked once for all rules."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> dict[type[exp.Expr], list[exp.Expr]]:
        found: dict[type[exp.Expr], list[exp.Expr]] = {}
        for node in self.tree.walk():
            found.setdefault(type(node), []).append(node)
        return found

    @cached_property
    def tables(self) -> set[str]:
        """Base tables anywhere in the question."""
        return {full_name(table) for scope in self.scopes for table in base_tables(scope).values()}

    @cached_property
    def used(self) -> set[Base]:
        """Base columns anywhere in the question."""
        return set(self._bases.values())

    def base(self, node: exp.Expr) -> Base | None:
        """The base column a column node means, through WITH parts and subqueries that hand it on as it is."""
        return self._bases.get(id(node))

    @cached_property
    def held(self) -> list[Held]:
        """Every comparison of a base column, by the column; IN and BETWEEN among them."""
        found: list[Held] = []
        for node in self.nodes(*_COMPARISONS, exp.In, exp.Between):
            if isinstance(node, exp.In):
                found += self._one(node, node.this, tuple(node.expressions))
            elif isinstance(node, exp.Between):
                found += self._one(node, node.this, (node.args["low"], node.args["high"]))
            else:
                found += self._one(node, node.this, (node.expression,))
                found += self._one(node, node.expression, (node.this,))
        return found

    def _one(self, node: exp.Expr, side: exp.Expr, other: tuple[exp.Expr, ...]) -> Iterator[Held]:
        base = self.base(side)
        if base is not None:
            yield Held(base, node, other)

    @cached_property
    def equal(self) -> list[tuple[Base, Base]]:
        """Base columns set equal to one another, each pair once."""
        sides = [(self.base(node.this), self.base(node.expression)) for node in self.nodes(exp.EQ, exp.NullSafeEQ)]
        return [(left, right) for left, right in sides if left is not None and right is not None]

    def selects(self) -> Iterator[tuple[exp.Select, Scope]]:
        """SELECTs with their scopes."""
        for scope in self.scopes:
            if isinstance(scope.expression, exp.Select):
                yield scope.expression, scope

    @cached_property
    def grouped(self) -> set[Base]:
        """Base columns that are grouped by, as they are."""
        found: set[Base] = set()
        for select, _ in self.selects():
            group = select.args.get("group")
            for key in group.find_all(exp.Column) if group is not None else ():
                if (base := self.base(key)) is not None:
                    found.add(base)
        return found

    def where(self, select: exp.Select) -> list[exp.Expr]:
        """What WHERE asks for, one condition each."""
        where = select.args.get("where")
        return conjuncts(where.this if where is not None else None)


def written(nodes: tuple[exp.Expr, ...]) -> bool:
    """Whether all of them are written out: literals or parameters."""
    return bool(nodes) and all(isinstance(node, exp.Literal | exp.Placeholder | exp.Neg) for node in nodes)


def _base(scope: Scope, column: exp.Column, depth: int = 0) -> Base | None:
    source = scope.sources.get(column.table)
    if isinstance(source, exp.Table):
        return full_name(source), column.name
    if not isinstance(source, Scope) or depth > 20 or not isinstance(source.expression, exp.Select):
        return None
    for output in source.expression.expressions:
        if output.alias_or_name == column.name and isinstance(inner := output.unalias(), exp.Column):
            return _base(source, inner, depth + 1)
    return None
