"""Boxes in their places and the ways of the arrows: the layout as a whole.

Imports `ranks` and `places`. Between two rows an arrow bends; within a row it runs straight down
the cell that it has there, so it never meets a box or a label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from .places import placed
from .ranks import LINE, Edge, Grid, gridded

#: The room between rows, and around the picture.
BETWEEN, MARGIN = 22.0, 16.0

Point = tuple[float, float]


class Frame(NamedTuple):
    """A rectangle: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


class Route(NamedTuple):
    """The way of an arrow, downwards: straight to the second point, bent to the third, ..."""

    points: tuple[Point, ...]
    label: Frame | None


class Layout(NamedTuple):
    """Where all is, in the order in which boxes and edges were given."""

    boxes: tuple[Frame, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def laid_out(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """Return a layered layout: every arrow leads downwards, and nothing overlaps.

    Parameters
    ----------
    sizes : sequence of pairs
        Width and height of each box.
    edges : sequence of Edge
        Arrows between them; they may not go in a circle.

    Returns
    -------
    Layout
        The same one for the same arguments.

    Examples
    --------
    >>> layout = laid_out([(40, 20), (40, 20)], [Edge(1, 0)])
    >>> layout.boxes[1].y < layout.boxes[0].y
    True
    """
    grid = gridded(sizes, edges)
    x = [MARGIN + place for place in placed(grid)]
    bands = _bands(grid)
    boxes = []
    for i, (width, height) in enumerate(sizes):
        top, bottom = bands[grid.cells[i].rank]
        boxes.append(Frame(x[i] - width / 2, (top + bottom - height) / 2, width, height))
    starts, ends = _ports(grid, x)
    routes = [_route(grid, x, bands, boxes, chain, edge.label, (starts[k], ends[k]))
              for k, (chain, edge) in enumerate(zip(grid.chains, edges, strict=True))]  # fmt: skip
    width = max((x[i] + cell.width / 2 for i, cell in enumerate(grid.cells)), default=0.0)
    height = bands[-1][1] if bands else 0.0
    return Layout(tuple(boxes), tuple(routes), width + MARGIN, height + MARGIN)


def _bands(grid: Grid) -> list[tuple[float, float]]:
    """Return where each row begins and ends, from top to bottom."""
    bands = []
    top = MARGIN
    for row in grid.rows:
        height = max(grid.cells[i].height for i in row)
        bands.append((top, top + height))
        top += height + BETWEEN
    return bands


def _ports(grid: Grid, x: list[float]) -> tuple[list[float], list[float]]:
    """Return where on its boxes each arrow starts and ends: side by side, and uncrossed.

    The arrow that comes straight has the middle.
    """
    found = []
    for end, step in ((0, 1), (-1, -2)):
        by_box: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for k, chain in enumerate(grid.chains):
            by_box[chain[end]].append((x[chain[step]] + grid.cells[chain[step]].anchor, k))
        ports = [0.0] * len(grid.chains)
        for box, lines in by_box.items():
            lines.sort()
            straight = [i for i, (line, _) in enumerate(lines) if abs(line - x[box]) < 1]
            middle = straight[0] if straight else (len(lines) - 1) / 2
            aside = max(middle, len(lines) - 1 - middle, 1)
            apart = min(2 * LINE, 0.4 * grid.cells[box].width / aside)
            for i, (_, k) in enumerate(lines):
                ports[k] = x[box] + (i - middle) * apart
        found.append(ports)
    return found[0], found[1]


def _route(grid: Grid, x: list[float], bands: list[tuple[float, float]], boxes: list[Frame],
           chain: list[int], label: float, ports: tuple[float, float]) -> Route:  # fmt: skip
    cells, (start, end) = grid.cells, ports
    source, target = boxes[chain[0]], boxes[chain[-1]]
    points = [(start, source.y + source.height), (start, bands[cells[chain[0]].rank][1])]
    for i in chain[1:-1]:
        line = x[i] + cells[i].anchor
        points += [(line, y) for y in bands[cells[i].rank]]
    points += [(end, bands[cells[chain[-1]].rank][0]), (end, target.y)]
    if not label:
        return Route(tuple(points), None)
    top, bottom = bands[cells[chain[1]].rank]
    left = x[chain[1]] + cells[chain[1]].anchor + LINE / 2
    return Route(tuple(points), Frame(left, top, label, bottom - top))
