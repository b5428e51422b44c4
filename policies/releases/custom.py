"""Releases a policy makes of the built-in ones: each takes columns away from its base or makes them coarser, and never adds.

What is taken away is not in the file that query workers open, so this is stronger than hiding a column in a grant.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.catalogue.model import catalogue

Way = Literal["year", "month", "decade", "first3", "remove"]
_WAYS: Mapping[str, str] = {
    "year": "date_trunc('year', {sql})",
    "month": "date_trunc('month', {sql})",
    "decade": "({sql}) // 10 * 10",
    "first3": "left({sql}, 3)",
    "remove": "NULL",
}


class CustomRelease(BaseModel):
    """`base` is a built-in release; `drop` lists tables or table.column (patterns); `generalise` says how a column is made coarser."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: Literal["deidentified", "safe_harbor", "limited", "identified"]
    ground: Annotated[str, Field(min_length=20, description="The legal ground of the release, in words.")]
    drop: tuple[str, ...] = ()
    generalise: dict[str, Way] = {}

    @field_validator("drop")
    @classmethod
    def _known(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        names = [
            *catalogue(),
            *(f"{table.name}.{column.name}" for table in catalogue().values() for column in table.columns),
        ]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise ValueError(f"no table or column matches '{pattern}'")
        return patterns

    @field_validator("generalise")
    @classmethod
    def _columns(cls, ways: dict[str, Way]) -> dict[str, Way]:
        for name, way in ways.items():
            table, _, column = name.rpartition(".")
            entry = catalogue().get(table)
            if entry is None or column not in {one.name for one in entry.columns}:
                raise ValueError(f"'{name}' is no column of the catalogue (write table.column)")
            type_ = entry.column(column).type
            fits = {
                "year": ("DATE", "TIMESTAMP"),
                "month": ("DATE", "TIMESTAMP"),
                "decade": ("BIGINT",),
                "first3": ("VARCHAR",),
            }
            if way != "remove" and type_ not in fits[way]:
                raise ValueError(f"'{name}' is {type_} and cannot be made '{way}'")
        return ways

    def cut(self, table: str, made: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """What is left of a table's columns (name -> SQL, type)."""
        if any(fnmatchcase(table, pattern) for pattern in self.drop):
            return {}
        kept = {}
        for name, (sql, type_) in made.items():
            date, _, part = name.rpartition("_") if name.endswith(("_year", "_offset")) else (name, "", "")
            if any(fnmatchcase(f"{table}.{one}", pattern) for one in (name, date) for pattern in self.drop):
                continue
            way = self.generalise.get(f"{table}.{name}") or self.generalise.get(f"{table}.{date}")
            kept[name] = (_coarser(sql, way, part) if way else sql, type_)
        return kept


def _coarser(sql: str, way: Way, part: str) -> str:
    """The SQL of a column made coarser. Of a date told as year and days apart, the days go and the year is coarse enough."""
    if part and way != "remove":
        return "NULL" if part == "offset" else sql
    return _WAYS[way].format(sql=sql)
