"""Sums, means, extremes and products over axes, and what is composed from them.

A reduction's rule puts the reduced axes back with size 1; the engine lets that broadcast over what
was reduced. Arguments and defaults are NumPy's; `where` leaves entries out, `initial` is one more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.op import implements, primitive
from ..core.shapes import Axis, kept_dims, normalize_axis, reduced, sum_short_rows
from ..core.tape import Value
from .elementwise import astype, larger, smaller, sqrt, where
from .elementwise import where as where_  # for functions with an argument of that name
from .indexing import index
from .shaping import joined, ravel, reshape, take_along_axis

# NumPy's stubs know `reduce` with a literal `keepdims` only: hence the three ignored overloads.


@primitive(shape=reduced)
def sum(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum over `axis` (every axis if None)."""
    if keepdims and axis in (1, -1) and dtype is None and x.__class__ is np.ndarray and x.ndim == 2:
        return sum_short_rows(x)
    return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=bool(keepdims))  # type: ignore[call-overload]


@sum.grad("x")
def _(g: Any, axis: Any, keepdims: bool, shape: Any) -> Any:
    """Every entry of `x` went into the sum once, so each receives the same `g`."""
    if keepdims or axis is None:
        return g
    if g.__class__ is np.ndarray and g.ndim == 1 and len(shape) == 2:
        return g[:, None] if axis in (1, -1, (1,), (-1,)) else g[None]
    return g.reshape(kept_dims(shape, axis))


@primitive(shape=reduced)
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry over `axis` (every axis if None)."""
    return np.maximum.reduce(x, axis=axis, keepdims=bool(keepdims))  # type: ignore[call-overload]


@primitive(shape=reduced)
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest entry over `axis` (every axis if None)."""
    return np.minimum.reduce(x, axis=axis, keepdims=bool(keepdims))  # type: ignore[call-overload]


@max.grad("x")
@min.grad("x")
def _(g: Any, out: Any, x: Any, axis: Any, shape: Any) -> Any:
    """Only the entry that won moves the result; entries that tie share `g` evenly."""
    ones = kept_dims(shape, axis)
    won = np.equal(x, out.reshape(ones))
    return g.reshape(ones) * won / np.sum(won, axis=axis, keepdims=True)


@primitive(shape=lambda x, axis: x)
def cumsum(x: Any, *, axis: int) -> Any:
    """Running sum along `axis`."""
    return np.cumsum(x, axis=axis)


@cumsum.grad("x")
def _(g: Any, axis: int) -> Any:
    """`x` at a place is in the running sums from there on, so it collects `g` from there on."""
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


@primitive(numpy=np.argmax, shape=reduced, piecewise_constant=True, dtype=np.dtype(int))
def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the largest entry over `axis`: a plain integer array."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@primitive(numpy=np.argmin, shape=reduced, piecewise_constant=True, dtype=np.dtype(int))
def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Position of the smallest entry over `axis`: a plain integer array."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@primitive(numpy=np.all, shape=reduced, piecewise_constant=True, dtype=np.dtype(bool))
def all(x: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    """Whether every entry is true, over `axis`: a plain boolean array."""
    return np.all(x, axis=axis, keepdims=keepdims, where=where)


@primitive(numpy=np.any, shape=reduced, piecewise_constant=True, dtype=np.dtype(bool))
def any(x: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    """Whether some entry is true, over `axis`: a plain boolean array."""
    return np.any(x, axis=axis, keepdims=keepdims, where=where)


# --- NumPy's functions ---


@implements(np.sum)
def _sum(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None,
         where: Any = None) -> Any:  # fmt: skip
    if where is not None:
        a = where_(where, a, 0)
    if isinstance(a, Value):
        total = a.apply(sum, (a,), {"axis": axis, "dtype": dtype, "keepdims": keepdims})
    else:
        total = sum(a, axis, dtype, keepdims)
    return total if initial is None else total + initial


def _extreme(op: Any, pick: Any, a: Any, axis: Axis, keepdims: bool, initial: Any,
             where: Any) -> Any:  # fmt: skip
    if where is not None:
        if initial is None:
            raise ValueError(f"np.{op.__name__} with where= needs initial=, the result of no entry")
        a = where_(where, a, initial)
    if initial is not None and 0 in a.shape:
        return sum(a, axis, None, keepdims) + initial  # of no entries
    found = op(a, axis, keepdims)
    return found if initial is None else pick(found, initial)


@implements(np.max, np.amax)
def _max(a: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None,
         where: Any = None) -> Any:  # fmt: skip
    return _extreme(max, larger, a, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def _min(a: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None,
         where: Any = None) -> Any:  # fmt: skip
    return _extreme(min, smaller, a, axis, keepdims, initial, where)


@implements(np.ptp)
def ptp(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest minus smallest entry over `axis`."""
    return max(a, axis, keepdims) - min(a, axis, keepdims)


def _count(x: Any, axis: Axis, where: Any = None, keepdims: bool = False) -> Any:
    """Return how many entries are reduced to one."""
    if where is None:
        return math.prod(x.shape[i] for i in normalize_axis(axis, len(x.shape)))
    chosen = np.broadcast_to(np.asarray(where, bool), x.shape)
    return np.sum(chosen, axis=_axes(axis), keepdims=keepdims)


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _wide(x: Any, dtype: Any) -> Any:
    """Return `x` as it is accumulated: NumPy takes means of float16 in float32."""
    half = dtype is None and x.dtype == np.float16
    return astype(x, dtype=np.dtype(np.float32)) if half else x


@implements(np.mean)
def mean(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False,
         where: Any = None) -> Any:  # fmt: skip
    """Sum over `axis`, divided by how many entries that were."""
    count = _count(a, axis, where, keepdims)
    wide = _wide(a, dtype)
    found = _sum(wide, axis, dtype, keepdims, where=where) / count
    return found if wide is a else astype(found, dtype=a.dtype)


@implements(np.var)
def var(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False,
        where: Any = None, mean: Any = None, correction: Any = None) -> Any:  # fmt: skip
    """Mean squared distance from the mean; divides by ``count - ddof``, by 0 if that is less."""
    ddof = ddof if correction is None else correction
    wide = _wide(a, dtype)
    centre = _mean(wide, axis, dtype, True, where) if mean is None else mean
    off = wide - centre
    count = _count(a, axis, where, keepdims) - ddof
    count = np.maximum(count, 0) if where is not None or count < 0 else count
    found = _sum(off * off, axis, dtype, keepdims, where=where) / count
    return found if wide is a else astype(found, dtype=a.dtype)


_mean = mean


@implements(np.std)
def std(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False,
        where: Any = None, mean: Any = None, correction: Any = None) -> Any:  # fmt: skip
    """Square root of the variance."""
    return sqrt(var(a, axis, dtype, ddof, keepdims, where, mean, correction))


@implements(np.average)
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *,
            keepdims: bool = False) -> Any:  # fmt: skip
    """Mean with weights, of the shape of `a` or one for each entry along `axis`."""
    if weights is None:
        weights = np.ones(np.shape(a))
    elif np.shape(weights) != np.shape(a):
        if np.ndim(weights) != 1 or not isinstance(axis, int) or (
            np.shape(a)[axis] != np.shape(weights)[0]
        ):  # fmt: skip
            raise ValueError(
                f"average got weights {np.shape(weights)} for values {np.shape(a)}: they need the "
                "shape of the values, or one axis and axis= of that size"
            )
        shape = [1] * np.ndim(a)
        shape[axis] = np.shape(a)[axis]
        weights = np.reshape(weights, tuple(shape)) * np.ones(np.shape(a))
    scale = np.sum(weights, axis=_axes(axis), keepdims=keepdims)
    found = np.sum(a * weights, axis=_axes(axis), keepdims=keepdims) / scale
    return (found, scale) if returned else found


@implements(np.prod)
def prod(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None,
         where: Any = None) -> Any:  # fmt: skip
    """Product over `axis`, multiplied up in halves: right at zeros too, where division is not."""
    x = a if where is None else where_(where, a, 1)
    x = x if dtype is None else x.astype(dtype)
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
    x = x if keepdims else reshape(x, shape=reduced(x.shape, axes))
    return x if initial is None else x * initial


@implements(np.cumsum)
def _cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    a = a if dtype is None else a.astype(dtype)
    return cumsum(ravel(a), axis=0) if axis is None else cumsum(a, axis=axis)


@implements(np.cumprod)
def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product along `axis`, in log2(n) steps of doubled reach: right at zeros too."""
    a = a if dtype is None else a.astype(dtype)
    if axis is None:
        a, axis = ravel(a), 0
    (axis,) = normalize_axis(axis, len(a.shape))
    before, reach = (slice(None),) * axis, 1
    while reach < a.shape[axis]:
        head, tail = a[(*before, slice(reach))], a[(*before, slice(reach, None))]
        a = joined([head, tail * a[(*before, slice(-reach))]], axis)
        reach *= 2
    return a


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along `axis`, `n` times."""
    (axis,) = normalize_axis(axis, np.ndim(a))
    if n < 0:
        raise ValueError(f"order must be non-negative, got n={n}")
    edge = kept_dims(np.shape(a), axis)
    ends = [x if x is None or np.ndim(x) else np.broadcast_to(x, edge) for x in (prepend, append)]
    a = joined([x for x in (ends[0], a, ends[1]) if x is not None], axis) if n else a
    before = (slice(None),) * axis
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(-1))]
    return a


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """Central differences along each axis, with NumPy's spacings; one array, or a tuple.

    NumPy's function is linear in `f`, so the coefficients are those that it gives a unit matrix.
    """
    axes = normalize_axis(axis, np.ndim(f))
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient got {len(varargs)} spacings for {len(axes)} axes")
    found = []
    for i, spacing in zip(axes, spacings, strict=True):
        unit = np.eye(np.shape(f)[i], dtype=getattr(f, "dtype", float))
        slopes: Any = np.gradient(unit, spacing, axis=0, edge_order=edge_order)  # type: ignore[call-overload] # a literal is wanted
        found.append(np.moveaxis(np.tensordot(slopes.astype(unit.dtype), f, axes=(1, i)), 0, i))
    return found[0] if len(found) == 1 else tuple(found)


# --- order statistics ---


@implements(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *,
         stable: Any = None) -> Any:  # fmt: skip
    """Entries in rising order; equal entries keep their order."""
    if axis is None:
        a, axis = ravel(a), 0
    return take_along_axis(a, np.argsort(a, axis, kind="stable"), axis)


@implements(np.quantile)
def quantile(a: Any, q: Any, axis: Axis = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: bool = False) -> Any:  # fmt: skip
    """Quantiles by linear interpolation between the sorted entries."""
    if method != "linear":
        raise ValueError(f"quantiles of a Tensor are method='linear' only, not {method!r}")
    levels = np.asarray(q, a.dtype)
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError("Quantiles must be in the range [0, 1]")
    axes = normalize_axis(axis, len(a.shape))
    rest = tuple(i for i in range(len(a.shape)) if i not in axes)
    flat = np.transpose(a, (*rest, *axes)).reshape(*(a.shape[i] for i in rest), -1)
    ordered = sort(flat)
    place = levels * (flat.shape[-1] - 1)
    low = np.floor(place).astype(int)
    share = place - low
    below, above = ordered[..., low], ordered[..., np.minimum(low + 1, flat.shape[-1] - 1)]
    found = below + (above - below) * share
    missing = np.isnan(flat).any(-1)
    if missing.any():
        found = where(missing.reshape(missing.shape + (1,) * levels.ndim), np.nan, found)
    found = np.moveaxis(found, range(len(rest), found.ndim), range(levels.ndim))
    return found.reshape(levels.shape + kept_dims(a.shape, axes)) if keepdims else found


@implements(np.percentile)
def percentile(a: Any, q: Any, axis: Axis = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: bool = False) -> Any:  # fmt: skip
    """Percentiles by linear interpolation between the sorted entries."""
    levels = np.asarray(q, a.dtype) / 100
    return quantile(a, levels, axis, method=method, keepdims=keepdims)


@implements(np.median)
def median(a: Any, axis: Axis = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle entry, or the mean of the two middle ones."""
    return quantile(a, 0.5, axis, keepdims=keepdims)


# --- leaving out NaN ---


@implements(np.nansum)
def nansum(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False,
           initial: Any = None, where: Any = True) -> Any:  # fmt: skip
    """Sum of what is not NaN."""
    return _sum(a, axis, dtype, keepdims, initial, np.logical_and(where, ~np.isnan(a)))


@implements(np.nanprod)
def nanprod(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False,
            initial: Any = None, where: Any = True) -> Any:  # fmt: skip
    """Product of what is not NaN."""
    return prod(a, axis, dtype, keepdims, initial, np.logical_and(where, ~np.isnan(a)))


@implements(np.nanmean)
def nanmean(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False,
            where: Any = True) -> Any:  # fmt: skip
    """Mean of what is not NaN."""
    return mean(a, axis, dtype, keepdims, np.logical_and(where, ~np.isnan(a)))


@implements(np.nanvar)
def nanvar(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False,
           where: Any = True) -> Any:  # fmt: skip
    """Variance of what is not NaN."""
    return var(a, axis, dtype, ddof, keepdims, np.logical_and(where, ~np.isnan(a)))


@implements(np.nanstd)
def nanstd(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False,
           where: Any = True) -> Any:  # fmt: skip
    """Standard deviation of what is not NaN."""
    return sqrt(nanvar(a, axis, dtype, ddof, keepdims, where))


def _nan_extreme(found: Any, a: Any, axis: Axis) -> Any:
    """Put NaN where there was nothing but NaN."""
    missing = np.isnan(a).all(_axes(axis)).reshape(found.shape)
    return where(missing, np.nan, found) if missing.any() else found


@implements(np.nanmax)
def nanmax(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest of what is not NaN."""
    return _nan_extreme(max(where(np.isnan(a), -np.inf, a), axis, keepdims), a, axis)


@implements(np.nanmin)
def nanmin(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest of what is not NaN."""
    return _nan_extreme(min(where(np.isnan(a), np.inf, a), axis, keepdims), a, axis)


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None
) -> Any:
    """Covariance of the rows (of the columns if not `rowvar`)."""
    x = np.atleast_2d(m)
    x = x.T if not rowvar and np.ndim(m) > 1 else x
    if y is not None:
        other = np.atleast_2d(y)
        x = joined([x, other.T if not rowvar and np.ndim(y) > 1 else other], 0)
    off = x - mean(x, 1, keepdims=True)
    count = x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    return np.squeeze(off @ off.T / np.maximum(count, 0))


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Linear interpolation in (xp, fp) at `x`; differentiated with respect to `fp` and `x`."""
    points, at = np.asarray(xp), np.asarray(x.array if hasattr(x, "array") else x)
    place = np.clip(np.searchsorted(points, at, "right") - 1, 0, len(points) - 2)
    low, high = index(fp, place), index(fp, place + 1)
    inside = np.clip(x, points[0], points[-1])
    found = low + (high - low) * ((inside - points[place]) / (points[place + 1] - points[place]))
    if left is not None:
        found = where(at < points[0], left, found)
    return found if right is None else where(at > points[-1], right, found)
