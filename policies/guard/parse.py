"""From text to a syntax tree of understood words. First half of the guard; `resolve.py` is the second.

Checks, in order; each may refuse and none trusts a later one:
 1. the text is short and holds no control characters
 2. sqlglot understands it, as DuckDB's dialect, without its comments
 3. it is one statement
 4. it is a SELECT or a set operation of SELECTs, in brackets or not
 5. the tree is neither deep nor wide beyond reason, and takes no name that the rewriting uses itself
 6. other spellings, PIVOT, UNPIVOT, VALUES, series and recursion become plain SELECTs, and are bounded
 7. every clause and join is of a listed kind, and what sets a size is written out
 8. every function, cast and node is of a listed kind
What tables and columns it names is not looked at here; nor is the asker.
"""

import re
from collections.abc import Mapping

from sqlglot import exp

from data.errors import BadRequest, ReadingRoomError, Refused
from policies.guard import allow
from policies.guard.clauses import check_clauses, check_types
from policies.guard.desugar import desugar
from policies.guard.plain import needs_plain, plain, unbracketed
from policies.guard.refusal import refuse
from policies.guard.shape import Nodes, by_kind
from policies.guard.sources import bring
from policies.guard.tokens import parsed, words

MAX_CHARACTERS = 50_000
MAX_NODES = 10_000
MAX_DEPTH = 120
MAX_BRACKETS = 50  # a chain of subscripts takes the parser quadratic time: 5,000 of them took most of a minute

# What `desugar.py` and `sources.py` rewrite; a question without any is left as it is.
_CONVENIENCES: set[type[exp.Expr]] = {
    exp.Pivot, exp.Rollup, exp.Cube, exp.GroupingSets, exp.GenerateSeries, exp.Explode, exp.Unnest, exp.Values,
}  # fmt: skip
Words = tuple[tuple[str, str], ...]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_VOLATILE = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Rand, exp.Uuid)
_VOLATILE_NAMES = frozenset({"NOW", "TODAY", "GET_CURRENT_TIME", "TRANSACTION_TIMESTAMP", "GEN_RANDOM_UUID", "SETSEED"})


def understood(sql: str, granted: Mapping[str, Mapping[str, str]] | None = None) -> exp.Query:
    """The tree of one understood SELECT. Raises Refused or BadRequest; neither quotes more than the asker's own words.

    `granted` tells the columns a PIVOT groups by where it does not say so itself.
    """
    _check_text(sql)  # 1
    statements = parsed(sql)  # 2
    if len(statements) != 1:  # 3
        raise refuse(
            "one-statement", f"{len(statements)} statements came in one question.", "Ask one SELECT at a time."
        )
    tree = _one_select(statements[0])  # 4
    nodes = _sized(tree)  # 5
    _check_names(nodes)  # 5
    if needs_plain(nodes):
        plain(tree)  # 6
        nodes = by_kind(tree)
    if _has_conveniences(nodes):
        tree = bring(desugar(tree, granted or {}))  # 6
        nodes = by_kind(tree)
    assert isinstance(tree, exp.Query)  # noqa: S101 - a Pivot is a convenience, so it became one
    check_clauses(nodes)  # 7
    _check_functions(nodes)  # 8
    check_types(nodes)  # 8
    _check_words(nodes)  # 8
    return tree


def normal_form(sql: str) -> Words | None:
    """The words of a question, the same however it is laid out and commented; None where it has none that could be understood."""
    try:
        _check_text(sql)
    except ReadingRoomError:
        return None
    return words(sql)


def _check_text(sql: str) -> None:
    if not sql.strip():
        raise BadRequest("The question is empty.", "Write a SELECT.")
    if len(sql) > MAX_CHARACTERS:
        raise refuse("size", f"The question is longer than {MAX_CHARACTERS} characters.", "Ask for less at a time.")
    if sql.count("[") > MAX_BRACKETS:
        raise refuse(
            "size", f"The question has more than {MAX_BRACKETS} brackets.", "Lists and subscripts are not needed here."
        )
    if _CONTROL.search(sql):
        raise refuse("plain-text", "The question holds control characters.", "Write plain text.")


def _one_select(statement: exp.Expr) -> exp.Query | exp.Pivot:
    tree = unbracketed(statement)
    if isinstance(tree, exp.Query | exp.Pivot) and not isinstance(tree, exp.Subquery):
        return tree
    if isinstance(tree, exp.Condition | exp.Alias):
        raise BadRequest("The text is no SQL statement.", "Write a SELECT; the dialect is DuckDB's.")
    verb = type(tree).__name__.upper()
    raise refuse("select-only", f"This is {verb}, not a SELECT.", "Data is only read here: write a SELECT.")


def _sized(tree: exp.Expr) -> Nodes:
    """The nodes by kind. Breadth first and without recursion, so that a deep tree is refused rather than fatal."""
    level: list[exp.Expr] = [tree]
    found: Nodes = {}
    depth = nodes = 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise refuse("size", "The question is nested too deep or too long.", "Use WITH to name its parts.")
        below: list[exp.Expr] = []
        for node in level:
            found.setdefault(type(node), []).append(node)
            below.extend(node.iter_expressions())
        level = below
    return found


def _has_conveniences(nodes: Nodes) -> bool:
    if not _CONVENIENCES.isdisjoint(nodes):
        return True
    return any(node.args.get("method") for node in nodes.get(exp.Join, ())) or any(
        node.args.get("recursive") for node in nodes.get(exp.With, ())
    )


def _check_names(nodes: Nodes) -> None:
    """Names that begin with two underscores are those of suppression and filters: a part named like one could stand in its place."""
    if any(node.name.startswith("__") for node in nodes.get(exp.Identifier, ())):
        raise refuse("reserved-name", "A name begins with two underscores.", "Give it another name.")


def _check_functions(nodes: Nodes) -> None:
    for node in nodes.get(exp.Anonymous, ()):
        name = str(node.this).upper()
        if name in _VOLATILE_NAMES:
            raise _volatile(name)
        if name in allow.LEFT_OUT:
            message = f"The function {name} is left out: {allow.LEFT_OUT[name]}."
            raise refuse("function-not-listed", message, "See docs/reference/sql.md for those that are.")
        if name not in allow.NAMED:
            raise _no_function(name)
    for kind in nodes:
        if kind in allow.NODES or kind is exp.Anonymous:
            continue
        if issubclass(kind, _VOLATILE):
            raise _volatile(kind.sql_name() if issubclass(kind, exp.Func) else kind.__name__)
        if issubclass(kind, exp.Func):
            raise _no_function(kind.sql_name())


def _check_words(nodes: Nodes) -> None:
    for kind in nodes:
        if kind not in allow.NODES and kind is not exp.Anonymous:
            message = f"'{kind.__name__}' is not among the SQL this server understands."
            raise refuse("word-not-listed", message, "See docs/reference/sql.md.")
    if any(not isinstance(node.parent, exp.Count | exp.Select | exp.Column) for node in nodes.get(exp.Star, ())):
        raise refuse("word-not-listed", "A star may stand in SELECT * and count(*) only.", "Name the columns.")


def _volatile(name: str) -> Refused:
    allowed = "Write the date or number itself, so that the answer can be re-executed."
    return refuse("volatile-function", f"{name} gives another result each time.", allowed)


def _no_function(name: str) -> Refused:
    return refuse(
        "function-not-listed", f"The function {name} is not allowed.", "See docs/reference/sql.md for those that are."
    )
