"""Whether what became of a column is allowed in a release, and why it may be kept where it is kept.

The rule is that of the built-in release a release is made of: what the law lets each hold. It sees tags and fates, never
SQL, so a release whose SQL does not do what its name promises is found here before a single row is looked at.
"""

from dataclasses import dataclass

from data.catalogue.model import Column, Table
from data.snapshots.values import looked_through
from policies.releases.fates import DATED, WITHHOLDING, Fate, Shown
from policies.releases.identifiers import is_key, letters_of

_LIMITED = "45 CFR 164.514(e)(2)"


@dataclass(frozen=True)
class Judged:
    """`allowed`, with the reason why it may be so, or what is wrong."""

    allowed: bool
    why: str


def judged(base: str, table: Table, column: Column, fate: Fate, parts: tuple[Shown, ...]) -> Judged:
    """The verdict on one column of a release that is made of `base`."""
    if fate.kind == "left out":
        return Judged(True, "it is not in the release")
    if base == "identified":
        return Judged(True, "treatment: shown to those who care for the patient")
    # One column may be shown under the name of another: what its values rest on is judged, too.
    rests_on = {name for part in parts if part.fate.deepest.kind == "kept" for name in part.sources} - {column.name}
    judged_too = [column, *(one for one in table.columns if one.name in rests_on)]
    verdicts = [_one(base, table, one, fate) for one in judged_too]
    return next((one for one in verdicts if not one.allowed), verdicts[0])


def _one(base: str, table: Table, column: Column, fate: Fate) -> Judged:
    kind = fate.deepest.kind
    if "identifier" in column.tags:
        return Judged(False, "an identifier must be left out")
    if is_key(column):
        return _must(kind, ("pseudonym",), "the key is not disclosed, 164.514(c)")
    if "free_text" in column.tags:
        return _text(base, fate.deepest)
    if looked_through(column) and kind == "kept" and fate.deepest.way != WITHHOLDING:
        return Judged(False, "values in which an identifier was found must be withheld, or it be left out")
    if base == "limited":
        return _limited(column)
    if _is_date(table, column):
        wanted = ("shifted", "generalised") if base == "deidentified" else ("year and offset", "generalised")
        return _must(kind, wanted, "intervals stay, days do not")
    if "quasi_identifier" in column.tags:
        return _must(kind, ("generalised",), "broad groups; counted among the quasi-identifiers of k-anonymity")
    return Judged(True, _kept(table, column))


def _must(kind: str, wanted: tuple[str, ...], why: str) -> Judged:
    return Judged(True, why) if kind in wanted else Judged(False, f"it must be {' or '.join(wanted)}, or left out")


def _text(base: str, fate: Fate) -> Judged:
    """Redacted, and its dates as those of the release: moved ones beside real ones would tell the shift, real ones beside moved ones too."""
    if fate.kind == "redacted text" and (fate.way == DATED) != (base == "limited"):
        return Judged(False, "its dates must be treated as those of the columns beside it, or it be left out")
    return _must(
        fate.kind,
        ("redacted text",),
        "what is known or looks like an identity is rewritten; what is neither may be left",
    )


def _limited(column: Column) -> Judged:
    if "date" in column.tags or column.name.endswith("_of_birth"):
        return Judged(True, f"a limited data set may hold dates, {_LIMITED}")
    if "quasi_identifier" in column.tags:
        return Judged(True, f"no direct identifier of {_LIMITED}; towns, states and ZIP codes may stay")
    return Judged(True, f"no direct identifier of {_LIMITED}")


def _is_date(table: Table, column: Column) -> bool:
    """A date of a person. A time of day counts: beside a shifted date it is still the true one."""
    return ("date" in column.tags and "quasi_identifier" not in column.tags) or (
        column.name == "measurement_time" and table.unit == "person"
    )


def _kept(table: Table, column: Column) -> str:
    letters = letters_of(table, column)
    if letters == "B":
        return "name of a place of care: where it tells a town, leave it out by a release of your own (`drop`)"
    if letters == "C":
        return "a year alone" if column.type == "BIGINT" else "a date of no patient"
    if table.unit == "reference":
        return "reference data: of no patient"
    if column.name.endswith("source_value"):
        return "code of the source for the care given; a code one person alone has may stand out, see the figures"
    return "concept, value or count of the care given: none of the eighteen"
