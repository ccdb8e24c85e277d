"""What kind of numbers an input holds, and new ones of that kind: tame, and without ties.

Imports nothing of the package. A right gradient may rest on what its inputs are: that a kernel is
symmetric, that rows sum to 1, that a mask is a prefix. What is drawn keeps that. What a parameter
is by accident (zeros, an identity, all of one sign) is not kept, for it would hide mistakes. Scores
that are made of what is drawn stay near 1, so that nothing overflows and no softmax is certain.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: From so many rows and columns the nature of a large array is told.
_LOOK = 40
#: Numbers smaller or larger than these are no quantities: an epsilon, a stand-in for infinity.
_TINY, _HUGE = 1e-4, 1e6


class Labels(NamedTuple):
    """Whole numbers that pick: from `low` to `high`."""

    low: int
    high: int


class Nature:
    """An array that was given, and what may be drawn in its place.

    Parameters
    ----------
    value : ndarray
        The array.
    parameter : bool
        Whether it is differentiated by: then what it is by accident (zeros, an identity, all of
        one sign) is not kept, for it would hide mistakes.
    """

    def __init__(self, value: Any, parameter: bool) -> None:
        self.value, self.parameter = value, parameter
        self.kind = value.dtype.kind
        self.part = value[tuple(slice(_LOOK) for _ in value.shape)]
        self.square = value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1
        few = np.unique(self.part)
        self.constant = len(few) == 1
        self.whole = self.kind in "iu" or (
            self.kind == "f" and not parameter and value.ndim > 0 and not self.constant
            and bool(np.isfinite(self.part).all())
            and bool((self.part == np.rint(self.part)).all()))  # fmt: skip
        self.few = few if 2 <= len(few) <= 5 and self.part.size >= 2 * len(few) else None
        self.sums = [] if self.kind not in "fiub" or not value.size or self.part.min() < 0 else [
            axis for axis in range(value.ndim)
            if value.shape[axis] > 1 and _all_sum_to_one(value, axis)]  # fmt: skip
        data = self.kind == "f" and not parameter and 1 < value.size < 1_000_000
        #: whether the whole sums to 1, as a joint distribution does
        self.joint = data and value.ndim > 1 and not self.sums and value.min() >= 0 \
            and abs(float(value.sum()) - 1) < 1e-9  # fmt: skip
        #: axes along which the sums are 0, as of a Laplacian or of centred columns
        self.centred = [axis for axis in range(value.ndim if data else 0)
                        if value.shape[axis] > 1 and _all_sum_to_zero(value, axis)]  # fmt: skip
        #: whether each place is one of those before it, as of the parents in a tree
        self.earlier = self.kind in "iu" and value.ndim == 1 and value.size > 3 and bool(
            (value[1:] < np.arange(1, value.size)).all() and value.max() > 1)  # fmt: skip
        #: whether these are places, none of which is there twice
        self.once = self.kind in "iu" and value.ndim == 1 and 1 < value.size <= 10_000 \
            and len(np.unique(value)) == value.size  # fmt: skip
        self.structure = _structure(value) if self.square and value.shape[-1] <= 500 else ""
        if parameter and self.structure == "diagonal":
            self.structure = ""
        #: whether the last two axes must stay equally long
        self.tied = bool(self.structure) or self._is_symmetric_mask()

    def _is_symmetric_mask(self) -> bool:
        value = self.value
        return self.square and value.shape[-1] <= 500 and self.kind in "iub" and bool(
            np.array_equal(value, np.swapaxes(value, -1, -2)) or
            not np.triu(value, 1).any() or not np.tril(value, -1).any())  # fmt: skip

    def highest(self) -> int | None:
        """Return how many things labels count, None of what is not labels."""
        if not self.whole or self.kind == "b":
            return None
        top = self.value if self.value.size < 1e6 else self.part
        return int(top.max()) + 1

    def drawn(self, shape: tuple[int, ...], bound: int | None, rng: Any, tight: bool) -> Any:
        """Return another array; one close to the given one in range if `tight`."""
        value = self.value
        if self.kind not in "fiub" or not value.size:
            return value
        special = not self.parameter or tight
        if special and self.sums:
            return self._distribution(shape, rng).astype(np.float64 if self.kind == "f" else
                                                         value.dtype)  # fmt: skip
        if self.centred:
            return self._summing_to_zero(self._in_range(shape, rng, False))
        if self.joint:
            made = np.abs(self._in_range(shape, rng, False))
            made = np.abs(self._structured(made, rng)) if self.structure else made
            return made / made.sum()
        if self.kind == "b":
            return _mask(value, shape, rng)
        if self.kind == "f" and not np.isfinite(self.part).all():
            if self.parameter:
                return 0.5 * rng.standard_normal(shape)
            if tight and np.isnan(self.part).any():  # gaps that the functions know nothing of
                return 0.5 * rng.standard_normal(shape)
            return self._with_holes(shape, rng, tight)
        made = self._of_few(shape, rng) if special else None
        if made is None and special:
            made = self._once_each(shape, bound, rng)
        if made is None and self.earlier and special and (bound is None or bound >= shape[0]):
            made = np.array([value[0], *(rng.integers(0, i) for i in range(1, shape[0]))])
        if made is None and self.whole:
            made = self._labels(shape, bound, rng, tight)
        if made is None:
            made = self._numbers(shape, rng, tight)
        return np.asarray(made, np.float64 if self.kind == "f" else value.dtype)

    # --- of a few values ---

    def _of_few(self, shape: tuple[int, ...], rng: Any) -> Any:
        few = self.few
        if few is None:
            return None
        binary = self.kind == "f" or set(few) == {-1, 1} or (
            set(few) == {0, 1} and self.value.ndim > 1)  # fmt: skip
        if len(few) == 2 and binary:
            return np.where(_mask(self.value == few[1], shape, rng), few[1], few[0])
        if self.whole and few[0] >= 0:
            return None  # labels, of which there may be more
        drawn = rng.choice(few, shape)
        if drawn.size >= 2:
            drawn.flat[:2] = few[0], few[-1]
        return drawn

    def _once_each(self, shape: tuple[int, ...], bound: int | None, rng: Any) -> Any:
        """Draw places: each once if there are enough, in their order if those given are."""
        value = self.value
        if not self.once:
            return None
        n, low, high = shape[0], int(value.min()), int(value.max()) + 1
        room = (high if bound is None else bound) - low
        if room < n:
            return None  # they were labels, none of which was there twice
        made = low + rng.permutation(room)[:n]
        return np.sort(made) if (np.diff(value) > 0).all() else made

    def _labels(self, shape: tuple[int, ...], bound: int | None, rng: Any, tight: bool) -> Any:
        low, high = int(self.part.min()), self.highest()
        assert high is not None
        if bound is not None and self.part.min() >= -1:
            high = min(bound, high) if tight else max(bound, low + 1)
        elif high - low > 12:
            high = low + 6  # quantities: large ones overflow what is made of them
        high = max(high, low + 1)
        drawn = rng.integers(low, high, shape)
        if drawn.size > 1 and high - low > 1:
            drawn.flat[:2] = max(low, 0) if low == -1 and high > 1 else low, high - 1
        if self.value.ndim == 1 and self.value.size > 2:
            steps = np.diff(self.value[: 10 * _LOOK].astype(float))
            if (steps >= 0).all() and steps.any():
                return np.sort(drawn)
        return drawn

    # --- numbers ---

    def _with_holes(self, shape: tuple[int, ...], rng: Any, tight: bool) -> Any:
        """Draw an array with infinities or NaN in it: of a mask that is added, or of gaps."""
        finite = np.isfinite(self.value)
        hole = self.part[~np.isfinite(self.part)][0]
        there = self.value[finite] if finite.any() else np.zeros(1)
        if (there == there.flat[0]).all():
            made = np.full(shape, there.flat[0])
        else:
            made = Nature(there, self.parameter).drawn((int(np.prod(shape)),), None, rng, tight)
        return np.where(_mask(finite, shape, rng), np.reshape(made, shape), hole)

    def _numbers(self, shape: tuple[int, ...], rng: Any, tight: bool) -> Any:
        made = self._in_range(shape, rng, tight)
        if not self.value.ndim:
            return made
        if self.square and self.structure and shape[-1] == shape[-2]:
            return self._structured(made, rng)
        axes = range(self.value.ndim - 1, -1, -1)
        if self.sums:
            return self._distribution(shape, rng)
        if self.parameter and self.value.ndim > 1 and not tight:
            return made
        for axis in axes:
            if _is_increasing(self.value, axis):
                return np.sort(made, axis)
        if not self.parameter and self.value.ndim > 1:
            for axis in axes:
                if np.allclose((_along(self.value, axis) ** 2).sum(axis), 1, rtol=0, atol=1e-9):
                    return made / np.sqrt((made**2).sum(axis, keepdims=True))
        return made

    def _in_range(self, shape: tuple[int, ...], rng: Any, tight: bool) -> Any:
        low, high = float(self.part.min()), float(self.part.max())
        if tight:
            if low == high:
                near = low * rng.uniform(0.9, 1.1, shape)
                return near if low else 0.3 * rng.standard_normal(shape)
            return rng.uniform(low, high, shape)
        sign = -1 if high < 0 else 1
        # matrices of weights have both signs, however they were begun with
        any_sign = self.parameter and (self.value.ndim > 1 or self.constant) and not self.sums
        if (low > 0 or high < 0 or (low >= 0 and high > 0)) and not any_sign:
            low, high = (low, high) if sign > 0 else (-high, -low)
            if low >= 1:
                return sign * rng.uniform(low, low + min(max(high - low, 0.5 * low), 2.0), shape)
            if high <= 1 and low < high:
                return sign * rng.uniform(0.15, 0.85, shape)
            return sign * rng.uniform(0.4, 2.0, shape)
        made = rng.standard_normal(shape) * (0.5 if self.parameter and self.value.ndim > 1 else 0.8)
        return made + 0.1 * np.sign(made)

    def _distribution(self, shape: tuple[int, ...], rng: Any) -> Any:
        """Draw what sums to 1 along an axis, or along two; what is 0 or 1 stays so."""
        axis = self.sums[-1]
        if set(np.unique(self.part)) <= {0, 1}:
            return _one_hot(shape, axis, rng)
        if len(self.sums) > 1 and self.square and shape[-1] == shape[-2]:
            n = shape[-1]
            mixed = [np.eye(n)[rng.permutation(n)] for _ in range(2 * n)]
            made = np.tensordot(rng.dirichlet(np.ones(2 * n)), mixed, 1)
            made = (made + made.T) / 2 if self.structure in ("symmetric", "definite") else made
            return np.broadcast_to(made, shape).copy()
        made = rng.uniform(0.2, 1.0, shape)
        return made / made.sum(axis, keepdims=True)

    def _summing_to_zero(self, made: Any) -> Any:
        """Return a matrix whose sums are 0 along the axes, symmetric if the one given is."""
        if self.structure in ("symmetric", "definite") and made.shape[-1] == made.shape[-2]:
            off = np.where(np.eye(made.shape[-1], dtype=bool), 0.0, made)
            off = -np.abs(off + np.swapaxes(off, -1, -2)) if self.structure == "definite" else (
                off + np.swapaxes(off, -1, -2))  # fmt: skip
            return off - np.eye(made.shape[-1]) * off.sum(-1, keepdims=True)
        for axis in self.centred:
            made = made - made.mean(axis, keepdims=True)
        return made

    def _structured(self, made: Any, rng: Any) -> Any:
        kind, n = self.structure, made.shape[-1]
        turned = np.swapaxes(made, -1, -2)
        diagonal = np.diagonal(self.value, axis1=-2, axis2=-1)
        on = np.eye(n, dtype=bool)
        if kind == "diagonal":
            return np.where(on, made if not (diagonal == diagonal.flat[0]).all()
                            else diagonal.flat[0], 0.0)  # fmt: skip
        if kind == "orthogonal":
            return np.linalg.qr(made + np.eye(n))[0]
        if kind in ("lower", "upper"):
            made = np.tril(made) if kind == "lower" else np.triu(made)
            return np.where(on & (diagonal.min() > 0), np.abs(made) + 0.3, made)
        if kind == "definite":
            made = made @ turned / n + np.eye(n)
        else:
            made = (made + turned) / 2
        if (diagonal == diagonal.flat[0]).all():  # of correlations or distances
            if kind == "definite":
                root = np.sqrt(np.diagonal(made, axis1=-2, axis2=-1))
                made = diagonal.flat[0] * made / root[..., :, None] / root[..., None, :]
            else:
                made = np.where(on, diagonal.flat[0], made)
        return made


# --- what an array is ---


def _along(value: Any, axis: int) -> Any:
    """Return the whole length of an axis, of a part of the others."""
    return value[tuple(slice(None if i == axis else _LOOK) for i in range(value.ndim))]


def _all_sum_to_one(value: Any, axis: int) -> bool:
    return bool(np.allclose(_along(value, axis).sum(axis, dtype=float), 1, rtol=0, atol=1e-5))


def _all_sum_to_zero(value: Any, axis: int) -> bool:
    part = _along(value, axis)
    size = np.abs(part).sum(axis)
    return bool(size.any() and (np.abs(part.sum(axis)) <= 1e-10 * (size + 1e-300)).all())


def _is_increasing(value: Any, axis: int) -> bool:
    if value.shape[axis] < 3:
        return False
    return bool((np.diff(_along(value, axis), axis=axis) > 0).all())


def _structure(value: Any) -> str:
    """Return what a square array is, or a stack of them."""
    if value.dtype.kind != "f" or not np.isfinite(value).all() or value.size > 1e6:
        return ""
    n = value.shape[-1]
    off = value[..., ~np.eye(n, dtype=bool)]
    if not off.any():
        return "diagonal" if value.any() else ""
    if (value == value.flat[0]).all():
        return ""
    if np.allclose(value, np.swapaxes(value, -1, -2), rtol=1e-9, atol=1e-12):
        lowest = np.linalg.eigvalsh(value).min()
        return "definite" if lowest > -1e-9 * abs(value).max() else "symmetric"
    if not np.triu(value, 1).any():
        return "lower"
    if not np.tril(value, -1).any():
        return "upper"
    product = value @ np.swapaxes(value, -1, -2)
    return "orthogonal" if np.allclose(product, np.eye(n), rtol=0, atol=1e-8) else ""


def _mask(value: Any, shape: tuple[int, ...], rng: Any) -> Any:
    """Draw a mask: a triangle, a prefix of each row, a symmetric one, or any."""
    if value.ndim > 1 and value.shape[-1] == value.shape[-2] > 1 and shape[-1] == shape[-2]:
        n, m = value.shape[-1], shape[-1]
        at, new = (np.subtract.outer(np.arange(k), np.arange(k)) for k in (n, m))
        sides = [value[..., at > 0], value[..., at == 0], value[..., at < 0]]
        if all((side == side.flat[0]).all() for side in sides):
            below, on, above = (side.flat[0] for side in sides)
            return np.broadcast_to(np.select([new > 0, new == 0], [below, on], above), shape).copy()
        if np.array_equal(value, np.swapaxes(value, -1, -2)):
            made = rng.random(shape) < 0.5
            made = np.triu(made) | np.swapaxes(np.triu(made), -1, -2)
            if (sides[1] == sides[1].flat[0]).all():
                made[..., new == 0] = sides[1].flat[0]
            return made
    for axis in range(value.ndim - 1, -1, -1) if value.ndim > 1 else ():
        steps = np.diff(_along(value, axis).astype(int), axis=axis)
        if value.shape[axis] > 1 and steps.any() and ((steps <= 0).all() or (steps >= 0).all()):
            lengths = rng.integers(1, shape[axis] + 1, [*shape[:axis], 1, *shape[axis + 1 :]])
            places = np.arange(shape[axis]).reshape([-1, *[1] * (len(shape) - 1 - axis)])
            return places < lengths if (steps <= 0).all() else places >= shape[axis] - lengths
    made = np.asarray(rng.random(shape) < 0.6)
    if made.ndim and made.shape[-1] > 1:
        some = rng.integers(0, made.shape[-1], (*made.shape[:-1], 1))
        np.put_along_axis(made, some, True, -1)  # no row without any, and not all
        if made.all():
            made.flat[0 if some.flat[0] else 1] = False
    return made


def _one_hot(shape: tuple[int, ...], axis: int, rng: Any) -> Any:
    hot = rng.integers(0, shape[axis], [n for i, n in enumerate(shape) if i != axis])
    if hot.size > 1 and shape[axis] > 1:
        hot.flat[:2] = 0, shape[axis] - 1
    return np.moveaxis(np.eye(shape[axis])[hot], -1, axis)


def scalar(value: float, parameter: bool, rng: Any, tight: bool) -> float:
    """Return another number of the kind: a share stays below 1, a switch that is off stays off."""
    size = abs(value)
    if not parameter and (size < _TINY or size > _HUGE or not np.isfinite(value)):
        return value
    if tight:
        return float(value * (rng.uniform(0.9, 1.1) if size > 1 else rng.uniform(0.8, 1)))
    if parameter and size < 0.3:
        return float((np.sign(value) or rng.choice([-1, 1])) * rng.uniform(0.3, 0.9))
    if size < 1:
        return float(np.sign(value) * size ** rng.uniform(0.7, 1.4))
    return float(value * rng.uniform(0.6, 1.6))
