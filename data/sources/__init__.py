"""Source systems: one connector a file. Importing this package makes the built-in kinds known."""

from importlib import import_module

from data.sources.base import connector, kinds, later

# Kinds whose libraries take long to import are imported when a source of that kind is named.
later("dicom-store", "data.sources.dicom_store")
later("dicom", "data.sources.dicom")
later("dicomdir", "data.sources.dicomdir")
later("dicomweb", "data.sources.dicomweb")
later("fhir-export", "data.sources.fhir_export")
for _name in (
    "database",
    "fhir_bundle",
    "fhir_ndjson",
    "hl7v2",
    "hl7v2_mllp",
    "omop_csv",
    "redcap_csv",
    "sdtm_xpt",
    "table_files",
    "x12",
):
    import_module(f"data.sources.{_name}")

__all__ = ["connector", "kinds"]
