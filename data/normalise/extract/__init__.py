"""From the raw store to staging: one module a media type. What no module reads is counted as not understood."""

from collections.abc import Callable, Sequence

import duckdb

from data.normalise.extract import dicom, fhir, hl7v2, redcap, sdtm, staging, tables, x12
from data.types import Progress, Stored, no_progress

_One = Callable[[duckdb.DuckDBPyConnection, Stored], None]
_Many = Callable[[duckdb.DuckDBPyConnection, Sequence[Stored], Progress], None]
_ONE_BY_ONE: dict[str, _One] = {
    "omop+csv": tables.extract_omop,
    "omop+parquet": tables.extract_omop,
    "table+csv": tables.extract_table,
    "table+parquet": tables.extract_table,
}
_TOGETHER: dict[tuple[str, ...], _Many] = {
    module.MEDIA: module.extract_all for module in (fhir, hl7v2, dicom, sdtm, redcap, x12)
}


def extract(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Fills the schema `staging` of the build from what the raw store holds."""
    staging.create(con)
    for media, together in _TOGETHER.items():
        if mine := [one for one in stored if one.media in media]:
            together(con, mine, progress)
    others = [one for one in stored if not any(one.media in media for media in _TOGETHER)]
    for number, one in enumerate(others, 1):
        _ONE_BY_ONE.get(one.media, _not_understood)(con, one)
        progress("extracting", number, len(others))


def _not_understood(con: duckdb.DuckDBPyConnection, one: Stored) -> None:
    received = [one.source, one.digest, one.name, one.media]
    con.execute("INSERT INTO staging.received VALUES ($1, $2, $3, $4, 1)", received)
    con.execute("INSERT INTO staging.not_understood VALUES ($1, $2, NULL, $3, 1)", [one.source, one.digest, one.media])
