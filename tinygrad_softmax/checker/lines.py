"""The slope of a function along a line, measured, with an honest word on how well.

Imports NumPy only. Its one idea: central differences at steps that shrink fourfold are extrapolated
to step 0, and how much the extrapolations differ is the error. The gap between the differences to
the right and to the left is extrapolated too: where it does not vanish, there is a kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

#: A line: from a wished-for step to the step taken (rounding!) and the function's value there.
Line = Callable[[float], tuple[float, float]]

#: The first step, in units of the scale. Not a power of two: the steps of `floor` would be hit.
FIRST = 0.11
RATIO = 4.0
STEPS = 13
#: Relative error at which a longer ladder is not worth its price, and at which it is enough.
GOAL, ENOUGH = 1e-10, 1e-6
#: What a central difference and a gap are made of, beside their limit: the powers of the step.
EVEN, ODD = (2, 4, 6), (1, 3, 5)


class Slope(NamedTuple):
    """A measured slope, its estimated error, and whether there is none (a kink, jump or edge)."""

    value: float
    error: float
    kink: bool


class _Limit:
    """Extrapolation to step 0: a row for each step, each entry of it of a higher order."""

    def __init__(self, powers: tuple[int, ...]) -> None:
        self.factors = [RATIO**power - 1 for power in powers]
        self.row: list[float] = []
        self.value, self.error, self.noise = math.nan, math.inf, math.nan

    def add(self, difference: float, noise: float) -> None:
        """Take in the difference at the next step, and remember the best extrapolation."""
        before, self.row = self.row, [difference]
        for coarser, factor in zip(before, self.factors, strict=False):
            value = self.row[-1] + (self.row[-1] - coarser) / factor
            spread = max(abs(value - self.row[-1]), abs(value - coarser)) + noise
            self.row.append(value)
            # Two steps may agree by chance, as for `floor`; three hardly do.
            if len(self.row) > 2 and spread < self.error:
                self.value, self.error, self.noise = value, spread, noise


def measure(at: Line, scales: Iterable[float], eps: float, floor: float = 0.0) -> Slope:
    """Measure the slope at 0 along a line.

    Parameters
    ----------
    at : callable
        From a step to ``(step taken, value)``.
    scales : iterable of float
        Sizes at which the function may be expected to bend, from large to small. Large steps
        suffer least from rounding; smaller ones are tried only where these do not settle it.
    eps : float
        Relative rounding error of the values.
    floor : float
        Absolute rounding error of the values, if it is larger than the relative one says.

    Returns
    -------
    Slope
        The value of smallest estimated error. At a kink it is the mean of both sides.

    Examples
    --------
    >>> import numpy as np
    >>> slope = measure(lambda t: (t, np.exp(t)), [1.0], 2.2e-16)
    >>> abs(slope.value - 1) <= slope.error < 1e-9
    True
    >>> measure(lambda t: (t, abs(t)), [1.0], 2.2e-16).kink
    True
    """
    best = Slope(math.nan, math.inf, True)
    for scale in scales:
        slope = _ladder(at, scale, eps, floor)
        if best.kink and math.isfinite(best.value):
            # A kink at a large step may lie beside the point: believed if it is clear.
            clear = slope.error <= 0.01 * max(abs(slope.value), abs(best.value))
            slope = slope._replace(kink=slope.kink or not clear)
        best = min(best, slope, key=lambda s: (s.kink, s.error))
        if not best.kink and (best.error <= ENOUGH * abs(best.value) or not best.value):
            break
    return best


def _ladder(at: Line, scale: float, eps: float, floor: float) -> Slope:
    """Measure with steps that begin at a fraction of `scale`, until the error is down to noise."""
    slope, gap = _Limit(EVEN), _Limit(ODD)
    gaps: list[float] = []
    first: float | None = None
    noise = 0.0
    _, here = at(0.0)
    for k in range(STEPS):
        step = scale * FIRST / RATIO**k
        (right, above), (left, below) = at(step), at(-step)
        if not math.isfinite(above - below) or right <= 0 or left >= 0:
            slope.row, gap.row, gaps = [], [], []  # out of the domain; or lost in rounding
            continue
        noise = (eps * max(abs(above), abs(below), abs(here)) + floor) / step
        difference = (above - below) / (right - left)
        first = difference if first is None else first
        slope.add(difference, noise)
        gaps.append((above - here) / right - (here - below) / -left)
        gap.add(gaps[-1], 2 * noise)
        goal = max(GOAL * abs(slope.value), 4 * noise)
        rough = max(ENOUGH * max(abs(slope.value), abs(gap.value)), 8 * noise)
        if slope.error <= goal and gap.error <= rough:
            break
    # A gap shrinks with the step where the function is smooth: not at a kink, nor at a cusp.
    stays = len(gaps) >= 3 and abs(gaps[-1]) > max(0.9 * abs(gaps[-3]), 100 * noise)
    bent = abs(gap.value) > 4 * gap.error and abs(gap.value) > 4 * slope.error
    vague = not slope.error <= max(
        0.1 * max(abs(slope.value), abs(first or 0.0)), 100 * slope.noise
    )
    return Slope(float(slope.value), float(slope.error), bool(stays or bent or vague))


def remainders(at: Line, claimed: float, eps: float, floor: float = 0.0) -> tuple[float, float]:
    """Measure how fast ``f(t) - f(0) - t * claimed`` falls: like t**2, if the slope is right.

    Parameters
    ----------
    at : callable
        From a step to ``(step taken, value)``.
    claimed : float
        The slope at 0 that is to be judged.
    eps, floor : float
        Relative and absolute rounding error of the values.

    Returns
    -------
    power : float
        The power of t, over the smallest steps at which anything but rounding is left; infinite
        if nothing is left at any (the function is a straight line, and the slope is right).
    excess : float
        The remainder divided by the smallest of these steps: by how much the slope is wrong, if
        the power is 1.

    Examples
    --------
    >>> import numpy as np
    >>> line = lambda t: (t, np.exp(t))
    >>> round(remainders(line, 1.0, 2.2e-16)[0]), round(remainders(line, 1.1, 2.2e-16)[0])
    (2, 1)
    """
    _, here = at(0.0)
    points: list[tuple[float, float]] = []
    vanished = False
    for k in range(STEPS):
        taken, value = at(FIRST / RATIO**k)
        rest = abs(value - here - taken * claimed)
        if not math.isfinite(rest):
            continue
        noise = 30 * (eps * max(abs(value), abs(here), abs(taken * claimed)) + floor)
        if rest <= noise:
            vanished = bool(points) and points[-1][1] / RATIO > noise
            break
        points.append((taken, rest))
    if len(points) < 2:
        return math.inf, 0.0
    (far, more), (near, less) = points[max(-3, -len(points))], points[-1]
    power = math.log(more / less) / math.log(far / near)
    if vanished:  # faster than a straight line: then there is none
        return (power if power > 1.25 else math.inf), 0.0
    return power, less / near
