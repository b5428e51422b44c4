"""One contract for every connector: a stable order, bytes that read again the same, a clear word when the source is gone."""

import gc
import json
import sqlite3
import warnings

import pyarrow.parquet as pq
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.fileset import FileSet

from data.errors import BadRequest, SourceDown
from data.raw import RawStore
from data.sources import connector, kinds
from data.sources.base import MadeArrival

pytestmark = pytest.mark.unit
# Each kind with where the sample hospital has something it can read. Those that need a server are held to the same contract in
# tests/integration/data, against real ones.
PLACES = {
    "fhir-ndjson": "ehr/fhir", "hl7v2": "laboratory", "dicom": "imaging", "omop-csv": "research/omop", "database": "operations/operations.db",
    "hl7v2-mllp": "laboratory", "sdtm-xpt": "research", "table-files": "research/omop", "redcap-csv": "research/omop",
    "omop-database": "operations/operations.db", "fhir-bundle": "more/bundles", "dicom-store": "imaging", "dicomdir": "more/medium",
    "x12": "more/claims",
}  # fmt: skip
SERVERS = {"fhir-export", "dicomweb"}


@pytest.fixture(scope="session", autouse=True)
def more(hospital):
    """What the sample hospital lacks: a Bundle in a file, and a medium with its DICOMDIR."""
    bundles, medium = hospital / "more/bundles", hospital / "more/medium"
    bundles.mkdir(parents=True)
    (bundles / "one.json").write_text('{"resourceType": "Bundle", "type": "collection", "entry": []}')
    (hospital / "more/claims").mkdir()
    (hospital / "more/claims/one.837").write_text("ISA")
    files = FileSet()
    for path in sorted((hospital / "imaging").rglob("*.dcm"))[:3]:
        if not path.name.startswith("broken"):
            image = dcmread(path)
            image.StudyTime, image.StudyID, image.SeriesNumber, image.InstanceNumber = (
                image.get("StudyTime") or "0900",
                "1",
                1,
                1,
            )
            image.AccessionNumber, image.StudyDate = "", image.get("StudyDate") or "20240101"
            files.add(image)
    files.write(medium)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library leaves its temporary directory to the collector
        del files
        gc.collect()


def make(kind, hospital, place=None):
    path = hospital / (place or PLACES[kind])
    options = {"url": f"sqlite:///{path}"} if kind.endswith("database") else {"path": path}
    return connector(kind, "one", "ehr", **options)


def contents(source):
    found = []
    for one in source.read():
        with one.open() as file:
            found.append((one.name, file.read()))
    return found


def test_every_kind_is_tried():
    assert PLACES.keys() | SERVERS == set(kinds())


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_order_and_bytes_are_stable(kind, hospital):
    first, second = contents(make(kind, hospital)), contents(make(kind, hospital))
    assert first
    assert first == second
    assert [name for name, _ in first] == sorted(name for name, _ in first)


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_missing_source_is_said(kind, hospital):
    with pytest.raises(SourceDown) as error:
        list(make(kind, hospital, "nowhere/none.db").read())
    assert error.value.advice


def test_unknown_kind_is_said():
    with pytest.raises(BadRequest, match="not known"):
        connector("telepathy", "one", "ehr")


def test_pixels_are_never_stored(hospital):
    """The raw store keeps headers of images, not images."""
    assert all(b"\xe0\x7f\x10\x00" not in content for _, content in contents(make("dicom", hospital)))


def test_unchanged_sources_add_nothing(hospital, tmp_path):
    store = RawStore(tmp_path)
    first = store.ingest(make("fhir-ndjson", hospital))
    second = store.ingest(make("fhir-ndjson", hospital))
    assert (first.new, second.new, second.unchanged) == (11, 0, 11)


def test_changed_file_is_a_new_arrival(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    store = RawStore(tmp_path / "raw")
    for text in ("{}\n", '{"a": 1}\n'):
        (source / "Patient.ndjson").write_text(text)
        store.ingest(connector("fhir-ndjson", "ehr", "ehr", path=source))
    assert len(store.arrivals()) == 2
    assert [one.path.read_text() for one in store.current()] == ['{"a": 1}\n']


@pytest.mark.parametrize("kind", sorted(PLACES))
def test_what_was_read_is_known_the_next_time(kind, hospital, tmp_path):
    store = RawStore(tmp_path)
    first, second = store.ingest(make(kind, hospital)), store.ingest(make(kind, hospital))
    assert first.new > 0
    assert (second.new, second.unchanged) == (0, first.new)
    stands = store.standing("one")
    assert stands.arrivals == first.new
    assert stands.last_arrival <= stands.last_read
    assert stands.problem is None


class Breaking:
    """A source that dies half-way."""

    kind, system, name = "breaking", "ehr", "one"

    def __init__(self, after):
        self.after = after

    def read(self, position=None):
        for number in range(10):
            if number == self.after:
                raise SourceDown("It went away.", "Wait.")
            yield MadeArrival(str(number), "x", lambda number=number: b"%d" % number, position=str(number))


def test_what_came_before_a_source_died_is_kept(tmp_path):
    store = RawStore(tmp_path)
    with pytest.raises(SourceDown):
        store.ingest(Breaking(4))
    assert len(store.arrivals()) == 4
    assert store.standing("one").problem == "source_down"
    assert store.ingest(Breaking(99)).new == 6


def test_a_source_goes_on_from_its_position(tmp_path):
    store, seen = RawStore(tmp_path), []

    class Going(Breaking):
        def read(self, position=None):
            seen.append(position)
            return super().read(position)

    store.ingest(Going(99))
    store.ingest(Going(99))
    assert seen == [None, "9"]


@pytest.fixture
def ward(tmp_path):
    path = tmp_path / "ward.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE bed_stays (bed_stay_id INTEGER PRIMARY KEY, ward TEXT, changed TEXT)")
        con.execute("INSERT INTO bed_stays VALUES (1, 'A', '2024-01-01'), (2, 'B', '2024-01-02')")
    con.close()

    def change(sql):
        with sqlite3.connect(path) as con:
            con.execute(sql)
        con.close()

    return connector(
        "database", "ops", "operations", url=f"sqlite:///{path}", watermarks={"bed_stays": "changed"}
    ), change


def test_a_watermark_brings_what_changed(ward, tmp_path):
    source, change = ward
    store = RawStore(tmp_path / "raw")
    assert store.ingest(source).new == 1
    assert store.ingest(source).new == 0
    change("INSERT INTO bed_stays VALUES (3, 'C', '2024-01-03')")
    assert store.ingest(source).new == 1
    parts = [one.name for one in store.current()]
    assert parts == ["bed_stays@000001", "bed_stays@000002"]
    assert [pq.read_table(one.path).column("bed_stay_id").to_pylist() for one in store.current()] == [
        ["1", "2"],
        ["2", "3"],
    ]


def test_a_watermark_that_is_no_column_is_said(ward, tmp_path):
    source, _ = ward
    source.watermarks = {"bed_stays": "nowhere"}
    with pytest.raises(BadRequest, match="no column nowhere"):
        list(source.read())


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_a_medium_is_never_left(tmp_path):
    """A DICOMDIR whose names lead out of it, or to files that are not there, gives empty arrivals."""
    (tmp_path / "secret").write_bytes(b"secret")
    medium = tmp_path / "medium"
    medium.mkdir()
    records = []
    for name in (["..", "secret"], ["missing"], "../secret"):
        record = Dataset()
        record.ReferencedFileID = name
        records.append(record)
    index = Dataset()
    index.DirectoryRecordSequence = records
    index.file_meta = FileMetaDataset()
    index.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    index.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    index.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    index.save_as(medium / "DICOMDIR", enforce_file_format=True)
    assert [content for _, content in contents(connector("dicomdir", "one", "imaging", path=medium))] == [b"", b""]


def test_positions_hold_no_secret(ward, tmp_path):
    source, _ = ward
    [arrival] = source.read()
    assert json.loads(arrival.position) == {"bed_stays": {"mark": "2024-01-02", "part": 1}}


def test_a_store_of_an_earlier_version_is_read_on(tmp_path):
    """Its log knew neither when an arrival came nor positions."""
    with sqlite3.connect(tmp_path / "arrivals.db") as con:
        con.execute(
            "CREATE TABLE arrival (seq INTEGER PRIMARY KEY, source VARCHAR, system VARCHAR, kind VARCHAR, name VARCHAR, media VARCHAR, "
            "digest VARCHAR, size BIGINT, stamp_size BIGINT, stamp_time BIGINT)"
        )
        con.execute("INSERT INTO arrival VALUES (1, 'one', 'ehr', 'x', 'a', 'x', 'd', 1, NULL, NULL)")
    con.close()
    store = RawStore(tmp_path)
    assert [one.name for one in store.arrivals()] == ["a"]
    assert store.standing("one").last_arrival is None
    assert store.ingest(Breaking(99)).new == 10


def test_only_what_is_kept_leaves_a_spool(hospital, tmp_path):
    store = RawStore(tmp_path)
    source = make("fhir-ndjson", hospital)
    store.ingest(source)
    names = [one.name for one in source.read()]
    assert store.holds("one", [*names, "never"]) == set(names)
    store.arrivals()[0].path.unlink()
    assert len(store.holds("one", names)) == len(names) - 1
