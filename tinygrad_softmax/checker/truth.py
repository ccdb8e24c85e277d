"""What the gradients are: by automatic differentiation, and by differences where that is not right.

Imports `hand` and the transforms. The automatic gradient is believed only where its loss is the
loss of a plain run and a slope agrees that was measured.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from ..core.tensor import Tensor
from ..core.transforms import value_and_grad
from .hand import Hand, Inputs, copied

_STEP = 2e-4


class Truth(NamedTuple):
    """The loss and its gradients at a point; ``tolerance`` is relative to the largest entry."""

    value: float
    gradients: dict[str, Any]
    tolerance: float


def truth(hand: Hand, inputs: Inputs) -> Truth:
    """Return the loss and its gradients at a small point."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(hand.loss(copied(inputs)))
        found = _automatic(hand, inputs, value)
        if found is not None:
            return Truth(value, found, 1e-6)
        coarse = np.asarray(hand.loss(copied(inputs))).dtype == np.float32
        measured = {leaf.name: _measured(hand, inputs, leaf, 1e-2 if coarse else _STEP)
                    for leaf in hand.leaves}  # fmt: skip
    return Truth(value, measured, 2e-2 if coarse else 1e-6)


def same(found: Any, true: Any, tolerance: float) -> bool:
    """Whether an array is the gradient: of its shape, and equal but for rounding."""
    try:
        array = np.asarray(found)
    except ValueError:  # lists of several lengths
        return False
    if array.dtype.kind not in "fiub" or array.shape != np.shape(true):
        return False
    if array.dtype in (np.float32, np.float16):
        tolerance = max(tolerance, 2e-3)
    scale = float(np.max(np.abs(true), initial=0.0))
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(array - true) <= tolerance * scale + 1e-9 * (scale < 1e-9)))


def _automatic(hand: Hand, inputs: Inputs, value: float) -> dict[str, Any] | None:
    if any(leaf.keys for leaf in hand.leaves) or hand.owners:
        return None
    try:

        def loss(**given: Any) -> Any:
            plain = {n: v if isinstance(v, Tensor) else copied(v) for n, v in given.items()}
            return hand.loss(plain)

        wide = {n: np.asarray(v, float) if n in hand.wrt else copied(v) for n, v in inputs.items()}
        found, slopes = value_and_grad(loss, wrt=hand.wrt)(**wide)
    except Exception:  # no rule, foreign code, a loss that does not depend on a parameter
        return None
    if not np.isclose(float(found), value, rtol=1e-9, atol=1e-12):
        return None
    gradients = {n: np.asarray(s, float) for n, s in zip(hand.wrt, slopes, strict=True)}
    rng = np.random.default_rng(1)
    for leaf in hand.leaves:
        along = rng.standard_normal(np.shape(leaf.of(inputs)))
        slope = _slope(hand, inputs, leaf, along, _STEP)
        scale = float(np.sum(np.abs(gradients[leaf.name] * along))) + 1e-6
        if abs(slope - float(np.sum(gradients[leaf.name] * along))) > 1e-4 * scale:
            return None
    return gradients


def _slope(hand: Hand, inputs: Inputs, leaf: Any, along: Any, step: float) -> float:
    """Measure the slope of the loss along a direction, to fourth order."""
    base = np.asarray(leaf.of(inputs), float)

    def at(t: float) -> float:
        moved = base + t * along
        moved = moved if isinstance(leaf.of(inputs), np.ndarray) else float(moved)
        return float(hand.loss(leaf.put(copied(inputs), moved)))

    near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
    return (8 * near - far) / (12 * step)


def _measured(hand: Hand, inputs: Inputs, leaf: Any, step: float) -> Any:
    base = np.asarray(leaf.of(inputs), float)
    found = np.zeros(base.shape)
    for index in np.ndindex(base.shape):
        along = np.zeros(base.shape)
        along[index] = 1.0
        found[index] = _slope(hand, inputs, leaf, along, step)
    return found


class Given(NamedTuple):
    """What was found at the inputs given: notes, and leaves that are wrong there, with why."""

    notes: list[str]
    wrong: dict[str, str]


def at_given(hand: Hand, inputs: Inputs) -> Given:
    """Look at the very inputs that were given: they may be at a kink, or not be finite."""
    notes: list[str] = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = float(hand.loss(copied(inputs)))
        except Exception as error:  # it runs at other inputs
            return Given([f"the loss fails at the inputs given: {error}"], {})
        if not np.isfinite(value):
            what = "NaN" if np.isnan(value) else "infinite"
            return Given([
                f"the loss is {what} at the inputs given, so that no gradient can be compared "
                "there: it overflows, or leaves what its functions are defined for. What follows "
                "was found at other points, where it is finite"
            ], {})  # fmt: skip
        found = hand.run(inputs).gradients
        true = _given_truth(hand, inputs, value)
        wrong: dict[str, str] = {}
        for leaf in hand.leaves:
            got, want = found[leaf.name], true.get(leaf.name)
            if want is None or (same(got, want, 1e-5)):
                continue
            if np.shape(got) != np.shape(want):
                continue  # the shape is wrong everywhere
            bad = ~(np.abs(got - want) <= 1e-5 * np.max(np.abs(want), initial=0.0) + 1e-9)
            if np.isnan(got).any():
                wrong[leaf.name] = (
                    f"{int(np.isnan(got).sum())} of {bad.size} entries are NaN at the inputs given, "
                    "where the loss is finite"
                )
            elif _is_right_beside(hand, inputs, leaf):
                notes.append(
                    f"{int(bad.sum())} of {bad.size} entries of the gradient of {leaf.name} differ "
                    "at the inputs given, but not next to them: the loss has a kink there, where "
                    "each library follows a convention of its own"
                )
            else:
                wrong[leaf.name] = (
                    f"{int(bad.sum())} of {bad.size} entries differ at the inputs given, though the "
                    "gradient is right at other points"
                )
    return Given(notes, wrong)


def _given_truth(hand: Hand, inputs: Inputs, value: float) -> dict[str, Any]:
    found = _automatic_at(hand, inputs, value)
    if found is not None:
        return found
    return {leaf.name: _measured(hand, inputs, leaf, _STEP) for leaf in hand.leaves
            if np.size(leaf.of(inputs)) <= 400}  # fmt: skip


def _automatic_at(hand: Hand, inputs: Inputs, value: float) -> dict[str, Any] | None:
    if any(leaf.keys for leaf in hand.leaves) or hand.owners:
        return None
    try:
        wide = {n: np.asarray(v, float) if n in hand.wrt else copied(v) for n, v in inputs.items()}
        found, slopes = value_and_grad(lambda **g: hand.loss(g), wrt=hand.wrt)(**wide)
    except Exception:  # as above
        return None
    if not np.isclose(float(found), value, rtol=1e-5):
        return None
    return {n: np.asarray(s, float) for n, s in zip(hand.wrt, slopes, strict=True)}


def _is_right_beside(hand: Hand, inputs: Inputs, leaf: Any) -> bool:
    """Whether a gradient is right at points next to some inputs."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        beside = {n: _moved(v, rng) for n, v in inputs.items()}
        true = _given_truth(hand, beside, float(hand.loss(copied(beside)))).get(leaf.name)
        if true is None or not same(hand.run(beside).gradients[leaf.name], true, 1e-4):
            return False
    return True


def _moved(value: Any, rng: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        scale = 1e-4 * (float(np.std(value)) or 1.0)
        return value + scale * rng.standard_normal(value.shape)
    return value
