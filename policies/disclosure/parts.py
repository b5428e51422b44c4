"""The innermost SELECT of a suppressed aggregation: groups, aggregates, and on how many rows and persons each rests.

The plain way to know the persons counts them distinct in the same pass, which costs many times the query itself; `few.py` has the
better one. `cells.py` puts the rest around it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from sqlglot import exp

from data.catalogue.model import catalogue
from policies.disclosure.arguments import rests_on, there
from policies.disclosure.profile import Witness
from policies.disclosure.regions import Leaf, Regions
from policies.disclosure.ties import unseen
from policies.guard.refusal import refuse
from policies.guard.resolve import full_name
from policies.guard.shape import group_keys, grouping_sets, is_aggregate

SET = "__set"
FEW = 5  # so many values of a step can be told apart by a count, a sum and the next three moments
MOST_SETS = 16
_MOST_PAIRED = 5  # conditions beside one another that are looked at two by two


@dataclass(frozen=True)
class Resting:
    """An aggregate's place: itself, its name, the number of its condition, whether the rows left out are derivable from it, the numbers of its
    regions, how many times the persons of a plain cell it takes, whether each row adds to it, and whether it counts.
    """

    node: exp.Expr
    name: str
    condition: int
    derivable: bool
    regions: tuple[int, ...] = ()
    times: int = 1
    adds_rows: bool = True
    counts: bool = False


@dataclass(frozen=True)
class Region:
    """An expression of which each value is a region among the rows of a condition; with `few` only where there are at most so many values.

    Without an expression it is how many rows a person has.
    """

    value: exp.Expr | None
    condition: int
    few: int = 0


@dataclass
class Parts:
    """What the innermost SELECT computes, by SQL text. Condition 0 is "all rows of the group"."""

    keys: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, exp.Expr] = field(default_factory=dict)  # the keys themselves, by name
    risky: set[str] = field(default_factory=set)
    aggregates: dict[str, Resting] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)  # grouping(): says which level a row is of, nothing of persons
    conditions: list[exp.Expr | None] = field(default_factory=lambda: [None])
    # Kinds of all keys and aggregates, so that no other node need be spelled out.
    types: set[type[exp.Expr]] = field(default_factory=set)
    # Conditions whose distinct persons an aggregate of the question counts.
    known: dict[int, str] = field(default_factory=dict)
    regions: list[Region] = field(default_factory=list)
    sets: list[frozenset[str]] = field(default_factory=list)  # of key names; empty where there is one plain grouping

    def derivable(self) -> set[int]:
        """Conditions of which the rows left out must rest on enough persons as well."""
        return {one.condition for one in self.aggregates.values() if one.derivable and one.condition}

    def times(self, condition: int) -> int:
        """How many times the persons of a plain cell the most demanding aggregate of a condition takes."""
        return max((one.times for one in self.aggregates.values() if one.condition == condition), default=1)

    def set_number(self, keys: frozenset[str]) -> int:
        """What `grouping(all keys)` says of a set: a bit for each key left out, the first key the highest."""
        return sum(1 << place for place, name in enumerate(reversed(self.nodes)) if name not in keys)


def gather(select: exp.Select, unit: exp.Expr, safe: set[tuple[str, str]], leaf: Leaf, weighted: bool = False) -> Parts:
    """Keys, aggregates and conditions of a SELECT. Raises Refused where an aggregate's argument is not understood.

    `leaf` knows the regions of the columns the SELECT reads; `weighted`: the question itself multiplies rows of persons.
    """
    parts, counting = Parts(), []
    for number, key in enumerate(group_keys(select)):
        name = f"__k{number}"
        if parts.keys.setdefault(key.sql("duckdb"), name) != name:
            continue  # grouped by twice
        parts.types.add(type(key))
        parts.nodes[name] = key
        if not _is_safe(key, safe):
            parts.risky.add(name)
    made = any(not isinstance(key, exp.Column) and key.find(exp.Column) for key in parts.nodes.values())
    if len(parts.nodes) > (1 if made else 3):  # many categories, or a choice beside one, single out as well
        parts.risky.update(parts.nodes)
    if (sets := grouping_sets(select)) is not None:
        if len(sets) > MOST_SETS:
            raise refuse("grouping-sets", f"More than {MOST_SETS} grouping sets.", "Ask for fewer levels at a time.")
        parts.sets = [frozenset(parts.keys[key.sql("duckdb")] for key in one) for one in sets]
        _check_levels(parts)
    texts: dict[str, int] = {"": 0}
    for aggregate in _aggregates(select):
        text = aggregate.sql("duckdb")
        if text in parts.aggregates:
            continue
        parts.types.add(type(aggregate))
        rests = rests_on(aggregate, unit, leaf)
        condition = rests.condition
        place = texts.setdefault(condition.sql("duckdb") if condition is not None else "", len(parts.conditions))
        if place == len(parts.conditions):
            parts.conditions.append(condition)
        name, regions = f"__a{len(parts.aggregates)}", _placed(parts, place, rests.regions)
        parts.aggregates[text] = Resting(
            aggregate, name, place, rests.derivable, regions, rests.times, _adds_rows(aggregate)
        )
        counting += [text] if rests.counts else []
        if _counts_persons(aggregate, unit):
            parts.known.setdefault(place, parts.aggregates[text].name)
    _beside_one_another(parts, counting, weighted)
    for node in _own(select, exp.Grouping, exp.GroupingId):
        parts.types.add(type(node))
        parts.plain.setdefault(node.sql("duckdb"), f"__g{len(parts.plain)}")
    return parts


def _check_levels(parts: Parts) -> None:
    """Totals above a level are found by the names of keys: where neither of two sets is above the other, their keys must differ in meaning."""
    made = {name: {column.sql() for column in key.find_all(exp.Column)} for name, key in parts.nodes.items()}
    for one, other in combinations(parts.sets, 2):
        if any(made[here] & made[there] for here in one - other for there in other - one):
            allowed = "Compute the coarser key in a WITH and ask for one at a time."
            raise refuse("grouping-sets", "Keys of two grouping sets are made of the same column.", allowed)


def _adds_rows(aggregate: exp.Expr) -> bool:
    bare = aggregate.this if isinstance(aggregate, exp.Filter) else aggregate
    distinct = isinstance(bare.this, exp.Distinct)
    return isinstance(bare, exp.Count | exp.CountIf | exp.Sum | exp.Avg | exp.RegrCount) and not distinct


def _placed(parts: Parts, condition: int, found: Regions) -> tuple[int, ...]:
    """The places of an aggregate's regions, each put down once. Several that were chosen by conditions count together."""
    wanted = [Region(one.copy(), condition, few=FEW) for one in found.few]
    if found.strict:
        values = [one.copy() for one in found.strict]
        together = values[0] if len(values) == 1 else hash_of(*values)
        wanted.append(Region(together, condition))
    return tuple(_place(parts, one) for one in wanted)


def _place(parts: Parts, region: Region) -> int:
    if region not in parts.regions:
        parts.regions.append(region)
    return parts.regions.index(region)


def _beside_one_another(parts: Parts, counting: list[str], weighted: bool) -> None:
    """What counts beside one another tell: of rows that several conditions choose or leave, and of persons whose rows were multiplied."""
    chosen = sorted({parts.aggregates[text].condition for text in counting} - {0})
    wanted: list[Region] = []
    if len(chosen) > 1:
        wanted.append(Region(_met(parts, chosen), 0, few=len(chosen) + 1))
        wanted += [Region(_met(parts, two), 0, few=3) for two in combinations(chosen, 2) if len(chosen) <= _MOST_PAIRED]
    places = tuple(_place(parts, one) for one in wanted)
    for text, one in parts.aggregates.items():
        more = places if text in counting and one.condition in chosen else ()
        if weighted and one.adds_rows:
            more += (_place(parts, Region(None, one.condition, few=FEW)),)
        parts.aggregates[text] = replace(one, regions=(*one.regions, *more), counts=text in counting)


def _met(parts: Parts, conditions: Sequence[int]) -> exp.Expr:
    """Which of some conditions a row meets."""
    return hash_of(*[met(parts.conditions[one]) for one in conditions])


def _counts_persons(aggregate: exp.Expr, unit: exp.Expr) -> bool:
    bare = aggregate.this if isinstance(aggregate, exp.Filter) else aggregate
    distinct = bare.this if isinstance(bare, exp.Count) else None
    return isinstance(distinct, exp.Distinct) and distinct.expressions == [unit]


def _own(select: exp.Select, *kinds: type[exp.Expr]) -> list[exp.Expr]:
    clauses = [*select.expressions, select.args.get("having"), select.args.get("order"), select.args.get("qualify")]
    return [node for clause in clauses if clause is not None for node in _outside(clause) if isinstance(node, kinds)]


def _outside(clause: exp.Expr) -> Iterator[exp.Expr]:
    """Nodes of a clause, without those of the queries in it."""
    yield clause
    for child in clause.iter_expressions():
        if not isinstance(child, exp.Query):
            yield from _outside(child)


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


def rows_of(select: exp.Select, unit: exp.Expr, parts: Parts) -> exp.Select:
    """The rows that are put together, each with its keys and its person, `__u`; those of nobody are left out."""
    made = source_of(select)
    _select_keys(made, parts)
    made.select(as_(unit.copy(), "__u"), copy=False)
    return made.where(there(unit), copy=False)


def _select_keys(made: exp.Select, parts: Parts) -> None:
    for name, key in parts.nodes.items():
        made.select(as_(key.copy(), name), copy=False)


def _grouped(made: exp.Select, parts: Parts, *also: exp.Expr) -> None:
    """Groups by the keys, in each of the sets where there are such, and by `also`."""
    if parts.sets:
        sets = [[key for name, key in parts.nodes.items() if name in one] for one in parts.sets]
        tuples = [exp.Tuple(expressions=[one.copy() for one in (*keys, *also)]) for keys in sets]
        made.set("group", exp.Group(expressions=[exp.GroupingSets(expressions=tuples)]))
    elif keys := [*parts.nodes.values(), *also]:
        made.set("group", exp.Group(expressions=[one.copy() for one in keys]))


def _level(parts: Parts) -> exp.Expr:
    return exp.Grouping(expressions=[key.copy() for key in parts.nodes.values()])


def groups(
    select: exp.Select, unit: exp.Expr, parts: Parts, persons: Callable[[Parts], list[exp.Expr]], sure: bool
) -> exp.Select:
    """Keys, aggregates, rows of each condition (`__n`), and what `persons` adds of whom they rest on. `sure`: `unit` is never NULL."""
    made = source_of(select)
    _select_keys(made, parts)
    if parts.sets:
        made.select(as_(_level(parts), SET), copy=False)
    for one in parts.aggregates.values():
        rows = sure and _is_rows(one.node)
        aggregate = _rows(unit, parts.conditions[one.condition], sure) if rows else one.node.copy()
        made.select(as_(aggregate, one.name), copy=False)
    for text, name in parts.plain.items():
        made.select(as_(exp.maybe_parse(text, dialect="duckdb"), name), copy=False)
    for number, condition in enumerate(parts.conditions):
        made.select(as_(_rows(unit, condition, sure), f"__n{number}"), copy=False)
    for counted in persons(parts):
        made.select(counted, copy=False)
    _grouped(made, parts)
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
            as_(_count(unit, exp.Not(this=met(parts.conditions[number])), distinct=True), f"__q{number}")
            for number in sorted(parts.derivable())
        ]

    return counted


def witness(select: exp.Select, unit: exp.Expr, parts: Parts, most: int | None, mixed: bool) -> Witness:
    """Who is counted in each cell, and with which rows: what the check against earlier answers compares."""
    made = source_of(select)
    keys: list[exp.Expr] = [key.copy() for key in parts.nodes.values()] or [exp.Literal.number(0)]
    if parts.sets:
        keys.append(_level(parts))
    made.select(as_(hash_of(*keys), "cell"), copy=False)
    made.select(as_(hash_of(unit.copy()), "person"), copy=False)
    tables = _row_keys(select)
    numbers = [0, *sorted(parts.derivable())]
    for number in numbers:
        condition = parts.conditions[number]
        made.select(as_(_count(unit, condition), f"rows{number}"), copy=False)
        for place, keys_of in enumerate(tables.values()):
            print_: exp.Expr = exp.Mod(this=hash_of(*keys_of), expression=exp.Literal.number(_PRINT))
            if condition is not None:
                print_ = exp.Case(ifs=[exp.If(this=condition.copy(), true=print_)])
            made.select(as_(exp.Avg(this=print_), f"print{number}_{place}"), copy=False)
    made.where(there(unit), copy=False)
    _grouped(made, parts, unit)
    told = tuple(_told(parts, number, unit, most) for number in numbers)
    return Witness(made, told, tuple(tables), one_level=not parts.sets, mixed=mixed and bool(parts.keys))


_PRINT = (
    2_147_483_647  # a print is a mean of hashes below this: the same however often all of a person's rows are doubled
)


def _told(parts: Parts, number: int, unit: exp.Expr, most: int | None) -> str:
    kinds = set()
    for one in parts.aggregates.values():
        if number not in (one.condition, 0 if not one.derivable else one.condition):
            continue
        bare = one.node.this if isinstance(one.node, exp.Filter) else one.node
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
    hidden = unseen(select)
    sources += [join.this for join in select.args.get("joins") or [] if join.alias_or_name not in hidden]
    for table in sources:
        entry = catalogue().get(full_name(table)) if isinstance(table, exp.Table) and table.db else None
        if entry is not None and entry.unit == "person" and entry.name not in keys:
            keys[entry.name] = [exp.column(one, table=table.alias_or_name, quoted=True) for one in entry.keys]
    return keys


def hash_of(*values: exp.Expr) -> exp.Expr:
    """One number for some values."""
    return exp.Anonymous(this="hash", expressions=list(values))


def _count(unit: exp.Expr, condition: exp.Expr | None, distinct: bool = False) -> exp.Expr:
    who = unit.copy() if condition is None else exp.Case(ifs=[exp.If(this=condition.copy(), true=unit.copy())])
    return exp.Count(this=exp.Distinct(expressions=[who]) if distinct else who)


def met(condition: exp.Expr | None) -> exp.Expr:
    """Whether a row meets a condition; where that is not known it does not."""
    assert condition is not None  # noqa: S101 - condition 0, which all rows meet, is never asked
    return exp.Coalesce(this=exp.Paren(this=condition.copy()), expressions=[exp.false()])


def as_(expression: exp.Expr, name: str) -> exp.Expr:
    """An expression under a name of our own."""
    return exp.alias_(expression, name, quoted=True, copy=False)
