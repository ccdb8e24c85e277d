"""Classification problems for hypothesis to draw, and what the tests say about them.

Sizes differ pairwise, so that a transposition shows; size 1 is among them. Bulk values come from a
drawn seed. `well_scaled` scores are a few units apart: there no digits are lost to cancellation.
"""

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

from tinygrad_softmax import Tensor

#: Largest difference relative to the largest entry.
RTOL = {np.dtype("f8"): 1e-12, np.dtype("f4"): 5e-4}
LABEL_TYPES = [np.uint8, np.int64, list]


class Linear(NamedTuple):
    """Arguments of by_hand.linear."""

    W: np.ndarray
    b: np.ndarray
    X: np.ndarray
    y: object
    reg: float


class TwoLayer(NamedTuple):
    """Arguments of by_hand.two_layer."""

    W: np.ndarray
    b: np.ndarray
    W2: np.ndarray
    b2: np.ndarray
    X: np.ndarray
    y: object
    reg: float


seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float64, np.float32])


@st.composite
def sizes(draw, n):
    """Pairwise distinct sizes."""
    return draw(st.permutations(range(1, 8)))[:n]


class _Source:
    """What the problems are made of, drawn."""

    def __init__(self, draw, dtype):
        self.draw, self.dtype = draw, dtype
        self.rng = np.random.default_rng(draw(seeds))

    def matrix(self, rows, columns, scale=1.0):
        bound = scale / np.sqrt(rows)
        return self.rng.uniform(-bound, bound, (rows, columns)).astype(self.dtype)

    def biases(self, n, scale=1.0):
        b = self.matrix(1, n, scale)
        return b if self.draw(st.booleans()) else b[0]

    def labels(self, n_examples, n_classes):
        y = self.rng.integers(n_classes, size=n_examples)
        kind = self.draw(st.sampled_from(LABEL_TYPES))
        return y.tolist() if kind is list else y.astype(kind)

    def examples(self, rows, columns):
        return self.rng.uniform(-1, 1, (rows, columns)).astype(self.dtype)


regs = st.sampled_from([0.0, 1e-3, 0.7])


@st.composite
def linear(draw, scale=1.0, N=None, K=None, dtypes=dtypes):
    """A problem for the linear classifier; fixed N or K where given."""
    drawn = draw(sizes(3))
    N, D, K = N or drawn[0], drawn[1], K or drawn[2]
    source = _Source(draw, draw(dtypes))
    return Linear(
        source.matrix(D, K, scale), source.biases(K, scale), source.examples(N, D),
        source.labels(N, K), draw(regs),
    )  # fmt: skip


@st.composite
def two_layer(draw):
    """A problem for the network; rows of X, and b with them, may be zero: at the kink."""
    N, D, H, K = draw(sizes(4))
    source = _Source(draw, draw(dtypes))
    X, b = source.examples(N, D), source.biases(H)
    if draw(st.booleans()):
        b[...] = 0
        X[draw(st.lists(st.integers(0, N - 1), min_size=1))] = 0
    return TwoLayer(
        source.matrix(D, H), b, source.matrix(H, K), source.biases(K), X,
        source.labels(N, K), draw(regs),
    )  # fmt: skip


def assert_agrees(actual, expected, floor=0.0):
    """Same shape and dtype, and no entry off by more than RTOL of the largest (or of `floor`)."""
    assert isinstance(actual, np.ndarray)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    largest = max(np.max(np.abs(expected), initial=0), floor)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=RTOL[expected.dtype] * largest)


def tensors(*arrays):
    """Each array as a parameter."""
    return [Tensor(array) for array in arrays]


def raises(error, *words):
    """Expect `error` with all of `words` in its message, in this order."""
    return pytest.raises(error, match="(?s)" + ".*".join(map(re.escape, words)))
