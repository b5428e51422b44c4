"""Advice about time: events where nobody looked, ranges that hold nothing, days that have not come."""

from collections.abc import Iterator
from datetime import date

from sqlglot import exp

from policies.advice.view import Held, View

_EVENTS = ("condition_occurrence", "drug_exposure", "procedure_occurrence", "measurement", "observation")


def outside_observation(view: View) -> str | None:
    """Events of some span of time, without regard to when persons were observed."""
    if "observation_period" in view.tables:
        return None
    if any(one.base[0] in _EVENTS for one in _dated(view)):
        return (
            "Events of a span of time are asked for, whether or not their persons were observed in it; who was not cannot show an event. "
            "Join observation_period and ask for the event's date between its start and end."
        )
    return None


def empty_range(view: View) -> str | None:
    """BETWEEN whose ends are the wrong way round."""
    for node in view.nodes(exp.Between):
        low, high = node.args["low"], node.args["high"]
        ends = [_value(low), _value(high)]
        if None not in ends and type(ends[0]) is type(ends[1]) and ends[0] > ends[1]:  # type: ignore[operator]
            return "BETWEEN has its larger end first, so nothing lies in it."
    return None


def future(view: View) -> str | None:
    """Days after the snapshot's own."""
    for one in _dated(view):
        for other in one.other:
            day = _value(other)
            late = isinstance(day, date) and view.day is not None and day > view.day
            if late and isinstance(one.node, exp.GT | exp.GTE | exp.EQ | exp.Between):
                return f"{one.base[1]} is held against a day after {view.day}, the day of the snapshot: nothing is known of it."
    return None


def _dated(view: View) -> Iterator[Held]:
    """Dates held against written days."""
    for one in view.held:
        if one.base[1].endswith(("_date", "_datetime", "_at")) and any(_is_day(other) for other in one.other):
            yield one


def _is_day(node: exp.Expr) -> bool:
    return isinstance(_value(node), date) or isinstance(node, exp.Placeholder)


def _value(node: exp.Expr) -> date | float | None:
    """A written day or number; None where it is neither."""
    bare = node.this if isinstance(node, exp.Cast | exp.Neg | exp.TsOrDsToDate | exp.Date) else node
    if not isinstance(bare, exp.Literal):
        return None
    try:
        if bare.is_string:
            return date.fromisoformat(bare.name[:10])
        return -float(bare.name) if isinstance(node, exp.Neg) else float(bare.name)
    except ValueError:
        return None
