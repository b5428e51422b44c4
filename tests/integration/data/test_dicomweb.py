"""DICOMweb against a real Orthanc; skipped where it is not installed."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx2 as httpx
import pytest
from pydicom.data import get_testdata_file

from data.errors import SourceDown
from data.raw import RawStore
from data.sources import connector

PLUGINS = [
    path
    for folder in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins")
    for path in Path(folder).glob("libOrthancDicomWeb*.so*")
]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("Orthanc") is None or not PLUGINS, reason="Orthanc with its DICOMweb plugin is not installed"
    ),
]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orthanc")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "Name": "Test", "HttpPort": port, "DicomServerEnabled": False, "AuthenticationEnabled": False, "RemoteAccessAllowed": False,
        "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "storage"), "Plugins": [str(PLUGINS[0])],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client() as client:
            for _ in range(200):
                try:
                    client.get(f"{url}/system")
                    break
                except httpx.HTTPError:
                    time.sleep(0.1)
            for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "examples_rgb_color.dcm"):
                path = get_testdata_file(name)
                client.post(f"{url}/instances", content=Path(path).read_bytes()).raise_for_status()
        yield f"{url}/dicom-web"
    finally:
        process.terminate()
        process.wait(20)


def test_studies_become_images(orthanc, tmp_path, staged):
    source = connector("dicomweb", "pacs", "imaging", url=orthanc, page=2)
    store = RawStore(tmp_path / "raw")
    assert store.ingest(source).new == 4
    assert store.ingest(source).new == 0
    arrivals = [(one.name, one.media, one.path.read_bytes(), "pacs", "imaging") for one in store.arrivals()]
    assert all(b"7FE00010" not in content for _, _, content, *_ in arrivals)
    con = staged(*arrivals)
    assert con.execute("SELECT count(*) FROM staging.received").fetchall() == [(4,)]
    found = con.execute("SELECT modality FROM staging.image ORDER BY 1").fetchall()
    assert {"CT", "MR"} <= {modality for (modality,) in found}


def test_a_server_that_is_not_there_is_said():
    with pytest.raises(SourceDown, match="cannot be reached"):
        list(connector("dicomweb", "pacs", "imaging", url="http://127.0.0.1:9/dicom-web").read())
