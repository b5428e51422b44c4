"""From the raw store to staging: one module a media type. What no module reads is counted as not understood."""

from collections.abc import Sequence

import duckdb

from data.normalise.extract import dicom, fhir, hl7v2, staging, tables
from data.types import Progress, Stored, no_progress

_ONE_BY_ONE = {
    "fhir+ndjson": fhir.extract,
    "hl7v2": hl7v2.extract,
    "omop+csv": tables.extract_omop,
    "table+parquet": tables.extract_table,
}


def extract(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Fills the schema `staging` of the build from what the raw store holds."""
    staging.create(con)
    images = [one for one in stored if one.media == "dicom"]
    others = [one for one in stored if one.media != "dicom"]
    for number, one in enumerate(others, 1):
        reader = _ONE_BY_ONE.get(one.media)
        if reader is None:
            con.execute(
                "INSERT INTO staging.received VALUES ($1, $2, $3, $4, 1, 0)",
                [one.source, one.digest, one.name, one.media],
            )
            con.execute(
                "INSERT INTO staging.not_understood VALUES ($1, $2, NULL, $3, 1)", [one.source, one.digest, one.media]
            )
        else:
            reader(con, one)
        progress("extracting", number, len(others))
    dicom.extract_all(con, images)
