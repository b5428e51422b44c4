"""Needles in DICOM: every attribute that may hold words, in short ones a known name; private attributes and a structured report, too."""

import warnings
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from data.synthetic.population import Person
from tests.integration.server.canary.persons import Cast

_LONG = (
    "PatientComments", "AdditionalPatientHistory", "StudyDescription", "SeriesDescription", "InstitutionName", "InstitutionAddress",
    "InstitutionalDepartmentName", "RequestedProcedureDescription", "ProtocolName", "ImageComments", "PatientAddress", "Occupation",
    "MedicalRecordLocator", "ManufacturerModelName", "DeviceSerialNumber", "AdmittingDiagnosesDescription", "ContrastBolusAgent",
    "DerivationDescription", "Allergies", "MedicalAlerts", "OtherPatientIDs", "IssuerOfPatientID",
)  # fmt: skip
_NAMES = ("ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "PhysiciansOfRecord", "OtherPatientNames", "PatientBirthName",
          "PatientMotherBirthName", "NameOfPhysiciansReadingStudy", "RequestingPhysician")  # fmt: skip
_SHORT = ("StationName", "StudyID", "EthnicGroup", "PatientReligiousPreference", "AccessionNumber")
_CODES = ("Modality", "BodyPartExamined", "BurnedInAnnotation", "PatientSex", "ImageType", "ViewPosition")
_ROOT = "1.2.826.0.1.3680043.10.1562.7"


def plant_imaging(folder: Path, cast: Cast) -> None:
    """One image, and one structured report, of a person who was imaged before; and an image whose date is a text."""
    person = next(one for one in cast.persons[25:] if one.imaged)
    model = next(path for path in sorted(folder.rglob("*.dcm")) if not path.name.startswith("broken"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts too long for their kind, as scanners send them
        for number, name in enumerate(("image", "report", "undated"), 1):
            dataset = pydicom.dcmread(model)
            _identify(dataset, person, number)
            _fill(dataset, cast, person, name)
            if name == "report":
                _report(dataset, cast, person)
            if name == "undated":
                dataset.SeriesDate = dataset.StudyDate = cast.word()
            dataset.save_as(folder / f"canary-{name}.dcm", enforce_file_format=True)


def _identify(dataset: FileDataset, person: Person, number: int) -> None:
    dataset.PatientID = person.mrn("RAD")
    dataset.PatientName = f"{person.family}^{person.given}"
    dataset.PatientBirthDate = f"{person.birth:%Y%m%d}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = _ROOT, f"{_ROOT}.{number}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{_ROOT}.{number}.1")
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = person.mrn("EHR"), "EHR"
    dataset.OtherPatientIDsSequence = Sequence([other])


def _fill(dataset: FileDataset, cast: Cast, person: Person, name: str) -> None:
    for tag in _LONG:
        setattr(dataset, tag, cast.text(f"imaging: {tag} of {name}", person))
    for tag in _NAMES:
        setattr(dataset, tag, f"{cast.word()}^{cast.manifest.plant(f'imaging: {tag} of {name}')}")
    for tag in _SHORT:
        setattr(dataset, tag, cast.manifest.plant(f"imaging: {tag} of {name}").partition("@")[0])
    for tag in _CODES:
        setattr(dataset, tag, f"X {cast.word()}")
    dataset.PatientTelephoneNumbers = person.phone
    block = dataset.private_block(0x0019, "CANARY", create=True)
    block.add_new(0x01, "LT", cast.text(f"imaging: private text of {name}", person))
    block.add_new(0x02, "UN", cast.text(f"imaging: private bytes of {name}", person).encode())


def _report(dataset: FileDataset, cast: Cast, person: Person) -> None:
    """The content tree of a structured report (PS3.3 C.17): texts, names of persons, what is measured."""
    items = []
    for kind, tag in (("TEXT", "TextValue"), ("PNAME", "PersonName"), ("UIDREF", "UID"), ("CODE", "")):
        item, concept = Dataset(), Dataset()
        concept.CodeValue, concept.CodingSchemeDesignator = "121071", "DCM"
        concept.CodeMeaning = cast.text(f"imaging: SR {kind} concept", person)
        item.ValueType, item.RelationshipType, item.ConceptNameCodeSequence = kind, "CONTAINS", Sequence([concept])
        if tag in ("TextValue", "PersonName"):
            setattr(item, tag, cast.text(f"imaging: SR {tag}", person))
        items.append(item)
    dataset.ContentSequence = Sequence(items)
