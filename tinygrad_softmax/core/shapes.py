"""Shape rules: what shape comes out, and how a gradient is folded back.

The rules work on tuples of integers alone, so that they serve arrays and symbolic expressions
alike; a size is passed on as the very object it came in as.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import ShapeError

Shape = tuple[int, ...]
Axis = int | Sequence[int] | None

#: The types that matrix products are fast for.
_BLAS = (np.dtype("f8"), np.dtype("f4"))


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that NumPy broadcasts `shapes` to."""
    result: list[int] = []
    for axis in range(-max(map(len, shapes), default=0), 0):
        size = 1
        for shape in shapes:
            if len(shape) < -axis or shape[axis] == 1:
                continue
            if size not in (1, shape[axis]):
                raise ShapeError(
                    f"the sizes {size} and {shape[axis]} at axis {axis} must agree, or one be 1",
                    (size, shape[axis]),
                )
            size = shape[axis]
        result.append(size)
    return tuple(result)


def normalize_axis(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return `axis` as a tuple of non-negative integers; None means every axis."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if np.iterable(axis) else (axis,)
    if ndim == 0 and axes in ((0,), (-1,)):  # as most of NumPy does
        return ()
    for entry in axes:
        if not -ndim <= operator.index(entry) < ndim:
            raise np.exceptions.AxisError(entry, ndim)
    result = tuple(operator.index(entry) % ndim for entry in axes)
    if len(set(result)) != len(result):
        raise ValueError(f"axis {axis} names one axis twice")
    return result


def kept_dims(shape: Shape, axis: Axis) -> Shape:
    """Return `shape` with size 1 at the axes that were reduced: what ``keepdims`` would leave."""
    axes = normalize_axis(axis, len(shape))
    return tuple(1 if i in axes else size for i, size in enumerate(shape))


def reduced(shape: Shape, axis: Axis = None, keepdims: bool = False, **_: Any) -> Shape:
    """Return the shape of a reduction of `shape` over `axis`."""
    if keepdims:
        return kept_dims(shape, axis)
    axes = normalize_axis(axis, len(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def product(x: Shape, w: Shape) -> Shape:
    """Return the shape of the matrix product, with NumPy's rules for 1-D and stacked operands."""
    if not x or not w:
        raise ShapeError(
            "a matrix product needs at least one axis on each side; use * for a scalar"
        )
    inner = w[0] if len(w) == 1 else w[-2]
    if x[-1] != inner:
        raise ShapeError(f"the inner sizes {x[-1]} and {inner} must agree", (x[-1], inner))
    stack = broadcast(x[:-2], w[:-2])
    return stack + (x[-2:-1] if len(x) > 1 else ()) + (w[-1:] if len(w) > 1 else ())


def picked(shape: Shape, index: Any) -> Shape:
    """Return the shape of ``x[index]`` for x of `shape`.

    A zero-stride stand-in is indexed, so NumPy itself is the rule and no memory is spent.
    """
    result: Shape = np.broadcast_to(np.int8(0), shape)[index].shape
    return result


def fold(g: Any, shape: Shape) -> Any:
    """Undo broadcasting: sum `g` over the axes along which an operand of `shape` was repeated.

    Axes along which `g` is itself still constant stay compact (size 1, or absent at the front);
    the result broadcasts to `shape` and is never larger.
    """
    if not g.shape:
        return g
    lead = len(g.shape) - len(shape)
    if lead > 0:
        g = np.add.reduce(g, axis=tuple(range(lead)))
    elif lead < 0:
        shape = shape[-lead:]
    axes = tuple([i for i, size in enumerate(shape) if size == 1 and g.shape[i] != 1])
    if not axes:
        return g
    if g.__class__ is np.ndarray and len(axes) == 1 and g.ndim == 2 and g.dtype in _BLAS:
        if axes == (1,):
            return g.dot(_ones(g.shape[1], g.dtype))
        return _ones(g.shape[0], g.dtype).T.dot(g)
    return np.add.reduce(g, axis=axes, keepdims=True)


def sum_short_rows(x: Any) -> Any:
    """Sum a matrix over its last axis, keeping it, by a product with ones if the rows are short.

    NumPy takes a detour for every short row: at (1797, 10) it needs 28 us, the product 4. Long rows
    are left to NumPy, whose pairwise sum is more exact.
    """
    if x.shape[1] <= 64 and x.dtype in _BLAS:
        return x.dot(_ones(x.shape[1], x.dtype))
    return np.add.reduce(x, axis=1, keepdims=True)


@lru_cache(maxsize=16)
def _ones(n: int, dtype: Any) -> Any:
    """A column of ones."""
    ones = np.ones((n, 1), dtype)
    ones.flags.writeable = False  # it is shared by every caller
    return ones
