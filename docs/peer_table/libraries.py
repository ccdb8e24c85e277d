"""What the table has to know of a library: how it records a function, and what else it offers.

`Ours` is the package; each peer overrides what is different with it. A method that is None has no
counterpart in that library. The peers are in `small` and `frameworks`. Imports `losses`
and, when an object is made, the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from typing import Any

import numpy as np
from peer_table.losses import INPUTS, softmax_loss, undivided

import tinygrad_softmax as ts
from tinygrad_softmax.ops import VOCABULARY


class Ours:
    """The package itself."""

    title, package = "tinygrad_softmax", "tinygrad_softmax"
    stable_name = "`cross_entropy`"

    def __init__(self) -> None:
        self.module = import_module(self.package)
        self.np: Any = np
        self.load()

    def load(self) -> None:
        """Import what else is needed."""

    @property
    def version(self) -> str:
        """The version, by the module or by what has been installed."""
        return str(getattr(self.module, "__version__", None) or metadata.version(self.package))

    def data(self, array: Any) -> Any:
        """Make an array of the library's own, for data that no gradient is wanted of."""
        return array

    def shared(self, array: Any) -> Any:
        """Hand over a NumPy array as it is."""
        return array

    def record(self, loss: Callable[..., Any], *arrays: Any) -> tuple[Any, Callable[[], Any]]:
        """Run the forward pass; the parameters, and what runs the backward pass."""
        params = [ts.Tensor(array) for array in arrays]
        return params, pulling(loss(*params), params)

    def fused(self, scores: Any, y: Any) -> Any:
        """Compute the library's own loss of scores and labels."""
        return ts.cross_entropy(scores, y)

    def stable(self, scores: Any, y: Any) -> Any:
        """Compute the same in the way that the library has for large scores."""
        return self.fused(scores, y)

    def update(self, parameter: Any) -> None:
        """Change a parameter in place, in the way that the library has for it."""
        parameter.data *= 2

    def second(self, f: Callable[[Any], Any], x: Any) -> Any:
        """Differentiate twice."""
        return ts.hessian(f)(x)

    def debugging(self) -> Any:
        """Return a context that watches out for data which are overwritten."""
        return ts.detect_anomaly()

    def stabilised(self, W: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Differentiate the naive lines, brought into a stable form, at these weights."""
        here = INPUTS | {"W": W}
        derived = ts.derive(softmax_loss, ("W", "b"), stable=True, **INPUTS)
        yield "`derive(stable=True)`", lambda: [*derived(**here).values()]
        step = ts.compile(softmax_loss, ("W", "b"))
        yield "`compile`", lambda: [*step(**here)[1].values()]

    def formula(self) -> str:
        """Say whether the gradient can be had as the formula that people write."""
        source = ts.derive(softmax_loss, ("W", "b"), **INPUTS).source
        lines = "dscores = probs.copy()", "dscores[range(num_examples), y] -= 1"
        return "yes" if all(line in source for line in lines) else "no"

    def complaint(self) -> str:
        """Check a gradient by hand that lacks its division; what the checker says of it."""
        return str(ts.check_gradients(softmax_loss, undivided, **INPUTS))

    def check_relu(self) -> Any:
        """Check the gradient of relu at 0; raises where the checker finds fault."""
        ts.gradcheck(ts.relu, np.zeros(1))

    def relu(self, x: Any) -> Any:
        """Compute relu in the library's way."""
        return ts.relu(x)

    def rules(self) -> int:
        """Count the ops that have a gradient."""
        return sum(bool(op.rules) for op in VOCABULARY)


def pulling(value: Any, params: list[Any]) -> Callable[[], Any]:
    """Return what runs the backward pass and hands out the gradients."""

    def pull() -> list[Any]:
        value.backward()
        return [np.asarray(p.grad) for p in params]

    return pull


class Peer(Ours):
    """What the peers have in common; of what is None here, the claims look for a trace."""

    fused: Any = None
    stable_name = ""
    debugging: Any = None
    stabilised: Any = None
    formula: Any = None
    complaint: Any = None
    check_relu: Any = None


def said(check: Callable[[], Any]) -> str:
    """Return what a checker raises; nothing if it is content."""
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
