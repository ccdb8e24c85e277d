"""Numerical gradients.

Imports `lines`, and the tape's `Value`. Its one idea: every number comes with the error it may
have, and where there is no slope it says so. Central differences tell the two apart; the complex
step, where it exists and agrees with them, makes the error smaller.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.tape import Value
from .lines import Line, measure

Array = NDArray[Any]
Function = Callable[[Any], Any]

#: How many times its estimated error a measured slope is trusted to.
TRUST = 4.0


class Numerical(NamedTuple):
    """A gradient that was measured.

    ``error`` is the estimated error of each entry of ``value``. Where ``kinks`` is true there is no
    slope: the function has a kink or a jump there, or ends.
    """

    value: Array
    error: Array
    kinks: NDArray[np.bool_]


class Field:
    """A scalar function of one array, at a place: what is measured."""

    def __init__(self, function: Function, x: ArrayLike) -> None:
        self.function = function
        self.x = x = np.array(x, np.float64)
        value = self(x)
        if value.shape != ():
            raise ValueError(f"the function must return a scalar, but returned shape {value.shape}")
        self.here = float(value)
        self.eps = float(np.finfo(value.dtype if value.dtype.kind == "f" else float).eps)
        sizes = np.abs(x[(x != 0) & np.isfinite(x)])
        #: the size that most entries have
        self.typical = float(np.median(sizes)) if sizes.size else 1.0
        self.floor = self._rounding()

    def __call__(self, x: Array) -> Array:
        """Return the value, whatever carries it; what NumPy warns of will be seen in the value."""
        with np.errstate(all="ignore"):
            value = self.function(x.copy())
        return np.asarray(value.array if isinstance(value, Value) else value)

    def along_entry(self, i: tuple[int, ...]) -> Line:
        """Return the line on which one entry moves."""

        def at(step: float) -> tuple[float, float]:
            moved = self.x.copy()
            moved[i] += step
            return float(moved[i] - self.x[i]), float(self(moved))

        return at

    def along(self, v: Array) -> Line:
        """Return the line on which all entries move; a point of it is computed once."""
        return cache(lambda step: (step, float(self(self.x + step * v))))

    def _rounding(self) -> float:
        """Estimate how far values are off, from how they scatter about a smooth line.

        A sum whose terms cancel is off by more than its own size says. Fifth differences leave
        nothing of a smooth line. Entries move in proportion, so that none gets near the edge of
        the domain, and to one side, so that a jump is not taken for scatter; narrowly and widely,
        for there may be single precision on the way.
        """
        line = self.along(self.x * np.random.default_rng(0).uniform(0.5, 1.5, self.x.shape))
        scatter = 0.0
        for step in (1e-13, 1e-9, 1e-6):
            fifth = np.diff([line(k * step)[1] for k in range(1, 10)], 5)
            middle = float(np.median(np.abs(fifth))) / 252**0.5
            scatter = max(scatter, middle if np.isfinite(middle) else 0.0)
        return scatter


def numerical_gradient(function: Function, x: ArrayLike, *, method: str = "auto") -> Numerical:
    """Measure the gradient of a scalar function of one array.

    Parameters
    ----------
    function : callable
        Gets a float64 array of the shape of `x` (for the complex step, a complex128 one) and
        returns a scalar.
    x : array_like of float
        Where to measure.
    method : {"auto", "central", "complex"}
        Central differences, extrapolated; or the imaginary part at a tiny imaginary step, which
        does not suffer from rounding, but exists only for functions that are analytic in complex
        numbers. "auto" takes it where it exists and confirms the differences.

    Returns
    -------
    Numerical
        ``(value, error, kinks)``, arrays of the shape of `x`.

    Raises
    ------
    ValueError
        If the function does not return a scalar, the method is unknown, or the complex step is
        demanded of a function that does not allow it.

    Examples
    --------
    >>> numerical_gradient(lambda x: np.sum(x**3), [1.0, 2.0]).value
    array([ 3., 12.])
    >>> numerical_gradient(lambda x: np.sum(np.maximum(x, 0)), [0.0, 2.0]).kinks
    array([ True, False])
    """
    if method not in ("auto", "central", "complex"):
        raise ValueError(f"method={method!r} is none of 'auto', 'central', 'complex'")
    field = Field(function, x)
    found, finest = _central(field)
    if method == "central":
        return found
    stepped = _complex_step(field, finest)
    differs = np.abs(stepped - found.value) > TRUST * found.error
    if np.any(~found.kinks & (differs | np.isnan(stepped))):
        if method == "complex":
            raise ValueError(
                "the complex step does not measure this function: abs, comparisons, maximum and "
                "conversions to float are not analytic; use method='auto'"
            )
        return found
    noise = 8 * field.eps * (np.abs(stepped) + abs(field.here) / finest) + 1e-10 * found.error
    value = np.where(found.kinks, found.value, stepped)
    return Numerical(value, np.where(found.kinks, found.error, np.fmin(found.error, noise)),
                     found.kinks)  # fmt: skip


def _central(field: Field) -> tuple[Numerical, Array]:
    """Measure each entry by central differences; also return the smallest scale of each."""
    x = field.x
    value, error, kinks = np.zeros(x.shape), np.zeros(x.shape), np.zeros(x.shape, bool)
    finest = np.ones(x.shape)
    for i in np.ndindex(x.shape):
        scales = _scales(field.typical, float(abs(x[i])))
        finest[i] = scales[-1]
        value[i], error[i], kinks[i] = measure(field.along_entry(i), scales, field.eps, field.floor)
    return Numerical(value, error, kinks), finest


def _scales(typical: float, size: float) -> list[float]:
    """Return the sizes at which a function of this entry may bend, from large to small."""
    scales: list[float] = []
    for scale in sorted({1.0, typical, size} - {0.0}, reverse=True):
        if not scales or scale < scales[-1] / 8:
            scales.append(scale)
    return scales


def _complex_step(field: Field, scales: Array) -> Array:
    """Return the slopes by an imaginary step; NaN where the function does not allow it."""
    slopes = np.full(field.x.shape, np.nan)
    for i in np.ndindex(field.x.shape):
        step = 1e-20 * scales[i]
        moved = field.x.astype(complex)
        moved[i] += 1j * step
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                value = field(moved)
        except Exception:
            return slopes  # not made for complex numbers
        if value.shape != () or value.dtype.kind != "c":
            return slopes
        slopes[i] = value.imag / step
    return slopes
