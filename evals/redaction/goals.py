"""The goals of redaction, and whether a result meets them. They hold for our own finder, on the held-out documents."""

from dataclasses import dataclass

from evals.redaction.figures import Figures
from evals.redaction.kinds import GROUP_OF, GROUPS
from evals.redaction.run import Result

RECALL, PRECISION, REMOVED, FEWEST = 0.98, 0.95, 0.005, 20


@dataclass(frozen=True)
class Goal:
    """One goal: what is asked of what, the figure, and whether it is met."""

    what: str
    value: float
    bound: float
    met: bool


def asked(goal: Goal) -> str:
    """What the goal asks, in words."""
    return f"{'less than' if goal.what.endswith('removed') else 'at least'} {goal.bound * 100:g} %"


def goals(result: Result) -> list[Goal]:
    """Recall and precision by group with at least 20 labelled tokens; words removed; F1 beside stock's; recall on what the vault knows."""
    ours = result.runs[0]
    figures = ours.counting
    found = []
    for group in GROUPS[:-1]:
        row = figures.row(group, [kind for kind, its in GROUP_OF.items() if its == group])
        if row.gold < FEWEST:
            continue
        for what, rate, bound in (("recall", row.recall, RECALL), ("precision", row.precision, PRECISION)):
            found.append(Goal(f"{group}: {what}", rate.value or 0.0, bound, (rate.value or 0.0) >= bound))
    shares = figures.shares()
    if shares.words:
        removed = shares.removed.value or 0.0
        found.append(Goal("ordinary words removed", removed, REMOVED, removed < REMOVED))
    found += [_beside(figures, other.counting, other.finder) for other in result.runs[1:]]
    if result.set.known:
        told = [one for one in ours.figures(held_out=False).labels() if one[0] in result.set.known]
        got, of = sum(one[2] for one in told), sum(one[1] for one in told)
        found.append(Goal("known to the vault: recall", got / of if of else 0.0, 1.0, got == of and of > 0))
    return found


def _beside(ours: Figures, theirs: Figures, name: str) -> Goal:
    """Of the kinds with at least 20 labelled tokens, the share in which our F1 is not below the other finder's."""
    pairs = [(ours.row(kind, [kind]), theirs.row(kind, [kind])) for kind in GROUP_OF]
    held = [(mine.f1.value or 0.0) >= (its.f1.value or 0.0) for mine, its in pairs if mine.gold >= FEWEST]
    return Goal(f"kinds whose F1 is not below that of {name}", sum(held) / len(held) if held else 1.0, 1.0, all(held))
