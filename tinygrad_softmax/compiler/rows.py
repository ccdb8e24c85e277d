"""Which part of a step can be done a block of rows at a time.

Imports the derivation's expressions. A loss that is a sum over examples is computed row by row:
what has an axis of examples stays within its rows, what sums over them is added up block by block,
and the rest comes before or after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..ops import indexing, reductions, shaping
from ..ops.linalg import matmul
from ..symbolic.align import REALIGN
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr
from ..symbolic.sizes import Counted, Dim, Slot
from ..symbolic.terms import LINEAR, PRODUCT

#: What is read of the inputs at a time should stay in the cache between its two uses.
_CACHE = 1 << 19
_FEWEST = 384
_MOST = 1 << 21


def axis_of(e: Expr, size: int) -> int | None:
    """Return the axis of an expression that has this (open) size."""
    found = [i for i, n in enumerate(e.shape) if isinstance(n, Dim) and int(n) == size]
    return found[0] if found else None


def phases(roots: Iterable[Expr], size: int) -> dict[Expr, str] | None:
    """Say of each expression if it is computed before, in, or after the blocks of rows.

    None if the rows do not stand for themselves: one depends on a sum over all of them, or is asked
    for.
    """
    where: dict[Expr, str] = {}
    roots = list(roots)
    for e in ordered(roots):
        if sum(isinstance(n, Dim) and int(n) == size for n in e.shape) > 1:
            return None
        places = {where[arg] for arg in e.args}
        has, reads = axis_of(e, size) is not None, any(axis_of(a, size) is not None for a in e.args)
        if has and "after" in places:
            return None
        if has:
            if e.op is not None and not _row_by_row(e, size):
                return None
            where[e] = "rows"
        elif reads:
            if not _adds_up(e, size):
                return None
            where[e] = "after"
        else:
            where[e] = "after" if "after" in places else "before"
    return where


def _from_right(e: Expr, size: int) -> int | None:
    axis = axis_of(e, size)
    return None if axis is None else len(e.shape) - axis


def _row_by_row(e: Expr, size: int) -> bool:
    p = e.op
    if p in (LINEAR, PRODUCT, shaping.broadcast_to) or p.elementwise:
        return all(_from_right(a, size) in (None, _from_right(e, size)) for a in e.args)
    if p in (reductions.sum, reductions.max, reductions.min, REALIGN):
        return True
    if p is matmul:
        a, b = (_from_right(x, size) for x in e.args)
        return len(e.args[0].shape) == len(e.args[1].shape) == 2 and (a, b) == (2, None)
    if p in (indexing.getitem, indexing.scatter):
        return _picks_in_rows(e, size)
    return False


def _picks_in_rows(e: Expr, size: int) -> bool:
    """Whether an index goes through the rows, one entry or row of another array for each."""
    index = e.setting("index")
    index = (
        index if isinstance(index, tuple) and not isinstance(index, (Counted, Slot)) else (index,)
    )
    whole = e if e.op is indexing.scatter else e.args[0]
    axis = axis_of(whole, size)

    def fits(place: int, part: Any) -> bool:
        if isinstance(part, Slot):
            labels = e.args[part.operand]
            return _from_right(labels, size) == len(labels.shape) != 0
        if isinstance(part, Counted):
            return place == axis and int(part.size) == size
        return isinstance(part, int) and place != axis

    if not all(fits(place, part) for place, part in enumerate(index)):
        return False
    return axis is None or (axis == 0 and isinstance(index[0], Counted))


def _adds_up(e: Expr, size: int) -> bool:
    """Whether what an expression says of all rows is the sum of what it says of blocks of them."""
    if e.op is reductions.sum:
        return True
    if e.op is not matmul or any(len(a.shape) != 2 for a in e.args):
        return False
    a, b = (axis_of(x, size) for x in e.args)
    return (a, b) == (1, 0)


def block_of(
    inputs: Iterable[tuple[tuple[int, ...], int, int]], widest: int, n_rows: int
) -> int | None:
    """Return how many rows go into a block; None if it is better to take all at once.

    Parameters
    ----------
    inputs : iterable of (shape, axis of the rows, bytes of an entry)
        What is cut into blocks.
    widest : int
        Bytes of one row of the largest array that is computed.
    n_rows : int
        How many there are.
    """
    read = 0
    for shape, axis, itemsize in inputs:
        row = itemsize
        for place, n in enumerate(shape):
            row *= 1 if place == axis else n
        read += row
    row = max(read + widest, 1)
    fitting = max(_CACHE // row, _FEWEST)  # with fewer rows the calls cost more than is saved
    if fitting * row > _MOST or n_rows <= fitting:
        return None
    blocks = -(-n_rows // fitting)
    return -(-n_rows // blocks)
