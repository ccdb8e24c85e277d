"""The objective of the classifier: what is minimised, and its gradients, over blocks of rows.

Imports the compiler, the transforms and `rows`. The loss is written once, in the case study's terms
(https://cs231n.github.io/neural-networks-case-study/), and nothing here knows its gradient. It is a
sum over rows, so blocks of rows are differentiated one by one and the parts are added up.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiler import Compiled, compile
from ..core.transforms import value_and_grad
from ..ops.softmax import cross_entropy
from .checks import is_sparse
from .rows import Rows

__all__ = ["Objective", "class_scores", "summed_gradients"]

Arrays = list[NDArray[Any]]


def class_scores(parameters: Sequence[Any], X: Any) -> Any:
    """Return the scores (N, K) of a classifier ``(W, b)`` or a network ``(W, b, W2, b2, ...)``."""
    W, b, *deeper = parameters
    return _scores_after(X @ W, b, *deeper)


def _scores_after(Z: Any, b: Any, *deeper: Any) -> Any:
    """Return the class scores, where the first layer's product is known already."""
    Z = Z + b
    for W, b in zip(deeper[::2], deeper[1::2], strict=True):
        Z = np.maximum(0, Z) @ W + b
    return Z


@cache
def _loss(n_parameters: int, sparse: bool) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """Return the summed loss of a network with so many parameters, and their names.

    Of sparse examples ``X @ W`` comes from outside, in place of W.
    """
    layers = [str(i) if i > 1 else "" for i in range(1, n_parameters // 2 + 1)]
    names = tuple(f"{letter}{layer}" for layer in layers for letter in "Wb")

    def summed_loss(**inputs: Any) -> Any:
        parameters = [inputs[name] for name in names]
        scores = _scores_after(*parameters) if sparse else class_scores(parameters, inputs["X"])
        if inputs["weights"] is None:
            return cross_entropy(scores, inputs["y"], reduction="sum")
        return np.sum(inputs["weights"] * cross_entropy(scores, inputs["y"], reduction="none"))

    inputs = [*names, *([] if sparse else ["X"]), "y", "weights"]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    summed_loss.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # for the compiler
        [inspect.Parameter(name, kind) for name in inputs]
    )
    return summed_loss, names


@cache
def _compiled(n_parameters: int, sparse: bool) -> Compiled:
    _KINDS.append((n_parameters, sparse))
    return compile(*_loss(n_parameters, sparse))


#: What has been compiled in this process: the arguments of `_compiled`.
_KINDS: list[tuple[int, bool]] = []


def _block_gradients(parameters: Arrays, X: Any, y: Any, weights: Any, engine: str) -> list[Any]:
    """Return the summed loss of some rows, and its gradient with respect to each parameter."""
    kind = len(parameters), is_sparse(X)
    function, names = _loss(*kind)
    named = dict(zip(names, parameters, strict=True), y=y, weights=weights)
    if is_sparse(X):
        named["W"] = np.asarray(X @ parameters[0])
    else:
        named["X"] = X
    if engine == "compiled":
        value, by_name = _compiled(*kind)(**named)
        gradients = [by_name[name] for name in names]
    else:
        value, found = value_and_grad(function, wrt=names)(**named)
        gradients = list(found)
    if is_sparse(X):
        gradients[0] = np.asarray(X.T @ gradients[0])
    return [value, *gradients]


def summed_gradients(rows: Rows, parameters: Arrays, engine: str) -> list[Any]:
    """Return the sum over all rows, in float64, of the loss and of its gradients."""
    sums: list[Any] = [0.0, *(np.zeros(p.shape) for p in parameters)]
    with np.errstate(over="ignore", invalid="ignore"):  # the solver looks, and raises
        for block in rows.blocks():
            for i, part in enumerate(_block_gradients(parameters, *block, engine)):
                sums[i] += part
    return sums


class Objective:
    """The mean loss over rows with the penalty ``reg / 2 * sum(W**2)``, and its gradients.

    Remembers what it found last: a step that is accepted for its loss is where the next one starts.
    A penalty of absolute values, ``l1 * sum(abs(W))``, has no gradient: the solver adds it.
    """

    def __init__(
        self, rows: Any, total: float, reg: float, engine: str, *, l1: float = 0.0
    ) -> None:
        self.rows, self.total, self.reg, self.engine, self.l1 = rows, total, reg, engine, l1
        self._at: Arrays = []
        self._last: tuple[float, Arrays] = (0.0, [])

    def __call__(self, parameters: Arrays) -> float:
        """Return the objective."""
        return self.with_gradients(parameters)[0]

    def with_gradients(self, parameters: Arrays) -> tuple[float, Arrays]:
        """Return the objective and its gradients, in the precision of the parameters."""
        if len(self._at) != len(parameters) or not all(map(np.array_equal, parameters, self._at)):
            value, *sums = self.rows.add_up(summed_gradients, parameters, self.engine)
            value /= self.total
            gradients = [total / self.total for total in sums]
            for W, dW in zip(parameters[::2], gradients[::2], strict=True):
                value += 0.5 * self.reg * np.sum(np.square(W, dtype=np.float64))
                dW += self.reg * W  # noqa: PLW2901 - in place
            gradients = [d.astype(p.dtype) for p, d in zip(parameters, gradients, strict=True)]
            # Copies: a callback may change the parameters in place.
            self._at, self._last = [p.copy() for p in parameters], (float(value), gradients)
        return self._last

    def batches(self, size: int | None, generator: Any) -> Iterator[Objective]:
        """Yield the objective of each batch of one pass."""
        for rows in self.rows.batches(size, generator):
            same = rows is self.rows
            yield self if same else Objective(rows, rows.total, self.reg, self.engine)

    def close(self) -> None:
        """Release this thread's workspaces; those of Dask's workers, which are small, stay."""
        for kind in _KINDS:
            _compiled(*kind).clear()
