"""The SQL by which a release makes one column coarser: birth years, rare values, ZIP codes, years of dates.

The compiler writes releases with it, and the report recognises it in what was compiled; both take it from here, so that
nothing else is ever taken for a safe way. `src` is the row, `pk` and `pf` what the publisher knows of its person.
"""

from data.catalogue.model import Table
from policies.releases.zip3 import zip3_sql

RARE = 5  # values of sex, race, ethnicity, state and ZIP3 that fewer persons have are generalised
OLDEST_AGE = 90
OLDEST = f"(SELECT year(day) - {OLDEST_AGE} FROM vault.snapshot_day)"
_YEAR = 365  # days; whole years since the first record are counted in these


def shifted_birth_year() -> str:
    """The year of the shifted birth date; every age over 89 on the snapshot's day, real or shifted, becomes 90."""
    parts = "src.year_of_birth || '-' || coalesce(src.month_of_birth, 7) || '-' || coalesce(src.day_of_birth, 1)"
    shifted = f"coalesce(year(try_cast({parts} AS DATE) + pk.shift_days), src.year_of_birth)"
    return (
        f"CASE WHEN src.year_of_birth IS NULL THEN NULL "
        f"WHEN least(src.year_of_birth, {shifted}) <= {OLDEST} THEN {OLDEST} ELSE {shifted} END"
    )


def capped_birth_year() -> str:
    """The year of birth; every age over 89 on the snapshot's day becomes 90."""
    return f"CASE WHEN src.year_of_birth IS NOT NULL THEN greatest(src.year_of_birth, {OLDEST}) END"


def unless_rare(table: Table, name: str) -> str:
    """The value where at least RARE persons have it, else concept 0 or nothing. Male and female always stay."""
    other = "0" if name.endswith("concept_id") else "NULL"
    always = "src.gender_concept_id IN (8507, 8532) OR " if name.startswith("gender") else ""
    return (
        f"CASE WHEN {always}src.{name} IN ({common_values(table, name)}) THEN src.{name} "
        f"WHEN src.{name} IS NOT NULL THEN {other} END"
    )


def common_values(table: Table, name: str) -> str:
    """SELECT of the values of a column of person or location that at least RARE persons have."""
    side, persons = ("l", _HOMES) if table.name == "location" else ("p", "cdm.person AS p")
    return f"SELECT {side}.{name} FROM {persons} GROUP BY 1 HAVING count(DISTINCT p.person_id) >= {RARE}"


def zip3_unless_rare() -> str:
    """The first three digits of the ZIP code; 000 where few people live there, or fewer than RARE persons are held."""
    own = zip3_sql("src.zip")
    return f"CASE WHEN {own} IN ({common_zip3()}) THEN {own} WHEN {own} IS NOT NULL THEN '000' END"


def common_zip3() -> str:
    """SELECT of the ZIP3 areas in which at least RARE persons live."""
    return f"SELECT {zip3_sql('l.zip')} FROM {_HOMES} GROUP BY 1 HAVING count(DISTINCT p.person_id) >= {RARE}"


_HOMES = "cdm.person AS p JOIN cdm.location AS l USING (location_id)"


def offset(name: str) -> str:
    """Days from the person's first record."""
    return f"date_diff('day', pf.first_day, src.{name}::DATE)"


def year_since_first(name: str) -> str:
    """The year of the person's first record plus the whole years since; nothing where it tells that somebody is over 89.

    The true year would not do: beside the days since the first record it tells where New Year lies among them, and so, for
    a person with many records, the day of each (164.514(b)(2)(i)(C)). Counted so, the year tells nothing the first one does
    not. It may be the year before the true one, hence 88; and the capped birth year is counted from, since a year that
    disappears at ninety by the true one would tell it.
    """
    year = f"year(pf.first_day) + {offset(name)} // {_YEAR}"
    return f"CASE WHEN {year} - greatest(pf.birth_year, {OLDEST}) <= {OLDEST_AGE - 2} THEN {year} END"


def year_holds(first_day: str, year: str, days: str) -> str:
    """SQL that is true where a year was counted as `year_since_first` counts it."""
    return f"{year} = year({first_day}) + {days} // {_YEAR}"
