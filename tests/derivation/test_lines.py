"""How derived functions are written: the calls of the user, updates in place, numbers."""

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.test_tracing import check

rng = np.random.default_rng(11)
x, G = rng.standard_normal((2, 5, 3))
v = rng.standard_normal(3)
W = rng.standard_normal((3, 4))
labels = rng.integers(0, 3, 5)


def test_forward_lines_are_as_the_user_wrote_them():
    def loss(X):
        centre = np.mean(X, axis=0)
        spread = X.std(axis=0)
        both = np.hstack([X, np.ones((X.shape[0], 1))])
        framed = np.pad(X, 1)
        length = np.linalg.norm(X)
        pair = np.stack((X, 2 * X))
        total = np.sum(centre * spread) + np.sum(both**2) + np.sum(framed**3) + length
        return total + np.mean(pair) / X.mean()

    derivation = check(loss, "X", X=x)
    for line in (
        "centre = np.mean(X, axis=0)", "spread = np.std(X, axis=0)", "framed = np.pad(X, 1)",
        "both = np.hstack([X, np.ones((X.shape[0], 1))])", "length = np.linalg.norm(X)",
        "pair = np.stack((X, 2 * X))", "np.mean(pair) / np.mean(X)",
    ):  # fmt: skip
        assert line in derivation.source
    assert derivation.trace.generic


def test_pieces_of_a_split_and_opposite_signs():
    def loss(X, G):
        first, second = np.split(X, [2])
        hidden = np.sum(np.maximum(0, X), axis=1, keepdims=True)
        row = hidden**2
        return np.sum(first**2) + np.sum(second) + np.sum(row) - np.sum(G * (X + v) * X)

    source = check(loss, "X", X=x, G=G).source
    assert "X[0:2]" in source
    assert "int64" not in source


def test_a_mask_that_is_larger_than_the_gradient_is_multiplied():
    def loss(X):
        hidden = np.maximum(0, X)
        total = np.sum(hidden, axis=1, keepdims=True)
        return np.sum(np.exp(total) * np.sin(total))

    source = check(loss, "X", X=x).source
    assert "dX = dtotal * (hidden > 0)" in source


def test_an_array_made_like_another():
    def loss(X):
        zeros = np.zeros_like(X)
        return np.sum((zeros + X) ** 2 * np.ones_like(X)) + np.sum(np.full_like(X, 2.0) * X)

    assert check(loss, "X", X=x).trace.generic


def test_a_scatter_within_a_product_of_matrices_gets_a_line_of_its_own():
    def loss(X, W, y):
        hidden = X @ W
        picked = hidden[range(X.shape[0]), y]
        return np.sum(np.exp(hidden) * np.sin(hidden)) + np.sum(picked**2 * picked) + np.sum(X[0])

    source = check(loss, "X", X=x, W=W, y=labels).source
    assert "scatter(" not in source
    assert "dhidden[range(X.shape[0]), y] += dpicked" in source


def test_two_scatters_are_two_updates():
    def loss(X, y):
        return np.sum(X[range(X.shape[0]), y] ** 2) + 3 * np.sum(X[0]) - np.sum(X[1:] ** 2)

    source = check(loss, "X", X=x, y=labels).source
    assert "dX[0] += 3" in source
    assert "dX[1:] -= 2 * X[1:]" in source


def test_a_zero_gradient_is_not_shared_with_one_that_is_filled():
    def loss(a, b):
        return np.sum(a[0] ** 2) + 0 * np.sum(b)

    derivation = tg.derive(loss, wrt=("b", "a"), a=x, b=x + 1)
    found = derivation(a=x, b=x + 1)
    assert not found["b"].any()
    assert found["a"].any()


def test_scalars_and_masks_become_floating_point_numbers():
    def loss(s, t, X):
        return 2 * t + s * np.sum(X > 0) + np.sum(np.maximum(0, X))

    inputs = {"s": np.array(1.0), "t": np.array(2.0), "X": x}
    derivation = tg.derive(loss, wrt=("s", "t", "X"), **inputs)
    found = derivation(**inputs)
    assert "dt = 2.0" in derivation.source
    assert "ds = float(" in derivation.source
    assert all(np.result_type(slope) == np.dtype(float) for slope in found.values())


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.sum(np.maximum(0, X)) - np.sum(np.maximum(1, X)) + np.sum(np.minimum(2, X)),
        lambda X: -np.sum(np.maximum(0, X)),
        lambda X: np.sum(np.maximum(0, X @ (X.T > 0))),
        lambda X: np.sum(np.sum(np.maximum(0, X), axis=1, keepdims=True) ** 2),
        lambda X: np.sum(np.maximum(0, X) @ np.maximum(0, X.T)),
        lambda X: np.sum(np.maximum(0, np.sum(X, axis=0)) * (X > 0)),
        lambda X: np.sum((X > 0).T @ np.maximum(0.1, X)),
        lambda X: np.sum(np.where(X > 0, 1, 0) * X) + np.sum(np.where(X > 0.3, X, 0)),
        lambda X: np.sum(np.sqrt(X > 0) * X) + np.sum(X / (1 + (X > 0.2))),
        lambda X: np.sum(np.maximum(0, np.mean(X))) + np.sum(np.max(X[:, :1], axis=1)),
    ],
)
def test_masks_are_counted_as_numbers(function):
    check(function, "X", X=x)


def test_a_difference_is_not_taken_for_a_sum_with_a_name():
    def loss(a, v, c):
        u = a + v
        return np.sum(u**2) + np.sum((a - v) * c)

    a, v, c = rng.standard_normal((3, 5, 3))
    assert "dc = a - v" in check(loss, "c", a=a, v=v, c=c).source


def test_an_input_that_the_loss_does_not_depend_on_is_told_as_zeros():
    derivation = tg.derive(lambda w, b: np.sum(w**2), wrt=("w", "b"), w=x[0], b=x)
    assert "db = np.zeros_like(b)" in str(derivation)
