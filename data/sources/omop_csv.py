"""A clinical research database as OMOP CDM CSV: one file a table, named for it, and IDENTITY.csv where there is a linkage."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("omop-csv")
class OmopCsv(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "omop-csv"
    endings = (".csv",)
    media = "omop+csv"
