"""Earlier answers count: whether two sets of cells, taken together, give a small group away.

A cell is known by whom it counts, with how many rows each and which. If the cells of two answers differ in 1 to k-1 persons, subtracting
one from the other tells about those few; so does a total from which the cells of another answer are taken away. Looked for are: two
cells (all of an answer's together count as one); one cell and any union of the cells of one answer; a cell, less another, and such a
union. Only what can be subtracted is compared: numbers of persons with such, numbers of rows with such, values with values. What needs
more answers than that is not looked for
(docs/explanation/what-is-guaranteed.md). Pure: numpy in, a word out.

Background: Denning, Denning and Schwartz, "The tracker: a threat to statistical database security", ACM TODS 4(1), 1979.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from policies.verdict import Witnessed

Array = np.ndarray[Any, Any]
PERSONS, ROWS, VALUES = "P", "R", "V"  # what a cell tells: a number of persons, of rows, or something of their values
_SIGN = 64  # smallest marks compared first: sets that differ in few persons share nearly all of them
_MIX = np.uint64(0x9E3779B97F4A7C15)
MOST_WORK = 300_000_000  # elements looked at for unions in one call; cells are looked at largest first


@dataclass(frozen=True)
class Cell:
    """Whom a cell counts: hashes of persons in order, rows of each, and by table a print of the rows of each.

    `told` says which kinds of number the cell showed.
    """

    told: str
    persons: Array
    rows: Array
    prints: Mapping[str, Array]
    _marks: dict[str, tuple[Array, Array]] = field(default_factory=dict, repr=False, compare=False)

    def marks(self, by: str) -> tuple[Array, Array]:
        """One number a person, and the same sorted: of the person alone (`P`), with its rows (``), or with its rows of a table."""
        if by not in self._marks:
            if by == PERSONS:
                marks = self.persons
            elif by:
                marks = self.persons ^ (self.prints[by].view(np.uint64) * _MIX)
            else:
                marks = self.persons ^ ((self.rows // np.gcd.reduce(self.rows)).astype(np.uint64) * _MIX)
            self._marks[by] = (marks, np.sort(marks))
        return self._marks[by]


@dataclass(frozen=True)
class Answered:
    """The cells of one part of an answer, by condition: cells of one column rest on different rows, unless they are `mixed`."""

    columns: tuple[tuple[Cell, ...], ...]
    mixed: bool = False

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells, and of each column what they come to together, the largest first."""
        whole = [] if self.mixed else [_together(column) for column in self.columns if len(column) > 1]
        cells = [cell for column in self.columns for cell in column] + [one for one in whole if one is not None]
        return sorted(cells, key=lambda cell: -len(cell.persons))


def _together(column: Sequence[Cell]) -> Cell | None:
    """The cells of a column as one; numbers of persons add up to such only where nobody stands in two."""
    everybody = np.concatenate([cell.persons for cell in column])
    persons, place = np.unique(everybody, return_inverse=True)
    told = column[0].told if len(persons) == len(everybody) else column[0].told.replace(PERSONS, "")
    if not told:
        return None
    each = np.concatenate([cell.rows for cell in column])
    rows = np.bincount(place, weights=each).astype(np.int64)
    prints = {
        name: np.bincount(place, weights=np.concatenate([cell.prints[name] for cell in column]) * each) / rows
        for name in column[0].prints
    }
    return Cell(told, persons, rows, prints)


def answered(
    table: pa.Table, told: Sequence[str], tables: Sequence[str], k: int, one_level: bool = True, mixed: bool = False
) -> Answered:
    """Cells of a witness' result; those that were certainly withheld are left out.

    Columns of the result: `cell`, `person`, then for each condition (of which `told` says what was shown) its rows and, for each of `tables`,
    a print of them. `one_level`: the part groups one way only, so that a lone small cell has taken its smallest neighbour with it.
    """
    ids, persons = (np.asarray(table.column(place)).astype(np.uint64) for place in (0, 1))
    order = np.lexsort((persons, ids))
    persons = persons[order]
    names, cells = np.unique(ids[order], return_inverse=True)
    step = 1 + len(tables)
    everything = np.asarray(table.column(2)).astype(np.int64)[order]
    columns = []
    for place, kinds in enumerate(told):
        at = 2 + place * step
        rows = np.asarray(table.column(at)).astype(np.int64)[order]
        prints = {
            name: np.nan_to_num(np.asarray(table.column(at + 1 + number)).astype(np.float64))[order]
            for number, name in enumerate(tables)
        }
        shown = _shown(cells, len(names), everything, rows, k, one_level)
        kept = (rows > 0) & shown[cells]
        parts = {name: values[kept] for name, values in prints.items()}
        columns.append(tuple(_split(kinds, cells[kept], persons[kept], rows[kept], parts)))
    return Answered(tuple(columns), mixed)


def _shown(cells: Array, number: int, everything: Array, rows: Array, k: int, one_level: bool) -> Array:
    """Which cells were shown, as `cells.py` decides; of several levels all are taken as shown that are not small. Cells come by their hash."""
    group, persons, others = (
        np.bincount(cells[which], minlength=number) for which in (everything > 0, rows > 0, everything > rows)
    )
    small = _few(group, k) | _few(persons, k) | _few(others, k)
    shown: Array = ~small & (persons > 0)
    together = persons[small].sum()
    lone = small.sum() == 1 or (small.any() and (together < k or together <= small.sum()))
    if one_level and lone and shown.any():
        counts = np.bincount(cells, weights=rows, minlength=number)
        shown[np.flatnonzero(shown & (counts == counts[shown].min()))[0]] = False
    return shown


def _few(persons: Array, k: int) -> Array:
    return (persons >= 1) & (persons < k)


def _split(told: str, cells: Array, persons: Array, rows: Array, prints: Mapping[str, Array]) -> list[Cell]:
    if not len(cells):
        return []
    starts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]])
    ends = [*starts[1:], len(cells)]
    return [
        Cell(told, persons[one:other], rows[one:other], {name: values[one:other] for name, values in prints.items()})
        for one, other in zip(starts, ends, strict=True)
    ]


def isolates(new: Sequence[Answered], earlier: Sequence[Answered], k: int) -> str:
    """Why `new` beside `earlier` gives a group of 1 to k-1 persons away, in a word (`pair`, `union`, `rest`); empty where it does not.

    Parts of `new` are compared with one another too, but with itself only a part whose cells are mixed: else the neighbour rule holds.
    """
    work = [MOST_WORK]
    for place, part in enumerate(new):
        others = [*earlier, *new[:place], *([part] if part.mixed else [])]
        if any(_pairs(part, other, k) for other in others):
            return "pair"
        if any(_unions(part.cells, other, k, work) or _unions(other.cells, part, k, work) for other in others):
            return "union"
        if _rests(part, others, k, work):
            return "rest"
    return ""


def comparable(one: Witnessed, other: Witnessed) -> bool:
    """Whether anything that cells of the two tell could be subtracted, as far as can be said without looking them up."""
    kinds = set("".join(one.told)) & set("".join(other.told))
    return PERSONS in kinds or bool(
        kinds and (set(one.tables) & set(other.tables) or not (one.tables and other.tables))
    )


def _by(one: Cell, other: Cell) -> list[str]:
    """By what two cells are to be compared; empty where nothing of one can be subtracted from the other."""
    ways = [PERSONS] if PERSONS in one.told and PERSONS in other.told else []
    if any(kind in one.told and kind in other.told for kind in (ROWS, VALUES)):
        ways += sorted(set(one.prints) & set(other.prints)) or [""]
    return ways


def _pairs(one: Answered, other: Answered, k: int) -> bool:
    cells = sorted(other.cells, key=lambda cell: len(cell.persons))
    sizes = np.array([len(cell.persons) for cell in cells])
    for cell in one.cells:
        size = len(cell.persons)
        low, high = np.searchsorted(sizes, size - k + 1), np.searchsorted(sizes, size + k - 1, side="right")
        if any(_close(cell, near, k) for near in cells[low:high] if near is not cell):
            return True
    return False


def _close(one: Cell, other: Cell, k: int) -> bool:
    """Whether one holds what the other holds and few more. One person the other way is let count too: the asker may know about that one."""
    for by in _by(one, other):
        if _may_be_close(one, other, by, k):
            more, less = _differing(one, other, by, k)
            if 1 <= max(more, less) < k and min(more, less) <= 1:
                return True
    return False


def _may_be_close(one: Cell, other: Cell, by: str, k: int) -> bool:
    """False only where more than k persons differ for certain: sets that differ in few share most of their smallest marks."""
    first, second = one.marks(by)[1][:_SIGN], other.marks(by)[1][:_SIGN]
    if len(first) < _SIGN or len(second) < _SIGN:
        return True
    edge = min(first[-1], second[-1])
    return len(np.setxor1d(first[first <= edge], second[second <= edge])) < 2 * k


def _differing(one: Cell, other: Cell, by: str, k: int) -> tuple[int, int]:
    """Persons of whom the one counts more, and of whom the other does; k and k where those are certainly at least as many."""
    marks = np.setxor1d(one.marks(by)[1], other.marks(by)[1])
    if len(marks) >= 2 * k:
        return k, k
    rows: dict[int, list[int]] = {}
    for side, cell in enumerate((one, other)):
        found = np.isin(cell.marks(by)[0], marks)
        counts = _counts(cell, [by])
        for person, count in zip(cell.persons[found].tolist(), counts[found].tolist(), strict=True):
            rows.setdefault(person, [0, 0])[side] = count
    return sum(a >= b for a, b in rows.values()), sum(b >= a for a, b in rows.values())


def _unions(cells: Sequence[Cell], other: Answered, k: int, work: list[int]) -> bool:
    """Whether some cell is, but for 1 to k-1 persons, a union of cells of the other answer."""
    for whole in other.columns:
        for cell in cells:
            column = tuple(one for one in whole if one is not cell)
            if len(column) > 1 and (by := _by(cell, column[0])):
                if not _affords(work, len(cell.persons) + sum(len(one.persons) for one in column)):
                    return False
                if 1 <= _from_union(cell.persons, _counts(cell, by), column, by, k) < k:
                    return True
    return False


def _counts(cell: Cell, by: list[str]) -> Array:
    return np.ones(len(cell.persons), np.int64) if PERSONS in by else cell.rows


def _rests(part: Answered, others: Sequence[Answered], k: int, work: list[int]) -> bool:
    """Whether a total less a cell is, but for 1 to k-1 persons, a union of cells of an answer."""
    totals = sorted((cell for other in others for cell in other.cells), key=lambda cell: -len(cell.persons))[:20]
    for total in totals:
        for cell in part.cells[:50]:
            by = _by(total, cell)
            if not by or not k <= len(cell.persons) < len(total.persons) or not _affords(work, 2 * len(total.persons)):
                continue
            place = np.minimum(np.searchsorted(total.persons, cell.persons), len(total.persons) - 1)
            inside = total.persons[place] == cell.persons
            if not inside.all():
                continue
            rows = _counts(total, by).copy()
            rows[place[inside]] -= _counts(cell, by)[inside]
            left = rows > 0
            for column in (column for other in [part, *others] for column in other.columns if column):
                cost = int(left.sum()) + sum(len(one.persons) for one in column)
                if _by(total, column[0]) != by or not _affords(work, cost):
                    continue
                if 1 <= _from_union(total.persons[left], rows[left], column, by, k) < k:
                    return True
    return False


def _from_union(persons: Array, rows: Array, column: Sequence[Cell], by: list[str], k: int) -> int:
    """How many persons a set has more than a union of a column's cells, or the union more than it; k where at least as many, or both.

    Tried are the union of the cells that lie inside the set, and of those that lie more inside than outside.
    """
    if len(persons) < k:
        return k  # nothing is left to be told of a set that is empty or was withheld itself
    inner, nearest = np.zeros(len(persons), np.int64), np.zeros(len(persons), np.int64)
    outside = taken = 0
    for cell in column:
        place = np.minimum(np.searchsorted(persons, cell.persons), len(persons) - 1)
        inside = persons[place] == cell.persons
        out = int(np.count_nonzero(~inside))
        if 2 * out < len(inside):
            outside, taken = outside + out, taken + 1
            counts = _counts(cell, by)[inside]
            nearest[place[inside]] += counts
            if out == 0:
                inner[place] += counts
    if not taken:
        return k
    missing = int(np.count_nonzero(inner != rows))
    if inner.any() and 1 <= missing < k:
        return missing
    more, less = outside + int(np.count_nonzero(nearest > rows)), int(np.count_nonzero(nearest < rows))
    return max(more, less) if less <= 1 <= max(more, less) < k else k


def _affords(work: list[int], cost: int) -> bool:
    work[0] -= cost
    return work[0] > 0
