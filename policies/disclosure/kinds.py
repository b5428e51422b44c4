"""What the rows of a part of a question are about: one person each, or nobody in particular.

The privacy unit is the person (the term is that of Qrlew and SmartNoise). A part whose rows are about one person carries the
person's key in some of its columns. A part that is public holds reference data or cells that are already suppressed, and may be
used for anything. `unit.py` assigns kinds, `cells.py` turns the first into the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import Column, catalogue
from policies.guard.refusal import refuse
from policies.guard.resolve import full_name
from policies.guard.shape import conjuncts

UNIT = "__unit"
HIDDEN = "__hidden"
OUTER = "outer"  # marks a column of a query that belongs to the one around it
BY_VALUE, BY_STEPS, BY_NOUGHT = "=", "~", "0"  # see Kind.regions
# Keys of reference data and places: many persons share them.
_SHARED_KEYS = frozenset({"care_site_id", "provider_id", "location_id", "concept_id"})


@dataclass(frozen=True)
class Kind:
    """`unit`: output columns that carry the person. `keys`: those that carry a record's key. `safe`: plain categories, that
    single out nobody. `linked`: addresses and the like. `hidden`: a public part has the column `__hidden`. `ties`: outer
    columns a correlated part equates with its person. `most`: how many rows a person can have in it, None where that is not known.
    `sure`: no row lacks its person. `regions`: by output column how its values lie in regions: BY_VALUE, BY_STEPS (where they are few),
    BY_NOUGHT (nought or not), or the name of the column that says in which. `mixed`: one row of a person's may stand there several times.
    """

    person: bool = False
    unit: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    safe: frozenset[str] = frozenset()
    linked: bool = False
    hidden: bool = False
    ties: frozenset[tuple[str, str]] = frozenset()
    most: int | None = None
    sure: bool = False
    regions: Mapping[str, str] = field(default_factory=dict)
    mixed: bool = False


PUBLIC = Kind()


def base_kind(table: exp.Table, most: Mapping[str, int | None]) -> Kind:
    """Kind of a base table, from the catalogue; `most` says by table how many rows of it a person has at most."""
    entry = catalogue()[full_name(table)]
    keys = {column.name for column in entry.columns if "record_key" in column.tags} - _SHARED_KEYS
    safe = frozenset(column.name for column in entry.columns if _is_category(column))
    if entry.unit == "person":
        return Kind(
            person=True,
            unit=frozenset({"person_id"}),
            keys=frozenset(keys),
            safe=safe,
            most=most.get(entry.name),
            sure=True,  # the publisher lets no release out that has a row without one
        )
    return Kind(linked=entry.unit == "linked", safe=safe)


def _is_category(column: Column) -> bool:
    """Concept ids and source codes of clinical and operational columns, and sex; nothing measured, dated or written."""
    plain = column.tags <= {"clinical", "operational"} or column.name in ("gender_concept_id", "gender_source_value")
    return plain and (column.name.endswith("concept_id") or column.type == "VARCHAR")


def source_kinds(scope: Scope, known: dict[int, Kind], most: Mapping[str, int | None]) -> dict[str, Kind]:
    """Kinds of a scope's own FROM and JOIN sources by alias."""
    kinds: dict[str, Kind] = {}
    sources: dict[str, exp.Table | Scope | None] = {
        alias: source for alias, (_, source) in scope.selected_sources.items()
    }
    for join in scope.expression.args.get("joins") or []:  # those of SEMI and ANTI joins are not selected from
        sources.setdefault(join.alias_or_name, scope.sources.get(join.alias_or_name))
    for alias, source in sources.items():
        if isinstance(source, exp.Table):
            kinds[alias] = base_kind(source, most)
        elif id(source) in known:
            kinds[alias] = known[id(source)]
        elif isinstance(source, Scope) and _calls_itself(scope, alias, source):
            kinds[alias] = PUBLIC  # what it is built of is looked at when its UNION is
        else:
            raise refuse(
                "not-understood", "A source of the question is not understood.", "Use tables, WITH and subqueries."
            )
    return kinds


def _calls_itself(scope: Scope, alias: str, source: Scope) -> bool:
    """Whether a source is the recursive WITH the scope itself belongs to."""
    tables = [one for one in scope.tables if one.alias_or_name == alias]
    part = scope.expression.find_ancestor(exp.CTE)
    while part is not None and tables:
        holder = part.parent
        if part.alias_or_name == tables[0].name and isinstance(holder, exp.With) and holder.args.get("recursive"):
            return True
        part = part.find_ancestor(exp.CTE)
    return False


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


def equalities(condition: exp.Expr | None) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of columns that a condition says are equal."""
    equal = [part for part in conjuncts(condition) if isinstance(part, exp.EQ)]
    columns = [part for part in equal if isinstance(part.left, exp.Column) and isinstance(part.right, exp.Column)]
    return [(pair(part.left), pair(part.right)) for part in columns]
