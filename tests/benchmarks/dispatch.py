"""What it costs that an op is recorded: a two-input op on a tensor, minus NumPy's bare call.

In units of a call of an empty lambda, measured in turns with it, which makes the number one of the
interpreter and not of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_softmax import Tensor

ROUNDS, CALLS = 200, 200
BAR = 20.0


def measure() -> dict[str, float]:
    """Return the cost of each way to write an addition; the median of the rounds."""
    a, b = np.ones(3), np.ones(3)
    t, u = Tensor(a), Tensor(b)
    timed: dict[str, Callable[[], Any]] = {
        "empty": lambda: None,
        "np.add(array, array)": lambda: np.add(a, b),
        "np.add(tensor, array)": lambda: np.add(t, b),
        "array + array": lambda: a + b,
        "tensor + tensor": lambda: t + u,
        "tensor + array": lambda: t + b,
    }
    times = {name: np.empty(ROUNDS) for name in timed}
    for r in range(ROUNDS):
        for name, call in timed.items():
            times[name][r] = _seconds(call)
    ours = {
        "np.add(tensor, array)": "np.add(array, array)",
        "tensor + tensor": "array + array",
        "tensor + array": "array + array",
    }
    return {
        name: float(np.median((times[name] - times[bare]) / times["empty"]))
        for name, bare in ours.items()
    }


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return time.perf_counter() - start
