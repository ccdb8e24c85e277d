"""Where every cell stands: the second half of the layout.

Imports `ranks`. Its one idea: a row wants to stand below its neighbours and may not overlap. The
closest it can come, in the sense of least squares, is found exactly, by pooling those that collide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from math import fsum, inf

from .ranks import Cell, Grid, heights

#: The room between neighbours in a row.
APART = 16.0
#: How often the rows are moved, down and up.
ROUNDS = 24


def settled(
    wishes: Sequence[float], weights: Sequence[float], gaps: Sequence[float]
) -> list[float]:
    """Return the places nearest to `wishes` of which each is at least its gap from the one before.

    Examples
    --------
    >>> settled([0.0, 0.0, 9.0], [1.0, 1.0, 1.0], [4.0, 4.0])
    [-2.0, 2.0, 9.0]
    """
    shifts = [0.0]
    for gap in gaps:
        shifts.append(shifts[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # mean wish, weight, how many
    for wish, weight, shift in zip(wishes, weights, shifts, strict=False):
        mean, heavy, many = wish - shift, weight, 1
        while pools and pools[-1][0] > mean:
            other, load, count = pools.pop()
            mean = (mean * heavy + other * load) / (heavy + load)
            heavy, many = heavy + load, many + count
        pools.append((mean, heavy, many))
    flat = [mean for mean, _, many in pools for _ in range(many)]
    return [mean + shift for mean, shift in zip(flat, shifts, strict=False)]


def placed(grid: Grid) -> list[float]:
    """Return the middle of every cell, from left to right; the leftmost edge is 0."""
    cells = grid.cells
    spine = spines(grid)
    ties = {*spine.items()} | {(below, above) for above, below in spine.items()}
    rows = [(row, _gaps(cells, row)) for row in grid.rows]
    x = packed(grid, spine)
    for turn in range(ROUNDS):
        for row, gap in rows[::-1] if turn % 2 else rows:
            wishes, weights = zip(*(_wish(cells, x, i, ties) for i in row), strict=True)
            for i, place in zip(row, settled(wishes, weights, gap), strict=True):
                x[i] = place
        if turn % 3 == 2:
            _straighten(grid, x, spine)
    left = min((x[i] - cell.width / 2 for i, cell in enumerate(cells)), default=0.0)
    return [place - left for place in x]


def packed(grid: Grid, spine: dict[int, int]) -> list[float]:
    """Return the cells in line as `spine` says: half-way between all to the left and to the right.

    Of two that stand in line the lines run at the same place. As the spine crosses itself nowhere,
    what stands in line is left of its neighbour in every row, or in none.
    """
    cells = grid.cells
    strand = {i: k for k, cells_of in enumerate(_strands(spine)) for i in cells_of}
    for i in range(len(cells)):
        strand.setdefault(i, len(cells) + i)
    after: dict[int, list[tuple[int, float]]] = {k: [] for k in strand.values()}
    for row in grid.rows:
        for a, b, gap in zip(row, row[1:], _gaps(cells, row), strict=False):
            after[strand[a]].append((strand[b], gap + cells[b].anchor - cells[a].anchor))
    order = [*TopologicalSorter({k: [n for n, _ in near] for k, near in after.items()})
             .static_order()]  # fmt: skip
    left = dict.fromkeys(order, 0.0)
    for k in reversed(order):
        for n, gap in after[k]:
            left[n] = max(left[n], left[k] + gap)
    right = dict.fromkeys(order, max(left.values(), default=0.0))
    for k in order:
        for n, gap in after[k]:
            right[k] = min(right[k], right[n] - gap)
    return [(left[strand[i]] + right[strand[i]]) / 2 - cell.anchor for i, cell in enumerate(cells)]


def _straighten(grid: Grid, x: list[float], spine: dict[int, int]) -> None:
    """Let what follows in line stand in line as far as there is room for that."""
    cells = grid.cells
    side = {i: (row[k - 1] if k else None, row[k + 1] if k + 1 < len(row) else None)
            for row in grid.rows for k, i in enumerate(row)}  # fmt: skip

    def room(i: int) -> tuple[float, float]:
        """Return between which places the line of a cell may run."""
        (left, right), cell = side[i], cells[i]
        low = -inf if left is None else x[left] + (cells[left].width + cell.width) / 2 + APART
        high = inf if right is None else x[right] - (cells[right].width + cell.width) / 2 - APART
        return low + cell.anchor, high + cell.anchor

    for strand in _strands(spine):
        rest = strand
        while rest:
            run, (low, high) = rest[:1], room(rest[0])
            for i in rest[1:]:
                least, most = room(i)
                if max(low, least) > min(high, most):
                    break
                low, high = max(low, least), min(high, most)
                run.append(i)
            line = min(max(_pulled(cells, x, run), low), high)
            for i in run:
                x[i] = line - cells[i].anchor
            rest = rest[len(run) :]


def _pulled(cells: list[Cell], x: list[float], run: list[int]) -> float:
    """Return where a strand is drawn to: by what it leads to and comes from, else where it is."""
    own = {*run}
    near = [n for i in run for n in (*cells[i].above, *cells[i].below) if n not in own] or run
    return fsum(x[n] + cells[n].anchor for n in near) / len(near)


def _strands(spine: dict[int, int]) -> Iterator[list[int]]:
    """Yield the cells that stand in line, if there is room."""
    for i in sorted(spine.keys() - {*spine.values()}):
        strand = [i]
        while strand[-1] in spine:
            strand.append(spine[strand[-1]])
        yield strand


def spines(grid: Grid) -> dict[int, int]:
    """Return which cell leads on to which: the longest way there, and the shortest arrow on.

    So what a loop computes turn by turn stands in line, and what comes in stands at its side.
    """
    cells, height = grid.cells, heights(grid.cells)
    back = {i: max(cell.above, key=lambda n: (height[n], -cells[n].span))
            for i, cell in enumerate(cells) if cell.above}  # fmt: skip
    place = {i: k for row in grid.rows for k, i in enumerate(row)}
    spine: dict[int, int] = {}
    for row in grid.rows:
        taken: list[tuple[int, int]] = []
        on = [(i, min(cells[i].below, key=lambda n: cells[n].span)) for i in row if cells[i].below]
        for i, below in sorted(on, key=lambda pair: cells[pair[0]].box + cells[pair[1]].box):
            a, b = place[i], place[below]
            if back[below] == i and all((a < c) == (b < d) for c, d in taken):
                spine[i] = below
                taken.append((a, b))
    return spine


def _gaps(cells: list[Cell], row: list[int]) -> list[float]:
    pairs = pairwise(row)
    return [(cells[a].width + cells[b].width) / 2 + APART for a, b in pairs]


def _wish(
    cells: list[Cell], x: list[float], i: int, ties: set[tuple[int, int]]
) -> tuple[float, float]:
    """Return where a cell would like to stand, and how much: long arrows like to be straight."""
    cell = cells[i]
    near = [*cell.above, *cell.below]
    if not near:
        return x[i], 0.01
    weights = [(3.0 if cell.box or cells[n].box else 8.0) * (4.0 if (i, n) in ties else 1.0)
               for n in near]  # fmt: skip
    load = sum(weights)
    # `sum` rounds otherwise since Python 3.12, and where two places tie, one digit moves a box.
    mean = fsum(w * (x[n] + cells[n].anchor) for w, n in zip(weights, near, strict=True)) / load
    return mean - cell.anchor, load
