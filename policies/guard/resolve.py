"""From understood words to facts: which tables and columns a question truly reads. Second half of the guard.

Checks, in order (continuing `parse.py`):
 9. no CTE takes the name of a table, so that nobody can disagree about which is meant
10. every table is a CTE that holds where it is named, or one of the catalogue, held by the release and granted
11. every column resolves to a granted one; stars become the granted columns
The tree that comes out names each base table by schema and each column by table: what runs is what was judged.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from sqlglot import Dialect, exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from data.catalogue.model import catalogue
from data.errors import BadRequest
from policies.guard.refusal import refuse
from policies.guard.shape import Nodes, by_kind, folded
from policies.verdict import Facts

Schema = dict[str, dict[str, str]]
_DUCKDB = Dialect.get_or_raise("duckdb")
_AS_PAIRS = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class Resolved:
    """The qualified tree, its facts, and its scopes, inner before outer, for all who look at it after."""

    tree: exp.Query
    facts: Facts
    scopes: list[Scope]


def resolve(tree: exp.Query, granted: Schema, held: Schema) -> Resolved:
    """The qualified tree and what was found in it. `granted`: what the asker may use; `held`: what the release holds at all."""
    nodes = by_kind(tree)
    for identifier in nodes.get(exp.Identifier, ()):
        identifier.set("this", folded(identifier.this))
    _check_cte_names({cte.alias_or_name for cte in nodes.get(exp.CTE, ())})  # 9
    for table in nodes.get(exp.Table, ()):
        _check_table(table, granted, held)  # 10
    _check_column_names(nodes, granted, held)  # 11, with the better words
    _name_outputs(tree)
    scopes = _qualified(tree, nodes, granted)  # 11
    functions = _check_all_resolved(tree)  # 11
    columns = {pair for scope in scopes for pair in _base_columns(scope)}
    for table_name, column in columns:
        if column not in granted.get(table_name, {}):
            raise refuse(
                "column-not-granted", f"Column '{column}' is not granted.", "Ask for the columns describe_data lists."
            )
    tables = {full_name(table) for scope in scopes for table in base_tables(scope).values()}
    facts = Facts(tuple(sorted(tables)), tuple(sorted(columns)), tuple(sorted(functions)))
    return Resolved(tree, facts, scopes)


def _name_outputs(tree: exp.Query) -> None:
    """An output without a name goes by its own words, as the asker wrote them."""
    select: exp.Expr = tree
    while isinstance(select, exp.SetOperation):
        select = select.left
    taken: set[str] = set()
    for output in select.expressions if isinstance(select, exp.Select) else ():
        named = isinstance(output, exp.Alias | exp.Column | exp.Star) or output.find(exp.Star) is output
        name = output.output_name if named else output.sql("duckdb").lower()[:60]
        if not named and name not in taken:
            output.replace(exp.alias_(output.copy(), name, quoted=True))
        taken.add(name)


def _check_all_resolved(tree: exp.Query) -> set[str]:
    """The functions used. Nothing may be left for DuckDB to resolve its own way: no star, no bare column but an ORDER BY's
    alias, no row value; and every name is quoted.
    """
    functions = set()
    for kind, found in by_kind(tree).items():
        if kind is exp.Identifier:
            for node in found:
                node.set("quoted", True)
        elif kind is exp.Column:
            for node in found:
                _check_column(node)
        elif kind is exp.TableColumn or (
            kind is exp.Star and any(not isinstance(one.parent, exp.Count) for one in found)
        ):
            raise refuse("not-understood", "A star or table name stands where columns should.", "Name the columns.")
        elif issubclass(kind, exp.Func) and not issubclass(kind, exp.And | exp.Or):
            functions |= {str(node.this).upper() for node in found} if kind is exp.Anonymous else {kind.sql_name()}
    return functions


def _check_column(node: exp.Expr) -> None:
    if not node.args.get("table") and not _is_alias(node):
        raise BadRequest(f"Column '{node.name}' cannot be resolved.", "Ask describe_data for tables and columns.")


def _is_alias(column: exp.Expr) -> bool:
    """Whether a bare name stands in an ORDER BY and means one of that query's outputs (or ALL of them)."""
    order = column.find_ancestor(exp.Order, exp.Select)
    if not isinstance(order, exp.Order):
        return False
    owner = order.parent
    return column.name.upper() == "ALL" or (isinstance(owner, exp.Query) and column.name in owner.named_selects)


def full_name(table: exp.Table) -> str:
    """Catalogue name of a base table node: `person`, `operations.claim`."""
    return table.name if table.db in ("", "main") else f"{table.db}.{table.name}"


def base_tables(scope: Scope) -> dict[str, exp.Table]:
    """Base tables of a scope by the alias they go by there."""
    return {alias: source for alias, source in scope.sources.items() if isinstance(source, exp.Table)}


def _base_columns(scope: Scope) -> Iterator[tuple[str, str]]:
    tables = base_tables(scope)
    for column in scope.columns:
        if column.table in tables:
            yield full_name(tables[column.table]), column.name


def _check_cte_names(names: set[str]) -> None:
    if clash := sorted(names & _short_names()):
        raise refuse("name-shadows-table", f"The WITH name '{clash[0]}' is also a table.", "Give it another name.")


@cache
def _short_names() -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in catalogue())


def _check_table(table: exp.Expr, granted: Schema, held: Schema) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise refuse("unknown-table", "A function stands where a table should.", "Name a table of the catalogue.")
    name, schema = table.name, table.text("db")
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))
    if not schema and _names_part(table, name):
        return
    if not schema and f"operations.{name}" in catalogue():
        schema = "operations"
    full = name if schema in ("", "main") else f"{schema}.{name}"
    if full not in catalogue():
        near = difflib.get_close_matches(full, granted, 1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise refuse("unknown-table", f"There is no table '{name}'.", f"{hint}Ask describe_data for the tables.")
    if full not in held:
        raise refuse(
            "table-not-in-release", f"Table '{full}' is not in this release.", f"You may use: {_listed(granted)}."
        )
    if full not in granted:
        raise refuse("table-not-granted", f"Table '{full}' is not granted to you.", f"You may use: {_listed(granted)}.")
    table.set("db", exp.to_identifier(schema or "main"))


def _names_part(table: exp.Expr, name: str) -> bool:
    """Whether the name is that of a WITH which holds here: one of a query around it that stands before it, or itself where recursive."""
    part: exp.Expr | None = None  # the WITH part that was climbed out of
    below, node = table, table.parent
    while node is not None:
        if isinstance(node, exp.CTE):
            part = node
        elif isinstance(node, exp.With):
            for one in node.expressions:
                if one is part:
                    break
                if one.alias_or_name == name:
                    return True
            if part is not None and node.args.get("recursive") and part.alias_or_name == name:
                return isinstance(part.this, exp.Union) and _stands_in(table, part.this.expression)
        else:
            parts = node.args.get("with_")
            if parts is not None and parts is not below and any(one.alias_or_name == name for one in parts.expressions):
                return True
        below, node = node, node.parent
    return False


def _stands_in(node: exp.Expr | None, query: exp.Expr) -> bool:
    while node is not None and node is not query:
        node = node.parent
    return node is query


def _listed(names: Schema) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _check_column_names(nodes: Nodes, granted: Schema, held: Schema) -> None:
    """Names that exist in the catalogue but in no granted table get a refusal that says so; qualify finds the rest."""
    free = _column_names(_pairs(granted))
    asked = {node.name: node for node in nodes.get(exp.Column, ())}
    doubtful = (asked.keys() & _known_columns()) - free
    if not doubtful:
        return
    doubtful -= {node.alias for node in nodes.get(exp.Alias, ())}
    doubtful -= {one.name for node in nodes.get(exp.TableAlias, ()) for one in node.args.get("columns") or ()}
    for name in sorted(doubtful):
        ask = "Ask describe_data for the columns you may use."
        if name in _column_names(_pairs(held)):
            raise refuse("column-not-granted", f"Column '{name}' is not granted to you.", ask)
        raise refuse("column-not-in-release", f"Column '{name}' is not in this release.", ask)


@cache
def _known_columns() -> frozenset[str]:
    return frozenset(column.name for table in catalogue().values() for column in table.columns)


def _qualified(tree: exp.Query, nodes: Nodes, granted: Schema) -> list[Scope]:
    """Qualifies the tree where it stands; its scopes. As `sqlglot.optimizer.qualify`, without the walks that find nothing to do here."""
    try:
        if _needs_tables(nodes):
            qualify_tables(tree, dialect=_DUCKDB)
        qualify_columns(tree, _mapping(_pairs(granted)))
        scopes = list(traverse_scope(tree))
        _check_scopes(scopes)
    except OptimizeError as error:
        raise BadRequest("A column or table of the question cannot be resolved.", _own_words(error)) from error
    except (SqlglotError, RecursionError, KeyError, ValueError) as error:
        raise refuse(
            "not-understood", "The question cannot be understood with certainty.", "Write it in simpler parts."
        ) from error
    return scopes


def _needs_tables(nodes: Nodes) -> bool:
    """Whether a part of FROM has no name yet, stands in two pairs of brackets, or a column is named with its schema."""
    return (
        exp.Lateral in nodes
        or any(node.args.get("db") for node in nodes.get(exp.Column, ()))
        or any(
            isinstance(node.parent, exp.Subquery)
            or (isinstance(node.parent, exp.From | exp.Join) and not node.args.get("alias"))
            for node in nodes.get(exp.Subquery, ())
        )
    )


def _check_scopes(scopes: Sequence[Scope]) -> None:
    """Raises OptimizeError for a column that belongs nowhere, or to several; BadRequest for a table that is neither part nor base."""
    for scope in scopes:
        for table in base_tables(scope).values():
            if not table.db:
                raise OptimizeError(f"Table '{table.name}' cannot be resolved")
        if not isinstance(scope.expression, exp.Select):
            continue
        if scope.external_columns and not scope.is_correlated_subquery:
            column = scope.external_columns[0]
            raise OptimizeError(f"Column '{column.name}' could not be resolved{_place(column)}")
        if scope.unqualified_columns:
            column = scope.unqualified_columns[0]
            raise OptimizeError(f"Ambiguous column '{column.name}'{_place(column)}")


def _place(column: exp.Column) -> str:
    line, col = column.this.meta_get("line"), column.this.meta_get("col")
    return f" (line {line}, column {col})" if line and col else ""


def _pairs(schema: Schema) -> _AS_PAIRS:
    """A schema as what can be remembered by."""
    return tuple((name, tuple(columns.items())) for name, columns in schema.items())


@lru_cache(maxsize=64)
def _column_names(schema: _AS_PAIRS) -> frozenset[str]:
    return frozenset(column for _, columns in schema for column, _ in columns)


@lru_cache(maxsize=64)
def _mapping(granted: _AS_PAIRS) -> MappingSchema:
    """What sqlglot resolves against; made once for each set of granted columns."""
    nested: dict[str, Schema] = {"main": {}, "operations": {}}
    for name, columns in granted:
        schema, _, table = name.rpartition(".")
        nested[schema or "main"][table] = dict(columns)
    return MappingSchema(dict(nested), dialect="duckdb")


def _own_words(error: OptimizeError) -> str:
    """Sqlglot's message holds names out of the question only, so it may be shown; kept to one line."""
    return str(error).splitlines()[0][:200] + ". Ask describe_data for tables and columns."
