"""The imaging repository: small DICOM files with the radiology system's own patient numbers."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from data.synthetic import codes, names
from data.synthetic.population import Person, Visit
from data.synthetic.truth import Truth

_ROOT = "1.2.826.0.1.3680043.10.1561"  # an arc for generated, meaningless UIDs


class Imaging:
    """Writes one file a series, in a folder for every hundred persons."""

    def __init__(self, directory: Path, truth: Truth) -> None:
        self._directory, self._truth = directory, truth
        directory.mkdir(parents=True)

    def add(self, person: Person) -> None:
        """One study of one series for persons who were imaged."""
        if person.imaged:
            self._save(self._dataset(person, person.visits[0]), person)

    def _save(self, dataset: FileDataset, person: Person) -> None:
        folder = self._directory / f"{(person.number - 1) // 100:05d}"
        folder.mkdir(exist_ok=True)
        dataset.save_as(folder / f"{person.mrn('RAD')}.dcm", enforce_file_format=True)
        self._truth.wrote("imaging")

    def _dataset(self, person: Person, visit: Visit) -> FileDataset:
        modality, part = codes.MODALITIES[person.number % 4]
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        meta.MediaStorageSOPInstanceUID = UID(f"{_ROOT}.{person.number}.1.1")
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = UID(f"{_ROOT}.0")
        dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID = SecondaryCaptureImageStorage
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        dataset.StudyInstanceUID = f"{_ROOT}.{person.number}"
        dataset.SeriesInstanceUID = f"{_ROOT}.{person.number}.1"
        dataset.AccessionNumber = f"A{person.number:08d}"
        given, family, _ = names.CLINICIANS[visit.clinician]
        dataset.ReferringPhysicianName = f"{family}^{given}"
        dataset.Modality, dataset.BodyPartExamined = modality, part
        dataset.StudyDate = dataset.SeriesDate = visit.start.strftime("%Y%m%d")
        dataset.StudyTime = visit.start.strftime("%H%M%S")
        dataset.BurnedInAnnotation = "YES" if person.number % 40 == 1 else "NO"
        self._patient(dataset, person)
        dataset.Rows = dataset.Columns = 8
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        dataset.PixelData = (np.arange(64, dtype=np.uint8) + person.number % 100).tobytes()
        return dataset

    def _patient(self, dataset: FileDataset, person: Person) -> None:
        dataset.PatientID, dataset.IssuerOfPatientID = person.mrn("RAD"), "RAD"
        dataset.PatientName = f"{person.family}^{person.given}"
        dataset.PatientBirthDate, dataset.PatientSex = f"{person.birth:%Y%m%d}", person.sex[0].upper()
        if person.linked["RAD"]:
            other = Dataset()
            other.PatientID, other.IssuerOfPatientID = person.mrn("EHR"), "EHR"
            dataset.OtherPatientIDsSequence = Sequence([other])

    def break_some(self, person: Person) -> None:
        """Plants a file cut off in its header and one without a patient."""
        dataset = self._dataset(person, person.visits[0])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{_ROOT}.0.1.1")
        dataset.SeriesInstanceUID = f"{_ROOT}.0.1"
        del dataset.PatientID
        dataset.save_as(self._directory / "broken-nobody.dcm", enforce_file_format=True)
        (self._directory / "broken-cut.dcm").write_bytes(b"this was an image once")
        for case, rule in (("cut", "unreadable-dicom"), ("nobody", "no-patient")):
            self._truth.wrote("imaging")
            self._truth.plant(f"dicom-{case}", f"imaging/broken-{case}.dcm", 1, "quarantined", rule=rule)
