"""DICOM headers to staging: one row an instance, gathered to series, with the patient's numbers and demographics as the scanner had them.

Only the attributes named here are read. Private attributes, descriptions and comments may hold anything a technician typed, names above
all; they never leave the raw store. Names of relatives and staff are read for finding them in texts, and for nothing else.
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
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from data.normalise.extract.related import PATIENT, RELATIVE, STAFF, Name, Related
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
# Who else is named (value representation PN), and by what else the patient is known (PS3.3, C.2, C.3.4, C.7.1 and C.7.2; some are retired).
_PEOPLE = {
    "OtherPatientNames": PATIENT, "PatientBirthName": PATIENT, "PatientMotherBirthName": RELATIVE, "ResponsiblePerson": RELATIVE,
    **dict.fromkeys((
        "ReferringPhysicianName", "ConsultingPhysicianName", "PhysiciansOfRecord", "PerformingPhysicianName", "NameOfPhysiciansReadingStudy",
        "OperatorsName", "RequestingPhysician", "ScheduledPerformingPhysicianName", "NamesOfIntendedRecipientsOfResults", "OrderEnteredBy",
        "ContentCreatorName", "ReviewerName", "InterpretationRecorder", "InterpretationTranscriber", "InterpretationAuthor",
        "PhysicianApprovingInterpretation",
    ), STAFF),
}  # fmt: skip
_NUMBERS = {
    "OtherPatientIDs": "DICOM", "AccessionNumber": "ACCESSION", "AdmissionID": "ADMISSION", "MedicalRecordLocator": "MRN",
    "InsurancePlanIdentification": "MEMBER",
}  # fmt: skip
_BURNED_IN = {"YES": "YES", "NO": "NO"}  # PS3.3, C.7.6.1: anything else tells nothing
_REACHED = {"PatientTelephoneNumbers": PATIENT, "ReferringPhysicianTelephoneNumbers": STAFF}
_WANTED = ["SpecificCharacterSet", "OtherPatientIDsSequence", "PatientAddress", *_NAMES, *_PEOPLE, *_NUMBERS, *_REACHED]


def extract_all(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress = no_progress) -> None:
    """Adds the headers of all files to the staging tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning would tell what it found
        _extract(con, stored, progress)


def _extract(con: duckdb.DuckDBPyConnection, stored: Sequence[Stored], progress: Progress) -> None:
    rows = Rows(con)
    related = Related(rows)
    for done, one in enumerate(stored, 1):
        origin = {"source": one.source, "system": one.system, "seq": one.seq, "blob": one.digest}
        number = 0
        for number, dataset in enumerate(_datasets(one), 1):
            _header(rows, related, {**origin, "line": number}, one, dataset)
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
_MORE = {_TAG[name]: name for name in ("PatientAddress", *_PEOPLE, *_NUMBERS, *_REACHED)}
_TAGS = frozenset(f"{int(tag):08X}" for tag in _TAG.values())


def _header(
    rows: Rows, related: Related, origin: dict[str, Any], stored: Stored, dataset: pydicom.Dataset | None
) -> None:
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
    _people(related, origin, dataset, fields["PatientID"], fields["PatientName"] or "")
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
        "burned_in": _BURNED_IN.get((fields["BurnedInAnnotation"] or "").upper()),
    })  # fmt: skip


def _people(
    related: Related, origin: dict[str, Any], dataset: pydicom.Dataset, patient: str, patient_name: str
) -> None:
    """Everybody else whom the header names, and what else it says of the patient."""
    said = {_MORE[tag]: _texts(dataset, _MORE[tag]) for tag in _MORE.keys() & dataset.keys()}
    names = [name for place, name in enumerate(_written([patient_name], True)) if place > 0 or " " in (name[1] or "")]
    addresses = [(address, None, None, None) for address in said.get("PatientAddress", ())]
    numbers = [f"{system}|{number}" for name, system in _NUMBERS.items() for number in said.get(name, ())]
    related.add(origin, PATIENT, patient, names=names, addresses=addresses, identifiers=numbers)
    for name, role in (*_PEOPLE.items(), *_REACHED.items()):
        if texts := said.get(name):
            whose = None if role == STAFF else patient
            if name in _PEOPLE:
                related.add(origin, role, whose, names=_written(texts, False))
            else:
                related.add(origin, role, whose, phones=texts)


def _written(texts: list[str], patient: bool) -> Iterator[Name | str]:
    """Names of VR PN: family^given^middle, perhaps in several scripts parted by `=`. One without parts is taken as one piece."""
    for text in (group for one in texts for group in one.split("=")):
        family, *rest = (part.strip() for part in text.split("^"))
        given = " ".join(part for part in rest[:2] if part)
        if not rest and (" " in family or "," in family) and not patient:
            yield family
        elif family or given:
            yield family or None, given or None


def _texts(dataset: pydicom.Dataset, name: str) -> list[str]:
    """All values of an attribute as texts; as Latin-1 where they do not agree with the character set they are said to be in."""
    element = dataset.get_item(_TAG[name])
    if element is None or element.value is None:
        return []
    value: Any = element.value
    if isinstance(value, bytes) and value.isascii():  # needs no character set, and is several times faster so
        value = value.decode().split("\\")
    else:
        try:
            value = dataset.get(name)
        except _UNREADABLE:
            value = value.decode("latin-1").split("\\") if isinstance(value, bytes) else value
    listed = value if isinstance(value, list | MultiValue) else [value]
    return [text for one in listed if one is not None and (text := str(one).strip("\0 "))]


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
