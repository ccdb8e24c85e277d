"""Where boxes stand and which way arrows run: a layered layout, the same at every run.

Rows of boxes alternate with rows of labels, and an arrow takes up a cell of its own in every row
that it passes: what is kept apart are cells, so nothing can overlap and no arrow meets a box. Cells
that follow one another in line form strands, which move as a whole and so stay straight.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise
from math import floor, inf
from typing import NamedTuple

#: The room between rows, between neighbours in a row, and around the picture.
BETWEEN, APART, MARGIN = 22.0, 16.0, 16.0
#: What the two lines of an arrow take up.
LINE = 18.0
#: How often rows are sorted by their neighbours, and strands are moved.
SWEEPS, ROUNDS = 12, 40

Point = tuple[float, float]


class Edge(NamedTuple):
    """An arrow from an operand to a result, with room for a label of that width."""

    source: int
    target: int
    label: float = 0.0


class Frame(NamedTuple):
    """A rectangle: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """Where all is, in the order in which boxes and edges were given."""

    boxes: tuple[Frame, ...]
    routes: tuple[tuple[Point, ...], ...]  # downwards: straight to the second point, bent, ...
    labels: tuple[Frame | None, ...]
    width: float
    height: float
    crossings: int


@dataclass(slots=True)
class Cell:
    """A box, or an arrow that passes a row; it reaches `left` and `right` of its middle line."""

    left: float
    right: float
    height: float
    rank: int
    span: int = 0  # how many cells its arrow has; 0 for a box
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


def laid_out(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """Return a layered layout of boxes of these sizes: every arrow leads down, nothing overlaps.

    Examples
    --------
    >>> layout = laid_out([(40, 20), (40, 20)], [Edge(1, 0)])
    >>> layout.boxes[1].y < layout.boxes[0].y
    True
    """
    cells, chains = _cells(sizes, edges)
    rows, crossings = _rows(cells)
    x = _places(cells, rows)
    bands, bottom = [], MARGIN - BETWEEN
    for row in rows:
        top = bottom + BETWEEN
        bottom = top + max(cells[i].height for i in row)
        bands.append((top, bottom))
    boxes = [Frame(x[i] - w / 2, (sum(bands[cells[i].rank]) - h) / 2, w, h)
             for i, (w, h) in enumerate(sizes)]  # fmt: skip
    routes, labels = [], []
    starts, ends = (_ports(cells, chains, x, *ends) for ends in ((0, 1), (-1, -2)))
    for edge, chain, start, end in zip(edges, chains, starts, ends, strict=True):
        first = boxes[edge.source]
        way = [(start, first.y + first.height), (start, bands[cells[edge.source].rank][1])]
        way += [(x[i], y) for i in chain[1:-1] for y in bands[cells[i].rank]]
        way += [(end, bands[cells[edge.target].rank][0]), (end, boxes[edge.target].y)]
        routes.append(tuple(way))
        labels.append(Frame(way[2][0] + LINE / 2, way[2][1], edge.label, LINE)
                      if edge.label else None)  # fmt: skip
    width = max((x[i] + cell.right for i, cell in enumerate(cells)), default=0.0) + MARGIN
    return Layout(tuple(boxes), tuple(routes), tuple(labels), width, bottom + MARGIN, crossings)


def _cells(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> tuple[
        list[Cell], list[list[int]]]:  # fmt: skip
    """Return boxes and arrows as cells with their rows, and the cells that each arrow runs by."""
    uses: dict[int, set[int]] = {i: set() for i in range(len(sizes))}
    for edge in edges:
        uses[edge.source].add(edge.target)
    depth: dict[int, int] = {}  # from the end, by the longest way: so a box stands near its use
    for i in TopologicalSorter(uses).static_order():
        depth[i] = max((depth[user] + 1 for user in uses[i]), default=0)
    last = max(depth.values(), default=0)
    cells = [Cell(w / 2, w / 2, h, 2 * (last - depth[i])) for i, (w, h) in enumerate(sizes)]
    chains = []
    for source, target, label in edges:
        first, end = cells[source].rank + 1, cells[target].rank
        passed = range(len(cells), len(cells) + end - first)
        cells += [Cell(LINE / 2, LINE / 2, 0.0, rank, end - first) for rank in range(first, end)]
        if label:  # the first cell of an arrow holds its label
            cells[passed[0]].right, cells[passed[0]].height = LINE / 2 + label, LINE
        chains.append([source, *passed, target])
        for upper, lower in pairwise(chains[-1]):
            cells[upper].below.append(lower)
            cells[lower].above.append(upper)
    return cells, chains


def _rows(cells: list[Cell]) -> tuple[list[list[int]], int]:
    """Return the rows in an order with few crossings, and how many there are."""
    tries: list[tuple[int, int, list[list[int]]]] = []
    for far in (0, 1, -1):
        rows = _first_rows(cells, far)
        for sweep in range(SWEEPS):
            tries.append((_crossings(cells, rows), len(tries), [row[:] for row in rows]))
            if not tries[-1][0]:
                break
            down = sweep % 2 == 0
            for row, other in pairwise(rows if down else reversed(rows)):
                _sort(cells, other, row, down)
    crossings, _, rows = min(tries)
    return rows, crossings


def _first_rows(cells: list[Cell], far: int) -> list[list[int]]:
    """Put the cells in rows as a walk from the ends upwards meets them."""
    rows: list[list[int]] = [[] for _ in range(1 + max((c.rank for c in cells), default=-1))]
    top = [cell.rank for cell in cells]  # in which row the ways to each cell begin
    for i in sorted(range(len(cells)), key=lambda i: cells[i].rank):
        top[i] = min((top[n] for n in cells[i].above), default=top[i])
    seen: set[int] = set()
    stack = [i for i in reversed(range(len(cells))) if not (cells[i].span or cells[i].below)]
    while stack:
        here = stack.pop()
        if here not in seen:
            seen.add(here)
            rows[cells[here].rank].append(here)
            near = cells[here].above[::-1]
            stack += sorted(near, key=lambda n: far * top[n])
    return rows


def _sort(cells: list[Cell], row: list[int], other: list[int], down: bool) -> None:
    """Sort a row by the mean place of its neighbours in another one."""
    place, wish = {cell: i for i, cell in enumerate(other)}, {}
    for i, cell in enumerate(row):
        near = cells[cell].above if down else cells[cell].below
        wish[cell] = sum(place[n] for n in near) / len(near) if near else i
    row.sort(key=wish.__getitem__)


def _crossings(cells: list[Cell], rows: list[list[int]]) -> int:
    """Count the crossings between neighbouring rows."""
    total = 0
    for upper, lower in pairwise(rows):
        place, passed = {cell: i for i, cell in enumerate(lower)}, list[int]()
        for cell in upper:
            ends = [place[below] for below in cells[cell].below]
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _places(cells: list[Cell], rows: list[list[int]]) -> list[float]:
    """Return where the middle line of every cell runs.

    Strands begin as far to the left as they can, and then move towards what they are linked to, as
    far as their neighbours let them.
    """
    strand = _strands(cells, rows)
    before, after, pull = ({k: defaultdict[int, float](float) for k in strand} for _ in range(3))
    for row in rows:
        for a, b in pairwise(row):
            gap = max(cells[a].right + APART + cells[b].left, after[strand[a]][strand[b]])
            after[strand[a]][strand[b]] = before[strand[b]][strand[a]] = gap
    for i, cell in enumerate(cells):
        for n in cell.below:
            if strand[i] != strand[n]:  # long arrows like to be straight
                weight = 8.0 if cell.span and cells[n].span else 3.0
                pull[strand[i]][strand[n]] += weight
                pull[strand[n]][strand[i]] += weight
    order = [*TopologicalSorter(before).static_order()]
    x: dict[int, float] = {}
    for k in order:
        x[k] = max((x[n] + gap for n, gap in before[k].items()), default=0.0)
    for turn in range(ROUNDS):
        for k in order if turn % 2 else reversed(order):
            low = max((x[n] + gap for n, gap in before[k].items()), default=-inf)
            high = min((x[n] - gap for n, gap in after[k].items()), default=inf)
            wish = load = 0.0  # added up one by one: `sum` rounds otherwise since Python 3.12
            for n, weight in pull[k].items():
                wish, load = wish + weight * x[n], load + weight
            x[k] = min(max(wish / load if load else x[k], low), high)
    edge = min((x[strand[i]] - cell.left for i, cell in enumerate(cells)), default=0.0) - MARGIN
    # In whole pixels, with what is nearly half of one always rounded up.
    return [floor(x[k] - edge + 0.5001) for k in strand]


def _strands(cells: list[Cell], rows: list[list[int]]) -> list[int]:
    """Return the strand of every cell, which is named by its first cell.

    A cell leads on to the shortest arrow, and comes from the longest way. So what a loop computes
    turn by turn stands in line, and what comes in stands at its side.
    """
    height = [0] * len(cells)  # how many boxes the longest way to each cell has
    strand = [*range(len(cells))]
    for upper, lower in pairwise(rows):
        for i in lower:
            height[i] = max((height[n] + (not cells[n].span) for n in cells[i].above), default=0)
        origin = {i: max(cells[i].above, key=lambda n: (height[n], -cells[n].span))
                  for i in lower if cells[i].above}  # fmt: skip
        leads = [(not cells[i].span, a, i, min(cells[i].below, key=lambda n: cells[n].span))
                 for a, i in enumerate(upper) if cells[i].below]  # fmt: skip
        taken: list[tuple[int, int]] = []
        for _, a, i, on in sorted(leads):  # long arrows first
            b = lower.index(on)
            if origin[on] == i and all((a < c) == (b < d) for c, d in taken):
                strand[on] = strand[i]
                taken.append((a, b))
    return strand


def _ports(cells: list[Cell], chains: list[list[int]], x: list[float], end: int,
           step: int) -> list[float]:  # fmt: skip
    """Return where each arrow meets the box at one of its ends: side by side, and uncrossed.

    The arrow that comes straight has the middle.
    """
    by_box: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for k, chain in enumerate(chains):
        by_box[chain[end]].append((x[chain[step]], k))
    ports = [0.0] * len(chains)
    for box, lines in by_box.items():
        lines.sort()
        straight = [i for i, (line, _) in enumerate(lines) if line == x[box]]
        middle = straight[0] if straight else (len(lines) - 1) / 2
        aside = max(middle, len(lines) - 1 - middle, 1)
        apart = min(2 * LINE, 0.8 * cells[box].left / aside)
        for i, (_, k) in enumerate(lines):
            ports[k] = x[box] + (i - middle) * apart
    return ports
