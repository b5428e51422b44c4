"""Other spellings of an attack: whatever one refuses must be refused however it is written.

Variants of text change case, blanks and comments between tokens; variants of the tree quote, qualify and rename; wraps put the attack
into a larger question. All are made from the text alone, by its hash, so that a run can be repeated.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from itertools import pairwise

from sqlglot import exp, parse, tokenize
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token

from data.catalogue.model import catalogue

# Rules that look at words, tables and columns: what they refuse stays refused inside whatever is written around it.
OF_WORDS = frozenset(
    {"function-not-listed", "volatile-function", "word-not-listed", "clause-not-listed", "type-not-listed", "pattern", "own-rows",
     "recursion", "pivot", "unknown-table", "table-not-in-release", "table-not-granted", "name-shadows-table", "column-not-in-release",
     "column-not-granted", "not-understood"}
)  # fmt: skip
_WRAPS = (
    ("as a WITH", "WITH q AS ({})\nSELECT * FROM q"),
    ("as a second WITH", "WITH honest AS (SELECT 1 AS one), q AS ({})\nSELECT count(*) FROM honest, q"),
    ("in FROM", "SELECT * FROM ({}\n) AS q"),
    ("beside a table", "SELECT count(*) FROM concept AS c CROSS JOIN ({}\n) AS q"),
    ("as a value", "SELECT ({}\n) AS v"),
    ("in EXISTS", "SELECT count(*) FROM concept WHERE EXISTS ({}\n)"),
    ("in IN", "SELECT count(*) FROM concept WHERE concept_id IN ({}\n)"),
    ("behind an honest SELECT", "SELECT count(*) FROM person UNION ALL {}"),
    ("before an honest SELECT", "{}\nUNION ALL SELECT count(*) FROM person"),
    ("in LATERAL", "SELECT count(*) FROM concept AS c, LATERAL ({}\n) AS q"),
)
_GAPS = (" ", "\n", "\t", "  \r\n ", " /**/ ", " /* SELECT count(*) */ ", " -- count(*) FROM person\n", "\n/*\n;\n*/\n")
_UNBROKEN = frozenset("$@:#?{}")  # signs that belong to the word beside them


def variants(sql: str, rule: str) -> Iterator[tuple[str, str]]:
    """Name and text of each variant of an attack that `rule` refuses, the attack itself left out; no text comes twice."""
    seen = {sql}
    for name, text in (*_texts(sql), *_trees(sql), *(_wrapped(sql) if rule in OF_WORDS else ())):
        if text not in seen:
            seen.add(text)
            yield name, text


def sampled(name: str, text: str, one_in: int) -> bool:
    """Whether a variant belongs to the sample: the same answer in every run."""
    return int.from_bytes(hashlib.sha256(f"{name}\n{text}".encode()).digest()[:4]) % one_in == 0


# --- the text -----------------------------------------------------------------------------------------------------------


def _texts(sql: str) -> Iterator[tuple[str, str]]:
    yield "after a comment", f"/* SELECT count(*) FROM person */ {sql}"
    yield "after a line of comment", f"-- SELECT 1\n{sql}"
    tokens = _tokens(sql)
    if not tokens:
        return
    chance = random.Random(sql)
    yield "before a semicolon", f"{sql}\n;"
    yield "before a comment", f"{sql}\n; -- SELECT count(*) FROM person"
    yield "in capitals", _recased(sql, tokens, str.upper)
    yield "in small letters", _recased(sql, tokens, str.lower)
    yield "in letters of both sizes", _recased(sql, tokens, lambda one: chance.choice((one.upper(), one.lower())))
    yield "in one line", _respaced(sql, tokens, lambda: " ")
    yield "with tabs and new lines", _respaced(sql, tokens, lambda: chance.choice(_GAPS[:4]))
    yield "with comments between", _respaced(sql, tokens, lambda: chance.choice(_GAPS))
    both = _respaced(sql, tokens, lambda: chance.choice(_GAPS[4:]))
    yield "with comments and capitals", _recased(both, _tokens(both), str.upper)


def _tokens(sql: str) -> list[Token]:
    try:
        return tokenize(sql, read="duckdb")
    except SqlglotError:
        return []


def _recased(sql: str, tokens: list[Token], change: Callable[[str], str]) -> str:
    """Plain words in other letters; what stands in quotes, and letters beyond ASCII, as they are."""
    letters = list(sql)
    for token in tokens:
        written = sql[token.start : token.end + 1]
        if written.isidentifier() and written.isascii() and not _is_parameter(sql, token):
            letters[token.start : token.end + 1] = [change(one) for one in written]
    return "".join(letters)


def _is_parameter(sql: str, token: Token) -> bool:
    return token.start > 0 and sql[token.start - 1] in _UNBROKEN


def _respaced(sql: str, tokens: list[Token], gap: Callable[[], str]) -> str:
    """Another gap between all tokens that may stand apart; comments that stood there are dropped."""
    parts = [sql[tokens[0].start : tokens[0].end + 1]]
    for before, token in pairwise(tokens):
        between = sql[before.end + 1 : token.start]
        written = sql[token.start : token.end + 1]
        touching = not between and (_sticks(parts[-1][-1]) or _sticks(written[0]))
        parts += [written] if touching else [gap(), written]
    return "".join(parts)


def _sticks(sign: str) -> bool:
    return sign in _UNBROKEN or not sign.isascii()


# --- the tree -----------------------------------------------------------------------------------------------------------


def _trees(sql: str) -> Iterator[tuple[str, str]]:
    tree = _query(sql)
    if tree is None:
        return
    yield "as the parser writes it", tree.sql("duckdb", comments=False)
    yield "with all names quoted", tree.sql("duckdb", identify=True)
    yield "pretty", tree.sql("duckdb", pretty=True)
    yield "with schemas named", _schemas_named(tree.copy()).sql("duckdb")
    yield "with other aliases", _renamed(tree.copy()).sql("duckdb")


def _query(sql: str) -> exp.Query | None:
    """The one question of a text; None where it is not one, or would lose words when written again."""
    try:
        trees = parse(sql, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None
    tree = trees[0] if len(trees) == 1 else None
    return tree if isinstance(tree, exp.Query) and _rewrites(tree) else None


def _rewrites(tree: exp.Expr) -> bool:
    try:
        return parse(tree.sql("duckdb"), dialect="duckdb") == [tree]
    except (SqlglotError, RecursionError, ValueError):
        return False


def _schemas_named(tree: exp.Query) -> exp.Query:
    parts = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if isinstance(table.this, exp.Identifier) and not table.db and name not in parts and name in catalogue():
            table.set("db", exp.to_identifier("main"))
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
    return tree


def _renamed(tree: exp.Query) -> exp.Query:
    """Aliases of tables and of WITH parts under other names, wherever they are used; other names stay."""
    aliases = {one.name for one in tree.find_all(exp.TableAlias) if one.this}
    aliases -= {table.name for table in tree.find_all(exp.Table) if table.name.lower() in catalogue()}
    for node in tree.find_all(exp.TableAlias, exp.Table, exp.Column):
        key = "table" if isinstance(node, exp.Column) else "this"
        name = node.args.get(key)
        if isinstance(name, exp.Identifier) and name.name in aliases and not node.args.get("db"):
            node.set(key, exp.to_identifier(f"{name.name}_other", quoted=True))
    return tree


# --- around it ----------------------------------------------------------------------------------------------------------


def _wrapped(sql: str) -> Iterator[tuple[str, str]]:
    if _query(sql) is None:
        return
    bare = sql.strip().rstrip(";")
    for name, frame in _WRAPS:
        text = frame.format(bare)
        if _query(text) is not None:
            yield name, text
