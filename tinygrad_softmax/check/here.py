"""The comparison at the very inputs that were given: large ones are sampled, kinks are told apart.

Imports `hand` and `relations`. At fresh points nothing ties and nothing is exactly 0; the inputs
given may well sit on a kink, where libraries follow different conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.transforms import value_and_grad
from ..symbolic.trace import Trace
from .hand import Hand
from .relations import close
from .report import Finding

#: Inputs with more entries than this are not run as they are.
LARGE = 1_000_000
_SAMPLE = 40


def size(inputs: Mapping[str, Any]) -> int:
    """Return the number of entries of all inputs.

    Examples
    --------
    >>> size({"X": np.ones((3, 2)), "reg": 0.1})
    7
    """
    return sum(np.size(value) for value in inputs.values() if not isinstance(value, str))


def sampled(inputs: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    """Return the first few entries along every axis: of axes that must agree, as many.

    Labels are kept in the range of the classes that are left.
    """
    small = {}
    for name, value in inputs.items():
        if name not in trace.inputs:
            small[name] = value
            continue
        array = np.asarray(value)
        few = {i: min(n, _SAMPLE) for i, n in enumerate(array.shape)
               if trace.classes.get((name, i), 1) in trace.world.dims}  # fmt: skip
        array = np.array(array[tuple(slice(few.get(i)) for i in range(array.ndim))])
        if name in trace.world.bounds:
            array = array % _SAMPLE
        small[name] = array
    return small


def compared(hand: Hand, wrt: tuple[str, ...],
             inputs: Mapping[str, Any]) -> tuple[list[Finding], list[str]]:  # fmt: skip
    """Compare at the inputs given, in double precision; return what is wrong, and notes."""
    given = {n: _double(v) for n, v in inputs.items()}
    wrong = _wrong(hand, wrt, given)
    if not wrong:
        return [], []
    rng = np.random.default_rng(0)
    beside = {n: _beside(v, rng) for n, v in given.items()}
    still = _wrong(hand, wrt, beside)
    notes = [
        f"{count} of {of} entries of d{name} differ at the inputs given, but not next to them: the "
        "loss has a kink there, where each library follows a convention of its own (here a tie "
        "goes to the first operand, and the slope of maximum(0, x) at 0 is 0)"
        for name, (count, of) in wrong.items() if name not in still
    ]  # fmt: skip
    findings = [
        Finding(f"d{name}", "unexplained", f"unexplained: {wrong[name][0]} of {wrong[name][1]} "
                "entries differ at the inputs given, though the gradient is right at others")
        for name in wrong.keys() & still.keys()
    ]  # fmt: skip
    return findings, notes


def _wrong(hand: Hand, wrt: tuple[str, ...],
           inputs: Mapping[str, Any]) -> dict[str, tuple[int, int]]:  # fmt: skip
    """Return how many entries of how many differ, for each gradient that is wrong."""
    got = hand.by_name(hand.run(inputs), wrt)
    _, slopes = value_and_grad(hand.loss, wrt=wrt)(**inputs)
    found = {}
    for name, want in zip(wrt, slopes, strict=True):
        if not close(got[name], want, tolerance=1e-6):
            scale = 1e-6 * np.max(np.abs(want), initial=0.0)
            differs = np.sum(~(np.abs(np.subtract(got[name], want)) <= scale))
            found[name] = int(differs), np.size(want)
    return found


def _double(value: Any) -> Any:
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(float) if is_float else value


def _beside(value: Any, rng: Any) -> Any:
    if not (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return value
    scale = 1e-7 * (float(np.std(value)) or 1.0)
    return value + scale * rng.standard_normal(value.shape)
