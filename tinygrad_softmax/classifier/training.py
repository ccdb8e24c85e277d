"""What the classifier minimises, where it starts, and in which batches.

Imports the losses and the errors. The loss is written once, in the case study's terms
(https://cs231n.github.io/neural-networks-case-study/), and nothing here knows its gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import ShapeError
from ..ops.softmax import cross_entropy

__all__ = ["batches", "class_scores", "initial_parameters", "mean_loss"]

Arrays = list[NDArray[Any]]


def initial_parameters(
    sizes: Sequence[int], init: Sequence[ArrayLike] | None, dtype: Any, generator: Any
) -> Arrays:
    """Weights and biases of each layer: those given, or small random weights and zero biases.

    Parameters
    ----------
    sizes : sequence of int
        Features, units of the hidden layer if there is one, classes.
    init : sequence of arrays or None
        ``W, b`` or ``W, b, W2, b2``; biases may lack their first axis.
    dtype : dtype
        What to convert to.
    generator : RandomState or Generator
        Draws the weights if `init` is None.

    Returns
    -------
    list of arrays
        ``[W, b]`` or ``[W, b, W2, b2]``.

    Raises
    ------
    ShapeError
        If the arrays of `init` do not have these sizes.

    Examples
    --------
    >>> [p.shape for p in initial_parameters([2, 100, 3], None, float, np.random.default_rng(0))]
    [(2, 100), (1, 100), (100, 3), (1, 3)]
    """
    layers = list(pairwise(sizes))
    shapes = [shape for n, m in layers for shape in ((n, m), (1, m))]
    if init is None:
        draw, zeros = generator.standard_normal, np.zeros
        values = [f(shape) for f, shape in zip([draw, zeros] * len(layers), shapes, strict=True)]
        return [(0.01 * value).astype(dtype) for value in values]
    parameters = [np.atleast_2d(np.asarray(value, dtype)) for value in init]
    if [value.shape for value in parameters] != shapes:
        raise ShapeError(
            f"init has arrays of shapes {', '.join(str(np.shape(value)) for value in init)}; for "
            f"layers of sizes {', '.join(map(str, sizes))} it needs {', '.join(map(str, shapes))}"
        )
    return parameters


def class_scores(parameters: Sequence[Any], X: Any) -> Any:
    """Scores of a linear classifier ``(W, b)``, or of a network ``(W, b, W2, b2)``.

    Parameters
    ----------
    parameters : sequence of Tensors or arrays
        Weights (D, K) and biases (1, K); or (D, H), (1, H), (H, K) and (1, K).
    X : array, shape (N, D)
        One example per row.

    Returns
    -------
    Tensor or array, shape (N, K)

    Examples
    --------
    >>> class_scores([np.eye(2), np.array([[0.0, 1.0]])], np.array([[3.0, 4.0]]))
    array([[3., 5.]])
    """
    *first, W, b = parameters
    if first:
        X = np.maximum(0, X @ first[0] + first[1])
    return X @ W + b


def mean_loss(parameters: Sequence[Any], X: Any, y: Any, weights: Any, reg: float) -> Any:
    r"""Average cross-entropy plus ``0.5 * reg * np.sum(W * W)`` of each layer.

    Parameters
    ----------
    parameters, X
        As for `class_scores`.
    y : array of int, shape (N,)
        Class numbers 0..K-1.
    weights : array, shape (N,), or None
        How much each example counts in the average
        :math:`-\sum_i w_i \log p_{i y_i} / \sum_i w_i`; None: all the same.
    reg : float
        Strength of the regularisation.

    Returns
    -------
    Tensor or array
        A scalar.

    Examples
    --------
    >>> zero = [np.zeros((1, 2)), np.zeros((1, 2))]
    >>> float(mean_loss(zero, np.ones((3, 1)), np.array([0, 1, 1]), None, 1e-3))  # log(2)
    0.693147180559945...
    """
    scores = class_scores(parameters, X)
    if weights is None:
        loss = cross_entropy(scores, y)
    else:
        losses = weights * cross_entropy(scores, y, reduction="none")
        loss = np.sum(losses) / np.sum(weights)
    for W in parameters[::2]:
        loss = loss + 0.5 * reg * np.sum(W * W)
    return loss


def batches(n_examples: int, size: int | None, generator: Any) -> Iterator[Any]:
    """Indices of the rows of each batch of one pass: everything, or drawn without replacement.

    Parameters
    ----------
    n_examples : int
        N.
    size : int or None
        Rows in a batch (the last may have fewer); None, or N and above: all, in their order.
    generator : RandomState or Generator
        Shuffles the rows.

    Yields
    ------
    slice or array of int

    Examples
    --------
    >>> [len(rows) for rows in batches(5, 2, np.random.default_rng(0))]
    [2, 2, 1]
    """
    if size is None or size >= n_examples:
        yield slice(None)
        return
    order = generator.permutation(n_examples)
    for start in range(0, n_examples, size):
        yield order[start : start + size]
