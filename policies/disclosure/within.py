"""How few persons the regions of a cell hold: SQL that is put beside the groups where an aggregate has regions (`regions.py`).

Each region's persons are first told by bits, as in `few.py`, and counted only where those leave it in doubt.
"""

from policies.disclosure.few import BIT, MOST_BY_BITS
from policies.disclosure.parts import SET, Parts


def in_regions(parts: Parts, number: int, k: int) -> str:
    """SQL over `__rows`: for each group, by its keys, the fewest persons that any region of it holds, as `__r...`; k may stand for more."""
    region = parts.regions[number]
    names = list(parts.nodes) + ([SET] if parts.sets else [])
    rows = _rows(parts, number)
    fewest = 'min("__p")' if not region.few else f'CASE WHEN count(*) <= {region.few} THEN min("__p") END'
    listed = "".join(f'"{name}", ' for name in names)
    persons = _persons(rows, names, k) if region.value is not None else _by_rows(rows, names)
    group = f" GROUP BY {listed[:-2]}" if listed else ""
    return f'SELECT {listed}{fewest} AS "__r{number}" FROM ({persons}){group}'


def _rows(parts: Parts, number: int) -> str:
    """A row a row of the group: its keys, its person and the region it lies in. Of several levels, each row once in each."""
    region = parts.regions[number]
    told = '"__u"' if region.value is None else f'"__u", "__v{number}" AS "__v"'
    where = f' WHERE "__m{region.condition}"' if region.condition else ""
    if not parts.sets:
        keys = "".join(f'"{name}", ' for name in parts.nodes)
        return f'(SELECT {keys}{told} FROM "__rows"{where})'
    levels = []
    for one in dict.fromkeys(parts.sets):
        keys = ", ".join(f'"{name}"' if name in one else f'NULL AS "{name}"' for name in parts.nodes)
        levels.append(f'SELECT {keys}, {parts.set_number(one)} AS "{SET}", {told} FROM "__rows"{where}')
    return f"({' UNION ALL '.join(levels)})"


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
