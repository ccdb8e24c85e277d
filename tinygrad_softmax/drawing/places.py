"""Where every cell stands: the second half of the layout.

Imports `ranks`. Its one idea: a row wants to stand below its neighbours and may not overlap. The
closest it can come, in the sense of least squares, is found exactly, by pooling those that collide.
"""

from __future__ import annotations

from collections.abc import Sequence

from .ranks import Cell, Grid

#: The room between neighbours in a row.
APART = 16.0
#: How often the rows are moved, down and up.
ROUNDS = 10


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
    gaps = [_gaps(cells, row) for row in grid.rows]
    for row, gap in zip(grid.rows, gaps, strict=True):
        for i, place in zip(row, settled([0.0] * len(row), [1.0] * len(row), gap), strict=True):
            x[i] = place
    rows = [*zip(grid.rows, gaps, strict=True)]
    for turn in range(ROUNDS):
        for row, gap in rows if turn % 2 == 0 else rows[::-1]:
            # Down by what is above, up by what is below, and at last by both.
            sides = (turn % 2 == 0 or turn >= ROUNDS - 4, turn % 2 == 1 or turn >= ROUNDS - 4)
            wishes, weights = zip(*(_wish(cells, x, i, *sides) for i in row), strict=True)
            for i, place in zip(row, settled(wishes, weights, gap), strict=True):
                x[i] = place
    left = min((x[i] - cell.width / 2 for i, cell in enumerate(cells)), default=0.0)
    return [place - left for place in x]


def _gaps(cells: list[Cell], row: list[int]) -> list[float]:
    pairs = zip(row, row[1:], strict=False)
    return [(cells[a].width + cells[b].width) / 2 + APART for a, b in pairs]


def _wish(
    cells: list[Cell], x: list[float], i: int, above: bool, below: bool
) -> tuple[float, float]:
    """Return where a cell would like to stand, and how much: long arrows like to be straight."""
    cell = cells[i]
    near = cell.above * above + cell.below * below
    if not near:
        return x[i], 0.01
    weights = [(1.0, 3.0, 8.0)[2 - cell.box - cells[n].box] for n in near]
    load = sum(weights)
    mean = sum(w * (x[n] + cells[n].anchor) for w, n in zip(weights, near, strict=True)) / load
    return mean - cell.anchor, load
