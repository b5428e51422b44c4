"""The walk over all entries: hashes each anew, grows the tree, and stops at the first thing that does not hold."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from server.ledger.entry import CLOCK_BOUND, divided, written
from server.ledger.keychain import KeyChain
from server.ledger.linear import GENESIS, entry_hash
from server.ledger.merkle import STORED_HEIGHT, Frontier
from server.ledger.statements import Statement

_BLOCK = 1 << STORED_HEIGHT


class Bad(Exception):
    """The first entry that does not hold, the kind in a word, and what is wrong."""

    def __init__(self, seq: int, kind: str, problem: str) -> None:
        super().__init__(problem)
        self.seq, self.kind, self.problem = seq, kind, problem


class Walk:
    """Takes rows in order by `take`.

    `tree` is what was walked, `held` the size of the last statement that was true, `nodes` how many hashes are stored.
    """

    def __init__(
        self,
        tree: Frontier,
        chain: KeyChain,
        statements: Iterable[Statement],
        nodes: Mapping[tuple[int, int], bytes],
    ) -> None:
        self.tree, self.held, self.nodes = tree, 0, len(nodes)
        self.open_calls: dict[bytes, None] = {}
        self.clock: list[int] = []
        self.line: tuple[int, str] = (0, GENESIS)  # how far the line of old entries went, and its last hash
        self._chain, self._nodes, self._latest = chain, nodes, b""
        self._stated: dict[int, list[Statement]] = defaultdict(list)
        for one in statements:
            self._stated[one.signed.checkpoint.size].append(one)
        self._sizes = sorted(self._stated)

    def take(self, rows: list[tuple[Any, ...]]) -> None:
        """The next rows, 256 of them or the last. Raises Bad."""
        leaves: list[bytes] = []
        try:
            for row in rows:
                leaves.append(self._leaf(self.tree.size + len(leaves) + 1, row))
        except Bad:
            self._grow(leaves)  # what stands before it may be false too, and is then the first
            raise
        except (TypeError, ValueError, AttributeError) as error:
            seq = self.tree.size + len(leaves) + 1
            self._grow(leaves)
            raise Bad(seq, "changed", "the entry was changed") from error
        self._grow(leaves)

    def compare(self, size: int, root: bytes) -> None:
        """Holds what is stated of a size against the tree's root there. Raises Bad."""
        for one in self._stated.pop(size, ()):
            if one.signed.checkpoint.root != root:
                first = min(self.held + 1, size)
                words = (
                    "states another entry here" if first == size else f"states others among entries {first} to {size}"
                )
                raise Bad(first, "fork", f"{one.source} {words}")
            if not self._chain.signs(one.signed):
                words = f"{one.source} of {size} entries is not signed by the key in force there"
                raise Bad(max(size, 1), "signature", words)
        self.held = size

    def stated_up_to(self, size: int) -> list[int]:
        """Sizes up to `size` that statements are still to be compared at."""
        return self._sizes[: bisect_right(self._sizes, size)]

    def left(self) -> list[Statement]:
        """Statements of sizes that were not walked, smallest first."""
        return [one for size in sorted(self._stated) for one in self._stated[size]]

    # --- entries ------------------------------------------------------------------------------------------------------

    def _leaf(self, expected: int, row: tuple[Any, ...]) -> bytes:
        seq, at, kind, call_id, session, snapshot, status, subject, text, sealed, prev, own, leaf = row
        if seq != expected:
            if seq > expected:
                raise Bad(expected, "missing", "an entry is missing here")
            raise Bad(expected, "order", "an entry stands out of order here")
        linear = None if own is None and prev is None else (prev, own)
        columns = (session, snapshot, status, subject)
        made = hashlib.sha256(b"\x00" + written(seq, at, kind, call_id, columns, text, sealed, linear)).digest()
        if made != leaf:
            raise Bad(seq, "changed", "the entry was changed")
        if linear is not None:
            self._check_line(row)
        if at >= self._latest:
            self._latest = at
        else:
            self._check_clock(seq, at)
        if kind == b"intent":
            self.open_calls[call_id] = None
        elif kind == b"outcome":
            self.open_calls.pop(call_id, None)
        return made

    def _check_line(self, row: tuple[Any, ...]) -> None:
        seq, at, kind, call_id, *columns, text, sealed, prev, own, _ = row
        last, before = self.line
        told = [value.decode() if value is not None else None for value in columns]
        if seq != last + 1 or prev.decode() != before:
            raise Bad(seq, "line", "the entry does not follow the one before it")
        if entry_hash(seq, kind.decode(), call_id.decode(), at.decode(), text.decode(), sealed, before) != own.decode():
            raise Bad(seq, "changed", "the entry was changed")
        if list(divided(json.loads(text))[0]) != told:
            raise Bad(seq, "changed", "the entry's columns are not what its body says")
        self.line = (seq, own.decode())

    def _check_clock(self, seq: int, at: bytes) -> None:
        back = datetime.fromisoformat(self._latest.decode()) - datetime.fromisoformat(at.decode())
        if back.total_seconds() > CLOCK_BOUND:
            self.clock.append(seq)
            self._latest = at

    # --- the tree -----------------------------------------------------------------------------------------------------

    def _grow(self, leaves: list[bytes]) -> None:
        begin = self.tree.size
        if len(leaves) < _BLOCK or begin % _BLOCK:
            for leaf in leaves:
                self.tree.push(leaf)
                self._grown()
            return
        levels = [leaves]
        while len(levels[-1]) > 1:
            pairs = iter(levels[-1])
            levels.append([_node(left, right) for left, right in zip(pairs, pairs, strict=True)])
        for size in self._sizes[bisect_right(self._sizes, begin) : bisect_left(self._sizes, begin + _BLOCK)]:
            self.compare(size, _within(self.tree, levels, size - begin).root())
        self.tree.push(levels[-1][0], STORED_HEIGHT)
        self.tree.complete.append((STORED_HEIGHT, begin >> STORED_HEIGHT, levels[-1][0]))
        self._grown()

    def _grown(self) -> None:
        for level, number, own in self.tree.complete:
            if self._nodes.get((level, number)) != own:
                first, last = (number << level) + 1, (number + 1) << level
                raise Bad(
                    max(first, min(self.held + 1, last)),
                    "tree",
                    f"the stored hash over entries {first} to {last} is not theirs",
                )
        self.tree.complete.clear()
        if self.tree.size in self._stated:
            self.compare(self.tree.size, self.tree.root())


def _node(left: bytes, right: bytes, sha256: Any = hashlib.sha256) -> bytes:
    own: bytes = sha256(b"\x01" + left + right).digest()
    return own


def _within(before: Frontier, levels: list[list[bytes]], count: int) -> Frontier:
    """The tree when only `count` of a block's leaves had been added to it."""
    tree = before.copy()
    for level in range(STORED_HEIGHT - 1, -1, -1):
        if count >> level & 1:
            tree.push(levels[level][(count >> (level + 1)) << 1], level)
    return tree
