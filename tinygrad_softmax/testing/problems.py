"""Hypothesis strategies: whole classification problems, linear or with a hidden layer.

Imports `strategies`. Its one idea: weights are scaled by their number of rows, so that scores are
a few units apart and no digits are lost to cancellation, unless a larger `scale` asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from .strategies import Array, draw_sizes, labels, seeds

#: What the strength of the regularization is drawn from; it shrinks to the first.
REGS = (0.7, 1e-3, 0.0)


class SoftmaxProblem(NamedTuple):
    """A batch and the parameters of a linear classifier, in the order of `by_hand.linear`."""

    W: Array  #: Weights, shape (D, K).
    b: Array  #: Biases, shape (1, K) or (K,).
    X: Array  #: One example per row, shape (N, D).
    y: Any  #: The class of each example, shape (N,).
    reg: float  #: Strength of the regularisation.


class TwoLayerProblem(NamedTuple):
    """A batch and the parameters of a network, in the order of `by_hand.two_layer`."""

    W: Array  #: Weights of the hidden layer, shape (D, H).
    b: Array  #: Biases of the hidden layer, shape (1, H) or (H,).
    W2: Array  #: Weights of the scores, shape (H, K).
    b2: Array  #: Biases of the scores, shape (1, K) or (K,).
    X: Array  #: One example per row, shape (N, D).
    y: Any  #: The class of each example, shape (N,).
    reg: float  #: Strength of the regularisation.


@st.composite
def softmax_problems(
    draw: st.DrawFn,
    *,
    dtypes: Sequence[DTypeLike] = (np.float64, np.float32),
    hidden: bool = False,
    distinct: bool = True,
    n_examples: int | None = None,
    n_classes: int | None = None,
    min_size: int = 2,
    scale: float = 1.0,
    label_types: Sequence[Any] = (np.int64, np.uint8, list),
) -> Any:
    """Draw a classification problem, of two classes or more.

    What a failure shrinks to stays telling: at least two examples, features and classes, of which
    at least two are among the labels.

    Parameters
    ----------
    dtypes : sequence of dtype
        One is drawn, for all arrays.
    hidden : bool
        Whether there is a hidden layer. Then some rows of `X` may be 0, and `b` with them: there
        the hidden layer is exactly at its kink.
    distinct : bool
        Whether the sizes differ pairwise.
    n_examples, n_classes : int, optional
        Fixed instead of drawn; may be 1.
    min_size : int
        The smallest size that is drawn. With 1, a single example, feature or class is among them,
        at which many mistakes do not show: of a single class the probability is always 1.
    scale : float
        Of the weights: at 1, scores are a few units apart.
    label_types : sequence
        As for `labels`.

    Returns
    -------
    strategy of SoftmaxProblem or TwoLayerProblem

    Examples
    --------
    >>> from hypothesis import given
    >>> from tinygrad_softmax import by_hand
    >>> @given(softmax_problems())
    ... def test_shape(problem):
    ...     assert by_hand.linear(*problem).dW.shape == problem.W.shape
    >>> test_shape()
    """
    fixed = [size for size in (n_examples, n_classes) if size is not None]
    free = draw_sizes(draw, 4, distinct, min_size, fixed)
    N, K = n_examples or free[0], n_classes or free[1]
    D, H = free[2:]
    dtype = draw(st.sampled_from(list(dtypes)))
    rng = np.random.default_rng(draw(seeds))

    def matrix(rows: int, columns: int) -> Array:
        bound = scale / np.sqrt(rows)
        return rng.uniform(-bound, bound, (rows, columns)).astype(dtype)

    def biases(n: int) -> Array:
        row = matrix(1, n)
        return row if draw(st.booleans()) else row[0]

    X = rng.uniform(-1, 1, (N, D)).astype(dtype)
    y = draw(labels(N, K, types=label_types))
    reg = draw(st.sampled_from(REGS))
    if not hidden:
        return SoftmaxProblem(matrix(D, K), biases(K), X, y, reg)
    b = biases(H)
    if draw(st.booleans()):
        b[...] = 0
        X[draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=N))] = 0
    return TwoLayerProblem(matrix(D, H), b, matrix(H, K), biases(K), X, y, reg)
