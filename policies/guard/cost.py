"""What a question would cost at least, from the sizes of its tables: joins without a condition are refused before they run.

A rough bound on purpose: an equality, of whatever columns, is taken to join one row with few. What passes is still bounded while it runs.
"""

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from policies.disclosure.profile import Sizes
from policies.guard.refusal import refuse
from policies.guard.resolve import base_tables, full_name
from policies.guard.shape import conjuncts

MOST_PAIRS = 1_000_000_000


def check_cost(scopes: Sequence[Scope], sizes: Sizes) -> None:
    """Raises Refused, by the rule `cost`, where tables would be multiplied with one another beyond MOST_PAIRS rows."""
    if not sizes.rows:
        return
    for scope in scopes:
        select = scope.expression
        if not isinstance(select, exp.Select) or not select.args.get("joins"):
            continue
        tables = {alias: sizes.rows.get(full_name(table), 1) for alias, table in base_tables(scope).items()}
        where = select.args.get("where")
        tests = conjuncts(where.this if where is not None else None)
        tests += [test for join in select.args["joins"] for test in conjuncts(join.args.get("on"))]
        if _pairs(tables, tests) > MOST_PAIRS:
            message = "Tables are joined without an equality between them, which would make too many rows."
            raise refuse("cost", message, "Join them on a key: ON a.person_id = b.person_id.")


def _pairs(tables: dict[str, int], tests: list[exp.Expr]) -> int:
    """The product of the largest table of each group that equalities hold together."""
    group = {alias: alias for alias in tables}

    def root(alias: str) -> str:
        while group[alias] != alias:
            alias = group[alias]
        return alias

    for test in tests:
        if isinstance(test, exp.EQ | exp.NullSafeEQ):
            met = sorted({column.table for column in test.find_all(exp.Column)} & set(tables))
            for other in met[1:]:
                group[root(other)] = root(met[0])
    largest: dict[str, int] = {}
    for alias, rows in tables.items():
        largest[root(alias)] = max(largest.get(root(alias), 1), rows)
    product = 1
    for rows in largest.values():
        product *= max(1, rows)
    return product
