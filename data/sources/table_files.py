"""An operational analytics platform, or any other system, as files: one CSV or Parquet file a table, named for it."""

from collections.abc import Iterator
from typing import ClassVar

from data.sources.base import Directory, FileArrival, register


@register("table-files")
class TableFiles(Directory):
    """One arrival a file: bed_stays.csv, claims.parquet, staffing.csv.gz."""

    kind: ClassVar[str] = "table-files"
    endings = (".csv", ".csv.gz", ".parquet")
    family: ClassVar[str] = "table"

    def read(self, position: str | None = None) -> Iterator[FileArrival]:
        """Files in the order of their names."""
        for one in super().read(position):
            form = "parquet" if one.name.lower().endswith(".parquet") else "csv"
            yield FileArrival(one.name, f"{self.family}+{form}", one.path)
