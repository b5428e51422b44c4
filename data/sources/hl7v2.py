"""HL7 v2 messages as files: a directory of .hl7 files of one or many messages, ADT or ORU."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("hl7v2")
class Hl7v2(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "hl7v2"
    endings = (".hl7",)
    media = "hl7v2"
