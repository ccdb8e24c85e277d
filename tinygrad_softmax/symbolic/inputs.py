"""Facts about the inputs given, and fresh inputs of other sizes of which they hold too.

Imports `trace`. A derivation may rest on a fact (the rows of Y sum to one); fresh inputs respect
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .evaluate import evaluate
from .sizes import Dim
from .trace import Trace


def distributions(array: Any) -> Iterator[int]:
    """Yield the axes along which a non-negative array sums to 1 everywhere."""
    array = np.asarray(array)
    if array.dtype.kind == "f" and array.ndim and array.size and (array >= 0).all():
        for axis in range(array.ndim):
            slack = 4 * array.shape[axis] * float(np.finfo(array.dtype).eps)
            if array.shape[axis] > 1 and np.allclose(array.sum(axis), 1, rtol=0, atol=slack):
                yield axis


def fresh(
    given: dict[str, Any], trace: Trace, seed: int, largest: int = 6, resized: bool = True
) -> dict[str, Any]:
    """Draw inputs like `given`, of other sizes (if `resized`), all different from one another.

    Signs, zeros and ones, distributions and the range of labels stay as they are.
    """
    rng = np.random.default_rng(seed)
    if resized:
        sizes, known = _sizes(trace, rng, largest)
    else:
        sizes, known = {}, {label: np.shape(given[name])[axis]
                            for label, (name, axis) in trace.sizes.items()}  # fmt: skip
    result: dict[str, Any] = {}
    for name, value in given.items():
        if name not in trace.inputs:
            result[name] = value
            continue
        array = np.asarray(value)
        shape = tuple(
            sizes.get(trace.classes.get((name, axis), 1), n) for axis, n in enumerate(array.shape)
        )
        result[name] = _like(array, shape, rng, _bound(name, trace, known))
    return result


def _sizes(trace: Trace, rng: Any, largest: int) -> tuple[dict[int, int], dict[str, int]]:
    """Draw sizes, by what they are in the trace and by name: enough for every slice and index."""
    free = sorted({n for n in trace.classes.values() if n in trace.world.dims} - {*trace.tied})
    for least in range(2, 40):  # pragma: no branch - a slice that needs more is tried as it is
        drawn = rng.permutation(np.arange(least, max(largest, len(free) + least) + 1))
        sizes = {n: int(size) for n, size in zip(free, drawn, strict=False)}
        known = {str(trace.world.dims[n].expr.label): size for n, size in sizes.items()}
        for n, dim in [*trace.tied.items()] * len(trace.tied):  # they may follow from one another
            sizes[n] = known[str(trace.world.dims[n].expr.label)] = _value(dim, known)
        if all(_value(dim, known) >= 1 for dim in (*trace.tied.values(), *trace.world.cuts)):
            break
    return sizes, known


def _value(size: Dim, known: dict[str, int]) -> int:
    return int(evaluate([size.expr], known)[0])


def _bound(name: str, trace: Trace, known: dict[str, int]) -> int | None:
    size = trace.world.bounds.get(name)
    if size is None:
        return None
    return _value(size, known) if isinstance(size, Dim) else size


def _like(array: Any, shape: tuple[int, ...], rng: Any, bound: int | None) -> Any:
    """Draw an array of another shape with the properties of this one."""
    if array.dtype.kind in "iu":
        top = bound if bound is not None else int(array.max(initial=0)) + 1
        return rng.integers(0, top, shape).astype(array.dtype)
    if array.dtype.kind == "b":
        return rng.random(shape) < 0.5
    axes = list(distributions(array))
    if axes:
        if np.isin(array, (0, 1)).all():
            hot = rng.integers(0, shape[axes[0]], shape[: axes[0]] + shape[axes[0] + 1 :])
            others = tuple(i for i in range(len(shape)) if i != axes[0])
            places = np.expand_dims(np.arange(shape[axes[0]]), others)
            return (places == np.expand_dims(hot, axes[0])).astype(float)
        weights = rng.uniform(0.1, 1, shape)
        return weights / weights.sum(axes[0], keepdims=True)
    if array.size and np.isin(array, (0, 1)).all() and array.ndim and array.any():
        return (rng.random(shape) < 0.5).astype(float)
    values = np.unique(array)
    if len(values) == 2 < array.size and np.isin(values, np.round(values)).all():
        return rng.choice(values, shape).astype(float)  # labels of -1 and 1, or of 1 and 2
    low, high = (array.min(), array.max()) if array.size else (-1, 1)
    if low > 0:
        return rng.uniform(low, max(high, low * 1.5), shape)
    if high < 0:
        return rng.uniform(min(low, high * 1.5), high, shape)
    if low >= 0 and high > 0 and array.ndim:
        return rng.uniform(0, high, shape)
    scale = float(np.std(array)) if array.size > 1 else abs(float(high))
    return rng.standard_normal(shape) * (scale or 1.0)
