"""The loss of examples that do not fit in memory: a sum over blocks of rows.

Imports the compiler, the transforms, `training` and `surveys`. The derived function is a plain
NumPy function of some rows, and the loss is a sum over rows: so each block's part is computed by
itself, where the block is, and the parts are added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiler import Compiled, compile
from ..core.transforms import value_and_grad
from ..ops.softmax import cross_entropy
from .surveys import Blocks, Survey, prepare
from .training import class_scores

__all__ = ["BlockwiseLoss"]

Arrays = list[NDArray[Any]]


def summed_loss(parameters: Sequence[Any], X: Any, y: Any, weights: Any) -> Any:
    """Sum of the (weighted) cross-entropy over some rows; `mean_loss` has the same arguments.

    Examples
    --------
    >>> zero = [np.zeros((1, 2)), np.zeros((1, 2))]
    >>> float(summed_loss(zero, np.ones((3, 1)), np.array([0, 1, 1]), None))  # 3 log(2)
    2.07944154167983...
    """
    scores = class_scores(parameters, X)
    if weights is None:
        return cross_entropy(scores, y, reduction="sum")
    return np.sum(weights * cross_entropy(scores, y, reduction="none"))


def linear_sum(W: Any, b: Any, X: Any, y: Any, weights: Any) -> Any:
    """Compute the summed loss of a linear classifier."""
    return summed_loss((W, b), X, y, weights)


def network_sum(W: Any, b: Any, W2: Any, b2: Any, X: Any, y: Any, weights: Any) -> Any:
    """Compute the summed loss of a two-layer network."""
    return summed_loss((W, b, W2, b2), X, y, weights)


#: Traced once in each process: number of parameters -> the compiled loss.
_COMPILED: dict[int, Compiled] = {
    2: compile(linear_sum, ("W", "b")),
    4: compile(network_sum, ("W", "b", "W2", "b2")),
}
#: What this process has traced: on few rows, as a whole block would take several times its size.
_TRACED: set[tuple[int, bool, Any]] = set()
FEW_ROWS = 64


def block_gradients(
    first_row: int, X: Any, y: Any, weights: Any, parameters: Arrays, found: Survey, engine: str
) -> Arrays:
    """Return a block's part of the loss and of its gradients, in float64.

    Parameters
    ----------
    first_row : int
        Not needed here.
    X, y, weights : array_like
        As they are stored.
    parameters : list of arrays
        ``[W, b]`` or ``[W, b, W2, b2]``.
    found : Survey
        Of all the data.
    engine : "compiled" or "eager"
        As for the classifier.

    Returns
    -------
    list of arrays
        The summed loss, and one gradient for each parameter.
    """
    X, y, weights = prepare(X, y, weights, found)
    if not len(X):
        return [np.float64(0), *(np.zeros(p.shape) for p in parameters)]  # type: ignore[list-item] # a scalar
    with np.errstate(over="ignore", invalid="ignore"):  # the descent will see, and raise
        if engine == "compiled":
            step = _COMPILED[len(parameters)]
            named = dict(zip(step.wrt, parameters, strict=True))
            kind = len(parameters), weights is None, X.dtype
            if kind not in _TRACED:
                few = [None if a is None else a[:FEW_ROWS] for a in (X, y, weights)]
                step(**named, **dict(zip(("X", "y", "weights"), few, strict=True)))
                _TRACED.add(kind)
            value, by_name = step(**named, X=X, y=y, weights=weights)
            gradients = [*by_name.values()]
        else:
            value, gradients = value_and_grad(summed_loss)(parameters, X, y, weights)
    return [np.asarray(part, np.float64) for part in (value, *gradients)]


class BlockwiseLoss:
    """The mean loss over all blocks with its regularisation, and its gradients.

    Remembers what it found last: a step that is accepted for its loss is where the next one starts,
    and a pass over the data is what costs.

    Parameters
    ----------
    blocks : Blocks
        The data.
    found : Survey
        Of these blocks.
    engine : "compiled" or "eager"
        As for the classifier.
    """

    def __init__(self, blocks: Blocks, found: Survey, engine: str) -> None:
        self.blocks, self.found, self.engine = blocks, found, engine
        self._at: Arrays = []
        self._last: tuple[Any, Arrays] = (0.0, [])

    def __call__(self, parameters: Arrays, *data: Any) -> Any:
        """Return the loss; `data` is the strength of the regularisation."""
        return self.with_gradients(parameters, *data)[0]

    def with_gradients(self, parameters: Arrays, *data: Any) -> tuple[Any, Arrays]:
        """Return the loss and its gradients by the parameters, in their precision."""
        (reg,) = data
        here = [*parameters, np.asarray(reg)]
        if len(self._at) != len(here) or not all(map(np.array_equal, here, self._at)):
            total, *sums = self.blocks.add_up(
                block_gradients, list(parameters), self.found, self.engine
            )
            value, gradients = total / self.found.total, []
            for place, (p, d) in enumerate(zip(parameters, sums, strict=True)):
                gradient = d / self.found.total
                if place % 2 == 0:  # a weight matrix, not a bias
                    value += 0.5 * reg * np.sum(np.square(p, dtype=np.float64))
                    gradient += reg * p
                gradients.append(gradient.astype(p.dtype))
            # Copies: a callback may change the parameters in place.
            self._at, self._last = [p.copy() for p in here], (value, gradients)
        return self._last

    def close(self) -> None:
        """Let go of this thread's workspaces; those of Dask's workers, which are small, stay."""
        for step in _COMPILED.values():
            step.clear()
