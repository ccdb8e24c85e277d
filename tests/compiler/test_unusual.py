"""Losses off the beaten track: each op that is computed in a way of its own, or in none."""

import warnings

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.compiler.test_equals_automatic import agree

rng = np.random.default_rng(0)
A, B, v = rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal(4)
T = rng.standard_normal((2, 3, 4))
rows, labels = np.array([0, 3, 1]), rng.integers(0, 4, 5)
grid = rng.integers(0, 4, (5, 2))

LOSSES = {
    "sum over two axes": (lambda T: np.sum(np.exp(np.sum(T, axis=(0, 2)))), {"T": T}),
    "mean of three axes kept": (lambda T: np.sum(T * np.mean(T, axis=1, keepdims=True)), {"T": T}),
    "axes turned": (lambda T: np.sum(np.transpose(T, (2, 0, 1)) ** 3), {"T": T}),
    "axes swapped": (lambda T, B: np.sum(np.tanh(T @ B)), {"T": T, "B": B}),
    "largest of three axes": (lambda T: np.sum(np.max(T, axis=2) ** 2), {"T": T}),
    "smallest of columns": (lambda A: np.sum(np.min(A, axis=0) ** 2), {"A": A}),
    "rows by number": (lambda A, v: np.sum((A[rows] @ v) ** 2), {"A": A, "v": v}),
    "rows met twice": (lambda A: np.sum(A[np.array([0, 0, 2])] ** 2), {"A": A}),
    "embeddings": (lambda A, y: np.sum(A[y] ** 3), {"A": rng.standard_normal((4, 3)), "y": labels}),
    "many labels a row": (
        lambda A, y: np.sum(np.exp(A)[np.arange(5)[:, None], y]),
        {"A": A, "y": grid},
    ),
    "ellipsis": (lambda T: np.sum(T[..., 1] ** 2 * T[:, :, 0]), {"T": T}),
    "every second": (lambda A: np.sum(np.exp(A[::2, 1:])), {"A": A}),
    "reversed": (lambda A, v: np.sum(np.exp(A[:, ::-1] * v)), {"A": A, "v": v}),
    "one entry": (lambda A: A[1, 2] ** 2 + np.exp(A[0, 0]), {"A": A}),
    "joined": (
        lambda A, B: np.sum(np.exp(np.concatenate([A, np.ones((5, 1))], axis=1)) @ np.ones(5)),
        {"A": A, "B": B},
    ),
    "reshaped": (lambda A, B: np.sum((A.reshape(4, 5) @ A @ B) ** 2), {"A": A, "B": B}),
    "broadcast": (
        lambda v, A: np.sum(np.broadcast_to(v, (5, 4)) ** 2 * A) + np.sum(v),
        {"v": v, "A": A},
    ),
    "running sum": (lambda v: np.sum(np.exp(np.cumsum(v))), {"v": v}),
    "where": (lambda A: np.sum(np.where(A > 0, A, 0.1 * A) ** 2), {"A": A}),
    "one or the other": (lambda A: np.sum(np.where(A > 0, 2.0, 3.0) * A), {"A": A}),
    "clipped": (lambda A: np.sum(np.clip(A, -0.5, 0.5) ** 2), {"A": A}),
    "einsum": (lambda A, B: np.sum(np.einsum("ij,jk->ik", A, B) ** 2), {"A": A, "B": B}),
    "powers": (lambda A: np.sum((1 + A**2) ** 0.3 / np.sqrt(2 + A**2) ** 3), {"A": A}),
    "masks in a sum": (lambda A: np.sum((1.0 - (A > 0)) * A + (A > 0) * A**2), {"A": A}),
    "dot of vectors": (lambda v: np.exp(np.dot(v, v) / 10) / (1 + v @ v), {"v": v}),
    "outer": (lambda v: np.sum(np.exp(np.outer(v, v))), {"v": v}),
    "a number alone": (lambda t: np.exp(t) * t / 3 - 2 / t, {"t": np.array(1.5)}),
    "a constant array": (lambda A: np.sum(A * np.arange(20.0).reshape(5, 4)), {"A": A}),
    "transposed result": (lambda A, B: np.sum(A.T * np.ones((4, 5))), {"A": A, "B": B}),
    "the same gradient twice": (lambda a, b: np.sum(np.exp(a + b)), {"a": v, "b": v.copy()}),
    "named as keywords are": (lambda step, n: np.sum(np.exp(step) * n), {"step": v, "n": v}),
    "an axis of size 1": (lambda c: np.sum(np.exp(0.3 * c.T) @ c), {"c": A[:, :1].copy()}),
    "the largest itself": (lambda A: np.sum(np.exp(A - np.max(A))) + np.max(A), {"A": A}),
    "logarithm of a sum": (lambda A: np.log(np.sum(np.exp(A))), {"A": A}),
    "a loop": (lambda A, v: sum(np.sum(np.tanh(A[i] * v)) for i in range(5)), {"A": A, "v": v}),
}


def _chain(x):
    for _ in range(60):
        x = np.tanh(x) + 0.1 * x * x
    return np.sum(x)


LOSSES["a long chain"] = (_chain, {"x": v})


@pytest.mark.parametrize("name", LOSSES)
def test_unusual_losses(name):
    loss, inputs = LOSSES[name]
    wrt = tuple(n for n, value in inputs.items() if value.dtype.kind == "f")
    step = tg.compile(loss, wrt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = step(**inputs)
    agree(found, tg.value_and_grad(loss, wrt=wrt)(**inputs), wrt)
    again = step(**inputs)  # in a workspace that has been used
    for n in wrt:
        np.testing.assert_array_equal(found[1][n], again[1][n])
