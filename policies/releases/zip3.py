"""The 20,000 rule for ZIP codes: which first three digits must be written as 000.

The list is the one in the guidance of the HHS Office for Civil Rights on de-identification (45 CFR 164.514(b)), from
the 2010 census: ZIP3 areas of 20,000 people or fewer. It must be renewed when HHS or the Census Bureau publish a later
one.
"""

_LIST = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
RESTRICTED_ZIP3 = tuple(_LIST.split())


def zip3_sql(column: str) -> str:
    """SQL for the first three digits of a ZIP code, 000 where few people live, NULL where it is no ZIP code."""
    restricted = ", ".join(f"'{prefix}'" for prefix in RESTRICTED_ZIP3)
    first = f"left(trim({column}), 3)"
    return (
        f"CASE WHEN NOT regexp_matches(trim({column}), '^[0-9]{{3}}([0-9]{{2}}.*)?$') THEN NULL "
        f"WHEN {first} IN ({restricted}) THEN '000' ELSE {first} END"
    )


def zip5_sql(column: str) -> str:
    """SQL for the first five digits of a ZIP code; NULL where it is no ZIP code."""
    return f"CASE WHEN regexp_matches(trim({column}), '^[0-9]{{5}}') THEN left(trim({column}), 5) END"
