"""Totals above hidden cells: what GROUPING SETS, ROLLUP and CUBE show on several levels at once.

Within each level the neighbour rule of `cells.py` holds already. A grand total above one level is hidden as well where the hidden cells
below it are one alone or few persons together: else they could be had by subtraction. Where levels are more, or conditions count beside
one another, the equations between them are too many to mend one by one: if anything is small, only the finest level is shown, and the
others are withheld whole; they may be asked for by themselves. tests/generative/test_levels.py solves for bounds to see that nothing
remains derivable.
"""

from policies.disclosure.parts import SET, Parts


def up(text: str, parts: Parts, k: int) -> str:
    """SQL around `text` (with `__s...` and `__h...` of each aggregate) in which totals that would give a hidden cell away are hidden too."""
    if len(set(parts.sets)) < 2 or not parts.aggregates:
        return text
    finest = max(parts.sets, key=len)
    if set(parts.sets) == {finest, frozenset()} and len(parts.conditions) == 1:
        changed = [
            f'("__h{one.name}" OR {_gives_away(parts.set_number(frozenset()), parts.set_number(finest), f"__h{one.name}", k)}) '
            f'AS "__h{one.name}"'
            for one in parts.aggregates.values()
        ]
    else:
        small = " OR ".join(f'"__s{one.name}"' for one in parts.aggregates.values())
        other = f'("{SET}" <> {parts.set_number(finest)} AND bool_or("__s0" OR {small}) OVER ())'
        changed = [f'("__h{one.name}" OR {other}) AS "__h{one.name}"' for one in parts.aggregates.values()]
    names = ", ".join(f'"__h{one.name}"' for one in parts.aggregates.values())
    return f'SELECT * EXCLUDE ({names}), {", ".join(changed)} FROM ({text}) AS "__levels"'


def _gives_away(total: int, fine: int, flag: str, k: int) -> str:
    hidden = f'FILTER (WHERE "{SET}" = {fine} AND "{flag}") OVER ()'
    few = f'sum("__p0") {hidden} < {k} OR sum("__p0") {hidden} <= count(*) {hidden}'
    return f'("{SET}" = {total} AND count(*) {hidden} > 0 AND (count(*) {hidden} = 1 OR {few}))'
