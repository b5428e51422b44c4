"""DICOM headers to staging: one row a series, with the patient's numbers and demographics as the scanner had them."""

import io
from collections.abc import Sequence
from typing import Any

import duckdb
import pydicom
from pydicom.errors import InvalidDicomError

from data.normalise.extract.rows import Rows
from data.types import Progress, Stored, no_progress

MEDIA = ("dicom",)


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the headers of all files to the staging tables."""
    rows = Rows(con)
    for one in stored:
        received = {
            "source": one.source,
            "blob": one.digest,
            "name": one.name,
            "media": one.media,
            "records": 1,
            "expanded": 0,
        }
        rows.add("received", received)
        _header(rows, one)
    rows.close()


def _header(rows: Rows, stored: Stored) -> None:
    origin = {"source": stored.source, "system": stored.system, "seq": stored.seq, "blob": stored.digest, "line": 1}

    def reject(rule: str, reason: str) -> None:
        rows.add("reject", {**origin, "rule": rule, "reason": reason})

    try:
        dataset = pydicom.dcmread(io.BytesIO(stored.path.read_bytes()), stop_before_pixels=True)
        fields = {name: _value(dataset, name) for name in _NAMES}
        others = [_other(one) for one in dataset.get("OtherPatientIDsSequence") or []]
    except (InvalidDicomError, OSError, EOFError, ValueError, AttributeError, KeyError, NotImplementedError, TypeError):
        return reject("unreadable-dicom", "the file is not readable as DICOM")
    if not fields["PatientID"]:
        return reject("no-patient", "the header names no patient (0010,0020)")
    if not fields["SeriesInstanceUID"] or not fields["StudyInstanceUID"]:
        return reject("no-series", "the header names no study or series")
    _stage(rows, origin, stored, fields, others)
    return None


_NAMES = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "SeriesInstanceUID",
    "SOPInstanceUID", "Modality", "BodyPartExamined", "SeriesDate", "StudyDate", "StudyTime",
)  # fmt: skip


def _stage(
    rows: Rows, origin: dict[str, Any], stored: Stored, fields: dict[str, str | None], others: list[str | None]
) -> None:
    family, _, given = (fields["PatientName"] or "").partition("^")
    issuer = fields["IssuerOfPatientID"] or "DICOM"
    rows.add("patient", {
        **origin, "record_id": fields["SOPInstanceUID"], "mrn": fields["PatientID"],
        "identifiers": [f"{issuer}|{fields['PatientID']}", *(other for other in others if other)],
        "family": family or None, "given": given.split("^")[0] or None, "birth_date": fields["PatientBirthDate"], "sex": fields["PatientSex"],
    })  # fmt: skip
    day = fields["SeriesDate"] or fields["StudyDate"]
    rows.add("image", {
        **origin, "record_id": fields["SeriesInstanceUID"], "mrn": fields["PatientID"], "study_uid": fields["StudyInstanceUID"],
        "series_uid": fields["SeriesInstanceUID"], "modality": fields["Modality"], "body_part": fields["BodyPartExamined"],
        "acquired_at": f"{day or ''}{(fields['StudyTime'] or '')[:6]}" or None, "local_path": stored.name,
    })  # fmt: skip


def _value(dataset: Any, name: str) -> str | None:
    value = dataset.get(name)
    return str(value).strip() or None if value is not None else None


def _other(one: Any) -> str | None:
    number, issuer = _value(one, "PatientID"), _value(one, "IssuerOfPatientID")
    return f"{issuer or 'DICOM'}|{number}" if number else None
