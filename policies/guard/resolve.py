"""From understood words to facts: which tables and columns a question truly reads. Second half of the guard.

Checks, in order (continuing `parse.py`):
 9. no CTE takes the name of a table, so that nobody can disagree about which is meant
10. every table is one of the catalogue, held by the release and granted
11. every column resolves to a granted one; stars become the granted columns
The tree that comes out names each base table by schema and each column by table: what runs is what was judged.
"""

import difflib
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from data.catalogue.model import catalogue
from data.errors import BadRequest
from policies.guard.refusal import refuse
from policies.verdict import Facts

Schema = dict[str, dict[str, str]]


def resolve(tree: exp.Query, granted: Schema, held: Schema) -> tuple[exp.Query, Facts]:
    """The qualified tree and its facts. `granted`: what the asker may use; `held`: what the release holds at all."""
    names = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    _check_cte_names(names)  # 9
    for table in tree.find_all(exp.Table):
        _check_table(table, names, granted, held)  # 10
    _check_column_names(tree, granted, held)  # 11, with the better words
    _name_outputs(tree)
    qualified = _qualified(tree, granted)  # 11
    _check_all_resolved(qualified)  # 11
    scopes = list(traverse_scope(qualified))
    columns = {pair for scope in scopes for pair in _base_columns(scope)}
    for table_name, column in columns:
        if column not in granted.get(table_name, {}):
            raise refuse(
                "column-not-granted", f"Column '{column}' is not granted.", "Ask for the columns describe_data lists."
            )
    tables = {full_name(table) for scope in scopes for table in base_tables(scope).values()}
    functions = {node.sql_name() for node in qualified.find_all(exp.Func) if not isinstance(node, exp.And | exp.Or)}
    return qualified, Facts(tuple(sorted(tables)), tuple(sorted(columns)), tuple(sorted(functions)))


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


def _check_all_resolved(tree: exp.Query) -> None:
    """Nothing may be left for DuckDB to resolve its own way: no star, no bare column but an ORDER BY's alias, no row value."""
    for node in tree.walk():
        if (
            isinstance(node, exp.Column)
            and not node.table
            and not (isinstance(node.find_ancestor(exp.Order, exp.Select), exp.Order) and _is_alias(node))
        ):
            raise BadRequest(f"Column '{node.name}' cannot be resolved.", "Ask describe_data for tables and columns.")
        star = isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count)
        if star or isinstance(node, exp.TableColumn):
            raise refuse("not-understood", "A star or table name stands where columns should.", "Name the columns.")


def _is_alias(column: exp.Column) -> bool:
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
    short = {name.rpartition(".")[2] for name in catalogue()}
    if clash := sorted(names & short):
        raise refuse("name-shadows-table", f"The WITH name '{clash[0]}' is also a table.", "Give it another name.")


def _check_table(table: exp.Table, ctes: set[str], granted: Schema, held: Schema) -> None:
    name = table.name.lower()
    if not table.db and name in ctes:
        return
    if not isinstance(table.this, exp.Identifier):
        raise refuse("unknown-table", "A function stands where a table should.", "Name a table of the catalogue.")
    if not table.db and f"operations.{name}" in catalogue():
        table.set("db", exp.to_identifier("operations"))
    full = full_name(table).lower()
    if full not in catalogue():
        near = difflib.get_close_matches(full, granted, 1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise refuse("unknown-table", f"There is no table '{table.name}'.", f"{hint}Ask describe_data for the tables.")
    if full not in held:
        raise refuse(
            "table-not-in-release", f"Table '{full}' is not in this release.", f"You may use: {_listed(granted)}."
        )
    if full not in granted:
        raise refuse("table-not-granted", f"Table '{full}' is not granted to you.", f"You may use: {_listed(granted)}.")
    table.set("db", exp.to_identifier(table.db.lower() or "main"))
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))


def _listed(names: Schema) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _check_column_names(tree: exp.Query, granted: Schema, held: Schema) -> None:
    """Names that exist in the catalogue but in no granted table get a refusal that says so; qualify finds the rest."""
    free = {name for columns in granted.values() for name in columns}
    free |= {node.alias.lower() for node in tree.find_all(exp.Alias)} | {
        one.name.lower() for alias in tree.find_all(exp.TableAlias) for one in alias.args.get("columns") or ()
    }
    in_release = {name for columns in held.values() for name in columns}
    known = {column.name for table in catalogue().values() for column in table.columns}
    for column in tree.find_all(exp.Column):
        name = column.name.lower()
        if name in free or name not in known:
            continue
        ask = "Ask describe_data for the columns you may use."
        if name in in_release:
            raise refuse("column-not-granted", f"Column '{column.name}' is not granted to you.", ask)
        raise refuse("column-not-in-release", f"Column '{column.name}' is not in this release.", ask)


def _qualified(tree: exp.Query, granted: Schema) -> exp.Query:
    nested: dict[str, Schema] = {"main": {}, "operations": {}}
    for name, columns in granted.items():
        schema, _, table = name.rpartition(".")
        nested[schema or "main"][table] = columns
    try:
        return qualify(tree, schema=dict(nested), dialect="duckdb", validate_qualify_columns=True)
    except OptimizeError as error:
        raise BadRequest("A column or table of the question cannot be resolved.", _own_words(error)) from error
    except (SqlglotError, RecursionError, KeyError, ValueError) as error:
        raise refuse(
            "not-understood", "The question cannot be understood with certainty.", "Write it in simpler parts."
        ) from error


def _own_words(error: OptimizeError) -> str:
    """Sqlglot's message holds names out of the question only, so it may be shown; kept to one line."""
    return str(error).splitlines()[0][:200] + ". Ask describe_data for tables and columns."
