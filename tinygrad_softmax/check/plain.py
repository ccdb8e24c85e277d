"""Checking a loss that no formula can be derived of: by automatic or numerical derivatives alone.

Imports `hand`, `relations` and `numeric`. Only what was returned can be compared, and only what
relates whole arrays can be said: a factor, a sign, a shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.transforms import value_and_grad
from .diagnose import concentrated
from .hand import Hand
from .numeric import agrees, directional, numerical_gradient
from .relations import close, name_constant, ratio, same_numbers_elsewhere
from .report import Finding

_POINTS = 3
#: So many entries are measured one by one; more, along random directions.
_MOST_ENTRIES = 400


class Compared(NamedTuple):
    """What a comparison without formulas found."""

    findings: list[Finding]
    right: list[str]
    notes: list[str]


def compared(hand: Hand, wrt: tuple[str, ...], inputs: Mapping[str, Any]) -> Compared:
    """Compare what was returned at the inputs given, and at others of the same sizes."""
    points = [_moved(inputs, wrt, seed) for seed in range(_POINTS)]
    runs = [hand.run(point) for point in points]
    got = [hand.by_name(run, wrt) for run in runs]
    try:
        values, slopes = zip(
            *(value_and_grad(hand.loss, wrt=wrt)(**p) for p in points), strict=True
        )
        for value, run in zip(values, runs, strict=True):
            hand.confirm(value, run)
    except Exception:  # a function without a rule, a conversion to plain numbers, foreign code
        return _numerical(hand, wrt, points, got, "numerical derivatives")
    wants = [dict(zip(wrt, found, strict=True)) for found in slopes]
    return _told(wrt, got, wants, points, "automatic gradients")


def _moved(inputs: Mapping[str, Any], wrt: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Return the inputs with the parameters moved at random, by about their own size."""
    rng = np.random.default_rng(seed)
    moved = dict(inputs)
    for name in wrt if seed else ():
        array = np.asarray(inputs[name], float)
        size = float(np.std(array)) or 1.0
        moved[name] = array + size * rng.standard_normal(array.shape)
    return {n: np.asarray(v, float) if n in wrt else v for n, v in moved.items()}


def _told(wrt: tuple[str, ...], got: list[dict[str, Any]], wants: list[dict[str, Any]],
          points: list[dict[str, Any]], how: str) -> Compared:  # fmt: skip
    findings, right = [], []
    for name in wrt:
        mine, true = [g[name] for g in got], [w[name] for w in wants]
        if all(map(close, mine, true)):
            right.append(f"d{name}")
        else:
            cause, said = related(mine, true, [_scalars(point) for point in points])
            findings.append(Finding(f"d{name}", cause, said))
    note = f"no formula could be derived of the loss: what was returned was compared with {how}"
    return Compared(findings, right, [note])


def related(got: list[Any], want: list[Any], scalars: list[dict[str, float]]) -> tuple[str, str]:
    """Say how wrong arrays are related to the right ones, as (cause, sentence)."""
    moved = {same_numbers_elsewhere(g, w) for g, w in zip(got, want, strict=True)}
    how = moved.pop() if len(moved) == 1 else None
    if how is not None:
        word = (
            "the transpose of the right array" if how == "transposed" else "right but for its shape"
        )
        return how, f"it is {word}: {np.shape(got[0])}, not {np.shape(want[0])}"
    factors = [ratio(g, w) for g, w in zip(got, want, strict=True)]
    if all(f is not None for f in factors):
        values = [float(f) for f in factors if f is not None]
        if all(abs(v + 1) < 1e-6 for v in values):
            return "sign", "it has the wrong sign"
        name = name_constant(values, scalars)
        if name is not None:
            return "scaled", f"it is {name} times what it should be ({values[0]:.4g} here)"
    return "unexplained", f"unexplained: {concentrated(got[0], want[0])}"


def _scalars(point: Mapping[str, Any]) -> dict[str, float]:
    """Return the sizes and single numbers of the inputs."""
    found: dict[str, float] = {}
    for name, value in point.items():
        array = np.asarray(value)
        if array.dtype.kind in "fiu" and array.ndim == 0:
            found[name] = float(array)
        found |= {f"{name}.shape[{i}]": float(n) for i, n in enumerate(array.shape) if n > 1}
    return found


def _numerical(hand: Hand, wrt: tuple[str, ...], points: list[dict[str, Any]],
               got: list[dict[str, Any]], how: str) -> Compared:  # fmt: skip
    findings, right, kinks = [], [], 0
    for name in wrt:
        verdicts = []
        for point, found in zip(points, got, strict=True):
            verdict = _measured(hand, name, point, found[name])
            verdicts.append(verdict)
            kinks += verdict.kinks
        if all(verdict.right for verdict in verdicts):
            right.append(f"d{name}")
            continue
        wants = [verdict.value for verdict in verdicts]
        if any(want is None for want in wants):
            said = "it differs from the slopes along random directions"
            findings.append(Finding(f"d{name}", "unexplained", f"unexplained: {said}"))
        else:
            mine = [np.where(v.at_kink, 0, g[name]) if np.shape(g[name]) == np.shape(v.value)
                    else g[name] for v, g in zip(verdicts, got, strict=True)]  # fmt: skip
            wants = [np.where(v.at_kink, 0, v.value) for v in verdicts]
            cause, said = related(mine, wants, [_scalars(point) for point in points])
            findings.append(Finding(f"d{name}", cause, said))
    notes = [f"no formula could be derived of the loss: what was returned was compared with {how}"]
    notes += [f"{kinks} entries are at a kink of the loss and were left out"] if kinks else []
    return Compared(findings, right, notes)


class _Measured(NamedTuple):
    right: bool
    value: Any  # None along directions
    kinks: int
    at_kink: Any


def _measured(hand: Hand, name: str, point: dict[str, Any], got: Any) -> _Measured:
    def function(x: Any) -> Any:
        return np.asarray(hand.loss(**{**point, name: x}))[()]

    if np.size(point[name]) > _MOST_ENTRIES:
        if np.shape(got) != np.shape(point[name]):
            return _Measured(False, None, 0, None)
        along = directional(function, point[name], got, np.random.default_rng(0))
        return _Measured(along.right, None, along.kinks, None)
    measured = numerical_gradient(function, point[name])
    fits = np.shape(got) == np.shape(measured.value)
    right = fits and bool(agrees(got, measured))
    return _Measured(right, measured.value, int(np.sum(measured.kinks)), measured.kinks)
