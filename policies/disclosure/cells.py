"""Turns an aggregation over persons into cells that may be shown. The suppression is part of the SQL itself.

The SELECT becomes three: the innermost (`parts.py`) computes groups, aggregates and on whom each rests; the middle one decides which
cells to hide; the outer one is the asker's, over values already withheld, so HAVING, ORDER BY, LIMIT and all that is built on top see
nothing the answer does not show. A cell is hidden when it rests on 1 to k-1 persons, or would let such a number be derived: from the
rows a condition leaves out, as the only hidden one among its neighbours (CMS cell size suppression policy), or from a total above it
(`levels.py`). Group keys that could single somebody out are withheld with a small group.
"""

from sqlglot import exp

from policies.disclosure.arguments import QUANTILES, places_of
from policies.disclosure.few import MOST_BY_BITS, Doubt, bits_of, doubt, few, rows
from policies.disclosure.kinds import HIDDEN, OUTER
from policies.disclosure.levels import up
from policies.disclosure.parts import SET, Parts, gather, groups, persons_counted, witness
from policies.disclosure.profile import Profile, Witness
from policies.disclosure.regions import Leaf
from policies.disclosure.within import in_regions
from policies.guard.refusal import refuse
from policies.guard.shape import is_aggregate

_CELLS = "__cells"
_LONGEST_TWICE = 20_000  # characters of rows that are read a second time where one pass would do
_LONGEST = 200_000  # characters of a part with all that guards it: a part in a part in a part doubles each time


def suppressed(
    select: exp.Select,
    unit: exp.Expr,
    profile: Profile,
    safe_columns: set[tuple[str, str]],
    flag: bool,
    leaf: Leaf,
    most: int | None = None,
    sure: bool = False,
    weighted: bool = False,
    mixed: bool = False,
) -> tuple[exp.Select, Witness]:
    """The SELECT with suppression built in, and who its cells rest on.

    `unit` is the person of a row, `safe_columns` those whose values single out nobody, `flag` whether to add the column `__hidden`,
    `leaf` knows the regions of columns (`regions.py`), `most` how many rows of what
    is aggregated one person can have at most, `sure` that no row lacks its person, `weighted` that some
    persons may have more rows by the question's own doing, `mixed` that a row may stand in several groups. The With clause stays where it is.
    """
    parts = gather(select, unit, safe_columns, leaf, weighted)
    if not profile.extremes:
        _check_extremes(parts)
    middle = _middle(_groups(select, unit, parts, profile.hide_below, most, sure), parts, profile)
    return _outer(select, middle, parts, profile, flag), witness(select, unit, parts, most, mixed)


def _check_extremes(parts: Parts) -> None:
    for one in parts.aggregates.values():
        if one.node.find(exp.Min, exp.Max):
            advice = "Ask for percentiles between 5 and 95, or the average."
            raise refuse("extreme", "Minimum and maximum are single persons' values.", advice)
        for quantile in one.node.find_all(*QUANTILES):
            places = places_of(quantile)
            if not all(isinstance(place, exp.Literal) and 0.05 <= float(place.name) <= 0.95 for place in places):
                raise refuse("extreme", "A percentile near the ends is a single person's value.", "Ask for 5 to 95 %.")


# --- which cells to hide ------------------------------------------------------------------------------------------------


def _middle(counted: str, parts: Parts, profile: Profile) -> exp.Select:
    """Adds `__s0` (the group is small) and for each aggregate `__h...` (its cell is hidden)."""
    k = profile.hide_below
    flags = [f'({_small(0, k)}) AS "__s0"']
    for one in parts.aggregates.values():
        tests = [_small(0, k), _small(one.condition, k * one.times)]
        if one.derivable and one.condition:
            tests.append(f'coalesce("__q{one.condition}" BETWEEN 1 AND {k - 1}, FALSE)')
        tests += [f'coalesce("__r{number}" < {k}, FALSE)' for number in one.regions]
        flags.append(f'({" OR ".join(dict.fromkeys(tests))}) AS "__s{one.name}"')
    text = f'SELECT *, {", ".join(flags)} FROM {counted} AS "__groups"'
    # Where every group is small, all together may be one person's: then which plain categories there are is not told either.
    only = 'coalesce(bool_and("__s0") OVER (), FALSE) AS "__only"'
    text = f'SELECT *, {", ".join([only, *_hidden(parts, k)])} FROM ({text}) AS "__flagged"'
    text = up(text, parts, k)
    if len(text) > _LONGEST:
        raise refuse("size", "Parts of the question stand in one another too deep.", "Name the inner ones with WITH.")
    parsed: exp.Expr = exp.maybe_parse(text, dialect="duckdb")
    assert isinstance(parsed, exp.Select)  # noqa: S101 - a fact about the text above, not about input
    return parsed


def _groups(select: exp.Select, unit: exp.Expr, parts: Parts, k: int, most: int | None, sure: bool) -> str:
    """The groups, with the persons beside them of those that are small, in one pass or in stages where that is cheaper, and the fewest
    persons of their regions.
    """
    asked = doubt(parts)
    read = rows(select, unit, parts, asked) if parts.regions or not parts.sets else ""
    staged = not parts.sets and len(read) <= _LONGEST_TWICE and (most is not None or k <= MOST_BY_BITS)
    persons = persons_counted(unit) if not staged else bits_of(unit) if most is None else _nothing
    inner = groups(select, unit, parts, persons, sure).sql("duckdb", copy=False)
    if not parts.regions and not staged:
        return f"({inner})"
    withs, told, joined = [f'"__g" AS MATERIALIZED ({inner})'], ["g.*"], '"__g" AS g'
    if staged:
        told += [f'g."{name}" AS "__p{number}"' for number, name in parts.known.items()]
        if asked:
            stages = few(parts, asked, k, most)
            withs, told = [*withs, *stages], told + _told(asked)
            joined += f' LEFT JOIN "__f" AS f ON {_same("f", list(parts.nodes))}'
    for number in range(len(parts.regions)):
        names = list(parts.nodes) + ([SET] if parts.sets else [])
        joined += f" LEFT JOIN ({in_regions(parts, number, k)}) AS r{number} ON {_same(f'r{number}', names)}"
        told.append(f'r{number}."__r{number}"')
    return f"(WITH {', '.join([read, *withs])} SELECT {', '.join(told)} FROM {joined})"


def _same(alias: str, names: list[str]) -> str:
    return " AND ".join(f'g."{name}" IS NOT DISTINCT FROM {alias}."{name}"' for name in names) or "TRUE"


def _told(asked: Doubt) -> list[str]:
    return [f'f."__p{number}"' for number in asked.persons] + [f'f."__q{number}"' for number in asked.rest]


def _nothing(_parts: Parts) -> list[exp.Expr]:
    return []


def _small(condition: int, k: int) -> str:
    return f'coalesce("__p{condition}" BETWEEN 1 AND {k - 1}, FALSE)'


def _hidden(parts: Parts, k: int) -> list[str]:
    """For each aggregate whether its cell is hidden: small itself, or a neighbour that is hidden with the small ones.

    Of several counts beside one another, a row that is neighbour to one is withheld in all: their sum may be what was hidden.
    """
    counting = [one for one in parts.aggregates.values() if one.counts]
    together = [_neighbour(f"__s{one.name}", one.condition, parts, k) for one in counting]
    made = []
    for one in parts.aggregates.values():
        shared = one.counts and len({other.condition for other in counting} - {0}) > 1
        tests = together if shared else [_neighbour(f"__s{one.name}", one.condition, parts, k)]
        made.append(f'("__s{one.name}" OR {" OR ".join(dict.fromkeys(tests))}) AS "__h{one.name}"')
    return made


def _neighbour(small: str, condition: int, parts: Parts, k: int) -> str:
    """The other cell of fewest rows, where one small cell stands alone or the small ones are few persons together.

    Ties go by the hash of the keys, as in the witness: `overlap.py` must come to the same cell.
    """
    rows = f'"__n{condition}"'
    over = f'PARTITION BY "{SET}"' if parts.sets else ""
    keys = ", ".join(f'"{name}"' for name in parts.nodes)
    order = f", hash({keys})" if keys else ""
    count = f'count(*) FILTER (WHERE "{small}") OVER ({over})'
    together = f'sum("__p{condition}") FILTER (WHERE "{small}") OVER ({over})'
    rank = f'row_number() OVER ({over} ORDER BY "{small}" DESC, ({rows} = 0), {rows}{order})'
    few = f"{count} = 1 OR {together} < {k} OR {together} <= {count}"  # as many persons as cells: one in each
    return f"({count} > 0 AND ({few}) AND {rank} = {count} + 1 AND {rows} > 0)"


# --- what is shown ------------------------------------------------------------------------------------------------------


def _outer(select: exp.Select, middle: exp.Select, parts: Parts, profile: Profile, flag: bool) -> exp.Select:
    shown = _Shown(parts, profile)
    outer = exp.Select(expressions=[])
    for output in select.expressions:
        outer.select(
            exp.alias_(shown.over(output.unalias()), output.alias_or_name, quoted=True, copy=False), copy=False
        )
    having = select.args.get("having")
    where = exp.Where(this=shown.over(having.this)) if having is not None else None
    order = {
        clause: shown.over(select.args[clause])
        for clause in ("order", "qualify")
        if select.args.get(clause) is not None
    }
    if flag:
        flags = [_column(name) for name in sorted(shown.used)]
        outer.select(exp.alias_(exp.or_(*flags) if flags else exp.false(), HIDDEN, quoted=True), copy=False)
    cells = exp.Subquery(this=middle, alias=exp.TableAlias(this=exp.to_identifier(_CELLS, quoted=True)))
    outer.set("from_", exp.From(this=cells))
    if where is not None:
        outer.set("where", where)
    for clause, value in order.items():
        outer.set(clause, value)
    for clause in ("limit", "offset", "distinct"):
        if select.args.get(clause) is not None:
            outer.set(clause, select.args[clause].copy())
    return outer


class _Shown:
    """The asker's expressions over the cells: keys and aggregates become columns, hidden ones NULL. `used`: flags that bear on them."""

    def __init__(self, parts: Parts, profile: Profile) -> None:
        self.parts, self.profile = parts, profile
        self.used: set[str] = set()

    def over(self, expression: exp.Expr) -> exp.Expr:
        done = self._replace(expression.copy())
        for column in done.find_all(exp.Column):
            inner = column.find_ancestor(exp.Query) is not None and not column.meta.get(OUTER)
            if column.table and column.table != _CELLS and not inner:
                advice = "Group by it, or aggregate it."
                raise refuse("not-grouped", f"Column '{column.name}' is neither grouped by nor aggregated.", advice)
        return done

    def _replace(self, node: exp.Expr) -> exp.Expr:
        text = node.sql("duckdb") if type(node) in self.parts.types else ""
        if (key := self.parts.keys.get(text)) is not None:
            return self._hidden_if("__s0" if key in self.parts.risky else "__only", _column(key))
        if text in self.parts.plain:
            return _column(self.parts.plain[text])
        if text in self.parts.aggregates and is_aggregate(node):
            one = self.parts.aggregates[text]
            return self._hidden_if(f"__h{one.name}", self._rounded(node, _column(one.name), one.condition))
        if isinstance(node, exp.Query):
            return self._inside(node)
        for argument, value in list(node.args.items()):
            if isinstance(value, exp.Expr):
                node.set(argument, self._replace(value))
            elif isinstance(value, list):
                node.set(argument, [self._replace(one) if isinstance(one, exp.Expr) else one for one in value])
        return node

    def _inside(self, query: exp.Query) -> exp.Query:
        """A query within: looked at already, by itself. What it takes from outside are keys of the group, hidden as everywhere."""
        for column in list(query.find_all(exp.Column)):
            if column.meta.get(OUTER):
                column.replace(self._replace(column.copy()))
        return query

    def _hidden_if(self, flag: str, value: exp.Expr) -> exp.Expr:
        self.used.add(flag)
        return exp.Case(ifs=[exp.If(this=exp.Not(this=_column(flag)), true=value)])

    def _rounded(self, aggregate: exp.Expr, value: exp.Expr, condition: int) -> exp.Expr:
        """Counts to the nearest multiple; a sum as its mean times the rounded count, so that it does not tell the count."""
        step = self.profile.round_to
        bare = aggregate.this if isinstance(aggregate, exp.Filter) else aggregate
        if not step or not isinstance(bare, exp.Count | exp.CountIf | exp.Sum | exp.RegrCount):
            return value
        if not isinstance(bare, exp.Sum):
            return exp.maybe_parse(
                f"CAST(round({value.sql('duckdb')} / {step}.0) * {step} AS BIGINT)", dialect="duckdb"
            )
        rows = f'"{_CELLS}"."__n{condition}"'
        text = f"{value.sql('duckdb')} / nullif({rows}, 0) * (round({rows} / {step}.0) * {step})"
        return exp.maybe_parse(text, dialect="duckdb")


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(_CELLS, quoted=True))
