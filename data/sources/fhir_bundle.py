"""FHIR R4 Bundles as files: transactions, batches, collections, search results; a file with a single resource is taken, too."""

from typing import ClassVar

from data.sources.base import Directory, register


@register("fhir-bundle")
class FhirBundle(Directory):
    """One arrival a file."""

    kind: ClassVar[str] = "fhir-bundle"
    endings = (".json", ".json.gz")
    media = "fhir+bundle"
