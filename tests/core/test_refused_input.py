"""Data, shapes and labels that cannot be right are refused by name, with what to do instead."""

import numpy as np
import pytest

from tests.problems import raises
from tinygrad_softmax import DataError, LabelError, ShapeError, Tensor, by_hand, cross_entropy


@pytest.fixture(name="X")
def inputs():
    return np.ones((5, 3))


@pytest.fixture(name="W")
def weights():
    return Tensor(np.ones((3, 2)))


# --- data that cannot carry a gradient ------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([1, 2], ("int64", "cannot be nudged", ".astype(float)", "Labels")),
        (np.uint8([1]), ("uint8", ".astype(float)")),
        ([True], ("bool", ".astype(float)")),
        ([1j], ("complex128", "two real tensors")),
        ([None], ("object", "rectangular array of floats")),
        (["a"], ("<U1", "rectangular array of floats")),
        (np.array(["2020-01-01"], "M8[D]"), ("datetime64", "floats")),
        (Tensor(1.0), ("a Tensor already", "t.detach()")),
    ],
    ids=["int", "uint8", "bool", "complex", "object", "str", "datetime", "Tensor"],
)
def test_data_without_a_gradient_is_refused(data, words):
    with raises(DataError, *words):
        Tensor(data)


def test_conversion_to_integers_is_refused(W):
    with raises(DataError, "astype(int64)", "lose its gradient", ".data"):
        W.astype(np.int64)


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "product", [lambda X, W: X @ W, np.dot, np.matmul], ids=["@", "dot", "matmul"]
)
def test_a_matrix_product_that_does_not_fit_names_both_operands(product, X):
    weights = Tensor(np.ones((4, 2)))
    with raises(ShapeError, "matmul got", "(5, 3)", "(4, 2)", "the inner sizes 3 and 4 must agree"):
        product(X, weights)


def test_operands_are_named_as_the_user_names_them(X):
    weights = Tensor(np.ones((4, 2)))
    with raises(ShapeError, "matmul got X (5, 3) and weights (4, 2)"):
        X @ weights
    hidden, bias = np.ones((5, 3)) * Tensor(1.0), Tensor(np.ones(2), name="b")
    with raises(ShapeError, "add got hidden (5, 3) and b (2,)", "sizes 3 and 2 at axis -1"):
        hidden + bias
    with raises(ShapeError, "add got x (5, 3) and b (2,)"):
        (hidden * 2) + bias
    with raises(ShapeError, "w = 2.0", "needs at least one axis", "use * for a scalar"):
        hidden @ 2.0


def test_an_index_out_of_bounds_is_numpys_own_error(W):
    with pytest.raises(IndexError, match="out of bounds"):
        W[7]


# --- labels ---------------------------------------------------------------------------------------

LABELS = {
    "negative": ([0, 1, -1, 0, -2], ("label -1 in row 2", "count from the last class")),
    "equal to K": ([0, 1, 0, 2, 1], ("label 2 in row 3", "classes 0..1", "pass y - 1")),
    "float": ([0.0, 1.0, 0.0, 1.0, 0.0], ("float64", "y.astype(int)")),
    "bool": ([True, False, True, False, True], ("bool", "mask", "y.astype(int)")),
    "text": (["a", "b", "a", "b", "a"], ("<U1", "np.unique(y, return_inverse=True)")),
    "a column": ([[0], [1], [0], [1], [0]], ("(5, 1)", "5 x 5", "y.ravel()")),
    "too short": ([0, 1], ("2 labels for 5 examples",)),
    "too long": ([0] * 6, ("6 labels for 5 examples",)),
}


@pytest.mark.parametrize(("y", "words"), LABELS.values(), ids=LABELS)
def test_a_mistake_in_the_labels_is_named_wherever_they_are_used(y, words, X, W):
    with raises(LabelError, *words):
        cross_entropy(X @ W, y)
    with raises(LabelError, *words):
        by_hand.linear(W.data, np.zeros(2), X, y)
    with raises(LabelError, *words):
        by_hand.two_layer(np.ones((3, 4)), np.zeros(4), np.ones((4, 2)), np.zeros(2), X, y)


@pytest.mark.parametrize("targets", [[], np.zeros(0, int), np.zeros((0, 2)), np.zeros((0, 2), int)])
def test_the_mean_of_an_empty_batch_is_refused_and_its_sum_is_0(targets, W):
    scores = np.ones((0, 3)) @ W
    with raises(LabelError, "the batch is empty"):
        cross_entropy(scores, targets)
    total = cross_entropy(scores, targets, reduction="sum")
    total.backward()
    assert (total.item(), W.grad.tolist()) == (0, np.zeros(W.shape).tolist())
    assert cross_entropy(scores, targets, reduction="none").shape == (0,)


def test_an_empty_batch_is_refused_by_hand_too():
    with raises(LabelError, "the batch is empty"):
        by_hand.linear(np.ones((3, 2)), np.zeros(2), np.ones((0, 3)), [])
