"""Signing keys follow one another: each is introduced by the one before, old public halves are kept, and a retired key signs nothing more."""

import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data.errors import BadRequest, ReadingRoomError
from server.ledger import Keys, Ledger, load_or_create_keys, public_key, verify
from server.ledger.keys import next_signing_key, read_public_key
from server.ledger.notes import parse, sign

from .forger import refit

pytestmark = pytest.mark.unit


@pytest.fixture
def rotated(book):
    """Ten entries by the first key, one that introduces the second, ten more, one that introduces a third."""
    book.first = book.public
    ledger = book.open()
    book.names = [ledger.rotate_key()]
    ledger.close()
    book.keys, book.second = load_or_create_keys(book.root / "keys"), public_key(book.root / "keys")
    book.write(5)
    ledger = book.open()
    book.names.append(ledger.rotate_key())
    ledger.note({"signed by": "the third"})
    ledger.close()
    book.keys, book.public = load_or_create_keys(book.root / "keys"), public_key(book.root / "keys")
    return book


def test_the_chain_holds_from_any_of_its_keys(rotated):
    for key in (rotated.first, rotated.second, rotated.public):
        found = verify(rotated.url, rotated.head, key)
        assert (found.ok, found.entries) == (True, 23), found.problem
    other = Ed25519PrivateKey.generate().public_key()
    assert verify(rotated.url, rotated.head, other).kind == "key"


def test_old_public_keys_are_kept_and_old_private_ones_not(rotated):
    (old, new), (newer, _) = rotated.names
    assert new == newer
    keys = rotated.root / "keys"
    assert read_public_key(keys / f"signing.{old}.pub.pem") == rotated.first
    assert read_public_key(keys / f"signing.{new}.pub.pem") == rotated.second
    assert sorted(one.name for one in keys.glob("signing*")) == sorted(
        ["signing.pem", "signing.pub.pem", f"signing.{old}.pub.pem", f"signing.{new}.pub.pem"]
    )


def test_a_retired_key_cannot_sign_for_later_entries(book):
    """Whoever got hold of an old key after it was replaced can still not write."""
    stolen = book.keys
    ledger = book.open()
    ledger.rotate_key()
    ledger.close()
    book.public = public_key(book.root / "keys")
    book.edit("UPDATE entry SET body = '{}' WHERE seq = 8")
    root = refit(book.file)
    head = parse(book.read("SELECT note FROM head")[0][0]).checkpoint
    note = sign(type(head)(head.origin, head.size, root, head.at), stolen.signing)
    book.edit("DELETE FROM checkpoint", f"UPDATE head SET note = '{note}'")
    book.head.write_text(note)
    assert book.verify().kind in ("signature", "fork")
    book.edit("UPDATE entry SET kind = 'note' WHERE kind = 'key'")
    root = refit(book.file)
    note = sign(type(head)(head.origin, head.size, root, head.at), stolen.signing)
    book.edit(f"UPDATE head SET note = '{note}'")
    book.head.write_text(note)
    assert book.verify().kind in ("signature", "key")


@pytest.mark.parametrize("part", ["old", "new", "by_old", "by_new"])
def test_an_introduction_that_does_not_hold_is_named(rotated, part):
    body = json.loads(rotated.read("SELECT body FROM entry WHERE seq = 11")[0][0])
    body["key"][part] = body["key"]["by_old" if part.startswith("by") else "new"][::-1]
    rotated.edit("UPDATE entry SET body = ? WHERE seq = 11", values=(json.dumps(body),))
    refit(rotated.file)
    found = rotated.verify()
    assert (found.ok, found.kind, found.first_bad) == (False, "key", 11)


def test_a_running_server_takes_the_new_key_up(book):
    running, other = book.open(), book.open()
    running.note({"by": "the first"})
    other.rotate_key()
    other.close()
    running.note({"by": "the second, found in the key directory"})
    running.close()
    found = verify(book.url, book.head, public_key(book.root / "keys"))
    assert (found.ok, found.entries) == (True, 13)


def test_a_server_without_the_new_key_writes_nothing(book):
    """On another machine the new key must first be put in place: signed with the old one its entries would not verify."""
    alone = Keys(book.keys.signing, book.keys.sealing, book.keys.pseudonym)
    ledger, other = book.open(), Ledger(book.url, book.head, alone, durable=False)
    other.note({})
    ledger.rotate_key()
    with pytest.raises(ReadingRoomError, match="signed with another key"):
        other.note({})
    with pytest.raises(BadRequest, match="no directory"):
        other.rotate_key()
    ledger.close()
    other.close()


def test_a_broken_off_rotation_is_taken_up_again(book):
    """The new key was made, but the server died before it was introduced; or after, before it took the old one's place."""
    planned = next_signing_key(book.root / "keys")
    book.write(1)
    assert book.verify().ok
    shutil.copytree(book.root / "keys", book.root / "as they were")
    ledger = book.open()
    ledger.rotate_key()
    ledger.close()
    shutil.rmtree(book.root / "keys")
    (book.root / "as they were").replace(book.root / "keys")
    assert public_key(book.root / "keys") == book.public
    fresh = book.open()
    fresh.note({"after": "the crash"})
    fresh.close()
    assert public_key(book.root / "keys") == planned.public_key()
    assert verify(book.url, book.head, planned.public_key()).ok


def test_a_missing_or_wrong_key_is_told(book):
    """Without the key nothing is answered, and the ledger still verifies with the public half."""
    (book.root / "keys" / "signing.pem").unlink()
    book.keys = load_or_create_keys(book.root / "keys")  # makes another
    ledger = book.open()
    with pytest.raises(ReadingRoomError, match="signed with another key") as error:
        ledger.intent("x", {})
    assert error.value.code == "ledger_unwritable"
    assert "signing.pem" in error.value.advice
    ledger.close()
    assert book.verify().ok
