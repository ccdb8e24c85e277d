"""Which row every box stands in, and in which order: the first half of the layout.

Imports nothing of the package. A row of boxes alternates with a row of labels; an arrow takes up a
cell of its own in every row that it passes, so what is kept apart are cells, whatever they hold.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

#: How often the rows are sorted by their neighbours, down and up.
SWEEPS = 12
#: What the two lines of an arrow take up.
LINE = 18.0


class Edge(NamedTuple):
    """An arrow from an operand to a result, with room for a label of that width."""

    source: int
    target: int
    label: float = 0.0


@dataclass(slots=True)
class Cell:
    """What takes up room in a row: a box, or an arrow that passes, with its label beside it."""

    width: float
    height: float
    rank: int
    box: bool
    anchor: float = 0.0  # where the arrow runs, from the middle of the cell
    span: int = 0  # how many cells its arrow has
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


class Grid(NamedTuple):
    """Cells in rows; the first are the boxes, and every edge has the chain of cells it runs by."""

    cells: list[Cell]
    rows: list[list[int]]
    chains: list[list[int]]


def gridded(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Grid:
    """Return boxes and arrows as cells, in rows with few crossings.

    Examples
    --------
    >>> grid = gridded([(9, 9), (9, 9)], [Edge(1, 0)])
    >>> grid.rows, grid.chains
    ([[1], [2], [0]], [[1, 2, 0]])
    """
    depth = _depths(len(sizes), edges)
    last = max(depth, default=0)
    cells = [Cell(w, h, 2 * (last - d), True) for (w, h), d in zip(sizes, depth, strict=True)]
    chains = [_chain(cells, edge) for edge in edges]
    for chain in chains:
        for upper, lower in pairwise(chain):
            cells[upper].below.append(lower)
            cells[lower].above.append(upper)
    top = _tops(cells)
    keys: list[Callable[[int], int]] = [lambda i: 0, lambda i: top[i], lambda i: -top[i]]
    starts = (_first_rows(cells, key, turned) for key in keys for turned in (False, True))
    rows = min((_sorted(cells, start) for start in starts), key=lambda it: crossings(cells, it))
    return Grid(cells, rows, chains)


def _depths(n: int, edges: Sequence[Edge]) -> list[int]:
    """Return how far each box is from the end, by the longest way: so it stands near its use."""
    inputs: list[list[int]] = [[] for _ in range(n)]
    uses = [0] * n
    for edge in edges:
        inputs[edge.target].append(edge.source)
        uses[edge.source] += 1
    depth = [0] * n
    ready = [box for box in range(n) if not uses[box]]
    for box in ready:
        for source in inputs[box]:
            depth[source] = max(depth[source], depth[box] + 1)
            uses[source] -= 1
            if not uses[source]:
                ready.append(source)
    assert len(ready) == n, "the graph has a circle"
    return depth


def _chain(cells: list[Cell], edge: Edge) -> list[int]:
    """Give an arrow a cell in every row between its ends; the first one holds its label."""
    first, last = cells[edge.source].rank + 1, cells[edge.target].rank
    start = len(cells)
    for rank in range(first, last):
        room = edge.label if rank == first else 0.0
        height = LINE if room else 0.0
        cells.append(Cell(LINE + room, height, rank, False, -room / 2, last - first))
    return [edge.source, *range(start, len(cells)), edge.target]


def heights(cells: list[Cell]) -> list[int]:
    """Return how many boxes the longest way to each cell has."""
    height = [0] * len(cells)
    for i in sorted(range(len(cells)), key=lambda i: cells[i].rank):
        for below in cells[i].below:
            height[below] = max(height[below], height[i] + cells[below].box)
    return height


def _tops(cells: list[Cell]) -> list[int]:
    """Return in which row the ways to each cell begin."""
    top = [cell.rank for cell in cells]
    for i in sorted(range(len(cells)), key=lambda i: cells[i].rank):
        for below in cells[i].below:
            top[below] = min(top[below], top[i])
    return top


def _first_rows(cells: list[Cell], key: Callable[[int], int], turned: bool) -> list[list[int]]:
    """Put the cells in rows as a walk from the ends upwards meets them."""
    rows: list[list[int]] = [[] for _ in range(1 + max((c.rank for c in cells), default=-1))]
    seen: set[int] = set()
    stack = [i for i in reversed(range(len(cells))) if cells[i].box and not cells[i].below]
    while stack:
        here = stack.pop()
        if here not in seen:
            seen.add(here)
            rows[cells[here].rank].append(here)
            stack.extend(sorted(cells[here].above[:: 1 if turned else -1], key=key))
    return rows


def _sorted(cells: list[Cell], rows: list[list[int]]) -> list[list[int]]:
    """Sort every row by the mean place of its neighbours, again and again; keep the best."""
    best, fewest = [row[:] for row in rows], crossings(cells, rows)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row, other in _pairs(rows, down):
            place = {cell: i for i, cell in enumerate(other)}
            own = {cell: i for i, cell in enumerate(row)}

            def mean(i: int, place: dict[int, int] = place, own: dict[int, int] = own) -> float:
                near = cells[i].above if down else cells[i].below  # noqa: B023 - called at once
                return sum(place[n] for n in near) / len(near) if near else own[i]

            row.sort(key=mean)
        _swapped(cells, rows)
        found = crossings(cells, rows)
        if found < fewest:
            best, fewest = [row[:] for row in rows], found
    return best


def _pairs(rows: list[list[int]], down: bool) -> Iterable[tuple[list[int], list[int]]]:
    """Return each row with the one that it is sorted by."""
    if down:
        return zip(rows[1:], rows, strict=False)
    return zip(rows[-2::-1], rows[:0:-1], strict=False)


def _swapped(cells: list[Cell], rows: list[list[int]]) -> None:
    """Swap neighbours where that saves crossings."""
    for rank, row in enumerate(rows):
        over = {cell: i for i, cell in enumerate(rows[rank - 1])} if rank else {}
        under = {cell: i for i, cell in enumerate(rows[rank + 1])} if rank + 1 < len(rows) else {}
        for i in range(len(row) - 1):
            a, b = cells[row[i]], cells[row[i + 1]]
            now = _crossed(a.above, b.above, over) + _crossed(a.below, b.below, under)
            then = _crossed(b.above, a.above, over) + _crossed(b.below, a.below, under)
            if then < now:
                row[i], row[i + 1] = row[i + 1], row[i]


def _crossed(left: list[int], right: list[int], place: dict[int, int]) -> int:
    """Count the crossings of the arrows of two neighbours."""
    return sum(place[a] > place[b] for a in left for b in right)


def crossings(cells: list[Cell], rows: list[list[int]]) -> int:
    """Count the crossings between neighbouring rows."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {cell: i for i, cell in enumerate(lower)}
        passed: list[int] = []
        for cell in upper:
            ends = [place[below] for below in cells[cell].below]
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total
