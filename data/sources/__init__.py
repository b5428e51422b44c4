"""Source systems: one connector a file. Importing this package makes the built-in kinds known."""

from data.sources import database, dicom, fhir_ndjson, hl7v2, omop_csv
from data.sources.base import connector, kinds

__all__ = ["connector", "database", "dicom", "fhir_ndjson", "hl7v2", "kinds", "omop_csv"]
