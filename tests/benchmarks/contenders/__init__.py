"""Who takes the step: the list of contenders, and where the code of each is.

Imports none of them, since a library may not be there and disturbs the others where it is. A
contender is a function from a :class:`~tests.benchmarks.workloads.Problem` to a :class:`Training`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Training(NamedTuple):
    """A contender at work."""

    step: Callable[[], Any]  #: loss, gradients, update; returns the loss, when all is done
    parameters: Callable[[], dict[str, np.ndarray]]  #: what they are by now, for the check


class Contender(NamedTuple):
    """Where a contender is found."""

    path: str  #: module and function
    library: str  #: what must be installed for it
    peer: bool = True
    on_numpy: bool = False  #: all its arrays are NumPy's, so that tracemalloc sees them


class NotThere(Exception):  # noqa: N818 - nothing went wrong: it is listed as such
    """What a contender is to measure does not exist here."""


HERE = __name__
REFERENCE, AS_IT_STANDS = "by hand", "by hand, with range"

CONTENDERS = {
    REFERENCE: Contender(f"{HERE}.by_hand:with_arange", "numpy", peer=False, on_numpy=True),
    AS_IT_STANDS: Contender(f"{HERE}.by_hand:as_it_stands", "numpy", peer=False, on_numpy=True),
    "eager": Contender(f"{HERE}.ours:eager", "tinygrad_softmax", peer=False, on_numpy=True),
    "compiled": Contender(f"{HERE}.ours:compiled", "tinygrad_softmax", peer=False, on_numpy=True),
    "HIPS autograd": Contender(f"{HERE}.hips:composed", "autograd", on_numpy=True),
    "MyGrad": Contender(f"{HERE}.mygrad:composed", "mygrad", on_numpy=True),
    "MyGrad, fused loss": Contender(f"{HERE}.mygrad:fused", "mygrad", on_numpy=True),
    "PyTorch": Contender(f"{HERE}.pytorch:composed", "torch"),
    "PyTorch, fused loss": Contender(f"{HERE}.pytorch:fused", "torch"),
    "PyTorch, compiled loss": Contender(f"{HERE}.pytorch:compiled_loss", "torch"),
    "PyTorch, compiled step": Contender(f"{HERE}.pytorch:compiled_step", "torch"),
    "JAX, jit": Contender(f"{HERE}.jax:jitted", "jax"),
    "PyTensor": Contender(f"{HERE}.pytensor:default", "pytensor"),
    "PyTensor, C": Contender(f"{HERE}.pytensor:in_c", "pytensor"),
}
