"""The regions (see `regions.py`) of the columns a SELECT reads, and of those it hands on."""

from collections.abc import Mapping
from functools import cached_property

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from policies.disclosure.kinds import BY_NOUGHT, BY_STEPS, BY_VALUE, Kind, pair
from policies.disclosure.regions import Regions, degree, is_nought, nought, regions
from policies.guard.shape import conjuncts, group_keys, is_aggregate


class Leaves:
    """The columns of one SELECT's sources, whose kinds are known."""

    def __init__(self, scope: Scope, sources: Mapping[str, Kind]) -> None:
        self._scope, self._sources = scope, sources

    def leaf(self, column: exp.Column) -> Regions:
        """Those a source brings with its column; by value where the column is of a written list or a lookup."""
        kind = self._sources.get(column.table)
        if kind is None:
            return Regions((column,))
        if not kind.person:
            base = isinstance(self._scope.sources.get(column.table), exp.Table)
            return Regions(few=(column,)) if base else Regions((column,))
        how = kind.regions.get(column.name, "")
        if how == BY_VALUE:
            return Regions((column,))
        if how == BY_NOUGHT:
            return Regions((nought(column),))
        if how == BY_STEPS:
            return Regions(few=(column,))
        if how:
            return Regions((exp.column(how, table=column.table, quoted=True),))
        return Regions(few=(column,)) if pair(column) in self._narrowed else Regions()

    @cached_property
    def _narrowed(self) -> set[tuple[str, str]]:
        """Columns that WHERE or ON compare with something: of these only few values may be left."""
        select = self._scope.expression
        where = select.args.get("where")
        tests = conjuncts(where.this if where is not None else None)
        tests += [test for join in select.args.get("joins") or [] for test in conjuncts(join.args.get("on"))]
        there = [test for test in tests if not (isinstance(test, exp.Not) and isinstance(test.this, exp.Is))]
        return {pair(column) for test in there for column in test.find_all(exp.Column)}

    def handed_on(self, select: exp.Select, may_add: bool) -> dict[str, str]:
        """How the outputs lie in regions. Where it takes more than their values to say, and one `may_add`, a column that says it is added."""
        found: dict[str, str] = {}
        for output in list(select.expressions):
            name, value = output.alias_or_name, output.unalias()
            lies = regions(value, self.leaf)
            if lies.strict and is_nought(lies.strict, value):
                found[name] = BY_NOUGHT
            elif lies.strict and may_add and _fits(lies.strict, select):
                found[name] = f"__in{len(found)}"
                told = exp.Anonymous(this="hash", expressions=[one.copy() for one in lies.strict])
                select.select(exp.alias_(told, found[name], quoted=True, copy=False), copy=False)
            elif lies.strict or (not may_add and isinstance(value, exp.Literal)):
                found[name] = BY_VALUE
            elif lies.few or degree(output) > 1:  # a square of a square is a fourth power
                found[name] = BY_STEPS
        return found


def _fits(strict: tuple[exp.Expr, ...], select: exp.Select) -> bool:
    """Whether a column of these may stand beside the outputs: where there are groups, only what is aggregated or grouped by."""
    keys = [key.sql("duckdb") for key in group_keys(select)]
    return not keys or all(_is_of(one, keys) for one in strict)


def _is_of(node: exp.Expr, keys: list[str]) -> bool:
    if node.sql("duckdb") in keys or is_aggregate(node):
        return True
    return not isinstance(node, exp.Column) and all(_is_of(child, keys) for child in node.iter_expressions())
