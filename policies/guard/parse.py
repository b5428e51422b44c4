"""From text to a syntax tree of understood words. First half of the guard; `resolve.py` is the second.

Checks, in order; each may refuse and none trusts a later one:
 1. the text is short and holds no control characters
 2. sqlglot understands it, as DuckDB's dialect
 3. it is one statement
 4. it is a SELECT or a set operation of SELECTs
 5. the tree is neither deep nor wide beyond reason, and takes no name that the rewriting uses itself
 6. PIVOT, UNPIVOT, VALUES, series and recursion become plain SELECTs, and are bounded
 7. every node is of a listed kind, every function a listed one
 8. every clause, join and cast is of a listed kind
What tables and columns it names is not looked at here; nor is the asker.
"""

from collections.abc import Mapping

from sqlglot import exp, parse
from sqlglot.errors import ParseError, SqlglotError, TokenError

from data.errors import BadRequest, Refused
from policies.guard import allow
from policies.guard.desugar import desugar
from policies.guard.refusal import refuse
from policies.guard.sources import bring

MAX_CHARACTERS = 50_000
MAX_NODES = 10_000
MAX_DEPTH = 120
MAX_PATTERN = 500
MAX_BRACKETS = 50  # a chain of subscripts takes the parser quadratic time: 5,000 of them took most of a minute

_VOLATILE = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp, exp.Rand, exp.Uuid)
_VOLATILE_NAMES = frozenset({"NOW", "TODAY", "GET_CURRENT_TIME", "TRANSACTION_TIMESTAMP", "GEN_RANDOM_UUID", "SETSEED"})


def understood(sql: str, granted: Mapping[str, Mapping[str, str]] | None = None) -> exp.Query:
    """The tree of one understood SELECT. Raises Refused or BadRequest; neither quotes more than the asker's own words.

    `granted` tells the columns a PIVOT groups by where it does not say so itself.
    """
    _check_text(sql)  # 1
    statements = _parsed(sql)  # 2
    if len(statements) != 1:  # 3
        raise refuse(
            "one-statement", f"{len(statements)} statements came in one question.", "Ask one SELECT at a time."
        )
    tree = statements[0]
    if not isinstance(tree, exp.Query | exp.Pivot) or isinstance(tree, exp.Subquery):  # 4
        if isinstance(tree, exp.Condition | exp.Alias):
            raise BadRequest("The text is no SQL statement.", "Write a SELECT; the dialect is DuckDB's.")
        verb = type(tree).__name__.upper()
        raise refuse("select-only", f"This is {verb}, not a SELECT.", "Data is only read here: write a SELECT.")
    _check_size(tree)  # 5
    _check_names(tree)  # 5
    tree = bring(desugar(tree, granted or {}))  # 6
    for node in tree.walk():
        _check_word(node)  # 7
        _check_clauses(node)  # 8
    return tree


def _check_text(sql: str) -> None:
    if not sql.strip():
        raise BadRequest("The question is empty.", "Write a SELECT.")
    if len(sql) > MAX_CHARACTERS:
        raise refuse("size", f"The question is longer than {MAX_CHARACTERS} characters.", "Ask for less at a time.")
    if sql.count("[") > MAX_BRACKETS:
        raise refuse(
            "size", f"The question has more than {MAX_BRACKETS} brackets.", "Lists and subscripts are not needed here."
        )
    if any(ord(one) < 32 and one not in "\t\n\r" for one in sql):
        raise refuse("plain-text", "The question holds control characters.", "Write plain text.")


def _parsed(sql: str) -> list[exp.Expr]:
    try:
        return [one for one in parse(sql, dialect="duckdb") if one is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f" at line {first['line']}, column {first['col']}" if first.get("line") else ""
        raise BadRequest(f"The SQL does not parse{place}.", "Mend it there; the dialect is DuckDB's.") from error
    except (TokenError, SqlglotError) as error:
        raise BadRequest("The SQL does not parse.", "Look for a quote or bracket left open.") from error
    except RecursionError as error:
        raise refuse("size", "The question is nested too deep.", "Use WITH to name its parts.") from error


def _check_size(tree: exp.Expr) -> None:
    """Breadth first and without recursion, so that a deep tree is refused rather than fatal."""
    level: list[exp.Expr] = [tree]
    depth = nodes = 0
    while level:
        depth, nodes = depth + 1, nodes + len(level)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise refuse("size", "The question is nested too deep or too long.", "Use WITH to name its parts.")
        level = [child for node in level for child in node.iter_expressions()]


def _check_names(tree: exp.Expr) -> None:
    """Names that begin with two underscores are those of suppression and filters: a part named like one could stand in its place."""
    if any(node.name.startswith("__") for node in tree.find_all(exp.Identifier)):
        raise refuse("reserved-name", "A name begins with two underscores.", "Give it another name.")


def _check_word(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous):
        name = str(node.this).upper()
        if name in _VOLATILE_NAMES:
            raise _volatile(name)
        if name not in allow.NAMED:
            raise _no_function(name)
        return
    if type(node) in allow.NODES:
        return
    if isinstance(node, _VOLATILE):
        raise _volatile(node.sql_name() if isinstance(node, exp.Func) else type(node).__name__)
    if isinstance(node, exp.Func):
        raise _no_function(node.sql_name())
    kind = type(node).__name__
    raise refuse(
        "word-not-listed", f"'{kind}' is not among the SQL this server understands.", "See docs/reference/sql.md."
    )


def _volatile(name: str) -> Refused:
    allowed = "Write the date or number itself, so that the answer can be re-executed."
    return refuse("volatile-function", f"{name} gives another result each time.", allowed)


def _no_function(name: str) -> Refused:
    return refuse(
        "function-not-listed", f"The function {name} is not allowed.", "See docs/reference/sql.md for those that are."
    )


def _check_clauses(node: exp.Expr) -> None:
    if (known := allow.ARGUMENTS.get(type(node))) is not None:
        for name, value in node.args.items():
            if value and name not in known:
                clause = name.strip("_").upper()
                raise refuse(
                    "clause-not-listed", f"The clause {clause} is not understood here.", "See docs/reference/sql.md."
                )
    if isinstance(node, exp.Join) and str(node.args.get("method") or "").upper() not in allow.JOIN_METHODS:
        raise refuse(
            "clause-not-listed", f"{node.args['method']} JOIN is not understood here.", "Name the columns: JOIN ... ON."
        )
    if isinstance(node, exp.Join) and str(node.args.get("kind") or "").upper() not in allow.JOIN_KINDS:
        raise refuse(
            "clause-not-listed", f"{node.args['kind']} JOIN is not understood here.", "Use INNER or LEFT JOIN."
        )
    if isinstance(node, exp.DataType) and node.this.name not in allow.TYPES:
        raise refuse(
            "type-not-listed", f"A cast to {node.this.name} is not allowed.", "Cast to a number, text or date."
        )
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count | exp.Select | exp.Column):
        raise refuse("word-not-listed", "A star may stand in SELECT * and count(*) only.", "Name the columns.")
    if isinstance(node, exp.RegexpLike | exp.RegexpExtract | exp.RegexpReplace | exp.SimilarTo | exp.RegexpFullMatch):
        if not isinstance(node.expression, exp.Literal | exp.Placeholder):
            raise refuse("pattern", "A regular expression must be written out.", "Write it as text in quotes.")
        if len(node.expression.name) > MAX_PATTERN:
            raise refuse("pattern", f"A regular expression is longer than {MAX_PATTERN}.", "Write a shorter one.")
    if isinstance(node, exp.Placeholder) and not node.name.isidentifier():
        raise refuse(
            "clause-not-listed", "A parameter must have a name.", "Write $name, and give its value under that name."
        )
