"""How one array is related to another: the same, another shape, a constant times it.

Imports nothing of the package. What is found at one point is only a guess; a relation counts if it
holds at several points whose sizes all differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

#: How close two results of the same formula come in double precision, relative to the largest.
CLOSE = 1e-7
#: The same where something was computed in single precision.
SINGLE = 1e-4


def close(got: Any, want: Any, tolerance: float = CLOSE, floor: float = 0.0) -> bool:
    """Whether two arrays have one shape and, relative to the largest entry, the same values.

    A difference below `floor` is rounding: of sums that cancel, for instance.

    Examples
    --------
    >>> close(np.ones(3), np.ones((1, 3))), close(1e-12 * np.ones(3), 1e-12 * np.ones(3))
    (False, True)
    """
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape or not np.isfinite(got).all():
        return False
    if np.float32 in (got.dtype, want.dtype):
        tolerance = max(tolerance, SINGLE)
    scale = max(np.max(np.abs(want), initial=0.0), np.max(np.abs(got), initial=0.0))
    return bool(np.max(np.abs(got - want), initial=0.0) <= max(tolerance * scale, floor))


def ratio(got: Any, want: Any) -> float | None:
    """Return c if ``got`` is c times ``want``, None if there is no such c.

    Examples
    --------
    >>> ratio(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    2.0
    """
    got, want = np.asarray(got, float), np.asarray(want, float)
    if got.shape != want.shape or not np.isfinite(got).all():
        return None
    if np.max(np.abs(want), initial=0.0) < 1e-150 or not got.any():
        return None
    c = float(np.vdot(want, got) / np.vdot(want, want))
    return c if c != 0 and close(got, c * want) else None


def name_constant(values: Sequence[float], known: Sequence[Mapping[str, float]]) -> str | None:
    """Say what a constant is, that was found at several points, by what is known there.

    Parameters
    ----------
    values : sequence of float
        The constant at each point.
    known : sequence of mapping
        At each point, the sizes and scalars by name.

    Returns
    -------
    str or None
        An expression such as ``1 / num_examples``, None if nothing simple fits at every point.

    Examples
    --------
    >>> name_constant([3.0, 5.0], [{"N": 3.0, "K": 2.0}, {"N": 5.0, "K": 7.0}])
    'N'
    >>> name_constant([0.5, 0.5], [{"N": 3.0}, {"N": 5.0}])
    '1/2'
    """
    first = Fraction(values[0]).limit_denominator(12)
    if all(abs(v - float(first)) <= 1e-6 * abs(v) for v in values):
        return str(first)
    names = [n for n in known[0] if all(abs(p[n]) > 1e-12 for p in known)]
    numbers = (Fraction(1), Fraction(-1), Fraction(2), Fraction(1, 2), Fraction(-2))
    powers = (1, -1, 2, -2)
    single = [((n, k),) for n in names for k in powers]
    double = [((m, j), (n, k)) for m, n in itertools.combinations(names, 2)
              for j in (1, -1) for k in (1, -1)]  # fmt: skip
    for factors in (*single, *double):
        for c in numbers:
            fits = all(
                abs(v - float(c) * np.prod([p[n] ** k for n, k in factors])) <= 1e-6 * abs(v)
                for v, p in zip(values, known, strict=True)
            )
            if fits:
                return _written(c, factors)
    return None


def _written(c: Fraction, factors: Sequence[tuple[str, int]]) -> str:
    above = [n if k == 1 else f"{n}**{k}" for n, k in factors if k > 0]
    below = [n if k == -1 else f"{n}**{-k}" for n, k in factors if k < 0]
    if abs(c.numerator) != 1 or not above:
        above.insert(0, str(abs(c.numerator)))
    if c.denominator != 1:
        below.insert(0, str(c.denominator))
    sign = "-" if c < 0 else ""
    over = "" if not below else " / " + (below[0] if len(below) == 1 else f"({' * '.join(below)})")
    return sign + " * ".join(above) + over


def same_numbers_elsewhere(got: Any, want: Any) -> str | None:
    """Say how ``got`` has the numbers of ``want`` in another arrangement, None if it does not.

    Returns "transposed" or "shape".

    Examples
    --------
    >>> same_numbers_elsewhere(np.ones((1, 3)), np.ones(3))
    'shape'
    """
    got, want = np.asarray(got), np.asarray(want)
    if max(want.shape, default=1) == want.size:  # a vector, however it lies
        fits = got.shape != want.shape and got.size == want.size
        return "shape" if fits and close(got.reshape(want.shape), want) else None
    if got.shape == want.shape:
        if got.ndim > 1 and got.shape == want.T.shape and close(got, want.T):
            return "transposed"
        return None
    if got.shape == want.T.shape and close(got, want.T):
        return "transposed"
    if got.size == want.size and close(got.reshape(want.shape), want):
        return "shape"
    return None
