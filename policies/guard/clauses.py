"""Which clauses, joins, types and arguments a listed word may come with. Steps 7 and 8 of `parse.py`.

What sets a size or could fail on a value must be written out: patterns, LIMIT, frames of windows, widths. Only nodes of the kinds
named here are looked at, so that a long question costs little.
"""

from collections.abc import Callable

from sqlglot import exp

from policies.guard import allow
from policies.guard.refusal import refuse
from policies.guard.shape import Nodes

MAX_PATTERN = 500
MAX_WIDTH = 1000


def check_clauses(nodes: Nodes) -> None:
    """Raises Refused for a clause, join or argument that is not listed."""
    for kind, known in allow.ARGUMENTS.items():
        for node in nodes.get(kind, ()):
            for name, value in node.args.items():
                if value and name not in known:
                    clause = name.strip("_").upper()
                    message = f"The clause {clause} is not understood here."
                    raise refuse("clause-not-listed", message, "See docs/reference/sql.md.")
    for kind, check in _CHECKS.items():
        for node in nodes.get(kind, ()):
            check(node)


def check_types(nodes: Nodes) -> None:
    """Raises Refused for a type that a cast may not name."""
    for node in nodes.get(exp.DataType, ()):
        if node.this.name not in allow.TYPES:
            message = f"A cast to {node.this.name} is not allowed."
            raise refuse("type-not-listed", message, "Cast to a number, text or date.")


def _join(node: exp.Expr) -> None:
    if str(node.args.get("method") or "").upper() not in allow.JOIN_METHODS:
        raise refuse(
            "clause-not-listed", f"{node.args['method']} JOIN is not understood here.", "Name the columns: JOIN ... ON."
        )
    if str(node.args.get("kind") or "").upper() not in allow.JOIN_KINDS:
        raise refuse(
            "clause-not-listed", f"{node.args['kind']} JOIN is not understood here.", "Use INNER or LEFT JOIN."
        )


def _pattern(node: exp.Expr) -> None:
    if not isinstance(node.expression, exp.Literal | exp.Placeholder):
        raise refuse("pattern", "A regular expression must be written out.", "Write it as text in quotes.")
    if len(node.expression.name) > MAX_PATTERN:
        raise refuse("pattern", f"A regular expression is longer than {MAX_PATTERN}.", "Write a shorter one.")


def _escape(node: exp.Expr) -> None:
    if not isinstance(node.expression, exp.Literal) or len(node.expression.name) > 1:
        raise refuse("pattern", "What escapes a pattern must be one letter, written out.", "Write ESCAPE '!'.")


def _placeholder(node: exp.Expr) -> None:
    if not node.name.isidentifier():
        raise refuse(
            "clause-not-listed", "A parameter must have a name.", "Write $name, and give its value under that name."
        )


def _pad(node: exp.Expr) -> None:
    fill = node.args.get("fill_pattern")
    if not 0 <= _number(node.expression) <= MAX_WIDTH or not (isinstance(fill, exp.Literal) and fill.name):
        message = f"Text is padded to a width that is not written out, or beyond {MAX_WIDTH}."
        raise refuse("size", message, "Write the width and the letter: lpad(x, 5, '0').")


def _bin(node: exp.Expr) -> None:
    width = node.this.this if isinstance(node.this, exp.Interval | exp.ToDays) else None
    if not _number(width) > 0:
        raise refuse("size", "The width of time_bucket is not written out.", "Write INTERVAL 1 MONTH, or more.")


def _limit(node: exp.Expr) -> None:
    bound = node.expression
    everything = isinstance(bound, exp.Var) and bound.name.upper() == "ALL"
    if not everything and not isinstance(bound, exp.Literal | exp.Placeholder | exp.Null):
        raise refuse("clause-not-listed", "A LIMIT or OFFSET is not written out.", "Write a number.")


def _ntile(node: exp.Expr) -> None:
    if not _number(node.this) >= 1:
        raise refuse("clause-not-listed", "The number of parts of ntile is not written out.", "Write ntile(4).")


def _frame(node: exp.Expr) -> None:
    for name in ("start", "end"):
        bound = node.args.get(name)
        if isinstance(bound, exp.Expr) and not _number(bound.this if isinstance(bound, exp.Interval) else bound) >= 0:
            raise refuse("clause-not-listed", "A bound of a window's frame is not written out.", "Write a number.")


def _number(node: object) -> float:
    """The number written; -1 for anything else. An interval writes it as text."""
    if not isinstance(node, exp.Literal):
        return -1
    return int(node.name) if node.name.isascii() and node.name.isdigit() else -1


_CHECKS: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    exp.Join: _join,
    exp.RegexpLike: _pattern,
    exp.RegexpExtract: _pattern,
    exp.RegexpReplace: _pattern,
    exp.RegexpFullMatch: _pattern,
    exp.SimilarTo: _pattern,
    exp.Escape: _escape,
    exp.Placeholder: _placeholder,
    exp.Pad: _pad,
    exp.DateBin: _bin,
    exp.Limit: _limit,
    exp.Offset: _limit,
    exp.Ntile: _ntile,
    exp.WindowSpec: _frame,
}
