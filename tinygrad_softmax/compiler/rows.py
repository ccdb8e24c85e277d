"""Which part of a graph can be computed a block of rows at a time.

A loss that is a sum over examples is computed row by row: what has an axis of examples stays within
its rows, what sums over them is added up block by block, and the rest comes before or after. Each
op says where the axis goes; an op that says nothing ends the attempt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.shapes import normalize_axis
from ..ir.expr import Expr
from ..ir.visit import ordered
from ..ops import reductions, shaping
from ..ops.indexing import getitem, scatter
from ..ops.linalg import matmul
from .graph import Graph, Places, parts_of

#: What is read of the inputs at a time should stay in the cache between its two uses.
_CACHE = 1 << 19
_FEWEST = 384
_MOST = 1 << 21

#: The result is a sum over the rows.
_TOTAL = -1


class Cut(NamedTuple):
    """How a graph is cut: the axis of rows of each value, and what is computed when."""

    size: int  # how many rows there are
    block: int  # how many are in a block
    axis: dict[Expr, int]
    section: dict[Expr, str]  # "before" the blocks, in the "rows", or "after" them


_Rule = Callable[[Expr, list[int | None]], int | None]
_RULES: dict[Any, _Rule] = {}


def _moves(*ops: Any) -> Callable[[_Rule], _Rule]:
    def declare(rule: _Rule) -> _Rule:
        _RULES.update(dict.fromkeys(ops, rule))
        return rule

    return declare


def cut_of(graph: Graph, wrt: tuple[str, ...]) -> Cut | None:
    """Return how to cut a graph into blocks of rows; None if that is impossible or does not pay."""
    nodes = ordered(graph.roots)
    data = [e for e in nodes if e.op is None and e.shape and e.label not in wrt]
    sizes = {int(e.shape[0]) for e in data if e.value is None}
    for size in sorted(sizes, reverse=True):
        if size > _FEWEST:
            found = _sections(graph, nodes, [e for e in data if e.shape[0] == size], size)
            if found is not None:
                axis, section = found
                block = _block(nodes, axis, section, size)
                return None if block is None else Cut(size, block, axis, section)
    return None


def _sections(
    graph: Graph, nodes: list[Expr], data: list[Expr], size: int
) -> tuple[dict[Expr, int], dict[Expr, str]] | None:
    axis: dict[Expr, int] = dict.fromkeys(data, 0)
    section: dict[Expr, str] = {}
    for e in nodes:
        places = {section[arg] for arg in e.args}
        axes = [axis.get(arg) for arg in e.args]
        if e in axis:
            section[e] = "rows"
        elif all(a is None for a in axes):
            section[e] = "after" if "after" in places else "before"
        else:
            made = None if "after" in places else _axis_of(e, axes)
            if made is None:
                return None
            section[e] = "after" if made == _TOTAL else "rows"
            if made != _TOTAL:
                axis[e] = made
    if any(root in axis for root in graph.roots):
        return None
    return (axis, section) if any(e.op is not None for e in axis) else None


def _axis_of(e: Expr, axes: list[int | None]) -> int | None:
    """Return the axis of rows of a result; None if its rows depend on other rows."""
    if e.op in _RULES:
        return _RULES[e.op](e, axes)
    if not e.op.elementwise:
        return None
    known = [(arg, a) for arg, a in zip(e.args, axes, strict=True) if a is not None]
    right = {len(arg.shape) - a for arg, a in known}
    if len(right) != 1:
        return None
    (place,) = right
    alone = all(a is not None or len(arg.shape) < place or arg.shape[-place] == 1
                for arg, a in zip(e.args, axes, strict=True))  # fmt: skip
    return len(e.shape) - place if alone else None


@_moves(reductions.sum, reductions.max, reductions.min)
def _reduced(e: Expr, axes: list[int | None]) -> int | None:
    (axis, *_), x = axes, e.args[0]
    if axis is None or dict(e.settings).get("dtype") is not None:
        return None
    gone = normalize_axis(e.setting("axis"), len(x.shape))
    if axis in gone:
        return _TOTAL if e.op is reductions.sum and x.dtype.kind == "f" else None
    return axis if e.setting("keepdims") else axis - sum(a < axis for a in gone)


@_moves(matmul)
def _product(e: Expr, axes: list[int | None]) -> int | None:
    (a, b), (x, w) = axes, e.args
    if len(x.shape) > 2 or len(w.shape) > 2 or e.dtype.kind != "f":
        return None
    if a == len(x.shape) - 1 and b == 0:
        return _TOTAL
    if a == 0 and len(x.shape) == 2 and b is None:
        return 0
    return len(e.shape) - 1 if a is None and b == 1 else None


@_moves(shaping.transpose)
def _transposed(e: Expr, axes: list[int | None]) -> int | None:
    order = e.setting("axes")
    ndim = len(e.shape)
    order = range(ndim)[::-1] if order is None else normalize_axis(order, ndim)
    return None if axes[0] is None else [*order].index(axes[0])


@_moves(shaping.reshape)
def _reshaped(e: Expr, axes: list[int | None]) -> int | None:
    axis, x = axes[0], e.args[0]
    if axis is None or math.prod(x.shape[:axis]) != 1:
        return None
    for place, n in enumerate(e.shape):
        if n != 1:
            return place if n == x.shape[axis] else None
    return None


@_moves(shaping.broadcast_to)
def _repeated(e: Expr, axes: list[int | None]) -> int | None:
    return None if axes[0] is None else len(e.shape) - len(e.args[0].shape) + axes[0]


@_moves(getitem, scatter)
def _picks(e: Expr, axes: list[int | None]) -> int | None:
    if Places.of(e) is not None:
        values = axes[0] == 0 or (e.op is scatter and axes[0] is None and not e.args[0].shape)
        return 0 if values and axes[1] == 0 else None
    if e.op is scatter or axes[0] is None:
        return None
    taken = 0
    axis = 0
    for part in parts_of(e.setting("index")):  # the rows whole, entries or slices of the others
        if part is None:
            taken += 1
        elif isinstance(part, (int, np.integer)) and axis != axes[0]:
            axis += 1
        elif isinstance(part, slice):
            if axis == axes[0]:
                return taken if part == slice(None) else None
            axis += 1
            taken += 1
        else:
            return None
    return taken + axes[0] - axis if axis <= axes[0] else None


def _row(e: Expr, axis: dict[Expr, int]) -> int:
    """Return how many bytes a row of a value takes."""
    return math.prod(int(n) for i, n in enumerate(e.shape) if i != axis[e]) * int(e.dtype.itemsize)


def _block(nodes: list[Expr], axis: dict[Expr, int], section: dict[Expr, str], size: int) -> Any:
    """Return how many rows go into a block; None if it is better to take all at once."""
    read = sum(_row(e, axis) for e in axis if e.op is None)
    made = [_row(e, axis) for e in axis if e.op is not None and not e.op.moves_entries]
    row = max(read + max(made, default=0), 1)
    fitting = max(_CACHE // row, _FEWEST)  # with fewer rows the calls cost more than is saved
    if fitting * row > _MOST or size <= fitting:
        return None
    return -(-size // -(-size // fitting))
