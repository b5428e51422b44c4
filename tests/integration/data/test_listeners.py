"""Sources that send to us: every acknowledged message is on disk, whatever senders do."""

import signal
import socket
import subprocess
import sys
import time

import hl7
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pynetdicom import AE

from data.errors import Busy
from data.sources import connector
from data.sources.listening import Listens

pytestmark = pytest.mark.integration


def oru(number, more=""):
    return f"MSH|^~\\&|LAB|MAIN|RR|HOSP|20240101||ORU^R01|C{number}|P|2.5.1\rPID|1||L1\rOBX|1|ST|1^A||{more}".encode()


def framed(message):
    return b"\x0b" + message + b"\x1c\r"


class Sender:
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=10)
        self.held = b""

    def send(self, content):
        self.socket.sendall(content)

    def answer(self):
        while b"\x1c\r" not in self.held:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self.held += piece
        one, _, self.held = self.held.partition(b"\x1c\r")
        return hl7.parse(one.removeprefix(b"\x0b").decode("latin-1"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def mllp(tmp_path):
    listeners = []

    def started(**options):
        source = connector("hl7v2-mllp", "lab", "laboratory", path=tmp_path / "spool", port=0, **options)
        assert isinstance(source, Listens)
        listeners.append(source.listen())
        return source, listeners[-1]

    yield started
    for one in listeners:
        one.close()


def kept(source):
    contents = []
    for one in source.read():
        with one.open() as file:
            contents.append(file.read())
    return contents


def test_a_message_is_kept_and_then_acknowledged(mllp):
    source, listener = mllp()
    with Sender(listener.address) as sender:
        sender.send(framed(oru(7)))
        ack = sender.answer()
    assert (str(ack["MSA"][0][1]), str(ack["MSA"][0][2])) == ("AA", "C7")
    assert str(ack["MSH"][0][9]) == "ACK^R01"
    assert [str(ack["MSH"][0][place]) for place in (3, 4, 5, 6)] == ["RR", "HOSP", "LAB", "MAIN"]
    assert kept(source) == [oru(7)]


def test_messages_in_pieces_and_many_at_once(mllp):
    source, listener = mllp()
    with Sender(listener.address) as sender:
        for byte in framed(oru(1)):
            sender.send(bytes([byte]))
        assert str(sender.answer()["MSA"][0][1]) == "AA"
        sender.send(framed(oru(2)) + framed(oru(3)) + framed(oru(4))[:20])
        sender.send(framed(oru(4))[20:])
        assert [str(sender.answer()["MSA"][0][2]) for _ in range(3)] == ["C2", "C3", "C4"]
    assert kept(source) == [oru(number) for number in (1, 2, 3, 4)]


def test_latin_1_is_kept_byte_for_byte(mllp):
    source, listener = mllp()
    with Sender(listener.address) as sender:
        sender.send(framed(oru(1) + "Müller".encode("latin-1")))
        assert str(sender.answer()["MSA"][0][1]) == "AA"
    assert kept(source)[0].endswith("Müller".encode("latin-1"))


def test_garbage_is_passed_over_and_what_is_no_message_refused(mllp):
    source, listener = mllp()
    with Sender(listener.address) as sender:
        sender.send(b"GET / HTTP/1.1\r\n\r\n" + framed(b"no message") + framed(oru(1)))
        assert [str(sender.answer()["MSA"][0][1]) for _ in range(2)] == ["AE", "AA"]
    assert kept(source) == [oru(1)]
    assert listener.refused >= 2


def test_a_message_too_long_is_refused(mllp):
    source, listener = mllp(most_bytes=10_000)
    with Sender(listener.address) as sender:
        sender.send(b"\x0b" + oru(1) + b"x" * 200_000)
        assert str(sender.answer()["MSA"][0][1]) == "AR"
    assert kept(source) == []


def test_a_sender_that_stops_half_way_leaves_nothing_and_holds_up_nobody(mllp):
    source, listener = mllp(idle_seconds=0.3)
    with Sender(listener.address) as slow, Sender(listener.address) as quick:
        slow.send(framed(oru(1))[:30])
        quick.send(framed(oru(2)))
        assert str(quick.answer()["MSA"][0][1]) == "AA"
        assert slow.answer() is None  # cut off for silence
    assert kept(source) == [oru(2)]


def test_one_sender_too_many_is_turned_away(mllp):
    _, listener = mllp(connections=1)
    with Sender(listener.address) as first:
        first.send(framed(oru(1)))
        assert first.answer() is not None
        with Sender(listener.address) as second:
            assert second.socket.recv(10) == b""


def test_a_taken_port_is_said(mllp, tmp_path):
    _, listener = mllp()
    with pytest.raises(Busy, match=str(listener.address[1])):
        connector("hl7v2-mllp", "lab", "laboratory", path=tmp_path / "other", port=listener.address[1]).listen()


CHILD = """
import sys, time
from data.sources import connector
from pathlib import Path
listener = connector("hl7v2-mllp", "lab", "laboratory", path=Path(sys.argv[1]), port=0).listen()
print(listener.address[1], flush=True)
time.sleep(60)
"""


def test_killed_in_the_middle_every_acknowledged_message_is_there(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True)
    acknowledged = []
    with Sender(("127.0.0.1", int(child.stdout.readline()))) as sender:
        for number in range(400):
            if number == 150:
                child.send_signal(signal.SIGKILL)
            try:
                sender.send(framed(oru(number, "x" * 5000)))
                if sender.answer() is None:
                    break
            except OSError:
                break
            acknowledged.append(number)
    child.wait()
    child.stdout.close()
    assert len(acknowledged) >= 150
    source = connector("hl7v2-mllp", "lab", "laboratory", path=tmp_path / "spool", port=0)
    found = kept(source)
    assert found[: len(acknowledged)] == [oru(number, "x" * 5000) for number in acknowledged]


@pytest.fixture
def store(tmp_path):
    listeners = []

    def started(**options):
        source = connector("dicom-store", "pacs", "imaging", path=tmp_path / "images", port=0, **options)
        listeners.append(source.listen())
        return source, listeners[-1]

    yield started
    for one in listeners:
        one.close()


def send(address, *datasets, title="SCANNER"):
    entity = AE(ae_title=title)
    for one in datasets:
        entity.add_requested_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID)
    association = entity.associate(*address, ae_title="READINGROOM")
    if not association.is_established:
        return None
    statuses = [association.send_c_store(one).Status for one in datasets]
    association.release()
    return statuses


def sample(name):
    return pydicom.dcmread(get_testdata_file(name))


def test_images_are_kept_without_their_pixels(store):
    source, listener = store()
    images = [sample(name) for name in ("CT_small.dcm", "MR_small.dcm", "ExplVR_BigEnd.dcm")]
    pixels = [one.PixelData for one in images]
    patients = sorted(str(one.get("PatientID")) for one in images)
    assert send(listener.address, *images) == [0, 0, 0]
    headers = kept(source)
    assert sorted(str(pydicom.dcmread(path.path).get("PatientID")) for path in source.read()) == patients
    assert all(not any(part[:200] in header for part in pixels) and len(header) < 20_000 for header in headers)
    assert listener.received == 3


def test_only_known_callers_may_send(store):
    _, listener = store(callers=["SCANNER"])
    assert send(listener.address, sample("CT_small.dcm"), title="STRANGER") is None
    assert send(listener.address, sample("CT_small.dcm")) == [0]


def test_garbage_does_not_end_the_listener(store):
    _, listener = store()
    with socket.create_connection(listener.address, timeout=5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
        time.sleep(0.1)
    assert send(listener.address, sample("CT_small.dcm")) == [0]
