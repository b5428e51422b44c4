"""FHIR R4 bulk data as files: a directory of NDJSON, plain, gzipped or zipped, as an export leaves it."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("fhir-ndjson")
class FhirNdjson(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "fhir-ndjson"
    endings = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz", ".zip")
    media = "fhir+ndjson"
