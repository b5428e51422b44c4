"""Claims and remittances as X12 files: a directory of 837 and 835 interchanges."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("x12")
class X12(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "x12"
    endings = (".x12", ".edi", ".837", ".835", ".txt")
    media = "x12"
