"""What must hold of each column of a published release. It follows from the column's tags and the release's base, not from the SQL
that made the release: so it fails where that SQL does not do what the release's name promises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from data.catalogue.model import Column, Table
from data.snapshots.values import looked_through
from policies.releases import ways
from policies.releases.fates import Shown
from policies.releases.identifiers import is_key

CLAIMS: Mapping[str, str] = {
    "absent": "the column is not there",
    "empty": "every value is empty",
    "pseudonym": "no value is a key of the source",
    "shifted": "no person has all days unchanged",
    "intervals": "all days of a person move by the same number, to the day",
    "year": "the year tells nothing beside the days since the first record",
    "age": "no year tells an age over 89",
    "oldest": "no birth year tells an age over 90",
    "zip3": "three digits; none of an area of 20,000 people or fewer",
    "zip5": "five digits",
    "rare": f"no value that fewer than {ways.RARE} persons have",
    "coarse": "every value is as coarse as the policy says",
    "redacted": "no text is one in which something should have been struck out",
    "withheld": "no value is one in which an identifier was found",
    "own number": "no text holds its person's record number or telephone",
}
COARSE: Mapping[str, str] = {
    "year": "{c} <> date_trunc('year', {c})",
    "month": "{c} <> date_trunc('month', {c})",
    "decade": "{c} % 10 <> 0",
    "first3": "length({c}) > 3",
}


@dataclass(frozen=True)
class Claim:
    """`name` is one of CLAIMS; `column` is the release's, `of` the catalogue's behind it."""

    name: str
    column: str
    of: Column
    way: str = ""


def claims_of(base: str, table: Table, column: Column, parts: tuple[Shown, ...]) -> Iterator[Claim]:
    """All claims on a column of a release made of `base`; none where the release may show it as it is."""
    if column.name not in {part.name for part in parts}:
        yield Claim("absent", column.name, column)
    for part in parts if base != "identified" else ():
        for name in _of_part(base, table, column, part, {one.name for one in parts}):
            yield Claim(name, part.name, column, part.fate.way)


def _of_part(base: str, table: Table, column: Column, part: Shown, beside: set[str]) -> tuple[str, ...]:
    if part.fate.kind == "left out":
        return ("empty",)
    if part.fate.way in COARSE and part.fate.below is not None:
        return ("coarse",)
    if is_key(column):
        return ("pseudonym",)
    if "identifier" in column.tags:
        return ("absent",)
    if "free_text" in column.tags:
        return _of_text(table)
    if column.name == "zip":
        return ("zip5",) if base == "limited" else ("zip3",)
    if base == "limited":
        return _of_value(column)
    return _of_person(base, table, column, part, beside)


def _of_text(table: Table) -> tuple[str, ...]:
    """Words of a text were not redacted one by one: the text was, and is looked at itself."""
    redacted = () if table.made_of else ("redacted",)
    return (*redacted, "own number") if table.unit == "person" else redacted


def _of_value(column: Column) -> tuple[str, ...]:
    return ("withheld",) if looked_through(column) else ()


def _of_person(base: str, table: Table, column: Column, part: Shown, beside: set[str]) -> tuple[str, ...]:
    """What describes a person, in the releases that are de-identified."""
    if (table.name, column.name) == ("person", "year_of_birth"):
        return ("oldest",)
    if "quasi_identifier" in column.tags and table.name in ("person", "location"):
        return ("rare",)
    if "date" not in column.tags:
        return _of_value(column)
    if base == "deidentified":
        return ("shifted", "intervals")
    if part.name == f"{column.name}_offset":
        return ("intervals",)
    if part.name == f"{column.name}_year":
        return ("year", "age") if f"{column.name}_offset" in beside else ("age",)
    return ("absent",)
