"""Sums, largest and smallest entries over axes.

Imports `primitive` and `shapes`. A reduction's rule puts the reduced axes back with size 1; the
engine lets that broadcast over what was reduced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import implements, primitive
from ..shapes import kept_dims, reduced, sum_short_rows

# NumPy's stubs know `reduce` with a literal `keepdims` only: hence the three ignored overloads.


@primitive(numpy=np.sum, shape=reduced)
def sum(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum over `axis` (every axis if None)."""
    if keepdims and axis in (1, -1) and dtype is None and x.__class__ is np.ndarray and x.ndim == 2:
        return sum_short_rows(x)
    return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)  # type: ignore[call-overload]


@sum.grad("x")
def _(g: Any, axis: Any, keepdims: bool, shape: Any) -> Any:
    """Every entry of `x` went into the sum once, so each receives the same `g`."""
    if keepdims or axis is None:
        return g
    return g.reshape(kept_dims(shape, axis))


@primitive(numpy=np.max, shape=reduced)
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry over `axis` (every axis if None)."""
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


@primitive(numpy=np.min, shape=reduced)
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest entry over `axis` (every axis if None)."""
    return np.minimum.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


@max.grad("x")
@min.grad("x")
def _(g: Any, out: Any, x: Any, axis: Any, shape: Any) -> Any:
    """Only the entry that won moves the result; entries that tie share `g` evenly."""
    ones = kept_dims(shape, axis)
    won = np.equal(x, out.reshape(ones))
    return g.reshape(ones) * won / np.sum(won, axis=axis, keepdims=True)


implements(np.amax)(max)
implements(np.amin)(min)


@primitive(shape=lambda x, axis: x)
def cumsum(x: Any, *, axis: int) -> Any:
    """Running sum along `axis`."""
    return np.cumsum(x, axis=axis)


@cumsum.grad("x")
def _(g: Any, axis: int) -> Any:
    """`x` at a place is in the running sums from there on, so it collects `g` from there on."""
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


@primitive(numpy=np.argmax, shape=reduced, plain=True)
def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the largest entry over `axis`: a plain integer array."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive(numpy=np.argmin, shape=reduced, plain=True)
def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the smallest entry over `axis`: a plain integer array."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@primitive(numpy=np.all, shape=reduced, plain=True)
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether every entry is true, over `axis`: a plain boolean array."""
    return np.all(x, axis=axis, keepdims=keepdims)


@primitive(numpy=np.any, shape=reduced, plain=True)
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some entry is true, over `axis`: a plain boolean array."""
    return np.any(x, axis=axis, keepdims=keepdims)
