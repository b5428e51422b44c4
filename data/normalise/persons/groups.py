"""Groups of patients that are one person (union-find), with pairs that may never meet in one group."""

from collections import defaultdict
from collections.abc import Iterable

Key = tuple[str, str]  # source, number in it


class Groups:
    """Patients not joined yet are groups of their own. `apart` are pairs that stay apart whatever is joined."""

    def __init__(self, apart: Iterable[tuple[Key, Key]] = ()) -> None:
        self._parent: dict[Key, Key] = {}
        self._members: dict[Key, list[Key]] = {}
        self._apart: dict[Key, set[Key]] = defaultdict(set)
        for one, other in apart:
            self._apart[one].add(other)
            self._apart[other].add(one)

    def root(self, key: Key) -> Key:
        """The patient that stands for the group of this one."""
        parent = self._parent.get(key, key)
        while parent != key:
            self._parent[key] = self._parent.get(parent, parent)
            key, parent = parent, self._parent.get(parent, parent)
        return key

    def join(self, one: Key, other: Key) -> bool:
        """Makes two groups one; False, and nothing done, where that would bring a pair together that stays apart."""
        first, second = sorted((self.root(one), self.root(other)))
        if first == second:
            return True
        ours, theirs = self._members.get(first, [first]), self._members.get(second, [second])
        if self._apart and any(self._apart[key].intersection(theirs) for key in ours if key in self._apart):
            return False
        self._parent[second] = first
        self._members[first] = [*ours, *theirs]
        self._members.pop(second, None)
        return True

    def sources(self) -> dict[Key, set[str]]:
        """Sources that each group of two and more has a patient of."""
        return {root: {source for source, _ in members} for root, members in self._members.items()}
