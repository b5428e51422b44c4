"""Signed checkpoints: the form of C2SP signed-note and tlog-checkpoint, held against its published example, and nothing else is read."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from server.ledger.files import append, read_newest, read_notes, write_newest
from server.ledger.notes import Checkpoint, key_hash, parse, parse_all, raw, sign

pytestmark = pytest.mark.unit
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([fill] * 32)) for fill in (1, 2))
CHECKPOINT = Checkpoint("readingroom/0123456789abcdef", 17, bytes(range(32)), "2025-03-01T08:00:00Z")
NOTE = sign(CHECKPOINT, KEY)


def test_keys_are_named_as_in_the_published_example():
    """The key of Go's package note, from which the form comes: PeterNeumann+c74f20a3+ARpc2QcU..."""
    secret = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    public = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    key = Ed25519PrivateKey.from_private_bytes(secret[1:])
    assert raw(key.public_key()) == public[1:]
    assert key_hash("PeterNeumann", public[1:]).hex() == "c74f20a3"


def test_a_checkpoint_reads_as_the_form_says():
    origin, size, root, time, empty, signature, end = NOTE.split("\n")
    assert (origin, size, time, empty, end) == (CHECKPOINT.origin, "17", "time 2025-03-01T08:00:00Z", "", "")
    assert base64.b64decode(root) == bytes(range(32))
    dash, name, value = signature.split(" ")
    assert (dash, name) == ("\u2014", CHECKPOINT.origin)
    assert base64.b64decode(value)[:4] == key_hash(CHECKPOINT.origin, raw(KEY.public_key()))


def test_it_is_by_its_key_alone():
    signed = parse(NOTE)
    assert signed.checkpoint == CHECKPOINT
    assert signed.is_by(KEY.public_key())
    assert not signed.is_by(OTHER.public_key())
    both = parse(sign(CHECKPOINT, OTHER, KEY))
    assert both.is_by(KEY.public_key())
    assert both.is_by(OTHER.public_key())


def test_a_signature_moved_to_another_text_does_not_hold():
    moved = parse(NOTE.replace("\n17\n", "\n18\n"))
    assert moved.checkpoint.size == 18
    assert not moved.is_by(KEY.public_key())


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_no_changed_bit_is_let_through(place, bit):
    told = bytearray(NOTE.encode())
    told[place] ^= 1 << bit
    try:
        signed = parse(told.decode())
    except ValueError:
        return
    assert not signed.is_by(KEY.public_key())


@pytest.mark.parametrize(
    "told",
    ["", "a\n1\n", NOTE.rstrip("\n"), NOTE + "x", NOTE.replace("\n17\n", "\n017\n"), NOTE.replace("\n17\n", "\n-1\n"), NOTE.replace("\u2014", "-"), NOTE.split("\n", 1)[1]],
)  # fmt: skip
def test_what_is_no_checkpoint_is_an_error(told):
    with pytest.raises(ValueError, match=r"."):
        parse(told)


def test_a_witness_goes_on_after_a_torn_line(tmp_path):
    second = sign(Checkpoint(CHECKPOINT.origin, 18, bytes(32)), KEY)
    path = tmp_path / "witness"
    append(path, parse(NOTE))
    assert parse_all(path.read_text()) == ([parse(NOTE)], False)
    with path.open("a") as file:
        file.write(f"\n{second[:40]}")  # the machine stopped here
    append(path, parse(second))
    found, others = read_notes(path)
    assert ([one.checkpoint.size for one in found], others) == ([17, 18], True)


def test_an_older_checkpoint_never_takes_a_newers_place(tmp_path):
    path, later = tmp_path / "newest", parse(sign(Checkpoint(CHECKPOINT.origin, 18, bytes(32)), KEY))
    assert read_newest(path) is None
    for signed in (parse(NOTE), later, parse(NOTE)):
        write_newest(path, signed)
    assert read_newest(path) == later
    path.write_text("something else")
    with pytest.raises(ValueError, match="no signed checkpoint"):
        read_newest(path)
    write_newest(path, later)
    assert read_newest(path) == later
    assert [one.name for one in tmp_path.iterdir()] == ["newest"]
