"""The same entries in another arrangement: reshaping, turning, repeating, joining.

Imports `primitive` and `shapes`. The gradient takes the way back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..primitive import primitive
from ..shapes import Shape, broadcast


def reshaped(x: Shape, shape: Any) -> Shape:
    """Return `shape` with its -1, if there is one, worked out from the number of entries."""
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    known = math.prod(size for size in shape if size != -1)
    return tuple(math.prod(x) // known if size == -1 else size for size in shape)


@primitive(numpy=np.reshape, shape=reshaped)
def reshape(x: Any, *, shape: Any) -> Any:
    """The entries of `x`, in order, in another shape."""
    return np.reshape(x, shape)


@reshape.grad("x")
def _(g: Any, shape: Shape) -> Any:
    """The entries are those of `x`, so `g` is given the shape of `x`."""
    return g.reshape(shape)


def permuted(x: Shape, axes: Any = None) -> Shape:
    """Return the shape with its axes in another order (reversed if None)."""
    return x[::-1] if axes is None else tuple(x[axis] for axis in axes)


@primitive(numpy=np.transpose, shape=permuted)
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes of `x` in another order (reversed if `axes` is None)."""
    return np.transpose(x, axes)


@transpose.grad("x")
def _(g: Any, axes: Any) -> Any:
    """The axes of `g` are put back in the order they have in `x`."""
    if axes is None:
        return np.transpose(g)
    ndim = len(axes)
    return np.transpose(g, sorted(range(ndim), key=lambda i: axes[i] % ndim))


@primitive(numpy=np.broadcast_to, shape=lambda x, shape: broadcast(x, tuple(shape)))
def broadcast_to(x: Any, *, shape: Any) -> Any:
    """`x` repeated along the axes where it has size 1, to `shape`."""
    return np.broadcast_to(x, shape)


@broadcast_to.grad("x")
def _(g: Any) -> Any:
    """Every copy of an entry of `x` counts, so `g` is summed over the copies."""
    return g


@primitive(shape=lambda x, dtype: x)
def astype(x: Any, *, dtype: Any) -> Any:
    """The same values in another floating-point type."""
    return x.astype(dtype)


@astype.grad("x")
def _(g: Any) -> Any:
    """The values are those of `x`, so `g` passes through, in the type of `x`."""
    return g


def joined(*arrays: Shape, axis: int, sizes: Any) -> Shape:
    """Return the shape of arrays set one after the other along `axis`."""
    return (*arrays[0][:axis], sum(sizes), *arrays[0][axis + 1 :])


@primitive(shape=joined)
def concatenate(*arrays: Any, axis: int, sizes: tuple[int, ...]) -> Any:
    """The arrays one after the other along `axis`, where they have these `sizes`."""
    return np.concatenate(arrays, axis)


@concatenate.grad("arrays")
def _(g: Any, axis: int, sizes: tuple[int, ...], position: int) -> Any:
    """Each array takes the part of `g` that stands where the array was put."""
    start = sum(sizes[:position])
    return g[(slice(None),) * axis + (slice(start, start + sizes[position]),)]
