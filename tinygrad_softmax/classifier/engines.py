"""The mean loss and its gradients, from compiled code or from the tape.

Imports the compiler, the transforms and `training`. Both engines give the same numbers to rounding;
the compiled one is several times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiler import Compiled, compile
from ..core.transforms import value_and_grad
from .training import mean_loss

__all__ = ["ENGINES", "CompiledLoss", "EagerLoss"]

Arrays = list[NDArray[Any]]


def linear_loss(W: Any, b: Any, X: Any, y: Any, weights: Any, reg: Any) -> Any:
    """Compute the mean loss of a linear classifier; the arguments are those of `mean_loss`."""
    return mean_loss((W, b), X, y, weights, reg)


def network_loss(
    W: Any, b: Any, W2: Any, b2: Any, X: Any, y: Any, weights: Any, reg: Any
) -> Any:  # fmt: skip
    """Compute the mean loss of a two-layer network; the arguments are those of `mean_loss`."""
    return mean_loss((W, b, W2, b2), X, y, weights, reg)


#: Traced once, whatever is fitted: number of parameters -> the compiled loss.
_COMPILED: dict[int, Compiled] = {
    2: compile(linear_loss, ("W", "b")),
    4: compile(network_loss, ("W", "b", "W2", "b2")),
}


class EagerLoss:
    """`mean_loss`, its gradients found by the tape."""

    def __call__(self, parameters: Sequence[Any], *data: Any) -> Any:
        """Return the loss."""
        return mean_loss(parameters, *data)

    def with_gradients(self, parameters: Sequence[Any], *data: Any) -> tuple[Any, Arrays]:
        """Return the loss and its gradients by the parameters."""
        value, gradients = value_and_grad(mean_loss)(parameters, *data)
        return value, list(gradients)

    def close(self) -> None:
        """Let go of nothing: the tape has gone already."""


class CompiledLoss:
    """`mean_loss`, with its gradients in one compiled step."""

    def __call__(self, parameters: Sequence[Any], *data: Any) -> Any:
        """Return the loss, from the same code as the gradients, so that rounding is the same."""
        return self.with_gradients(parameters, *data)[0]

    def with_gradients(
        self, parameters: Sequence[Any], X: Any, y: Any, weights: Any, reg: float
    ) -> tuple[Any, Arrays]:
        """Return the loss and its gradients by the parameters."""
        step = _COMPILED[len(parameters)]
        named = dict(zip(step.wrt, parameters, strict=True))
        X, y = np.asarray(X), np.asarray(y)
        value, gradients = step(**named, X=X, y=y, weights=weights, reg=reg)
        return value, list(gradients.values())

    def close(self) -> None:
        """Let go of the workspaces."""
        for step in _COMPILED.values():
            step.clear()


ENGINES: dict[str, type[EagerLoss | CompiledLoss]] = {"compiled": CompiledLoss, "eager": EagerLoss}
