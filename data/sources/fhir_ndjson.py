"""FHIR R4 bulk data as files: a directory of NDJSON, plain or gzipped, as an export leaves it."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("fhir-ndjson")
class FhirNdjson(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "fhir-ndjson"
    endings = (".ndjson", ".ndjson.gz")
    media = "fhir+ndjson"
