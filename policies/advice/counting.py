"""Advice about counts and averages: of what, and of one kind only."""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from data.catalogue.model import catalogue
from policies.advice.view import View
from policies.guard.resolve import base_tables, full_name

_VALUES = (exp.Avg, exp.Sum, exp.Min, exp.Max, exp.Median, exp.Quantile, exp.PercentileCont, exp.Stddev, exp.StddevSamp)
_PERSONS = ("person", "patient", "people", "subject", "individual", "men", "women", "members")


def units_mixed(view: View) -> str | None:
    """Values of a measurement put together whatever their unit."""
    for table in ("measurement", "observation"):
        unit = {(table, "unit_concept_id"), (table, "unit_source_value")}
        if _puts_together(view, table) and not unit & view.used:
            return f"Values of {table} are put together whatever their unit: group by unit_concept_id, or ask for one."
    return None


def measurements_mixed(view: View) -> str | None:
    """Values of different measurements put together."""
    for table in ("measurement", "observation"):
        kinds = {(table, f"{table}_{end}") for end in ("concept_id", "source_value", "source_concept_id")}
        if _puts_together(view, table) and not kinds & view.used:
            return f"Values of different kinds of {table} are put together: ask for one {table}_concept_id, or group by it."
    return None


def events_for_persons(view: View) -> str | None:
    """Rows of an event table counted as if each were a person."""
    for select, scope in view.selects():
        for output in select.expressions:
            count = output.unalias()
            if not isinstance(count, exp.Count) or isinstance(count.this, exp.Distinct):
                continue
            of_persons = (view.base(count.this) or ("", ""))[1] == "person_id" if count.this is not None else False
            named = any(word in output.alias_or_name.lower().split("_") or f"{word}s" in output.alias_or_name.lower().split("_")
                        for word in _PERSONS)  # fmt: skip
            if (of_persons or named) and _rows_for_person(select, scope) > 0:
                return "This counts rows, of which a person has many: write count(DISTINCT person_id) for persons."
    return None


def rows_multiplied(view: View) -> str | None:
    """Two tables of many rows a person joined on the person alone, then counted, summed or averaged."""
    for select, scope in view.selects():
        plain = [
            node
            for output in select.expressions
            for node in output.find_all(exp.Sum, exp.Avg, exp.Count)
            if not isinstance(node.this, exp.Distinct)
        ]
        if not plain or _rows_for_person(select, scope) < 2:
            continue
        joined = [node for join in select.args.get("joins") or [] for node in join.find_all(exp.EQ)]
        bases = [(view.base(node.this), view.base(node.expression)) for node in joined]
        if bases and all(left and right and left[1] == right[1] == "person_id" for left, right in bases):
            return "Each row meets every row of the same person in the other table, so rows are counted many times: aggregate each first."
    return None


def _puts_together(view: View, table: str) -> bool:
    columns = (column for node in view.nodes(*_VALUES) for column in node.find_all(exp.Column))
    return any(view.base(column) == (table, "value_as_number") for column in columns)


def _rows_for_person(select: exp.Select, scope: Scope) -> int:
    """How many of a SELECT's tables hold many rows a person."""
    unseen = {
        join.alias_or_name
        for join in select.args.get("joins") or []
        if str(join.args.get("kind")).upper() in ("SEMI", "ANTI")
    }
    tables = [
        catalogue()[full_name(table)]
        for alias, table in base_tables(scope).items()
        if alias not in unseen and alias in _own(select)
    ]
    return sum(1 for table in tables if table.unit == "person" and table.key != "person_id")


def _own(select: exp.Select) -> set[str]:
    """Names of what stands in a SELECT's own FROM."""
    first = select.args.get("from_")
    return {first.this.alias_or_name if first else ""} | {join.alias_or_name for join in select.args.get("joins") or []}
