"""The Merkle tree of RFC 6962, section 2.1 (the same as RFC 9162's): hashes, roots, and proofs of inclusion and consistency.

Pure functions over hashes of 32 bytes. A tree of n leaves grows by its frontier, the roots of the full subtrees it is made of, largest
first: O(log n) to keep, to add to and to take the root of.
"""

import hashlib
from collections.abc import Callable, Sequence

EMPTY = hashlib.sha256(b"").digest()
STORED_HEIGHT = 8  # roots of full subtrees are stored at each multiple of it, as the tiles of C2SP tlog-tiles stand

Node = Callable[[int, int], bytes]
"""Hash of the full subtree at (level, index): over leaves index * 2^level to (index + 1) * 2^level - 1."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node: SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def full_root(hashes: Sequence[bytes]) -> bytes:
    """Root over 2^k hashes of one level."""
    level, sha256 = list(hashes), hashlib.sha256
    while len(level) > 1:
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


class Frontier:
    """The compact form of a growing tree. `complete` collects (level, index, hash) of the subtrees to be stored, until taken."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        self.complete: list[tuple[int, int, bytes]] = []

    def copy(self) -> "Frontier":
        """One of its own, with nothing collected."""
        return Frontier(self.size, self.peaks)

    def push(self, own: bytes, level: int = 0) -> None:
        """Adds a leaf, or a full subtree of 2^level leaves where the size is a multiple of that."""
        if self.size & ((1 << level) - 1):
            raise ValueError("a subtree can only stand at a multiple of its size")
        merged, at = own, level
        while self.size >> at & 1:
            merged = node_hash(self.peaks.pop(), merged)
            at += 1
            if at % STORED_HEIGHT == 0:
                self.complete.append((at, self.size >> at, merged))
        self.peaks.append(merged)
        self.size += 1 << level

    def root(self) -> bytes:
        """Root of the tree as it is now."""
        if not self.peaks:
            return EMPTY
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]): the hashes that lead from that leaf to the root of the first `size` leaves."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in that tree")

    def path(low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + _split(high - low)
        if index < middle:
            return [*path(low, middle), range_root(middle, high, node)]
        return [*path(middle, high), range_root(low, middle, node)]

    return path(0, size)


def consistency_proof(first: int, size: int, node: Node) -> list[bytes]:
    """PROOF(first, D[size]): the hashes that show the first tree to be the beginning of the second."""
    if not 0 < first <= size:
        raise ValueError("the first tree is not inside the second")

    def subproof(low: int, high: int, whole: bool) -> list[bytes]:
        if first == high:
            return [] if whole else [range_root(low, high, node)]
        middle = low + _split(high - low)
        if first <= middle:
            return [*subproof(low, middle, whole), range_root(middle, high, node)]
        return [*subproof(middle, high, False), range_root(low, middle, node)]

    return subproof(0, size, True)


def range_root(low: int, high: int, node: Node) -> bytes:
    """Root over leaves low to high - 1, where low is a multiple of the largest power of two in the range."""
    if low == high:
        return EMPTY
    width = high - low
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(width)
    return node_hash(range_root(low, middle, node), range_root(middle, high, node))


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root a proof of inclusion leads to (RFC 9162, section 2.1.3.2). ValueError where it has the wrong length."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in that tree")
    number, last, root = index, size - 1, leaf
    for other in proof:
        if last == 0:
            raise ValueError("the proof is too long")
        if number & 1 or number == last:
            root = node_hash(other, root)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            root = node_hash(root, other)
        number, last = number >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return root


def is_consistent(first: int, first_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows the first tree to be the beginning of the second (RFC 9162, section 2.1.4.2)."""
    if first == size:
        return first_root == root and not proof
    if not 0 < first < size or not proof:
        return False
    rest = list(proof) if first & (first - 1) else [first_root, *proof]
    number, last = first - 1, size - 1
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
    return last == 0 and old == first_root and new == root


def _split(width: int) -> int:
    """Largest power of two below the width."""
    return 1 << (width - 1).bit_length() - 1
