"""The tree as it lies in the database: its frontier, and the nodes that proofs are made of.

Stored are each leaf's hash, in its entry, and the roots of full subtrees of 256 leaves, 65,536 and so on; all between is computed, which
is never more than 255 hashes a level. Nothing read here is trusted: who reads holds the root against a signed one.
"""

from sqlalchemy import Connection

from data.errors import Damaged
from server.ledger.merkle import STORED_HEIGHT, Frontier, full_root
from server.ledger.schema import placed

_LEVELS = (24, 16, 8, 0)


class StoredTree:
    """The tree of the first `size` entries, read from a connection."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection, self.size = connection, size

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """Hashes of `count` full subtrees of a stored level from number `first` on. Raises Damaged where one is missing."""
        if level == 0:
            sql, values = "SELECT leaf FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq", (first, first + count)
        else:
            sql = f"SELECT hash FROM node WHERE level = {level:d} AND number >= ? AND number < ? ORDER BY number"
            values = (first, first + count)
        rows = self._connection.exec_driver_sql(placed(self._connection, sql), values)
        found = [bytes(row[0]) for row in rows]
        if len(found) != count:
            raise Damaged(f"The ledger lacks parts of its tree at level {level}.", "Run `readingroom audit verify`.")
        return found

    def node(self, level: int, number: int) -> bytes:
        """Hash of the full subtree at (level, number)."""
        base = level - level % STORED_HEIGHT
        first, count = number << (level - base), 1 << (level - base)
        return full_root(self.hashes(base, first, count))

    def frontier(self) -> Frontier:
        """The frontier, put together of the fewest hashes that are stored."""
        tree, done = Frontier(), 0
        for level in _LEVELS:
            first, count = done >> level, (self.size >> level) - (done >> level)
            for own in self.hashes(level, first, count) if count else ():
                tree.push(own, level)
            done += count << level
        tree.complete.clear()
        return tree


def grown(connection: Connection, tree: Frontier, size: int) -> Frontier:
    """A frontier brought on to a later size by the leaves that came since."""
    later = tree.copy()
    for own in StoredTree(connection, size).hashes(0, tree.size, size - tree.size):
        later.push(own)
    later.complete.clear()
    return later
