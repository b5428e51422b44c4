"""How few persons the regions of a cell hold: SQL that is put beside the groups where an aggregate has regions (`regions.py`).

Each region's persons are first told by bits, as in `few.py`, and counted only where those leave it in doubt.
"""

from sqlglot import exp

from policies.disclosure.few import BIT, MOST_BY_BITS
from policies.disclosure.parts import SET, Parts, Region, as_, named_keys, source_of


def in_regions(select: exp.Select, unit: exp.Expr, parts: Parts, number: int, k: int) -> str:
    """SQL: for each group, by its keys, the fewest persons that any region of it holds, as `__r...`; large numbers may stand as k."""
    region = parts.regions[number]
    names = [name for name, _ in named_keys(select, parts)] + ([SET] if parts.sets else [])
    rows = _rows(select, unit, parts, region)
    fewest = 'min("__p")' if not region.few else f'CASE WHEN count(*) <= {region.few} THEN min("__p") END'
    listed = "".join(f'"{name}", ' for name in names)
    persons = _persons(rows, names, k) if region.value is not None else _by_rows(rows, names)
    group = f" GROUP BY {listed[:-2]}" if listed else ""
    return f'SELECT {listed}{fewest} AS "__r{number}" FROM ({persons}){group}'


def _rows(select: exp.Select, unit: exp.Expr, parts: Parts, region: Region) -> str:
    """A row a row of the group: its keys, its person and the region it lies in. Of several levels, each row once in each."""
    rows = source_of(select)
    for name, key in named_keys(select, parts):
        rows.select(as_(key.copy(), name), copy=False)
    rows.select(as_(unit.copy(), "__u"), copy=False)
    if region.value is not None:
        rows.select(as_(region.value.copy(), "__v"), copy=False)
    if (condition := parts.conditions[region.condition]) is not None:
        rows.where(exp.Paren(this=condition.copy()), copy=False)
    rows.where(exp.Not(this=exp.Is(this=unit.copy(), expression=exp.Null())), copy=False)
    text = rows.sql("duckdb", copy=False)
    return _on_levels(text, select, parts, region) if parts.sets else f"({text})"


def _on_levels(text: str, select: exp.Select, parts: Parts, region: Region) -> str:
    """The rows once for each grouping set, keys that it leaves out NULL."""
    names = [name for name, _ in named_keys(select, parts)]
    more = '"__u", "__v"' if region.value is not None else '"__u"'
    levels = []
    for one in dict.fromkeys(parts.sets):
        keys = ", ".join(f'"{name}"' if name in one else f'NULL AS "{name}"' for name in names)
        levels.append(f'SELECT {keys}, {parts.set_number(one)} AS "{SET}", {more} FROM "__all"')
    return f'(WITH "__all" AS ({text}) {" UNION ALL ".join(levels)})'


def _by_rows(rows: str, names: list[str]) -> str:
    """Persons by how many rows they have."""
    listed = "".join(f'"{name}", ' for name in names)
    each = f'SELECT {listed}count(*) AS "__v" FROM {rows} GROUP BY {listed}"__u"'
    return f'SELECT {listed}count(*) AS "__p" FROM ({each}) GROUP BY {listed}"__v"'


def _persons(rows: str, names: list[str], k: int) -> str:
    """Persons of each region; k stands for any number that is no smaller."""
    listed = "".join(f'"{name}", ' for name in names) + '"__v"'
    if k > MOST_BY_BITS:
        return f'SELECT {listed}, count(DISTINCT "__u") AS "__p" FROM {rows} GROUP BY {listed}'
    same = " AND ".join(f'b."{name}" IS NOT DISTINCT FROM e."{name}"' for name in [*names, "__v"])
    told = "".join(f'b."{name}", ' for name in names)
    doubt = f'SELECT unnest((SELECT list(hash({listed})) FROM "__bits" WHERE bit_count("__b") < {k})) AS "h"'
    return (
        f'WITH "__in" AS NOT MATERIALIZED (SELECT * FROM {rows}), '
        f'"__bits" AS MATERIALIZED (SELECT {listed}, bit_or({BIT}) AS "__b" FROM "__in" GROUP BY {listed}), '
        f'"__few" AS (SELECT {listed}, count(DISTINCT "__u") AS "__p" FROM "__in" JOIN ({doubt}) AS d '
        f'ON hash({listed}) = d."h" GROUP BY {listed}) '
        f'SELECT {told}coalesce(e."__p", {k}) AS "__p" FROM "__bits" AS b LEFT JOIN "__few" AS e ON {same}'
    )
