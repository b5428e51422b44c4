"""A clinical trial as CDISC SDTM datasets: a directory of SAS XPORT files, one a domain."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("sdtm-xpt")
class SdtmXpt(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "sdtm-xpt"
    endings = (".xpt", ".xpt.gz")
    media = "sdtm+xpt"
