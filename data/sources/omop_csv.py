"""A clinical research database in the OMOP CDM as files: a CSV or Parquet file a table, named for it; IDENTITY.csv where there is a linkage."""

from typing import ClassVar

from data.sources.base import register
from data.sources.table_files import TableFiles


@register("omop-csv")
class OmopCsv(TableFiles):
    """One arrival a file."""

    kind: ClassVar[str] = "omop-csv"
    family: ClassVar[str] = "omop"
