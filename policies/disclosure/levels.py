"""Totals above hidden cells: what GROUPING SETS, ROLLUP and CUBE show on several levels at once.

Within each level the neighbour rule of `cells.py` holds already. Here, from the finest level upwards, a total is hidden as well where
the hidden cells below it, in any finer level, are one alone or few together: else they could be had by subtraction. A total hidden so
counts as hidden for the levels above it. tests/generative/test_levels.py solves for bounds to see that nothing remains derivable.
"""

from policies.disclosure.parts import SET, Parts


def up(text: str, parts: Parts, k: int) -> str:
    """SQL around `text` (which has `__h...` for each aggregate) in which totals that would give a hidden cell away are hidden too."""
    if len(parts.sets) < 2 or not parts.aggregates:
        return text
    levels = sorted({len(one) for one in parts.sets}, reverse=True)
    for size in levels[1:]:
        totals = sorted({one for one in parts.sets if len(one) == size}, key=parts.set_number)
        changed = []
        for aggregate in parts.aggregates.values():
            flag, persons = f"__h{aggregate.name}", f"__p{aggregate.condition}"
            tests = [
                _gives_away(parts.set_number(total), parts.set_number(fine), total, flag, persons, k)
                for total in totals
                for fine in sorted(set(parts.sets), key=parts.set_number)
                if total < fine
            ]
            changed.append(f'("{flag}" OR {" OR ".join(tests)}) AS "{flag}"' if tests else f'"{flag}"')
        names = ", ".join(f'"__h{one.name}"' for one in parts.aggregates.values())
        text = f'SELECT * EXCLUDE ({names}), {", ".join(changed)} FROM ({text}) AS "__level{size}"'
    return text


def _gives_away(total: int, fine: int, keys: frozenset[str], flag: str, persons: str, k: int) -> str:
    over = "PARTITION BY " + ", ".join(f'"{name}"' for name in sorted(keys)) if keys else ""
    hidden = f'FILTER (WHERE "{SET}" = {fine} AND "{flag}") OVER ({over})'
    return (
        f'("{SET}" = {total} AND count(*) {hidden} > 0 AND (count(*) {hidden} = 1 OR sum("{persons}") {hidden} < {k}))'
    )
