"""What kind of numbers an input holds, and new ones of that kind: tame, and without ties.

Imports `trees`. Scores that are made of what is drawn stay near 1, so that nothing overflows and no
softmax is certain; nothing that is a parameter is near 0, so that no mistake drowns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

_FEW = 40
#: Along a longer axis nothing is a distribution.
_LONG = 5000


class Labels(NamedTuple):
    """Whole numbers that pick: from `low` to `high`."""

    low: int
    high: int


def sample(array: Any) -> Any:
    """Return some entries of a large array, from all over it."""
    return array[tuple(slice(None, None, max(1, n // _FEW)) for n in array.shape)]


def drawn(array: Any, shape: tuple[int, ...], rng: Any, labels: Labels | None = None,
          is_parameter: bool = False, tried: int = 0) -> Any:  # fmt: skip
    """Return numbers of the kind of an array, in another shape.

    Parameters
    ----------
    array : array
        What was given.
    shape : tuple of int
        The shape wanted.
    rng : Generator
        Where numbers come from.
    labels : Labels or None
        The range of whole numbers that pick from an axis.
    is_parameter : bool
        Whether any numbers will do: parameters begin as zeros, ones or an identity by choice.
    tried : int
        How often a draw has failed: the more often, the nearer to what was given.
    """
    some = sample(array)
    if array.dtype.kind == "b":
        return _both(np.array([False, True]) if len(np.unique(some)) == 2 else some, shape, rng)
    if array.dtype.kind in "iu":
        return _whole(array, some, shape, rng, labels)
    if array.dtype.kind != "f" or not some.size:
        return array
    special = None if is_parameter and tried < 4 else _structured(array, some, shape, rng)
    if special is not None:
        return special
    values = np.unique(some[np.isfinite(some)])
    if np.isinf(some).any():
        return np.where(rng.random(shape) < 0.7, 0.0, some[np.isinf(some)][0])
    if not values.size:  # nothing but NaN
        return rng.standard_normal(shape)
    if is_parameter and tried < 3:
        by_chance = not tried and some.size < 8 and len(values) > 1  # that few have one sign
        return _numbers(np.array([-1.0, 1.0]) if by_chance else values, shape, rng)
    if some.size > 3 and len(values) == 2:  # masks, labels of -1 and 1
        return _both(values, shape, rng)
    if some.size > 8 and 1 < len(values) <= some.size // 4 and (values == np.round(values)).all() \
            and np.ptp(values) < 100:  # fmt: skip
        return _both(values, shape, rng)  # counts
    if tried > 2 and np.abs(values).max() < 10:
        return rng.choice(some.ravel(), shape) * rng.uniform(0.9, 1.1, shape)
    numbers = _numbers(values, shape, rng)
    ordered = array.ndim == 1 and len(some) > 3 and (np.diff(some) > 0).all()
    return np.sort(numbers) if ordered else numbers


def _numbers(values: Any, shape: tuple[int, ...], rng: Any) -> Any:
    low, high = float(values[0]), float(values[-1])
    if low >= 0 and high <= 1 and high > low:  # probabilities
        return rng.uniform(0.1, 0.9, shape)
    if low > 0:
        return rng.uniform(0.5, 1.5, shape)
    if high < 0:
        return -rng.uniform(0.5, 1.5, shape)
    if low >= 0 and high > 1:  # pixels, distances
        return rng.uniform(0.1, 1.5, shape)
    away = rng.uniform(0.15, 1.2, shape)
    signs = rng.choice([-1.0, 1.0], shape)
    if shape and signs.size > 1 and abs(signs.sum()) == signs.size:
        signs.flat[0] *= -1
    return away * signs


def scalar(value: float, rng: Any, is_parameter: bool, tried: int) -> float:
    """Return another number of the kind of a setting: tiny ones and 0 stay what they are."""
    size = abs(value)
    if is_parameter:
        sign = rng.choice([-1.0, 1.0]) if not tried else np.sign(value) or 1.0
        return float(rng.uniform(0.3, 1.2) * sign)
    if tried > 1 or size < 1e-4 or not np.isfinite(value):
        return value
    if size < 1:
        return float(rng.uniform(0.15, 0.85) * np.sign(value))
    if size == 1:
        return value
    return float(max(1.1, size * rng.uniform(0.7, 1.2)) * np.sign(value))


def _both(values: Any, shape: tuple[int, ...], rng: Any) -> Any:
    """Draw from values, each of them at least once if there is room."""
    values = np.unique(values)
    made = rng.choice(values, shape)
    if made.size >= len(values) > 1:
        places = rng.choice(made.size, len(values), replace=False)
        made.flat[places] = values
    return made


def _whole(array: Any, some: Any, shape: tuple[int, ...], rng: Any, labels: Labels | None) -> Any:
    if labels is None:
        return _both(some, shape, rng).astype(array.dtype)
    if array.ndim == 1 and len(array) == shape[0] and \
            len(np.unique(array)) == len(array) == labels.high - labels.low + 1:  # fmt: skip
        return rng.permutation(np.arange(labels.low, labels.high + 1)).astype(array.dtype)
    made = _both(np.arange(labels.low, labels.high + 1), shape, rng)
    if (some < 0).any() and labels.low >= 0:  # what is left out: -1
        made = np.where(rng.random(shape) < 0.2, some.min(), made)
    return made.astype(array.dtype)


def _structured(array: Any, some: Any, shape: tuple[int, ...], rng: Any) -> Any:
    """Return an array with the structure of another, None if that has none."""
    square = array.ndim == 2 and array.shape[0] == array.shape[1] > 1 and shape[0] == shape[1]
    if square and len(array) <= 2000:
        parts = [array[np.tril_indices(len(array), -1)], np.diag(array),
                 array[np.triu_indices(len(array), 1)]]  # fmt: skip
        even = [bool((part == part[0]).all()) for part in parts]
        if all(even) or (even[0] != even[2] and (even[0] or even[2])):
            order = np.subtract.outer(*[np.arange(shape[0])] * 2)
            where = [order > 0, order == 0, order < 0]
            fill = [part[0] if flat else rng.uniform(0.2, 1.2, shape)
                    for part, flat in zip(parts, even, strict=True)]  # fmt: skip
            if not (even[0] == even[2] and parts[0][0] == parts[1][0] == parts[2][0]):
                return np.select(where, fill)
        elif np.allclose(array, array.T) and np.isfinite(array).all():  # kernels, covariances
            half = rng.standard_normal(shape)
            return half @ half.T / shape[0] + 0.5 * np.eye(shape[0])
    for axis in reversed(range(array.ndim)):
        if array.shape[axis] > _LONG or some.max() > 1:
            continue
        few = tuple(slice(None) if i == axis else slice(None, None, max(1, n // _FEW))
                    for i, n in enumerate(array.shape))  # fmt: skip
        rows = array[few]
        if array.shape[axis] < 2 or not (rows >= 0).all() or rows.sum() == 0:
            continue
        slack = 4 * array.shape[axis] * float(np.finfo(array.dtype).eps)
        if not np.allclose(rows.sum(axis), 1, rtol=0, atol=slack):
            continue
        if np.isin(rows, (0, 1)).all():
            hot = rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :])
            if hot.size >= shape[axis]:
                hot.flat[: shape[axis]] = rng.permutation(shape[axis])
            index = np.arange(shape[axis]).reshape(-1, *[1] * (array.ndim - axis - 1))
            return (index == np.expand_dims(hot, axis)).astype(float)
        weights = rng.uniform(0.2, 1, shape)
        return weights / weights.sum(axis, keepdims=True)
    return None
