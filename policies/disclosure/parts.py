"""The innermost SELECT of a suppressed aggregation: groups, aggregates, and on how many rows and persons each rests.

The plain way to know the persons counts them distinct in the same pass, which costs many times the query itself; `few.py` has the
better one. `cells.py` puts the rest around it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from data.catalogue.model import catalogue
from policies.disclosure.arguments import rests_on
from policies.disclosure.profile import Witness
from policies.guard.refusal import refuse
from policies.guard.resolve import full_name
from policies.guard.shape import group_keys, grouping_sets, is_aggregate

SET = "__set"
MOST_SETS = 16


@dataclass(frozen=True)
class Resting:
    """An aggregate's place: its name, the number of its condition, whether the rows left out are derivable from it."""

    name: str
    condition: int
    derivable: bool


@dataclass
class Parts:
    """What the innermost SELECT computes, by SQL text. Condition 0 is "all rows of the group"."""

    keys: dict[str, str] = field(default_factory=dict)
    risky: set[str] = field(default_factory=set)
    aggregates: dict[str, Resting] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)  # grouping(): says which level a row is of, nothing of persons
    conditions: list[exp.Expr | None] = field(default_factory=lambda: [None])
    known: dict[int, str] = field(
        default_factory=dict
    )  # conditions whose distinct persons an aggregate of the question counts
    sets: list[frozenset[str]] = field(default_factory=list)  # of key names; empty where there is one plain grouping

    def derivable(self) -> set[int]:
        """Conditions of which the rows left out must rest on enough persons as well."""
        return {one.condition for one in self.aggregates.values() if one.derivable and one.condition}

    def set_number(self, keys: frozenset[str]) -> int:
        """What `grouping(all keys)` says of a set: a bit for each key left out, the first key the highest."""
        names = list(self.keys.values())
        return sum(1 << (len(names) - 1 - place) for place, name in enumerate(names) if name not in keys)


def gather(select: exp.Select, unit: exp.Expr, safe: set[tuple[str, str]]) -> Parts:
    """Keys, aggregates and conditions of a SELECT. Raises Refused where an aggregate's argument is not understood."""
    parts = Parts()
    for number, key in enumerate(group_keys(select)):
        name = f"__k{number}"
        if parts.keys.setdefault(key.sql("duckdb"), name) == name and not _is_safe(key, safe):
            parts.risky.add(name)
    if len(parts.keys) > 3:  # many plain categories together single out as well as one fine one
        parts.risky.update(parts.keys.values())
    if (sets := grouping_sets(select)) is not None:
        if len(sets) > MOST_SETS:
            raise refuse("grouping-sets", f"More than {MOST_SETS} grouping sets.", "Ask for fewer levels at a time.")
        parts.sets = [frozenset(parts.keys[key.sql("duckdb")] for key in one) for one in sets]
    texts: dict[str, int] = {"": 0}
    for aggregate in _aggregates(select):
        text = aggregate.sql("duckdb")
        if text in parts.aggregates:
            continue
        condition, derivable = rests_on(aggregate, unit)
        place = texts.setdefault(condition.sql("duckdb") if condition is not None else "", len(parts.conditions))
        if place == len(parts.conditions):
            parts.conditions.append(condition)
        parts.aggregates[text] = Resting(f"__a{len(parts.aggregates)}", place, derivable)
        if _counts_persons(aggregate, unit):
            parts.known.setdefault(place, parts.aggregates[text].name)
    for node in _own(select, exp.Grouping, exp.GroupingId):
        parts.plain.setdefault(node.sql("duckdb"), f"__g{len(parts.plain)}")
    return parts


def _counts_persons(aggregate: exp.Expr, unit: exp.Expr) -> bool:
    bare = aggregate.this if isinstance(aggregate, exp.Filter) else aggregate
    distinct = bare.this if isinstance(bare, exp.Count) else None
    return isinstance(distinct, exp.Distinct) and distinct.expressions == [unit]


def _own(select: exp.Select, *kinds: type[exp.Expr]) -> list[exp.Expr]:
    clauses = [*select.expressions, select.args.get("having"), select.args.get("order"), select.args.get("qualify")]
    return [node for clause in clauses if clause is not None for node in clause.find_all(*kinds)]


def _aggregates(select: exp.Select) -> list[exp.Expr]:
    found = [node for node in _own(select, exp.Expr) if is_aggregate(node)]
    return [node for node in found if not any(is_aggregate(one) for one in _ancestors(node, select))]


def _ancestors(node: exp.Expr, stop: exp.Expr) -> list[exp.Expr]:
    line: list[exp.Expr] = []
    while (node := node.parent) is not None and node is not stop:  # type: ignore[assignment]
        line.append(node)
    return line


def _is_safe(key: exp.Expr, safe: set[tuple[str, str]]) -> bool:
    """A key is safe to show beside a hidden count when it is a category or a constant, or made of conditions only."""
    if isinstance(key, exp.Case):
        outcomes = [one.args["true"] for one in key.args.get("ifs") or []] + [key.args.get("default")]
        return all(one is None or isinstance(one, exp.Literal | exp.Null | exp.Boolean) for one in outcomes)
    columns = list(key.find_all(exp.Column))
    return not columns or (isinstance(key, exp.Column) and (key.table, key.name) in safe)


# --- the SELECTs -------------------------------------------------------------------------------------------------------


def source_of(select: exp.Select) -> exp.Select:
    """FROM, JOIN and WHERE of a SELECT, with nothing selected yet."""
    made = exp.Select(expressions=[])
    for clause in ("from_", "joins", "where"):
        if select.args.get(clause):
            value = select.args[clause]
            made.set(clause, [one.copy() for one in value] if isinstance(value, list) else value.copy())
    return made


def _grouped(made: exp.Select, select: exp.Select, parts: Parts, also: exp.Expr | None = None) -> None:
    extra = [also.copy()] if also is not None else []
    keys = {name: key for key, name in zip(group_keys(select), dict.fromkeys(parts.keys.values()), strict=False)}
    if parts.sets:
        sets = [
            exp.Tuple(expressions=[key.copy() for name, key in keys.items() if name in one] + [e.copy() for e in extra])
            for one in parts.sets
        ]
        made.set("group", exp.Group(expressions=[exp.GroupingSets(expressions=sets)]))
    elif keys or extra:
        made.set("group", exp.Group(expressions=[*(key.copy() for key in keys.values()), *extra]))


def named_keys(select: exp.Select, parts: Parts) -> list[tuple[str, exp.Expr]]:
    seen: dict[str, exp.Expr] = {}
    for key in group_keys(select):
        seen.setdefault(parts.keys[key.sql("duckdb")], key)
    return list(seen.items())


def _level(select: exp.Select, parts: Parts) -> exp.Expr:
    return exp.Grouping(expressions=[key.copy() for _, key in named_keys(select, parts)])


def groups(
    select: exp.Select, unit: exp.Expr, parts: Parts, persons: Callable[[Parts], list[exp.Expr]], sure: bool
) -> exp.Select:
    """Keys, aggregates, rows of each condition (`__n`), and what `persons` adds of whom they rest on. `sure`: `unit` is never NULL."""
    made = source_of(select)
    for name, key in named_keys(select, parts):
        made.select(as_(key.copy(), name), copy=False)
    if parts.sets:
        made.select(as_(_level(select, parts), SET), copy=False)
    for text, resting in parts.aggregates.items():
        aggregate: exp.Expr = exp.maybe_parse(text, dialect="duckdb")
        if sure and _is_rows(aggregate):
            aggregate = _rows(unit, parts.conditions[resting.condition], sure)
        made.select(as_(aggregate, resting.name), copy=False)
    for text, name in parts.plain.items():
        made.select(as_(exp.maybe_parse(text, dialect="duckdb"), name), copy=False)
    for number, condition in enumerate(parts.conditions):
        made.select(as_(_rows(unit, condition, sure), f"__n{number}"), copy=False)
    for counted in persons(parts):
        made.select(counted, copy=False)
    _grouped(made, select, parts)
    return made


def _rows(unit: exp.Expr, condition: exp.Expr | None, sure: bool) -> exp.Expr:
    """How many rows meet a condition, written as what the engine counts fastest."""
    if not sure:
        return _count(unit, condition)
    if condition is None:
        return exp.Count(this=exp.Star())
    present = condition.this if isinstance(condition, exp.Not) else None
    if isinstance(present, exp.Is) and isinstance(present.expression, exp.Null):
        return exp.Count(this=present.this.copy())
    one = exp.cast(exp.Paren(this=condition.copy()), "INT")
    return exp.cast(exp.Coalesce(this=exp.Sum(this=one), expressions=[exp.Literal.number(0)]), "BIGINT")


def _is_rows(aggregate: exp.Expr) -> bool:
    """Whether an aggregate is just the number of rows that meet its condition."""
    if isinstance(aggregate, exp.Filter):
        return isinstance(aggregate.this, exp.Count) and isinstance(aggregate.this.this, exp.Star)
    return isinstance(aggregate, exp.CountIf)


def persons_counted(unit: exp.Expr) -> Callable[[Parts], list[exp.Expr]]:
    """Distinct persons of each condition (`__p`) and of the rows it leaves out (`__q`), in the same pass."""

    def counted(parts: Parts) -> list[exp.Expr]:
        made = [
            as_(_count(unit, condition, distinct=True), f"__p{number}")
            for number, condition in enumerate(parts.conditions)
        ]
        return made + [
            as_(_count(unit, _untrue(parts.conditions[number]), distinct=True), f"__q{number}")
            for number in sorted(parts.derivable())
        ]

    return counted


def witness(select: exp.Select, unit: exp.Expr, parts: Parts, most: int | None) -> Witness:
    """Who is counted in each cell, and with which rows: what the check against earlier answers compares."""
    made = source_of(select)
    keys: list[exp.Expr] = [key.copy() for _, key in named_keys(select, parts)] or [exp.Literal.number(0)]
    if parts.sets:
        keys.append(_level(select, parts))
    made.select(as_(_hash(*keys), "cell"), copy=False)
    made.select(as_(_hash(unit.copy()), "person"), copy=False)
    tables = _row_keys(select)
    numbers = [0, *sorted(parts.derivable())]
    for number in numbers:
        condition = parts.conditions[number]
        made.select(as_(_count(unit, condition), f"rows{number}"), copy=False)
        for place, keys_of in enumerate(tables.values()):
            print_: exp.Expr = exp.Mod(this=_hash(*keys_of), expression=exp.Literal.number(_PRINT))
            if condition is not None:
                print_ = exp.Case(ifs=[exp.If(this=condition.copy(), true=print_)])
            made.select(as_(exp.Avg(this=print_), f"print{number}_{place}"), copy=False)
    there = exp.Not(this=exp.Is(this=unit.copy(), expression=exp.Null()))
    made.where(there, copy=False)
    _grouped(made, select, parts, also=unit)
    told = tuple(_told(parts, number, unit, most) for number in numbers)
    return Witness(made, told, tuple(tables), one_level=not parts.sets)


_PRINT = (
    2_147_483_647  # a print is a mean of hashes below this: the same however often all of a person's rows are doubled
)


def _told(parts: Parts, number: int, unit: exp.Expr, most: int | None) -> str:
    kinds = set()
    for text, resting in parts.aggregates.items():
        node: exp.Expr = exp.maybe_parse(text, dialect="duckdb")
        if number not in (resting.condition, 0 if not resting.derivable else resting.condition):
            continue
        bare = node.this if isinstance(node, exp.Filter) else node
        if not isinstance(bare, exp.Count | exp.CountIf | exp.RegrCount):
            kinds.add("V")
        elif isinstance(bare.this, exp.Distinct) and unit in bare.this.expressions:
            kinds.add("P")
        else:
            kinds |= {"R", "P"} if most == 1 else {"R"}
    return "".join(sorted(kinds))


def _row_keys(select: exp.Select) -> dict[str, list[exp.Expr]]:
    """The key columns of each table about persons that stands in FROM, by its name."""
    keys: dict[str, list[exp.Expr]] = {}
    sources = [select.args["from_"].this] if select.args.get("from_") else []
    sources += [
        join.this for join in select.args.get("joins") or [] if str(join.args.get("kind")).upper() not in _UNSEEN
    ]
    for table in sources:
        entry = catalogue().get(full_name(table)) if isinstance(table, exp.Table) and table.db else None
        if entry is not None and entry.unit == "person" and entry.name not in keys:
            keys[entry.name] = [exp.column(one, table=table.alias_or_name, quoted=True) for one in entry.keys]
    return keys


_UNSEEN = ("SEMI", "ANTI")


def _hash(*values: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="hash", expressions=list(values))


def _count(unit: exp.Expr, condition: exp.Expr | None, distinct: bool = False) -> exp.Expr:
    who = unit.copy() if condition is None else exp.Case(ifs=[exp.If(this=condition.copy(), true=unit.copy())])
    return exp.Count(this=exp.Distinct(expressions=[who]) if distinct else who)


def _untrue(condition: exp.Expr | None) -> exp.Expr:
    assert condition is not None  # noqa: S101 - condition 0 has no rows left out
    return exp.Not(this=exp.Coalesce(this=exp.Paren(this=condition.copy()), expressions=[exp.false()]))


def as_(expression: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(expression, name, quoted=True)
