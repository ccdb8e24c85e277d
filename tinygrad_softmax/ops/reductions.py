"""Sums, means, extremes and products over axes, and what is composed from them.

A reduction's rule puts the reduced axes back with size 1; the engine lets that broadcast over what
was reduced. Arguments and defaults are NumPy's; `where` leaves entries out, `initial` is one more.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..core.dispatch import refuse_tensors
from ..core.errors import NoRuleError
from ..core.op import implements, primitive
from ..core.shapes import Axis, broadcast, kept_dims, normalize_axis, reduced, sum_short_rows
from ..core.tape import Value, is_symbolic
from .choices import larger, smaller, where
from .choices import where as where_  # for functions with an argument of that name
from .elementwise import astype, sqrt
from .indexing import index
from .shaping import joined, ravel, reshape, take_along_axis

# NumPy's stubs know `reduce` with a literal `keepdims` only: hence the three ignored overloads.


@primitive(
    shape=reduced, latex=r"\sum",
    numpy_text="np.sum(x, axis=axis, dtype=dtype, keepdims=keepdims)",
)  # fmt: skip
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


@primitive(shape=reduced, numpy_text="np.max(x, axis=axis, keepdims=keepdims)", latex=r"\max")
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest entry over `axis` (every axis if None)."""
    return np.maximum.reduce(x, axis=axis, keepdims=bool(keepdims))  # type: ignore[call-overload]


@primitive(shape=reduced, numpy_text="np.min(x, axis=axis, keepdims=keepdims)", latex=r"\min")
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


@primitive(shape=lambda x, axis: x, numpy_text="np.cumsum(x, axis=axis)")
def cumsum(x: Any, *, axis: int) -> Any:
    """Running sum along `axis`."""
    return np.cumsum(x, axis=axis)


@cumsum.grad("x")
def _(g: Any, axis: int) -> Any:
    """An entry of `x` is in every running sum from its place on: the sum of `g` from there on."""
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
    return np.all(x, axis=axis, keepdims=keepdims, where=stopped(where))


@primitive(numpy=np.any, shape=reduced, piecewise_constant=True, dtype=np.dtype(bool))
def any(x: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    """Whether some entry is true, over `axis`: a plain boolean array."""
    return np.any(x, axis=axis, keepdims=keepdims, where=stopped(where))


# --- NumPy's functions ---


@implements(np.sum)
def _sum(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None,
         where: Any = None) -> Any:  # fmt: skip
    if where is not None:
        a = where_(_chosen(where, a), a, 0)
    if isinstance(a, Value):
        total = a.apply(sum, (a,), {"axis": axis, "dtype": dtype, "keepdims": keepdims})
    else:
        total = sum(a, axis, dtype, keepdims)
    return total if initial is None else total + _like(initial, total)


def _chosen(where: Any, a: Any) -> Any:
    """Return the mask of the entries that a reduction takes; it has no more axes than they."""
    if broadcast(np.shape(where), a.shape) != a.shape:
        raise ValueError(
            f"where= has shape {np.shape(where)}, which does not broadcast to that of the values, "
            f"{a.shape}"
        )
    return where


def _like(value: Any, x: Any) -> Any:
    """Return a plain value in the type of `x`, as NumPy takes `initial` and counts."""
    return value if isinstance(value, Value) else np.asarray(value, x.dtype)


def _extreme(op: Any, pick: Any, a: Any, axis: Axis, keepdims: bool, initial: Any,
             where: Any) -> Any:  # fmt: skip
    if where is not None and where is not True:
        if initial is None:
            raise ValueError(f"np.{op.__name__} with where= needs initial=, the result of no entry")
        a = where_(_chosen(where, a), a, _like(initial, a))
    if initial is None:
        return op(a, axis, keepdims)
    if 0 in a.shape:
        return sum(a, axis, None, keepdims) + _like(initial, a)  # of no entries
    return pick(op(a, axis, keepdims), _like(initial, a))


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


def _count(x: Any, axis: Axis, where: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Return how many entries are reduced to one, in the type that the result will have."""
    if where is None:
        return math.prod(x.shape[i] for i in normalize_axis(axis, len(x.shape)))
    chosen = np.broadcast_to(np.asarray(_chosen(where, x), bool), x.shape)
    return np.asarray(np.sum(chosen, axis=_axes(axis), keepdims=keepdims), dtype or x.dtype)


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
    wide = _wide(a, dtype)
    count = _count(wide, axis, where, keepdims, dtype)
    found = _sum(wide, axis, dtype, keepdims, where=where) / count
    return found if wide is a else astype(found, dtype=a.dtype)


@implements(np.var)
def var(a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False,
        where: Any = None, mean: Any = None, correction: Any = None) -> Any:  # fmt: skip
    """Mean squared distance from the mean; divides by ``count - ddof``, by 0 if that is less."""
    if correction is not None and ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    ddof = ddof if correction is None else correction
    wide = _wide(a, dtype)
    centre = _mean(wide, axis, dtype, True, where) if mean is None else mean
    off = wide - centre
    if where is not None:  # what is left out may be NaN
        off = where_(_chosen(where, off), off, 0)
    count = _count(wide, axis, where, keepdims, dtype) - ddof
    count = np.maximum(count, 0) if where is not None else builtins.max(count, 0)
    found = _sum(off * off, axis, dtype, keepdims) / count
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
        found = mean(a, _axes(axis), keepdims=keepdims)
        count = np.full(np.shape(found), _count(a, axis), found.dtype)
        return (found, count) if returned else found
    axes = normalize_axis(axis, np.ndim(a))
    wanted = tuple(np.shape(a)[i] for i in axes)
    if np.shape(weights) != np.shape(a):
        if axis is None or np.shape(weights) != wanted:
            raise ValueError(
                f"average got weights {np.shape(weights)} for values {np.shape(a)}: they need the "
                "shape of the values, or that of the axes which axis= names"
            )
        order = sorted(range(len(axes)), key=lambda i: axes[i])
        shape = tuple(n if i in axes else 1 for i, n in enumerate(np.shape(a)))
        weights = np.broadcast_to(np.transpose(weights, order).reshape(shape), np.shape(a))
    scale = np.sum(weights, axis=axes, keepdims=keepdims)
    if not is_symbolic(scale) and np.any(np.equal(scale, 0)):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    found = np.sum(a * weights, axis=axes, keepdims=keepdims) / scale
    return (found, scale) if returned else found


def stopped(x: Any) -> Any:
    """Return the values of what may be a Tensor."""
    return x.array if isinstance(x, Value) else x


@implements(np.prod)
def prod(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False, initial: Any = None,
         where: Any = None) -> Any:  # fmt: skip
    """Product over `axis`, multiplied up in halves: right at zeros too, where division is not."""
    x = a if where is None else where_(_chosen(where, a), a, 1)
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
    return x if initial is None else x * _like(initial, x)


@implements(np.cumsum)
def _cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    a = a if dtype is None else a.astype(dtype)
    if axis is None or not a.shape:
        a, axis = ravel(a), 0
    return cumsum(a, axis=axis)


@implements(np.cumprod)
def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product along `axis`, in log2(n) steps of doubled reach: right at zeros too."""
    a = a if dtype is None else a.astype(dtype)
    if axis is None or not a.shape:
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
    if n == 0:
        return a
    if np.ndim(a) == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    (axis,) = normalize_axis(axis, np.ndim(a))
    if n < 0:
        raise ValueError(f"order must be non-negative, got n={n}")
    edge = kept_dims(np.shape(a), axis)
    ends = [x if x is None or np.ndim(x) else np.broadcast_to(x, edge) for x in (prepend, append)]
    a = joined([x for x in (ends[0], a, ends[1]) if x is not None], axis)
    before = (slice(None),) * axis
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(-1))]
    return a


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """Central differences along each axis, with NumPy's spacings; one array, or a tuple.

    NumPy's function is linear in `f`, and takes three neighbours at most. So its answers to three
    combs, of ones at every third place, are the coefficients.
    """
    refuse_tensors(np.gradient, spacing=varargs)
    axes = normalize_axis(axis, np.ndim(f))
    spacings = varargs if len(varargs) == len(axes) else (varargs or (1.0,)) * len(axes)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient got {len(varargs)} spacings for {len(axes)} axes")
    found = []
    for i, spacing in zip(axes, spacings, strict=True):
        size, dtype = np.shape(f)[i], getattr(f, "dtype", float)
        place = np.arange(size)
        combs = np.equal.outer(place % 3, np.arange(3)).astype(dtype)
        slopes: Any = np.gradient(combs, spacing, axis=0, edge_order=edge_order)  # type: ignore[call-overload] # a literal is wanted
        first = np.clip(place - 1, 0, builtins.max(size - 3, 0))
        terms = []
        for k in range(builtins.min(size, 3)):
            share = (
                slopes[place, (first + k) % 3]
                .astype(dtype)
                .reshape(-1, *[1] * (np.ndim(f) - i - 1))
            )
            entry = index(f, (*(slice(None),) * i, first + k))
            terms.append(share * (where(share != 0, entry, 0) if (share == 0).any() else entry))
        found.append(builtins.sum(terms[1:], terms[0]))
    return found[0] if len(found) == 1 else tuple(found)


# --- order statistics ---


@implements(np.sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *,
         stable: Any = None) -> Any:  # fmt: skip
    """Entries in rising order; equal entries keep their order."""
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    if kind is not None and stable is not None:
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time.")
    if axis is None:
        a, axis = ravel(a), 0
    return take_along_axis(a, np.argsort(a, axis, kind="stable"), axis)


@implements(np.quantile)
def quantile(a: Any, q: Any, axis: Axis = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: bool = False) -> Any:  # fmt: skip
    """Quantiles by linear interpolation between the sorted entries."""
    if method != "linear":
        raise NoRuleError(f"np.quantile of a Tensor does not take method={method!r}, only 'linear'")
    refuse_tensors(np.quantile, q=q)
    levels = np.asarray(q)
    weak = isinstance(q, (int, float)) or levels.dtype.kind in "iu"
    dtype = a.dtype if weak else np.result_type(a.dtype, levels)
    levels = levels.astype(np.result_type(dtype, np.float32))  # places are beyond float16
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError("Quantiles must be in the range [0, 1]")
    flat, axes = _flat_axes(a, axis)
    ordered, size = sort(flat), flat.shape[-1]
    place = levels * (size - 1)
    lower = np.floor(place)
    share, low = (place - lower).astype(dtype), lower.astype(int)
    whole = np.equal(share, 0)
    below, above = index(ordered, (..., low)), index(ordered, (..., np.minimum(low + 1, size - 1)))
    # between an infinity and its neighbour nothing is interpolated where the place is a whole one
    found = below + (where(whole, 0, above) - where(whole, 0, below)) * share
    found = _with_nan(found, flat, levels.ndim)
    rest = len(flat.shape) - 1
    found = np.moveaxis(found, range(rest, found.ndim), range(levels.ndim))
    return found.reshape(levels.shape + kept_dims(a.shape, axes)) if keepdims else found


def _flat_axes(a: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """Return `a` with the axes that are reduced as one, the last, and these axes."""
    axes = normalize_axis(axis, len(a.shape))
    rest = tuple(i for i in range(len(a.shape)) if i not in axes)
    shape = (*(a.shape[i] for i in rest), math.prod(a.shape[i] for i in axes))
    return np.transpose(a, (*rest, *axes)).reshape(shape), axes


def _with_nan(found: Any, flat: Any, extra: int = 0) -> Any:
    """Put NaN where a NaN was among the entries."""
    missing = np.isnan(flat).any(-1)
    if not missing.any():
        return found
    return where(missing.reshape(missing.shape + (1,) * extra), np.nan, found)


@implements(np.percentile)
def percentile(a: Any, q: Any, axis: Axis = None, overwrite_input: bool = False,
               method: str = "linear", keepdims: bool = False) -> Any:  # fmt: skip
    """Percentiles by linear interpolation between the sorted entries."""
    refuse_tensors(np.percentile, q=q)
    levels = q / 100 if isinstance(q, (int, float)) else np.asarray(q) / 100
    return quantile(a, levels, axis, method=method, keepdims=keepdims)


@implements(np.median)
def median(a: Any, axis: Axis = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle entry, or the mean of the two middle ones."""
    flat, axes = _flat_axes(a, axis)
    size = flat.shape[-1]
    middle = sort(flat)[..., (size - 1) // 2 * (size > 0) : size // 2 + 1]
    found = _with_nan(mean(middle, -1), flat)
    return found.reshape(kept_dims(a.shape, axes)) if keepdims else found


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
    """Variance of what is not NaN; NaN where that is not more than `ddof` entries."""
    where = np.logical_and(where, ~np.isnan(a))
    few = _count(a, axis, where, keepdims) <= ddof
    found = var(a, axis, dtype, ddof, keepdims, where)
    return where_(few, np.nan, found) if np.any(few) else found


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
    refuse_tensors(np.interp, xp=xp)
    fp = fp if isinstance(fp, Value) else np.asarray(fp)
    points, at = np.asarray(xp), np.asarray(stopped(x))
    if points.shape != np.shape(fp):
        raise ValueError(f"fp {np.shape(fp)} and xp {points.shape} are not of the same length.")
    last = len(points) - 1
    place = np.clip(np.searchsorted(points, at, "right") - 1, 0, last - 1 if last else 0)
    low, high = index(fp, place), index(fp, np.minimum(place + 1, last))
    width = points[np.minimum(place + 1, last)] - points[place]
    inside = np.clip(x, points[0], points[-1])
    found = low + (high - low) * ((inside - points[place]) / np.where(width == 0, 1, width))
    if left is not None:
        found = where(at < points[0], left, found)
    return found if right is None else where(at > points[-1], right, found)
