"""Where every cell stands: the second half of the layout.

Imports `ranks`. Its one idea: a row wants to stand below its neighbours and may not overlap. The
closest it can come, in the sense of least squares, is found exactly, by pooling those that collide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

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
    x = [0.0] * len(cells)
    spine = spines(cells)
    ties = {*spine.items()} | {(below, above) for above, below in spine.items()}
    gaps = [_gaps(cells, row) for row in grid.rows]
    for row, gap in zip(grid.rows, gaps, strict=True):
        for i, place in zip(row, settled([0.0] * len(row), [1.0] * len(row), gap), strict=True):
            x[i] = place
    rows = [*zip(grid.rows, gaps, strict=True)]
    for turn in range(ROUNDS):
        # Upwards first, so that what comes in follows what it goes into; then by both sides.
        early = turn < ROUNDS // 2
        for row, gap in rows[::-1] if early or turn % 2 else rows:
            wishes, weights = zip(*(_wish(cells, x, i, ties, not early) for i in row), strict=True)
            for i, place in zip(row, settled(wishes, weights, gap), strict=True):
                x[i] = place
        if turn % 3 == 2:
            _straighten(grid, x, spine)
    left = min((x[i] - cell.width / 2 for i, cell in enumerate(cells)), default=0.0)
    return [place - left for place in x]


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
        while strand:
            low, high = -inf, inf
            run: list[int] = []
            for i in strand:
                least, most = room(i)
                if max(low, least) > min(high, most):
                    break
                low, high = max(low, least), min(high, most)
                run.append(i)
            run = run or strand[:1]  # rounding may leave no room at all: it stays where it is
            line = min(max(_pulled(cells, x, run), low), high)
            for i in run:
                x[i] = line - cells[i].anchor
            strand = strand[len(run) :]


def _pulled(cells: list[Cell], x: list[float], run: list[int]) -> float:
    """Return where a strand is drawn to: by what it leads to and comes from, else where it is."""
    own = {*run}
    near = [n for i in run for n in (*cells[i].above, *cells[i].below) if n not in own] or run
    return sum(x[n] + cells[n].anchor for n in near) / len(near)


def _strands(spine: dict[int, int]) -> Iterator[list[int]]:
    """Yield the cells that stand in line, if there is room."""
    for i in sorted(spine.keys() - {*spine.values()}):
        strand = [i]
        while strand[-1] in spine:
            strand.append(spine[strand[-1]])
        yield strand


def spines(cells: list[Cell]) -> dict[int, int]:
    """Return which cell leads on to which: the longest way there, and the shortest arrow on.

    So what a loop computes turn by turn stands in line, and what comes in stands at its side.
    """
    height = heights(cells)
    back = {i: max(cell.above, key=lambda n: (height[n], -cells[n].span))
            for i, cell in enumerate(cells) if cell.above}  # fmt: skip
    on = {i: min(cell.below, key=lambda n: cells[n].span)
          for i, cell in enumerate(cells) if cell.below}  # fmt: skip
    return {i: below for i, below in on.items() if back[below] == i}


def _gaps(cells: list[Cell], row: list[int]) -> list[float]:
    pairs = zip(row, row[1:], strict=False)
    return [(cells[a].width + cells[b].width) / 2 + APART for a, b in pairs]


def _wish(
    cells: list[Cell], x: list[float], i: int, ties: set[tuple[int, int]], above: bool
) -> tuple[float, float]:
    """Return where a cell would like to stand, and how much: long arrows like to be straight."""
    cell = cells[i]
    near = cell.above * above + cell.below
    if not near:
        return x[i], 0.01
    weights = [(3.0 if cell.box or cells[n].box else 8.0) * (4.0 if (i, n) in ties else 1.0)
               for n in near]  # fmt: skip
    load = sum(weights)
    mean = sum(w * (x[n] + cells[n].anchor) for w, n in zip(weights, near, strict=True)) / load
    return mean - cell.anchor, load
