"""What became of each column in a release, read from the release's compiled SQL and nothing else.

An expression is taken for a change only where it is one that is known to be one, node by node; everything else counts as
kept, whatever it was meant to be. Nothing here says whether that fate is allowed: `judged` does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import sqlglot
from sqlglot import exp

from data.catalogue.model import Catalogue, Column, Table, catalogue
from data.snapshots.note_index import index_sql
from data.snapshots.values import looked_through
from policies.releases import ways
from policies.releases.compile import CompiledRelease, text_joins, text_sql, withheld_sql
from policies.releases.zip3 import zip5_sql

Kind = Literal["left out", "pseudonym", "shifted", "year and offset", "generalised", "redacted text", "kept"]


@dataclass(frozen=True)
class Fate:
    """What became of a column. `how` is in words; `way` names a change whose outcome can be checked; `below` is what was made coarser."""

    kind: Kind
    how: str = ""
    way: str = ""
    below: "Fate | None" = None

    @property
    def deepest(self) -> "Fate":
        """What became of the value before it was made coarser by a policy."""
        return self.below.deepest if self.below is not None else self


@dataclass(frozen=True)
class Shown:
    """A column of a release: its name there, its fate, and the columns of the source its values rest on."""

    name: str
    fate: Fate
    sources: tuple[str, ...]


LEFT_OUT = Fate("left out")
DATED = "dated text"  # the way of a text whose dates stay
WITHHOLDING = "withholding"  # the way of what is kept but for values in which an identifier was found


def shown_columns(release: CompiledRelease, table: Table) -> dict[str, Shown]:
    """The columns of a table as the release shows them, by name; empty where it leaves the table out."""
    if not release.columns(table.name):
        return {}
    if table.made_of:
        return _of_index(release, table)
    tree = _parsed(release.select(table.name))
    made = {}
    for item in tree.expressions:
        value = _bare(item)
        sources = tuple(sorted({column.name for column in _of(value, "src")}))
        made[item.alias_or_name] = Shown(item.alias_or_name, _fate(table, value), sources)
    return made


def _of_index(release: CompiledRelease, table: Table) -> dict[str, Shown]:
    """An index of the notes shows what they show: keys as theirs, all else as their text. Only where its SQL is word for word that of one."""
    notes = shown_columns(release, catalogue()["note"])
    own = notes and release.select(table.name) == index_sql(table.name, f"({release.select('note')})")
    unknown = Shown("", Fate("kept", "by SQL that is not known to change it"), ())
    made = {name: notes.get(name, notes["note_text"]) if own else unknown for name in release.columns(table.name)}
    return {name: Shown(name, one.fate, ()) for name, one in made.items()}


def expression_of(release: CompiledRelease, table: Table, column: str) -> str:
    """The SQL a release shows a column by."""
    items = _parsed(release.select(table.name)).expressions
    return next(str(item.unalias().sql("duckdb")) for item in items if item.alias_or_name == column)


def fates(release: CompiledRelease, catalogue: Catalogue) -> Iterator[tuple[Table, Column, Fate, tuple[Shown, ...]]]:
    """Every column of the catalogue with its fate in the release, and the release's columns that stand for it."""
    for table in catalogue.values():
        shown = shown_columns(release, table)
        for column in table.columns:
            year, days = (shown.get(f"{column.name}_{ending}") for ending in ("year", "offset"))
            parts = tuple(one for one in (shown.get(column.name), year, days) if one is not None)
            yield table, column, _together(parts), parts


def _together(parts: tuple[Shown, ...]) -> Fate:
    """One fate of all that stands for a column: the one that changed least."""
    if not parts:
        return LEFT_OUT
    kinds = {one.fate.kind for one in parts}
    if kinds == {"year and offset"}:
        return Fate("year and offset", " and ".join(one.fate.how for one in parts))
    return next((one.fate for one in parts if one.fate.kind == "kept"), parts[0].fate)


@cache
def _parsed(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, dialect="duckdb")


def _bare(value: exp.Expr) -> exp.Expr:
    """Without alias, brackets and the cast to the column's own type."""
    while isinstance(value, exp.Alias | exp.Paren | exp.Cast) and not isinstance(value, exp.TryCast):
        value = value.this
    return value


def _of(value: exp.Expr, table: str) -> list[exp.Column]:
    return [column for column in value.find_all(exp.Column) if column.table == table]


def _fate(table: Table, value: exp.Expr) -> Fate:
    for known in _KNOWN:
        if (found := known(table, value)) is not None:
            return found
    return Fate("kept", "by SQL that is not known to change it")


# --- the changes that are known; each gives None where the expression is not it --------------------------------------


def _whole(_table: Table, value: exp.Expr) -> Fate | None:
    if isinstance(value, exp.Null):
        return Fate("left out", "always empty")
    return Fate("kept") if isinstance(value, exp.Column) and value.table == "src" else None


def _pseudonym(_table: Table, value: exp.Expr) -> Fate | None:
    if isinstance(value, exp.Column) and (value.table, value.name) == ("pk", "pseudonym"):
        return Fate("pseudonym", "HMAC-SHA256 under the secret key")
    columns = list(value.find_all(exp.Column))
    return (
        Fate("pseudonym", "HMAC-SHA256 under the secret key") if columns and all(map(_inside_hmac, columns)) else None
    )


def _inside_hmac(column: exp.Column) -> bool:
    outer = column.find_ancestor(exp.Anonymous)
    return outer is not None and str(outer.this).lower() in {"rr_hmac", "rr_pseudonym"}


def _text(table: Table, value: exp.Expr) -> Fate | None:
    """The compiler's SQL, word for word, with the joins it reads from: with others it could be the text of another person."""
    for column in table.columns:
        if "free_text" in column.tags and _joined(value, text_joins(table, column)):
            if value == _expression(text_sql(column, dated=False)):
                return Fate("redacted text", "identities rewritten, dates moved by the days of the person")
            if value == _expression(text_sql(column, dated=True)):
                return Fate("redacted text", "identities rewritten, dates kept", DATED)
    return None


def _withholding(table: Table, value: exp.Expr) -> Fate | None:
    """The compiler's SQL for a column, word for word."""
    for name in {column.name for column in _of(value, "src")} if isinstance(value, exp.Case) else ():
        column = next((one for one in table.columns if one.name == name and looked_through(one)), None)
        if column is not None and value == _expression(withheld_sql(table, column)):
            return Fate("kept", "but for values in which an identifier was found: these are withheld", WITHHOLDING)
    return None


def _joined(value: exp.Expr, joins: str) -> bool:
    select = value.find_ancestor(exp.Select)
    made = select.args.get("joins", []) if select is not None else []
    return all(join in made for join in _parsed(f"SELECT 1 FROM src{joins}").args["joins"])


def _shifted(_table: Table, value: exp.Expr) -> Fate | None:
    if not isinstance(value, exp.Add) or not isinstance(value.this, exp.Column) or value.this.table != "src":
        return None
    days = (_expression("pk.shift_days"), _expression("to_days(pk.shift_days)"))
    return Fate("shifted", "by a secret number of days of the person") if value.expression in days else None


def _exactly(table: Table, value: exp.Expr) -> Fate | None:
    """SQL of `ways`, word for word."""
    for name in sorted({column.name for column in _of(value, "src")}):
        for sql, fate in _ways(table, name):
            if value == _bare(_expression(sql)):
                return fate
    return None


def _ways(table: Table, name: str) -> Iterator[tuple[str, Fate]]:
    rare = f"values that fewer than {ways.RARE} persons have become {'0' if name.endswith('concept_id') else 'empty'}"
    yield ways.offset(name), Fate("year and offset", "days since the person's first record", "offset")
    yield ways.year_since_first(name), Fate("year and offset", "year, counted from that of the first record", "year")
    yield ways.shifted_birth_year(), Fate("generalised", "year of the shifted birth date, over 89 as 90", "birth year")
    yield ways.capped_birth_year(), Fate("generalised", "year, over 89 as 90", "birth year")
    zip3 = f"first three digits; 000 where 20,000 people or fewer live, or fewer than {ways.RARE} persons are held"
    yield ways.zip3_unless_rare(), Fate("generalised", zip3, "zip3")
    yield zip5_sql(f"src.{name}"), Fate("generalised", "first five digits", "zip5")
    if table.name in ("person", "location"):
        yield ways.unless_rare(table, name), Fate("generalised", rare, "rare")


def _coarser(table: Table, value: exp.Expr) -> Fate | None:
    """What a policy's own release puts around what its base made: parts of dates, decades, first characters."""
    if isinstance(value, exp.TimestampTrunc | exp.DateTrunc):
        unit = value.unit.name.lower() if value.unit is not None else ""
        if unit in ("year", "month"):
            return _around(table, value.this, f"its {unit}", unit)
    if isinstance(value, exp.Left) and value.expression == exp.Literal.number(3):
        return _around(table, value.this, "its first three characters", "first3")
    tens = isinstance(value, exp.Mul) and isinstance(value.this, exp.IntDiv)
    if tens and value.expression == value.this.expression == exp.Literal.number(10):
        return _around(table, value.this.this, "its decade", "decade")
    return None


def _around(table: Table, inner: exp.Expr, what: str, way: str) -> Fate:
    below = _fate(table, _bare(inner))
    if below.kind == "left out":
        return below
    words = {"kept": f"{what}, {below.how}" if below.how else what, "shifted": f"{what}, after the shift"}.get(
        below.kind, f"{what}, after: {below.how}"
    )
    return Fate("generalised", words, way, below)


def _expression(sql: str) -> exp.Expr:
    found: exp.Expr = _parsed(f"SELECT {sql}").expressions[0]
    return found


_KNOWN: tuple[Callable[[Table, exp.Expr], Fate | None], ...] = (
    _whole,
    _pseudonym,
    _text,
    _withholding,
    _shifted,
    _exactly,
    _coarser,
)
