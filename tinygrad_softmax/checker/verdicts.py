"""Whether a gradient is right: held against what was measured.

Imports `slopes` and `lines`. Its one idea: a difference counts when it exceeds the error of the
measurement and the rounding of the gradient's own precision; kinks are left out, and counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import ShapeError
from .lines import measure, remainders
from .slopes import TRUST, Array, Field, Function, Numerical

#: Rounding of a gradient that is computed all at once, in units of its largest entry times eps.
NOISE = 64.0


class Agreement(NamedTuple):
    """Which entries of a gradient are ``wrong``, and how many were ``compared``.

    It is true if none is wrong, and something was compared. ``excess`` is each difference in units
    of what is allowed for it, ``kinks`` the number of entries left out.
    """

    wrong: NDArray[np.bool_]
    excess: Array
    compared: int
    kinks: int

    def __bool__(self) -> bool:
        return self.compared > 0 and not self.wrong.any()


class Directional(NamedTuple):
    """What the slopes along random directions say about a gradient.

    ``right`` is the verdict: no slope differs, and at least one was compared. For each direction
    that does not meet a kink: ``powers``, how fast the Taylor remainder falls (2 is right, 1 is
    wrong, infinite if nothing remains), the ``claimed`` and the ``measured`` slope. ``difference``
    is the largest relative difference of these.
    """

    right: bool
    powers: Array
    claimed: Array
    measured: Array
    difference: float
    kinks: int


def agrees(analytic: ArrayLike, numerical: Numerical, *, rtol: float | None = None) -> Agreement:
    """Compare a gradient with a measured one, entry by entry.

    Parameters
    ----------
    analytic : array_like
        The gradient to be judged; its precision says how much rounding it is allowed.
    numerical : Numerical
        What was measured.
    rtol : float, optional
        Allowed relative difference, on top of the measured error and of rounding in the largest
        entry.

    Returns
    -------
    Agreement
        True if it agrees. Kinks are left out, and counted.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> from tinygrad_softmax.checker.slopes import numerical_gradient
    >>> measured = numerical_gradient(lambda x: 1e-12 * np.sum(x**2), [1.0, 2.0])
    >>> bool(agrees([2e-12, 4e-12], measured)), bool(agrees([2e-12, 4.004e-12], measured))
    (True, False)
    """
    analytic = np.asarray(analytic)
    if analytic.shape != numerical.value.shape:
        raise ShapeError(
            f"the gradient has shape {analytic.shape} but what it belongs to "
            f"{numerical.value.shape}"
        )
    rtol, eps = tolerance(analytic.dtype, rtol)
    smooth = ~numerical.kinks
    size = np.abs(numerical.value)
    largest = np.max(size, where=smooth, initial=0)
    allowed = TRUST * numerical.error + rtol * size + NOISE * eps * largest
    with np.errstate(all="ignore"):
        distance = np.abs(analytic - numerical.value)
        excess = np.where(distance == 0, 0.0, distance / allowed)
    wrong = smooth & ~(distance <= allowed)
    return Agreement(wrong, np.where(smooth, excess, 0), int(smooth.sum()), int((~smooth).sum()))


def tolerance(dtype: Any, rtol: float | None = None) -> tuple[float, float]:
    """Return the relative tolerance that fits a dtype (unless one is given), and its eps.

    Examples
    --------
    >>> tolerance(np.float64)[0], tolerance(np.float64, 1e-3)[0]
    (1e-07, 0.001)
    """
    eps = float(np.finfo(dtype if np.issubdtype(dtype, np.floating) else np.float64).eps)
    return (max(1e-7, 2000 * eps) if rtol is None else rtol), eps


def directional(function: Function, x: ArrayLike, gradient: ArrayLike, rng: np.random.Generator,
                directions: int = 3, *, rtol: float | None = None) -> Directional:  # fmt: skip
    """Judge the gradient of a scalar function of a large array by slopes along random directions.

    Parameters
    ----------
    function : callable
        Gets a float64 array of the shape of `x` and returns a scalar.
    x : array_like of float
        Where.
    gradient : array_like
        To be judged.
    rng : numpy.random.Generator
        Draws the directions.
    directions : int
        How many.
    rtol : float, optional
        Allowed relative difference.

    Returns
    -------
    Directional
        The verdict, ``right``, with its evidence.

    Examples
    --------
    >>> x, rng = np.linspace(-1, 1, 10_000), np.random.default_rng(0)
    >>> verdict = directional(lambda x: np.sum(x**3), x, 3 * x**2, rng)
    >>> verdict.right, verdict.powers.round().tolist()
    (True, [2.0, 2.0, 2.0])
    >>> verdict = directional(lambda x: np.sum(x**3), x, 3.003 * x**2, rng)
    >>> verdict.right, verdict.powers.round().tolist()
    (False, [1.0, 1.0, 1.0])
    """
    gradient = np.asarray(gradient)
    rtol, precision = tolerance(gradient.dtype, rtol)
    field, gradient = Field(function, x), gradient.astype(np.float64)
    scale = np.maximum(np.abs(field.x), field.typical)
    right, kinks, found = True, 0, []
    for _ in range(directions):
        v = scale * rng.choice([-1.0, 1.0], scale.shape) * rng.uniform(0.5, 1.5, scale.shape)
        terms = gradient * v
        claimed = float(np.sum(terms))
        at = field.along(v)
        slope = measure(at, [1.0, 1e-6], field.eps, field.floor)
        if slope.kink:
            kinks += 1
            continue
        power, excess = remainders(at, claimed, field.eps, field.floor)
        difference = max(abs(claimed - slope.value), excess if power < 1.25 else 0.0)
        allowed = TRUST * slope.error + rtol * abs(slope.value)
        allowed += NOISE * precision * float(np.linalg.norm(terms))
        right &= difference <= allowed
        largest = max(abs(claimed), abs(slope.value))
        relative = difference / largest if largest else 0.0
        found.append((power, claimed, slope.value, relative))
    powers, claims, measured, differences = np.array(found).reshape(-1, 4).T
    worst = float(np.max(differences, initial=0))
    return Directional(right and bool(found), powers, claims, measured, worst, kinks)
