"""All real sample data at once, as it is, through connectors, raw store, normaliser and publish: received is what became of it."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import duckdb
import pydicom
import pytest

from server.filling import ingest_room, publish_room
from server.room import init_room, open_room

pytestmark = [pytest.mark.integration, pytest.mark.shared]


@pytest.fixture(scope="module")
def room(shared, tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    omop, images = root / "omop", root / "images"
    with zipfile.ZipFile(io.BytesIO((shared / "omop/synthea27nj/Synthea27Nj_5.4.zip").read_bytes())) as archive:
        archive.extractall(omop, [one for one in archive.namelist() if "/" not in one])
    images.mkdir()
    for place, path in enumerate(sorted((Path(pydicom.__file__).parent / "data/test_files").rglob("*"))):
        if path.is_file() and (path.suffix == ".dcm" or path.name == "DICOMDIR"):
            shutil.copy(path, images / f"{place:04d}.dcm")
    sources = [
        ("synthea", "fhir-ndjson", "ehr", shared / "fhir/synthea_r4_bulk"), ("bundles", "fhir-bundle", "ehr", shared / "fhir/synthea_r4_bundles"),
        ("messages", "hl7v2", "laboratory", shared / "hl7v2/fhir_converter"), ("trial", "sdtm-xpt", "research", shared / "sdtm/tdf_pilot"),
        ("registry", "omop-csv", "research", omop), ("images", "dicom", "imaging", images),
    ]  # fmt: skip
    init_room(root)
    lines = "".join(
        f"  - {{name: {name}, kind: {kind}, system: {system}, path: {path}}}\n" for name, kind, system, path in sources
    )
    (root / "readingroom.yaml").write_text(f"sources:\n{lines}vocabulary: {omop}\nquality: {{most_quarantined: 100}}\n")
    opened = open_room(root)
    counts, failed = ingest_room(opened)
    assert failed == {}
    assert set(counts) == {name for name, *_ in sources}
    manifest = publish_room(opened)
    return opened, manifest


def report(room):
    opened, manifest = room
    return json.loads((opened.snapshots_path / "snapshots" / manifest.id / "quality.json").read_text())


def test_the_books_of_every_folder_balance(room):
    books = {book["source"]: book for book in report(room)["books"]}
    assert set(books) == {"synthea", "bundles", "messages", "trial", "registry", "images"}
    assert all(book["holds"] and book["received"] > 0 for book in books.values())
    assert books["synthea"]["received"] == 61_014
    assert books["messages"]["received"] >= 139


def test_every_observation_of_200_patients_has_an_end(room):
    metrics = [one for one in report(room)["metrics"] if one["source"] == "synthea"]
    opened, manifest = room
    index = duckdb.sql(
        f"SELECT count(DISTINCT mrn) FROM '{opened.root}/snapshots/{manifest.id}/vault/patient_index.parquet' WHERE source = 'synthea'"
    )
    assert index.fetchall() == [(200,)]
    ended = sum(
        one["value"]
        for one in metrics
        if one["of"] == "event"
        and one["name"] in ("normalised", "quarantined", "duplicates", "superseded", "retracted")
    )
    staged = sum(one["value"] for one in metrics if one["of"] == "event" and one["name"] == "staged")
    assert ended == staged
    assert staged > 29_126 + 1_417 + 1_473 + 3_999 + 2_596


def test_no_real_record_breaks_a_check_in_error(room):
    found = report(room)["dashboard"]["results"]
    assert [one["name"] for one in found if one["status"] == "error"] == []


@pytest.mark.filterwarnings("ignore")
def test_private_tags_and_descriptions_leave_the_raw_store_nowhere(room):
    """What a technician may have typed stands in no table of the snapshot, vault included."""
    opened, manifest = room
    words, parts = set(), set()
    for path in (opened.root / "images").iterdir():
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=False)
        except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError):
            continue
        parts.add(dataset.get("BodyPartExamined"))  # which is read, and may be said in a description, too
        for element in dataset:
            typed = element.tag.is_private or element.keyword.endswith(("Description", "Comments", "InstitutionName"))
            if typed and isinstance(element.value, str) and len(element.value) > 8:
                words.add(element.value)
    words -= parts
    assert len(words) > 10
    files = [
        path
        for path in (opened.root / "snapshots" / manifest.id).rglob("*.parquet")
        if "image" in path.name or "patient" in path.name
    ]
    for path in files:
        text = json.dumps(duckdb.sql(f"FROM '{path}'").fetchall(), default=str)
        assert not [word for word in words if word in text], path.name
