"""Means, variances, products over axes: sums and products of the primitives.

Imports the ops and `arrangement`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import NoRuleError
from ..ops.arithmetic import sqrt
from ..ops.reduction import cumsum, sum
from ..ops.selection import larger, smaller
from ..ops.shaping import reshape
from ..primitive import implements
from ..shapes import Axis, kept_dims, normalize_axis, reduced
from .arrangement import joined, ravel


def _count(x: Any, axis: Axis) -> int:
    """Return how many entries are reduced to one."""
    return math.prod(x.shape[i] for i in normalize_axis(axis, len(x.shape)))


@implements(np.mean)
def mean(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum over `axis`, divided by how many entries that were.

    Examples
    --------
    >>> float(mean(np.array([1.0, 2.0, 6.0])))
    3.0
    """
    return sum(x, axis, dtype, keepdims) / _count(x, axis)


@implements(np.var)
def var(
    x: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """Mean squared distance from the mean; divides by ``count - ddof``."""
    off = x - mean(x, axis, dtype, keepdims=True)
    return sum(off * off, axis, dtype, keepdims) / (_count(x, axis) - ddof)


@implements(np.std)
def std(
    x: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """Square root of the variance."""
    return sqrt(var(x, axis, dtype, ddof, keepdims))


@implements(np.prod)
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product over `axis`, multiplied up in halves: right at zeros too, where division is not."""
    axes = normalize_axis(axis, len(x.shape))
    for i in axes:
        before = (slice(None),) * i
        while (n := x.shape[i]) > 1:
            odd = x[(*before, slice(n - n % 2, n))]
            x = x[(*before, slice(0, n // 2))] * x[(*before, slice(n // 2, n - n % 2))]
            if n % 2:
                x = joined([x, odd], i)
    ones = kept_dims(x.shape, axes)
    if x.shape != ones:  # nothing to multiply: the empty product
        x = sum(x, axes, keepdims=True) + np.ones(ones, x.dtype)
    return x if keepdims else reshape(x, shape=reduced(x.shape, axes))


@implements(np.cumsum)
def _cumsum(x: Any, axis: int | None = None) -> Any:
    return cumsum(ravel(x), axis=0) if axis is None else cumsum(x, axis=axis)


@implements(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """`x` limited to [a_min, a_max]; at a bound and beyond, the gradient is 0."""
    a_min, a_max = (min if a_min is None else a_min), (max if a_max is None else a_max)
    x = x if a_min is None else larger(x, a_min)
    return x if a_max is None else smaller(x, a_max)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Root of the sum of squares: the length of a vector, the Frobenius norm of a matrix."""
    if ord is not None:
        raise NoRuleError(f"np.linalg.norm of a Tensor takes ord=None only, not {ord!r}")
    return sqrt(sum(x * x, axis, keepdims=keepdims))
