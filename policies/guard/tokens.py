"""From text to words, and from words to a syntax tree as sqlglot's parser makes it.

Comments are left out before parsing: in the tree they would make two spellings of one expression differ, and sqlglot reads
directions out of some. A PIVOT statement is put so that the parser can read it where DuckDB allows more than it does.
"""

import logging
from functools import lru_cache

from sqlglot import Dialect, exp
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from data.errors import BadRequest
from policies.guard.refusal import refuse

_DUCKDB = Dialect.get_or_raise("duckdb")
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it quotes what it cannot parse
_AFTER_PIVOT = (TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET)


def parsed(sql: str) -> list[exp.Expr]:
    """The statements of a text. Raises BadRequest where it does not parse, Refused where it is nested too deep."""
    try:
        tokens = list(_tokens(sql))
        names = _ready_pivot(tokens)
        trees = [one for one in _DUCKDB.parser().parse(tokens, sql) if one is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f" at line {first['line']}, column {first['col']}" if first.get("line") else ""
        raise BadRequest(f"The SQL does not parse{place}.", "Mend it there; the dialect is DuckDB's.") from error
    except (TokenError, SqlglotError) as error:
        raise BadRequest("The SQL does not parse.", "Look for a quote or bracket left open.") from error
    except RecursionError as error:
        raise refuse("size", "The question is nested too deep.", "Use WITH to name its parts.") from error
    if names and trees:
        _name_pivoted(trees[0], names)
    return trees


def words(sql: str) -> tuple[tuple[str, str], ...] | None:
    """The words of a text by kind, names and keywords in one case; None where it cannot be told into words."""
    try:
        tokens = _tokens(sql)
    except SqlglotError:
        return None
    told, before = [], ""
    for token in tokens:
        kind = token.token_type.name
        bare = (
            kind != "IDENTIFIER" and not kind.endswith("STRING") and before != "PARAMETER"
        )  # quoted words and $names are told by case
        told.append((kind, token.text.upper() if bare else token.text))
        before = kind
    return tuple(told)


@lru_cache(maxsize=4)  # told into words for the memory of verdicts, then parsed
def _tokens(sql: str) -> tuple[Token, ...]:
    tokens = _DUCKDB.tokenize(sql)
    for token in tokens:
        token.comments = []
    return tuple(tokens)


def _ready_pivot(tokens: list[Token]) -> dict[tuple[int, int], str]:
    """Puts a PIVOT statement with ORDER BY or LIMIT into a FROM, and takes the names of its values out; gives these by place."""
    begin = _pivot_at(tokens)
    if begin is None:
        return {}
    end = next((at for at, _ in _outermost(tokens, begin) if tokens[at].token_type in _AFTER_PIVOT), len(tokens))
    names = _take_names(tokens, begin, end)
    end -= 2 * len(names)
    if end < len(tokens):
        tokens.insert(end, Token(TokenType.R_PAREN, ")"))
        tokens[begin:begin] = [Token(TokenType.FROM, "FROM"), Token(TokenType.L_PAREN, "(")]
    return names


def _pivot_at(tokens: list[Token]) -> int | None:
    """Where the PIVOT of a PIVOT statement stands: first, or behind its WITH."""
    for at, token in _outermost(tokens, 0):
        if token.token_type == TokenType.PIVOT and (at == 0 or tokens[0].token_type == TokenType.WITH):
            return at
        if token.token_type in (TokenType.SELECT, TokenType.FROM):
            return None
    return None


def _outermost(tokens: list[Token], begin: int) -> list[tuple[int, Token]]:
    """The tokens outside all brackets."""
    depth, found = 0, []
    for at in range(begin, len(tokens)):
        kind = tokens[at].token_type
        depth -= kind == TokenType.R_PAREN
        if depth == 0:
            found.append((at, tokens[at]))
        depth += kind == TokenType.L_PAREN
    return found


def _take_names(tokens: list[Token], begin: int, end: int) -> dict[tuple[int, int], str]:
    """Takes `AS name` out of the lists of ON column IN (value AS name, ...); gives the names by list and place in it."""
    names: dict[tuple[int, int], str] = {}
    taken: list[int] = []
    inside, depth, lists, place = False, 0, -1, 0
    outside = {at for at, _ in _outermost(tokens[:end], begin)}
    for at in range(begin, end):
        kind = tokens[at].token_type
        if kind == TokenType.IN and at in outside:
            inside, lists, place = True, lists + 1, 0
        elif at in outside and kind != TokenType.L_PAREN:
            inside = False
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if inside and depth == 1:
            place += kind == TokenType.COMMA
            if kind == TokenType.ALIAS and at + 1 < end:
                names[lists, place] = tokens[at + 1].text
                taken += [at, at + 1]
    for at in reversed(taken):
        del tokens[at]
    return names


def _name_pivoted(tree: exp.Expr, names: dict[tuple[int, int], str]) -> None:
    pivot = next(tree.find_all(exp.Pivot), None)  # breadth first: the statement's own before those inside it
    fields = [one for one in pivot.expressions if isinstance(one, exp.In)] if pivot is not None else []
    for (field, place), name in names.items():
        if field < len(fields) and place < len(fields[field].expressions):
            value = fields[field].expressions[place]
            value.replace(exp.alias_(value.copy(), name, quoted=True))
