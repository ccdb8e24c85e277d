"""Axes of size 1, operands with fewer axes, and sizes that follow from others."""

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.test_tracing import check
from tinygrad_softmax.ir.verify import draws

rng = np.random.default_rng(11)
x, G = rng.standard_normal((2, 5, 3))
v = rng.standard_normal(3)
W = rng.standard_normal((3, 4))
labels = rng.integers(0, 3, 5)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda b, c: np.mean(np.sum(c + b, axis=0, keepdims=True) ** 2), {"b": v, "c": x}),
        (lambda c: np.sum(np.exp(0.3 * c.T) @ c), {"c": x[:, :1]}),
        (lambda W, b, c: np.mean(np.sum(c + (b - c), axis=1) * W[0, 0]),
         {"W": W, "b": v, "c": x}),
        (lambda r: np.mean(np.max(r, axis=0)[1:]), {"r": v[None]}),
        (lambda r, y: np.sum(np.exp(r[range(r.shape[0]), y])), {"r": v[None], "y": labels}),
        (lambda w, c: np.sum(w @ c.T @ (c - c + c)), {"w": v, "c": v[None]}),
        (lambda w, A: np.sum((A @ w - A.T @ w + (A - A.T) @ w) ** 2), {"w": v, "A": W[:, :3]}),
        (lambda w, c: np.sum(w[:, None].T @ np.exp(w[:, None] * c)), {"w": v, "c": x[0, :1]}),
    ],
)  # fmt: skip
def test_operands_with_fewer_axes(function, inputs):
    named = tg.derive(function, **inputs)
    assert check(function, next(iter(inputs)), **inputs).source == named.source


def test_named_values_with_fewer_axes():
    def loss(b, c, X):
        row = np.sum(c + b, axis=0, keepdims=True)
        col = np.exp(0.3 * c[:, :1]).T
        return np.mean(row**2 * np.exp(row)) + np.sum(np.tanh(col) @ X) + np.sum(X * row * b)

    inputs = {"b": v, "c": x, "X": x}
    for name in inputs:
        check(loss, name, **inputs)


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.mean(X[1:]) + np.mean(X[:-1]) + np.mean(X[1:-1] ** 2) + np.mean(X[:2]),
        lambda X: np.mean(X[-2:]) + np.mean(X[-3:-1] ** 2) + np.mean(X[::2]),
        lambda X: np.mean(X[::-1] * X) + np.mean(X[1::2]) + np.mean(X[..., 1:] ** 2),
        lambda X: np.mean(X[-3 : X.shape[0] - 1] ** 2),
        lambda X: np.mean(X[: X.shape[0] - 1] ** 2) + np.sum(X[X.shape[0] - 1]) / X[1:].size,
        lambda X: np.mean(np.concatenate([X, X[:1]]) ** 2) + np.mean(X.reshape(-1, 1) ** 3),
    ],
)
def test_sizes_of_slices_stay_names(function):
    assert check(function, "X", X=x).trace.generic


def test_a_slice_that_would_be_empty_at_other_sizes_is_derived_for_these():
    assert not check(lambda X: np.mean(X[-4:3:2] ** 2), "X", X=x).trace.generic


def test_a_size_that_must_be_that_of_a_slice():
    def loss(X, D, y):
        steps = X[1:] - X[:-1]
        return np.sum(steps * D) + np.sum(D[y] ** 2) + np.sum(np.exp(D) @ X[2:].T)

    inputs = {"X": x, "D": G[1:], "y": labels}
    derivation = check(loss, "X", **inputs)
    assert derivation.trace.generic
    drawn = next(draws(inputs, derivation.trace, seed=3))
    assert len(drawn["D"]) == len(drawn["X"]) - 1


def test_labels_that_count_two_numbers_of_classes():
    def loss(X, y):
        twice = np.concatenate([X, 2 * X], axis=1)
        return np.sum(X[range(X.shape[0]), y]) + np.sum(twice[range(X.shape[0]), y] ** 2)

    check(loss, "X", X=x, y=labels)


def test_rows_counted_by_the_length_of_the_labels():
    def loss(X, y):
        return np.sum(X[np.arange(len(y)), y] ** 2)

    assert check(loss, "X", X=x, y=labels).trace.generic
    check(lambda X, y: np.sum(X[np.arange(len(y))] ** 2), "X", X=x, y=labels[:3])


def test_what_would_be_too_large_at_other_sizes_is_derived_for_those_given():
    def loss(x):
        b, h, n, m = x.shape
        return np.sum((x + np.zeros((b, h, n, m))) ** 2)

    derivation = tg.derive(loss, x=np.ones((2, 3, 4, 5)))
    assert "too large to find out what it is made of" in derivation.checked
    assert "dx = 2 * x" in derivation.source


# --- what holds for these sizes and values alone says so in its source ---


def by_size(W, X):
    return np.mean((X @ W) ** 2) if len(X) > 10 else np.sum(X @ W)


def in_a_loop(W, X):
    total = 0
    for x in X:
        total = total + np.sum(x @ W) ** 2
    return total / len(X)


def by_switch(W, X, mode):
    return np.sum((X @ W) ** 2) if mode == "sum" else np.mean((X @ W) ** 2)


@pytest.mark.parametrize(("loss", "more", "says"), [
    (by_size, {}, "# holds while X.shape == (12, 4)"),
    (in_a_loop, {}, "# holds while X.shape == (12, 4)"),
    (by_switch, {"mode": "sum"}, "# holds while mode == 'sum'"),
])  # fmt: skip
def test_the_source_says_what_it_holds_for(loss, more, says):
    inputs = {"W": np.ones((4, 3)), "X": np.arange(48.0).reshape(12, 4), **more}
    derivation = tg.derive(loss, "W", **inputs)
    assert says in derivation.source
    assert says.removeprefix("# holds while ") in str(tg.explain(loss, "W", **inputs))


def test_a_source_for_all_sizes_has_no_such_line():
    inputs = {"W": np.ones((4, 1)), "X": np.arange(48.0).reshape(12, 4)}
    derivation = tg.derive(lambda W, X: np.sum((X @ W) ** 2), "W", **inputs)
    assert "holds while" not in derivation.source
