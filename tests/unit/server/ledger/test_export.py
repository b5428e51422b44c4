"""What leaves the ledger is checked by a script that has nothing but Python: in a bare folder, isolated, without site packages."""

import base64
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BadRequest
from server.ledger import Reader, entries, export_log, load_or_create_keys, prove, public_key
from server.ledger.export import VERIFIER
from server.ledger.notes import raw
from server.ledger.verifier import signed_by

pytestmark = pytest.mark.unit

# RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc), as (public key, message, signature).
RFC_8032 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f", "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_signatures_of_the_standard_hold(key, message, signature):
    key, message, signature = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert signed_by(key, message, signature)
    assert not signed_by(key, message + b"x", signature)
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = int.from_bytes(signature[32:], "little") + order
    assert not signed_by(key, message, signature[:32] + malleable.to_bytes(32, "little"))
    assert not signed_by(bytes([255] * 32), message, signature)
    assert not signed_by(key, message, signature[:63])


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 95), st.integers(0, 7))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_signatures_hold_where_the_cryptography_package_says_so(seed, message, place, bit):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    told = bytearray(raw(key.public_key()) + key.sign(message))
    assert signed_by(bytes(told[:32]), message, bytes(told[32:]))
    told[place] ^= 1 << bit
    assert not signed_by(bytes(told[:32]), message, bytes(told[32:]))


class Auditor:
    """A folder with the exported log, the script, the public key; `check` runs it."""

    def __init__(self, book, folder):
        folder.mkdir()
        self.folder, self.log = folder, folder / "log.jsonl"
        shutil.copy(VERIFIER, folder / "verify_ledger.py")
        shutil.copy(book.root / "keys" / "signing.pub.pem", folder / "key.pem")
        with self.log.open("wb") as out:
            self.count = export_log(book.url, public_key(book.root / "keys"), out)

    def check(self, *words, key="key.pem"):
        command = [sys.executable, "-I", "-S", "verify_ledger.py", *words, *(["--key", key] if key else [])]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, env={})

    def change(self, edit, key="key.pem"):
        """The log with its lines edited."""
        lines = self.log.read_bytes().splitlines(keepends=True)
        (self.folder / "changed.jsonl").write_bytes(b"".join(edit(lines)))
        return self.check("changed.jsonl", key=key)


@pytest.fixture(scope="module")
def rotated(tmp_path_factory):
    """300 calls under two keys: 601 entries, kept checkpoints among them."""
    from .conftest import Book

    book = Book(tmp_path_factory.mktemp("rotated"))
    book.write(150)
    book.first = book.public
    ledger = book.open()
    ledger.rotate_key()
    ledger.close()
    book.keys, book.public = load_or_create_keys(book.root / "keys"), public_key(book.root / "keys")
    book.write(150)
    return book


@pytest.fixture(scope="module")
def auditor(rotated):
    made = Auditor(rotated, rotated.root / "bare")
    (made.folder / "first.b64").write_text(base64.b64encode(raw(rotated.first)).decode())
    return made


def test_a_log_holds_by_any_key_of_its_chain(auditor):
    for key in ("key.pem", "first.b64"):
        found = auditor.check("log.jsonl", key=key)
        assert (found.returncode, found.stderr) == (0, ""), found.stdout
        assert found.stdout.startswith("HOLDS: 601 entries, ")
    found = auditor.check("log.jsonl", key=None)
    assert found.returncode == 0
    assert "give the one you trust" in found.stdout
    (auditor.folder / "other.b64").write_text(base64.b64encode(bytes(range(32))).decode())
    assert auditor.check("log.jsonl", key="other.b64").returncode == 1


def test_the_log_carries_the_entries_and_nothing_sealed(rotated, auditor):
    """Arguments and persons go out as digests only."""
    lines = [json.loads(line) for line in auditor.log.read_text().splitlines()]
    told = [line["entry"] for line in lines if "entry" in line]
    for line, entry in zip(told, entries(rotated.url), strict=True):
        merged = line["body"] | {name: line[name] for name in ("session", "subject", "status") if name in line}
        assert (line["seq"], line["at"], line["kind"], merged) == (entry.seq, entry.at, entry.kind, entry.body)
    assert "MARKER" not in auditor.log.read_text()
    sealed = rotated.read("SELECT sealed FROM entry WHERE seq = 1")[0][0]
    assert base64.b64encode(sealed).decode() not in auditor.log.read_text()


def entry_at(lines, seq):
    return next(
        place for place, line in enumerate(lines) if line.startswith(b'{"entry":') and b'"seq":%d,' % seq in line
    )


@pytest.mark.parametrize(
    ("name", "edit", "first", "last"),
    [
        ("changed", lambda lines: [line.replace(b'"rows":20', b'"rows":21') for line in lines], 2, 257),
        ("dropped", lambda lines: lines[: entry_at(lines, 40)] + lines[entry_at(lines, 41) :], 40, 40),
        ("doubled", lambda lines: [*lines[:entry_at(lines, 40)], lines[entry_at(lines, 39)], *lines[entry_at(lines, 40):]], 40, 40),
        ("swapped", lambda lines: [*lines[: entry_at(lines, 40)], lines[entry_at(lines, 41)], lines[entry_at(lines, 40)], *lines[entry_at(lines, 42) :]], 40, 40),
        ("cut off", lambda lines: lines[:-1], 513, 602),
        ("no introduction", lambda lines: [line.replace(b'"kind":"key"', b'"kind":"nay"') for line in lines], 300, 301),
        ("another's introduction", lambda lines: [line.replace(b'"by_old":"', b'"by_old":"AA') for line in lines], 301, 301),
        ("sealed otherwise", lambda lines: [line.replace(b'"sealed":"', b'"sealed":"0', 1) if b'"seq":601,' in line or b'"seq":600,' in line else line for line in lines], 514, 601),
    ],
)  # fmt: skip
def test_a_changed_log_is_named(auditor, name, edit, first, last):
    found = auditor.change(edit)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "DOES NOT HOLD" in found.stdout
    at = next(int(word.strip(":")) for word in found.stdout.split() if word.strip(":").isdigit())
    assert first <= at <= last, found.stdout


def test_a_log_cut_at_a_checkpoint_is_found_from_one_held_elsewhere(rotated, auditor):
    def cut(lines):
        return lines[: entry_at(lines, 258)]  # right after the checkpoint of 257

    assert auditor.change(cut, key="first.b64").returncode == 0  # by itself it is a whole log, of an earlier day
    with Reader(rotated.url) as reader:
        (auditor.folder / "kept").write_text(reader.newest().note)
    found = auditor.check("changed.jsonl", "--checkpoint", "kept", key="first.b64")
    assert (found.returncode, "entry 258" in found.stdout) == (1, True)
    assert auditor.check("log.jsonl", "--checkpoint", "kept").returncode == 0


def test_a_call_is_proven_by_itself(rotated, auditor):
    proof = prove(rotated.url, rotated.public, "call7")
    (auditor.folder / "proof.json").write_text(json.dumps(proof))
    found = auditor.check("--proof", "proof.json")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == "HOLDS: 2 entries of call call7 are in the tree of 601 entries\n"
    for change in (
        lambda told: told["entries"][1].update(entry=told["entries"][1]["entry"].replace("answered", "refused")),
        lambda told: told["entries"][0].update(index=17),
        lambda told: told["entries"][0]["hashes"].pop(),
        lambda told: told.update(introductions=[]),
        lambda told: told.update(call="call8"),
        lambda told: told.update(checkpoint=told["checkpoint"].replace("\n601\n", "\n602\n")),
    ):
        other = json.loads(json.dumps(proof))
        change(other)
        (auditor.folder / "proof.json").write_text(json.dumps(other))
        assert auditor.check("--proof", "proof.json", key="first.b64").returncode == 1
    with pytest.raises(BadRequest, match="No call"):
        prove(rotated.url, rotated.public, "unheard of")


def test_a_proof_leads_on_from_a_kept_checkpoint(rotated, auditor):
    """Who holds an old checkpoint need not trust the newest: the proof shows that its tree begins with the old one's."""
    with Reader(rotated.url) as reader:
        kept = {one.checkpoint.size: one.note for one in reader.checkpoints()}
    (auditor.folder / "kept").write_text(kept[257])
    (auditor.folder / "older").write_text(kept[1])
    proof = prove(rotated.url, rotated.public, "call7", [auditor.folder / "kept"])
    (auditor.folder / "proof.json").write_text(json.dumps(proof))
    assert auditor.check("--proof", "proof.json", "--checkpoint", "kept").returncode == 0
    assert auditor.check("--proof", "proof.json", "--checkpoint", "older").returncode == 2
    forked = kept[257].replace("\n257\n" + kept[257].split("\n")[2], "\n257\n" + kept[1].split("\n")[2])
    (auditor.folder / "kept").write_text(forked)
    found = auditor.check("--proof", "proof.json", "--checkpoint", "kept")
    assert (found.returncode, "another tree" in found.stdout) == (1, True)
    for change in (
        lambda told: told["consistency"][0].update(checkpoint=forked),
        lambda told: told["consistency"][0]["hashes"].pop(),
        lambda told: told["consistency"][0]["hashes"].append(told["consistency"][0]["hashes"][0]),
    ):
        other = json.loads(json.dumps(proof))
        change(other)
        (auditor.folder / "proof.json").write_text(json.dumps(other))
        assert auditor.check("--proof", "proof.json").returncode == 1
    (auditor.folder / "kept").write_text(kept[257].replace("readingroom/", "readingroom/x"))
    with pytest.raises(BadRequest, match="do not go on"):
        prove(rotated.url, rotated.public, "call7", [auditor.folder / "kept"])


def test_input_that_is_none_is_said_to_be(auditor):
    (auditor.folder / "nothing").write_text("nothing\n")
    for words in (("nothing",), ("absent",), ("--proof", "nothing"), ("log.jsonl", "--checkpoint", "nothing")):
        found = auditor.check(*words)
        assert found.returncode == 2, words
        assert found.stderr.startswith("cannot be checked: ")


def test_an_empty_ledger_has_nothing_to_hand_out(new_book):
    book = new_book()
    with pytest.raises(BadRequest, match="no signed checkpoint"), (book.root / "log").open("wb") as out:
        export_log(book.url, book.public, out)


def test_both_verifiers_name_a_clock_that_went_back(new_book):
    book, now = new_book("clock"), [datetime(2024, 2, 28, 23, 59, 30, tzinfo=UTC)]
    ledger = book.open(clock=lambda: now[0])
    for step in (0, 40, -50, 100000, -61):
        now[0] += timedelta(seconds=step)
        ledger.note({"step": step})
    ledger.close()
    found = Auditor(book, book.root / "bare").check("log.jsonl")
    assert (found.returncode, "at entry 5" in found.stdout) == (1, True)
    assert book.verify().first_bad == 5


def test_old_entries_of_a_line_are_checked_too(old):
    old.write(2)
    auditor = Auditor(old, old.root / "bare")
    assert auditor.check("log.jsonl").returncode == 0
    found = auditor.change(
        lambda lines: [line.replace(b'"prev":"', b'"prev":"0', 1) if b'"seq":3}' in line else line for line in lines]
    )
    assert (found.returncode, "at entry 3" in found.stdout) == (1, True)
