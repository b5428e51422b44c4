"""DICOM headers to staging: one row an instance, gathered to series, with the patient's numbers and demographics as the scanner had them.

Only the attributes named here are read. Private attributes, descriptions and comments may hold anything a technician typed, names above
all; they never leave the raw store.
"""

import io
import json
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag

from data.normalise.extract.rows import Rows
from data.types import Progress, Stored, no_progress

MEDIA = ("dicom", "dicom+json")
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE  # it would warn with the values it finds
_DICOMDIR = "1.2.840.10008.1.3.10"
_UNREADABLE = (
    InvalidDicomError, OSError, EOFError, ValueError, AttributeError, KeyError, NotImplementedError, TypeError, IndexError,
    RecursionError, zlib.error, struct.error,
)  # fmt: skip
_NAMES = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "SeriesInstanceUID",
    "SOPInstanceUID", "Modality", "BodyPartExamined", "SeriesDate", "SeriesTime", "StudyDate", "StudyTime", "BurnedInAnnotation",
)  # fmt: skip
_WANTED = ["SpecificCharacterSet", "OtherPatientIDsSequence", *_NAMES]


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the headers of all files to the staging tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning would tell what it found
        _extract(con, stored, progress)


def _extract(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress) -> None:
    rows = Rows(con)
    for done, one in enumerate(stored, 1):
        origin = {"source": one.source, "system": one.system, "seq": one.seq, "blob": one.digest}
        number = 0
        for number, dataset in enumerate(_datasets(one), 1):
            _header(rows, {**origin, "line": number}, one, dataset)
        received = {"source": one.source, "blob": one.digest, "name": one.name, "media": one.media}
        rows.add("received", {**received, "records": number})
        if done % 500 == 0:
            progress("extracting DICOM", done, len(stored))
    rows.close()


def _datasets(stored: Stored) -> Iterator[pydicom.Dataset | None]:
    """The headers in a blob, None for one that cannot be read: one of a file, many of a study's metadata by DICOMweb (PS3.18, F)."""
    content = stored.path.read_bytes()
    if stored.media == "dicom":
        try:
            yield pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
        except _UNREADABLE:
            yield None
        return
    try:
        instances = json.loads(content)
        listed = instances if isinstance(instances, list) else [instances]
    except (ValueError, RecursionError):
        listed = [None]
    for instance in listed:
        try:
            yield pydicom.Dataset.from_json({tag: value for tag, value in instance.items() if tag in _TAGS})
        except _UNREADABLE:
            yield None


_TAG = {name: Tag(name) for name in _WANTED}
_TAGS = frozenset(f"{int(tag):08X}" for tag in _TAG.values())


def _header(rows: Rows, origin: dict[str, Any], stored: Stored, dataset: pydicom.Dataset | None) -> None:
    def reject(rule: str, reason: str) -> None:
        rows.add("reject", {**origin, "rule": rule, "reason": reason})

    try:
        if dataset is None:
            return reject("unreadable-dicom", "the file is not readable as DICOM")
        meta = getattr(dataset, "file_meta", {})
        if str(meta.get("MediaStorageSOPClassUID", "")) == _DICOMDIR:
            rows.add("not_understood", {**origin, "what": "DICOMDIR (an index of other files)", "records": 1})
            return None
        fields = {name: _value(dataset, name) for name in _NAMES}
        others = [_other(one) for one in dataset.get("OtherPatientIDsSequence") or []]
    except _UNREADABLE:
        return reject("unreadable-dicom", "the file is not readable as DICOM")
    if not fields["PatientID"]:
        return reject("no-patient", "the header names no patient (0010,0020)")
    if not fields["SeriesInstanceUID"] or not fields["StudyInstanceUID"]:
        return reject("no-series", "the header names no study or series")
    _stage(rows, origin, stored, fields, others)
    return None


def _stage(
    rows: Rows, origin: dict[str, Any], stored: Stored, fields: dict[str, str | None], others: list[str | None]
) -> None:
    family, _, given = (fields["PatientName"] or "").split("=")[0].partition("^")
    issuer = fields["IssuerOfPatientID"] or "DICOM"
    rows.add("patient", {
        **origin, "record_id": fields["SOPInstanceUID"], "mrn": fields["PatientID"],
        "identifiers": [f"{issuer}|{fields['PatientID']}", *(other for other in others if other)],
        "family": family or None, "given": given.split("^")[0] or None, "birth_date": fields["PatientBirthDate"], "sex": fields["PatientSex"],
    })  # fmt: skip
    day, time = fields["SeriesDate"] or fields["StudyDate"], fields["SeriesTime"] or fields["StudyTime"]
    rows.add("image", {
        **origin, "record_id": fields["SeriesInstanceUID"], "mrn": fields["PatientID"], "study_uid": fields["StudyInstanceUID"],
        "series_uid": fields["SeriesInstanceUID"], "modality": fields["Modality"], "body_part": fields["BodyPartExamined"],
        "acquired_at": f"{day or ''}{(time or '')[:6]}" or None, "local_path": stored.name,
        "burned_in": (fields["BurnedInAnnotation"] or "").upper() or None,
    })  # fmt: skip


def _value(dataset: Any, name: str) -> str | None:
    """An attribute as text. Only a name needs the character set; the rest is read from its bytes, which is several times faster."""
    element = dataset.get_item(_TAG[name])
    value = None if element is None else element.value
    if isinstance(value, bytes):
        value = dataset.get(name) if name == "PatientName" else value.decode("latin-1").strip("\0 ")
    return str(value).strip() or None if value is not None else None


def _other(one: Any) -> str | None:
    number, issuer = _value(one, "PatientID"), _value(one, "IssuerOfPatientID")
    return f"{issuer or 'DICOM'}|{number}" if number else None
