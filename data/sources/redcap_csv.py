"""A REDCap project as files: an export of raw data as CSV, with its data dictionary beside it."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("redcap-csv")
class RedcapCsv(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "redcap-csv"
    endings = (".csv",)
    media = "redcap+csv"
