"""One contract for every connector: a stable order, bytes that read again the same, a clear word when the source is gone."""

import pytest

from data.errors import BadRequest, SourceDown
from data.raw import RawStore
from data.sources import connector, kinds

pytestmark = pytest.mark.unit
PLACES = {
    "fhir-ndjson": "ehr/fhir", "hl7v2": "laboratory", "dicom": "imaging", "omop-csv": "research/omop", "database": "operations/operations.db",
}  # fmt: skip


def make(kind, hospital, place=None):
    path = hospital / (place or PLACES[kind])
    options = {"url": f"sqlite:///{path}"} if kind == "database" else {"path": path}
    return connector(kind, "one", "ehr", **options)


def contents(source):
    found = []
    for one in source.read():
        with one.open() as file:
            found.append((one.name, file.read()))
    return found


def test_every_kind_is_tried():
    assert set(PLACES) == set(kinds())


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
