"""What the rows of a part of a question are about: one person each, or nobody in particular.

The privacy unit is the person (the term is that of Qrlew and SmartNoise). A part whose rows are about one person carries the
person's key in some of its columns. A part that is public holds reference data or cells that are already suppressed, and may be
used for anything. `unit.py` assigns kinds, `cells.py` turns the first into the second.
"""

from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import Column, catalogue
from policies.guard.parse import refuse
from policies.guard.resolve import full_name

UNIT = "__unit"
HIDDEN = "__hidden"
# Keys of reference data and places: many persons share them.
_SHARED_KEYS = frozenset({"care_site_id", "provider_id", "location_id", "concept_id"})


@dataclass(frozen=True)
class Kind:
    """`unit`: output columns that carry the person. `keys`: those that carry a record's key. `safe`: plain categories, that
    single out nobody. `linked`: addresses and the like. `hidden`: a public part has the column `__hidden`. `ties`: outer
    columns a correlated part equates with its person.
    """

    person: bool = False
    unit: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    safe: frozenset[str] = frozenset()
    linked: bool = False
    hidden: bool = False
    ties: frozenset[tuple[str, str]] = frozenset()


PUBLIC = Kind()


def base_kind(table: exp.Table) -> Kind:
    """Kind of a base table, from the catalogue."""
    entry = catalogue()[full_name(table)]
    keys = {column.name for column in entry.columns if "record_key" in column.tags} - _SHARED_KEYS
    safe = frozenset(column.name for column in entry.columns if _is_category(column))
    if entry.unit == "person":
        return Kind(person=True, unit=frozenset({"person_id"}), keys=frozenset(keys), safe=safe)
    return Kind(linked=entry.unit == "linked", safe=safe)


def _is_category(column: Column) -> bool:
    """Concept ids and source codes of clinical and operational columns, and sex; nothing measured, dated or written."""
    plain = column.tags <= {"clinical", "operational"} or column.name in ("gender_concept_id", "gender_source_value")
    return plain and (column.name.endswith("concept_id") or column.type == "VARCHAR")


def source_kinds(scope: Scope, known: dict[int, Kind]) -> dict[str, Kind]:
    """Kinds of a scope's own FROM and JOIN sources by alias."""
    kinds: dict[str, Kind] = {}
    sources: dict[str, exp.Table | Scope | None] = {
        alias: source for alias, (_, source) in scope.selected_sources.items()
    }
    for join in scope.expression.args.get("joins") or []:  # those of SEMI and ANTI joins are not selected from
        sources.setdefault(join.alias_or_name, scope.sources.get(join.alias_or_name))
    for alias, source in sources.items():
        if isinstance(source, exp.Table):
            kinds[alias] = base_kind(source)
        elif id(source) in known:
            kinds[alias] = known[id(source)]
        else:
            raise refuse(
                "not-understood", "A source of the question is not understood.", "Use tables, WITH and subqueries."
            )
    return kinds


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """Parts of a condition that must all hold."""
    if condition is None:
        return []
    if isinstance(condition, exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return conjuncts(condition.left) + conjuncts(condition.right)
    return [condition]


def pair(column: exp.Expr) -> tuple[str, str]:
    """(alias, column) of a column node."""
    return (column.table, column.name) if isinstance(column, exp.Column) else ("", "")


def own_nodes(select: exp.Select) -> list[exp.Expr]:
    """Nodes of a SELECT without those of the queries inside it."""
    nodes: list[exp.Expr] = []
    todo: list[exp.Expr] = [select]
    while todo:
        node = todo.pop()
        nodes.append(node)
        todo.extend(child for child in node.iter_expressions() if not isinstance(child, exp.Query | exp.With))
    return nodes
