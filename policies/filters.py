"""Row filters: a grant reaches some persons only. Written as SQL that selects person_id, put around every table about persons.

The last rewriting of a question, after suppression, so that no part of it, nor the SELECT that says whom its cells rest on, reads a row
outside the filter. The steward's SQL passes the same guard as an asker's; what it compares with (`$site`) are attributes of who asks,
put in as written values.
"""

from collections.abc import Mapping, Sequence

from sqlglot import exp

from data.catalogue.model import catalogue
from data.errors import BadRequest, ReadingRoomError, Refused
from policies.guard.parse import understood
from policies.guard.resolve import full_name, resolve

Schema = Mapping[str, Mapping[str, str]]


def check_filter(sql: str, place: str) -> None:
    """Raises BadRequest, naming `place`, where the SQL is no filter: one SELECT of one column, person_id."""
    whole = {
        name: {column.name: column.type for column in table.columns}
        for name, table in catalogue().items()
        if name != "patient_identity"
    }
    try:
        _resolved(sql, whole)
    except ReadingRoomError as error:
        raise BadRequest(
            f"{place}: {error.message}", error.advice or getattr(error, "allowed", ""), code="bad_policy"
        ) from error


def persons(sql: str, held: Schema, attributes: Mapping[str, str]) -> exp.Query:
    """The filter's SELECT over a release, with attributes in place. Raises Refused where who asks lacks one."""
    tree = _resolved(sql, {name: dict(columns) for name, columns in held.items()})
    for node in list(tree.find_all(exp.Placeholder)):
        if node.name not in attributes:
            raise Refused(
                f"The grant needs to know your {node.name}, which is not said.",
                rule="row-filter",
                allowed=f"Ask with the attribute '{node.name}'; who gives tokens sets it.",
            )
        node.replace(exp.Literal.string(attributes[node.name]))  # which the engine reads as a number beside one
    return tree


def filtered(tree: exp.Query, filters: Sequence[tuple[exp.Query, bool]]) -> exp.Query:
    """The tree with every table about persons, or linked to them, cut down to the filters' persons; `True` keeps, `False` drops."""
    if not filters:
        return tree
    holder = exp.Subquery(this=tree)
    for table in list(holder.find_all(exp.Table)):
        entry = catalogue().get(full_name(table)) if table.db else None
        if entry is None or entry.unit == "reference":
            continue
        bare = table.copy()
        alias = table.args.get("alias")
        bare.set("alias", None)
        select = exp.Select(expressions=[exp.Star()])
        select.set("from_", exp.From(this=bare))
        for query, keeps in filters:
            select.where(_test(entry.unit, query, keeps), copy=False)
        table.replace(exp.Subquery(this=select, alias=alias.copy() if alias is not None else None))
    done = holder.this
    assert isinstance(done, exp.Query)  # noqa: S101 - a Subquery holds a query; for the type checker
    return done


def _test(unit: str, query: exp.Query, keeps: bool) -> exp.Expr:
    inside: exp.Expr = exp.In(this=exp.column("person_id"), query=exp.Subquery(this=query.copy()))
    if not keeps:
        known = exp.select("person_id").from_(
            exp.Subquery(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier("dropped")))
        )
        known = known.where("person_id IS NOT NULL")  # NOT IN with a NULL would drop everybody
        inside = exp.Not(this=exp.In(this=exp.column("person_id"), query=exp.Subquery(this=known)))
    if unit == "person":
        return inside
    homes = exp.select("location_id").from_("main.person").where(inside)
    return exp.In(this=exp.column("location_id"), query=exp.Subquery(this=homes))


def _resolved(sql: str, held: dict[str, dict[str, str]]) -> exp.Query:
    tree = resolve(understood(sql, held), held, held).tree
    if tree.named_selects != ["person_id"]:
        raise BadRequest("A row filter selects one column, person_id.", "Write SELECT person_id FROM ... WHERE ...")
    return tree
