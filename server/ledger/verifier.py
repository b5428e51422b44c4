#!/usr/bin/env python3
"""Checks an exported ledger of Reading Room, or a proof that a call is in one. Needs nothing but Python 3.9 or newer: no package, no network.

    python verify_ledger.py LOG.jsonl --key signing.pub.pem [--checkpoint FILE]...
    python verify_ledger.py --proof PROOF.json --key signing.pub.pem [--checkpoint FILE]...

Get the public key, and a checkpoint if you can, from somewhere else than the log: who could forge the log could forge what lies beside it.
Exit code: 0 it holds; 1 it does not, and the first bad entry is named; 2 it cannot be checked.

An entry is one canonical JSON object (RFC 8785), its leaf SHA-256 of 0x00 and its bytes; the tree is that of RFC 6962; checkpoints are C2SP
signed notes (tlog-checkpoint) with Ed25519 signatures (RFC 8032). Each signing key but the first is introduced by an entry that the key
before it signed. Entries with `linear` were written when the ledger was a line, each with the hash of the one before it.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, BinaryIO

CLOCK_BOUND = 60.0  # seconds an entry may be dated before an earlier one


class Bad(Exception):
    """Something does not hold: `entry` is the first bad entry, counted from 1, or 0 where it is not one."""

    def __init__(self, entry: int, problem: str) -> None:
        super().__init__(problem)
        self.entry, self.problem = entry, problem


class Unusable(Exception):
    """The input cannot be checked."""


# --- Ed25519, RFC 8032 section 5.1.7 ----------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


Point = tuple[int, int, int, int]  # extended homogeneous coordinates


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(number: int, point: Point) -> Point:
    sum_ = (0, 1, 1, 0)
    while number:
        if number & 1:
            sum_ = _add(sum_, point)
        point = _add(point, point)
        number >>= 1
    return sum_


def _point(told: bytes) -> Point | None:
    """The point of 32 bytes; None where they are none."""
    y = int.from_bytes(told, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if len(told) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def signed_by(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature of 64 bytes holds."""
    point, first, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if point is None or first is None or len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = _times(s, BASE), _add(first, _times(k, point))
    return not (left[0] * right[2] - right[0] * left[2]) % P and not (left[1] * right[2] - right[1] * left[2]) % P


# --- the tree, RFC 6962 section 2.1 -----------------------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows by a leaf at a time, kept as the roots of the full subtrees it is made of."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        """Adds a leaf."""
        number = self.size
        while number & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            number >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Its root."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    number, last, root = index, size - 1, leaf
    for other in hashes:
        if last == 0:
            raise Bad(index + 1, "its proof is too long")
        if number & 1 or number == last:
            root = node_hash(other, root)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            root = node_hash(root, other)
        number, last = number >> 1, last >> 1
    if last or not 0 <= index < size:
        raise Bad(index + 1, "its proof is too short")
    return root


def is_beginning(first: Checkpoint, second: Checkpoint, hashes: list[bytes]) -> bool:
    """Whether a consistency proof shows the first tree to be the beginning of the second (RFC 9162, section 2.1.4.2)."""
    if first.size == second.size:
        return first.root == second.root and not hashes
    if not 0 < first.size < second.size or not hashes:
        return False
    rest = hashes if first.size & (first.size - 1) else [first.root, *hashes]
    number, last = first.size - 1, second.size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = rest[0]
    for other in rest[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = node_hash(other, old), node_hash(other, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, other)
        number, last = number >> 1, last >> 1
    return last == 0 and old == first.root and new == second.root


# --- checkpoints and keys ---------------------------------------------------------------------------------------------

NOTE = re.compile("([^\n]+\n([0-9]+)\n([^\n]+)\n(?:[^\n]+\n)*)\n((?:\u2014 [^\n]+\n)+)")


class Checkpoint:
    """A signed statement: so many entries have this root."""

    def __init__(self, note: str, source: str) -> None:
        match = NOTE.fullmatch(note)
        if match is None:
            raise Unusable(source + " is no signed checkpoint")
        self.source, self.text = source, match[1]
        self.origin, self.size, self.root = match[1].split("\n")[0], int(match[2]), base64.b64decode(match[3])
        self.signatures = [line.split(" ") for line in match[4].splitlines()]

    def is_by(self, key: bytes) -> bool:
        """Whether that key signed it."""
        named = hashlib.sha256(self.origin.encode() + b"\n\x01" + key).digest()[:4]
        for parts in self.signatures:
            signature = base64.b64decode(parts[-1])
            if parts[1] == self.origin and signature[:4] == named:
                return signed_by(key, self.text.encode(), signature[4:])
        return False


class Keys:
    """The signing keys in order, each with the first size it signs. `trusted` must turn out to be one of them."""

    def __init__(self, origin: str, trusted: list[bytes]) -> None:
        self.origin, self.trusted = origin, trusted
        self.chain: list[tuple[int, bytes]] = []

    def introduce(self, seq: int, body: Any) -> None:
        """Takes in an entry that introduces a key."""
        try:
            told = {name: base64.b64decode(body["key"][name]) for name in ("old", "new", "by_old", "by_new")}
        except (KeyError, TypeError, ValueError) as error:
            raise Bad(seq, "the entry that introduces a signing key does not hold") from error
        old, new = (base64.b64encode(told[name]).decode() for name in ("old", "new"))
        statement = f"readingroom signing key\n{self.origin}\n{old}\n{new}\n"
        by = (("old", "by_old"), ("new", "by_new"))
        if not all(signed_by(told[key], statement.encode(), told[signature]) for key, signature in by):
            raise Bad(seq, "the entry that introduces a signing key does not hold")
        if not self.chain:
            self.chain.append((0, told["old"]))
        if self.chain[-1][1] != told["old"]:
            raise Bad(seq, "the entry introduces a key by another than the one in force")
        self.chain.append((seq, told["new"]))

    def check(self, checkpoints: list[Checkpoint]) -> None:
        """Holds every checkpoint's signature against the key in force at its size."""
        chain = self.chain or [(0, self.trusted[0])]
        if not any(key in self.trusted for _, key in chain):
            raise Bad(0, "none of the signing keys is the public key you gave")
        for one in sorted(checkpoints, key=lambda one: one.size):
            key = [key for first, key in chain if one.size >= first][-1]
            if not one.is_by(key):
                raise Bad(one.size, f"{one.source} of {one.size} entries is not signed by the key in force there")


# --- the log ----------------------------------------------------------------------------------------------------------


class Log:
    """An exported log, read line by line: a checkpoint stands right after the last entry it covers."""

    def __init__(self, trusted: list[bytes], elsewhere: list[Checkpoint]) -> None:
        self.tree, self.trusted, self.latest, self.line = Tree(), trusted, "", ""
        self.keys: Keys | None = None
        self.stated = defaultdict(list)
        for one in elsewhere:
            self.stated[one.size].append(one)
        self.compared: list[Checkpoint] = []
        self.held = self.covered = 0
        self.open_calls: dict[str, int] = {}
        self.back: list[int] = []

    def read(self, lines: BinaryIO) -> None:
        """Takes all lines. Raises Bad at the first that does not hold."""
        for number, line in enumerate(lines, 1):
            if number == 1 and line.startswith(b'{"export":1'):
                head = json.loads(line)
                self.trusted = self.trusted or [base64.b64decode(key) for key in head["keys"]]
                self.keys = Keys(head["origin"], self.trusted)
            elif self.keys is None:
                raise Unusable("the first line is not that of an exported log")
            elif line.startswith(b'{"entry":'):
                self._entry(line.rstrip(b"\r\n")[9:-1], self.keys)
            elif line.startswith(b'{"checkpoint":'):
                one = Checkpoint(json.loads(line)["checkpoint"], "a checkpoint in the log")
                self._compare(one, self.keys)
                self.covered = max(self.covered, one.size)
            else:
                raise Unusable(f"line {number} is not of an exported log")

    def finish(self) -> None:
        """What can only be said when all was read. Raises Bad."""
        size = self.tree.size
        for one in (one for number in sorted(self.stated) for one in self.stated[number]):
            raise Bad(size + 1, f"entries {size + 1} to {one.size}, which {one.source} states, are missing")
        if self.keys is None:
            raise Unusable("the log is empty")
        self.keys.check(self.compared)
        if self.covered < size:
            raise Bad(self.covered + 1, "no signed checkpoint covers the entries from here on")
        if self.back:
            raise Bad(self.back[0], "the entry is dated before earlier ones: the clock was set back here")

    def _compare(self, one: Checkpoint, keys: Keys) -> None:
        size = self.tree.size
        if one.origin != keys.origin:
            raise Bad(1, one.source + " is of another ledger")
        if one.size > size:
            raise Bad(size + 1, f"entries {size + 1} to {one.size}, which {one.source} states, are missing")
        if one.size < size or one.root != self.tree.root():
            first = min(self.held + 1, size)
            raise Bad(first, f"{one.source} states others among entries {first} to {size}")
        self.held = size
        self.compared.append(one)

    def _entry(self, raw: bytes, keys: Keys) -> None:
        seq = self.tree.size + 1
        try:
            entry = json.loads(raw)
            if entry["seq"] != seq:
                raise Bad(seq, "an entry is missing, inserted or out of order here")
            if entry["kind"] == "key":
                keys.introduce(seq, entry["body"])
            if "linear" in entry:
                self._check_line(seq, entry, raw.decode())
            self._look_at(seq, entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Bad(seq, "the entry was changed") from error
        self.tree.push(leaf_hash(raw))
        for one in self.stated.pop(seq, ()):
            self._compare(one, keys)

    def _look_at(self, seq: int, entry: Any) -> None:
        if entry["kind"] == "intent":
            self.open_calls[entry["call"]] = seq
        elif entry["kind"] == "outcome":
            self.open_calls.pop(entry["call"], None)
        if entry["kind"] == "loss":
            raise Bad(seq, "entries were lost before this one, as it says itself")
        at = entry["at"]
        if at < self.latest and _seconds(self.latest) - _seconds(at) > CLOCK_BOUND:
            self.back.append(seq)
            self.latest = at
        self.latest = max(self.latest, at)

    def _check_line(self, seq: int, entry: Any, text: str) -> None:
        begin = text.index('"body":') + 7
        _, end = json.JSONDecoder().raw_decode(text, begin)
        body = hashlib.sha256(text[begin:end].encode()).hexdigest()
        sealed = "open\n" + hashlib.sha256(b"").hexdigest() if entry["sealed"] is None else "sealed\n" + entry["sealed"]
        before = self.line or hashlib.sha256(b"readingroom ledger 1").hexdigest()
        line = f"entry 1\n{seq}\n{entry['kind']}\n{entry['call']}\n{entry['at']}\n{body}\n{sealed}\n{before}"
        own = hashlib.sha256(line.encode()).hexdigest()
        if entry["linear"] != {"hash": own, "prev": before}:
            raise Bad(seq, "the entry does not follow the one before it")
        self.line = own


def check_proof(proof: Any, trusted: list[bytes], elsewhere: list[Checkpoint]) -> str:
    """Checks that a call's entries are in the tree of a signed checkpoint. Raises Bad."""
    checkpoint = Checkpoint(proof["checkpoint"], "the proof's checkpoint")
    keys = Keys(checkpoint.origin, trusted or [base64.b64decode(key) for key in proof["keys"]])
    for one in proof["introductions"] + proof["entries"]:
        raw, entry = one["entry"].encode(), json.loads(one["entry"])
        hashes = [base64.b64decode(value) for value in one["hashes"]]
        if entry["seq"] != one["index"] + 1:
            raise Bad(one["index"] + 1, "the entry is another than its proof says")
        if root_of(leaf_hash(raw), one["index"], checkpoint.size, hashes) != checkpoint.root:
            raise Bad(entry["seq"], "the entry is not in the tree of the checkpoint")
        if entry["kind"] == "key":
            keys.introduce(entry["seq"], entry["body"])
        elif entry["call"] != proof["call"]:
            raise Bad(entry["seq"], "the entry is of another call")
    proven = [(checkpoint.size, checkpoint.root)]
    for told in proof["consistency"]:
        earlier = Checkpoint(told["checkpoint"], "a kept checkpoint in the proof")
        hashes = [base64.b64decode(value) for value in told["hashes"]]
        if earlier.origin != checkpoint.origin or not is_beginning(earlier, checkpoint, hashes):
            raise Bad(0, f"the tree does not begin with that of {earlier.size} entries")
        proven.append((earlier.size, earlier.root))
    keys.check([checkpoint])
    for one in elsewhere:
        if one.origin == checkpoint.origin and (one.size, one.root) in proven:
            continue
        if one.size in [size for size, _ in proven]:
            raise Bad(0, one.source + " states another tree of that size")
        raise Unusable(f"the proof does not lead from {one.source}: make it anew with --checkpoint")
    return f"{len(proof['entries'])} entries of call {proof['call']} are in the tree of {checkpoint.size} entries"


def read_key(path: str) -> bytes:
    """An Ed25519 public key, from PEM or from base64 of its 32 bytes."""
    text = Path(path).read_text(encoding="ascii")
    value = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))
    if len(value) not in (32, 44):
        raise Unusable(path + " is no Ed25519 public key")
    return value[-32:]


def read_checkpoints(path: str) -> list[Checkpoint]:
    """All signed checkpoints of a file."""
    text = Path(path).read_text(encoding="utf-8")
    found = [Checkpoint(match[0], "the checkpoint " + path) for match in NOTE.finditer(text)]
    if not found:
        raise Unusable(path + " holds no signed checkpoint")
    return found


def _seconds(at: str) -> float:
    day = int(at[8:10]) + (153 * ((int(at[5:7]) + 9) % 12) + 2) // 5
    year = int(at[:4]) - (int(at[5:7]) < 3)
    days = 365 * year + year // 4 - year // 100 + year // 400 + day
    return days * 86400 + int(at[11:13]) * 3600 + int(at[14:16]) * 60 + float(at[17:].rstrip("Z"))


def main(arguments: list[str]) -> int:
    """Runs the check the arguments ask for; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", help="an exported log")
    parser.add_argument("--proof", help="a proof instead of a log")
    parser.add_argument("--key", action="append", default=[], help="public key you trust, PEM or base64")
    parser.add_argument(
        "--checkpoint", action="append", default=[], help="checkpoints kept elsewhere, a witness file too"
    )
    told = parser.parse_args(arguments)
    if (told.log is None) == (told.proof is None):
        parser.error("say either a log or --proof")
    try:
        trusted = [read_key(path) for path in told.key]
        elsewhere = [one for path in told.checkpoint for one in read_checkpoints(path)]
        if told.proof is not None:
            words = check_proof(json.loads(Path(told.proof).read_text(encoding="utf-8")), trusted, elsewhere)
        else:
            words = _check_log(told.log, trusted, elsewhere)
    except Bad as bad:
        sys.stdout.write(f"DOES NOT HOLD{f' at entry {bad.entry}' if bad.entry else ''}: {bad.problem}\n")
        return 1
    except (Unusable, OSError, KeyError, TypeError, ValueError) as error:
        sys.stderr.write("cannot be checked: %s\n" % (error or type(error).__name__))
        return 2
    sys.stdout.write(f"HOLDS: {words}\n")
    if not trusted:
        sys.stdout.write("The public key was taken from the input itself: give the one you trust with --key.\n")
    return 0


def _check_log(path: str, trusted: list[bytes], elsewhere: list[Checkpoint]) -> str:
    log = Log(trusted, elsewhere)
    with Path(path).open("rb") as file:
        log.read(file)
    log.finish()
    words = "%d entries, %d checkpoints, %d calls without outcome"
    return words % (log.tree.size, len(log.compared), len(log.open_calls))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
