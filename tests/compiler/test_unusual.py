"""Losses off the beaten track: each op that is computed in a way of its own, or in none."""

import warnings

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.compiler.test_equals_automatic import agree
from tinygrad_softmax.compiler import rows as cutting

rng = np.random.default_rng(0)
A, B, v = rng.standard_normal((5, 4)), rng.standard_normal((4, 3)), rng.standard_normal(4)
T = rng.standard_normal((2, 3, 4))
rows, labels = np.array([0, 3, 1]), rng.integers(0, 4, 5)
grid = rng.integers(0, 4, (5, 2))

WEIGHTS = rng.standard_normal(4)


@tg.primitive(shape=lambda x, by: x)
def lifted(x, *, by=WEIGHTS):
    """Every row of `x`, lifted."""
    return x + by


@lifted.grad("x")
def _(g):
    """`x` goes through."""
    return g


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
        lambda A: np.sum(np.exp(np.concatenate([A, np.ones((5, 1))], axis=1)) @ np.ones(5)),
        {"A": A},
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
    "transposed result": (lambda A: np.sum(A.T * np.ones((4, 5))), {"A": A}),
    "the same gradient twice": (lambda a, b: np.sum(np.exp(a + b)), {"a": v, "b": v.copy()}),
    "named as keywords are": (
        lambda step, rows: np.sum(np.exp(step) * rows),
        {"step": v, "rows": v},
    ),
    "an axis of size 1": (lambda c: np.sum(np.exp(0.3 * c.T) @ c), {"c": A[:, :1].copy()}),
    "the largest itself": (lambda A: np.sum(np.exp(A - np.max(A))) + np.max(A), {"A": A}),
    "logarithm of a sum": (lambda A: np.log(np.sum(np.exp(A))), {"A": A}),
    "two softmaxes": (
        lambda A, v: np.sum(tg.softmax(v) ** 2) + np.mean(tg.log_softmax(A)) + np.sum(v**2),
        {"A": A, "v": v},
    ),
    "a sum over a mask": (lambda A: np.sum(A * (A > 0)) + np.sum(A**3 * (A < 0)), {"A": A}),
    "a loop": (lambda A, v: sum(np.sum(np.tanh(A[i] * v)) for i in range(5)), {"A": A, "v": v}),
}


LOSSES |= {
    "one example": (
        lambda B, v: np.log(np.sum(np.exp(v @ B - np.max(v @ B, axis=0)), axis=0)) + (v @ B)[1],
        {"B": B, "v": v},
    ),
    "exponentials added and logged": (lambda v: np.log(np.sum(np.exp(v), axis=0)), {"v": v}),
    "a size that is a product": (
        lambda A, B: np.sum(np.exp(np.hstack([A.reshape(-1, 1), np.ones((A.size, 1))]) @ B[:2])),
        {"A": A, "B": B},
    ),
    "a column of scores": (
        lambda x, c: np.sum(np.tanh(tg.softmax(2 * (x.T @ c) - 1, axis=0))),
        {"x": A, "c": A[:, :1].copy()},
    ),
    "rows of data picked": (
        lambda v, D, y: np.sum((D[y] @ v) ** 2) + np.sum(D @ v),
        {"v": v, "D": A, "y": np.array([4, 0, 4])},
    ),
    "columns of data": (
        lambda v, D, Y: (
            np.sum((np.exp(v[:, None] * D) * Y[:, None])[range(4), [0, 4, 1, 1]])
            + np.sum((D.T * v) @ Y)
        ),
        {"v": v, "D": A.T.copy(), "Y": rng.standard_normal(4)},
    ),
    "columns of data by label": (
        lambda v, D, y, w: np.sum(np.exp(D * w * v[:, None])[range(4), y]),
        {"v": v, "D": A.T.copy(), "y": np.array([0, 4, 1, 1]), "w": rng.standard_normal(5)},
    ),
    "a number joined to itself": (
        lambda u, s: np.sum(
            np.tanh(
                np.sum(
                    np.concatenate(
                        [np.sum(u, axis=0, keepdims=True), np.sum(u, axis=0, keepdims=True)]
                    )
                )
                - s * u
            )
        ),
        {"u": A[:, :1].copy(), "s": np.array(0.7)},
    ),
    "columns less their shares": (
        lambda W: np.sum((2 * W / (1 + np.sum(np.exp(W), axis=0, keepdims=True)) - 1 - W) ** 4),
        {"W": B},
    ),
    "an op of one's own": (lambda A: np.sum(np.exp(lifted(A, by=WEIGHTS))), {"A": A}),
    "float32 by name": (lambda A: np.sum((A * (A > 0).astype(np.float64)) ** 2), {"A": A}),
    "labels for each column": (
        lambda A, y: np.sum(np.exp(A)[y, np.arange(4)]),
        {"A": A, "y": labels[:4]},
    ),
    "labels by pairs": (lambda A, y: np.sum(np.exp(A)[y[:, 0], y[:, 1]]), {"A": A, "y": grid % 4}),
    "the first class": (lambda A, y: np.sum(np.exp(A)[y, 0] ** 2), {"A": A, "y": labels}),
    "a matrix of one number": (
        lambda A, B: np.sum(np.sum(A, keepdims=True) @ B[:1] * 0.1) + np.sum(A[0] @ B),
        {"A": A, "B": B},
    ),
    "a mask as numbers": (lambda A: np.sum((A > 0).astype(float) @ A.T @ A), {"A": A}),
    "labels worked out": (
        lambda A, y: np.sum(np.exp(A)[np.arange(5), np.argmax(A, axis=1)] * A[range(5), y - 1]),
        {"A": A, "y": labels},
    ),
    "an odd number of terms": (lambda A, v: np.sum(2 * A - 3 * v + v * v - 1), {"A": A, "v": v}),
    "numbers that cancel": (lambda v: np.sum(v - 1) + np.sum(2 - v) + 3 * np.sum(v * v), {"v": v}),
    "a shift that is used": (
        lambda A: np.sum(np.exp(A - np.max(A, axis=1, keepdims=True))) + np.sum(np.max(A, axis=1)),
        {"A": A},
    ),
}
big = rng.standard_normal((200, 300))
LOSSES |= {
    "large parameters": (
        lambda P, A, reg: np.sum((A @ P) ** 2) + 0.5 * reg * np.sum(P * P),
        {"P": big, "A": rng.standard_normal((7, 200)), "reg": np.array(0.3)},
    ),
    "large, two penalties": (
        lambda P, Q, A, reg: np.sum(np.tanh(A @ P @ Q))
        + reg * np.sum(P * P)
        - 0.1 * np.sum(Q * Q),
        {"P": big, "Q": big.T.copy(), "A": A @ rng.standard_normal((4, 200)), "reg": np.array(0.3)},
    ),
    "tall parameters": (
        lambda P, A, y, reg: tg.cross_entropy(A @ P, y) + reg * np.sum(P * P),
        {"P": rng.standard_normal((3000, 6)), "A": rng.standard_normal((9, 3000)) * 0.01,
         "y": rng.integers(0, 6, 9), "reg": np.array(0.3)},
    ),
    "many classes": (
        lambda P, b, A, y: tg.cross_entropy(A @ P + b, y),
        {"P": rng.standard_normal((3, 90)), "b": np.zeros((1, 90)), "A": T.reshape(8, 3),
         "y": rng.integers(0, 90, 8)},
    ),
    "many classes, weighed": (
        lambda P, A, Y, w: -np.sum(w * np.sum(Y * tg.log_softmax(A @ P, axis=1), axis=1)),
        {"P": rng.standard_normal((3, 90)), "A": T.reshape(8, 3),
         "Y": np.eye(90)[rng.integers(0, 90, 8)], "w": rng.uniform(1, 2, 8)},
    ),
    "many classes, a row for each": (
        lambda P, A, y, i: (
            np.sum(tg.softmax(A @ P, axis=1)[y, i] ** 2) + tg.cross_entropy(A @ P, i)
        ),
        {"P": rng.standard_normal((3, 90)), "A": T.reshape(8, 3),
         "y": rng.integers(0, 8, 8), "i": rng.integers(0, 90, 8)},
    ),
    "many classes, weighed rows": (
        lambda P, A, w, y: np.sum(w * tg.cross_entropy(A @ P, y, reduction="none"))
        + np.sum(np.tanh(A @ P)[:, 3:]),
        {"P": rng.standard_normal((3, 90)), "A": T.reshape(8, 3),
         "w": rng.uniform(1, 2, 8), "y": rng.integers(0, 90, 8)},
    ),
    "many classes, labels first": (
        lambda P, A, w, y: -np.sum(w * tg.log_softmax(A @ P, axis=1)[range(8), y]),
        {"P": rng.standard_normal((3, 90)), "A": T.reshape(8, 3),
         "w": rng.uniform(1, 2, 8), "y": rng.integers(0, 90, 8)},
    ),
    "many classes, one column apart": (
        lambda P, A, y: np.sum(np.exp(A @ P - np.log(np.sum(np.exp(A @ P), axis=1, keepdims=True)))
                               [:, 0]) + np.sum(P),
        {"P": rng.standard_normal((3, 90)), "A": T.reshape(8, 3), "y": labels},
    ),
}  # fmt: skip


def _chain(x):
    for _ in range(60):
        x = np.tanh(x) + 0.1 * x * x
    return np.sum(x)


LOSSES["a long chain"] = (_chain, {"x": v})


_DATA = {"reg", "Y", "w", "D"}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", LOSSES)
def test_unusual_losses(name):
    loss, inputs = LOSSES[name]
    wrt = tuple(n for n, value in inputs.items() if value.dtype.kind == "f" and n not in _DATA)
    step = tg.compile(loss, wrt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = step(**inputs)
    agree(found, tg.value_and_grad(loss, wrt=wrt)(**inputs), wrt)
    again = step(**inputs)  # in a workspace that has been used
    for n in wrt:
        np.testing.assert_array_equal(found[1][n], again[1][n])


@pytest.mark.parametrize("name", LOSSES)
def test_unusual_losses_in_blocks(name, monkeypatch):
    loss, inputs = LOSSES[name]
    monkeypatch.setattr(cutting, "_CACHE", 1)
    monkeypatch.setattr(cutting, "_FEWEST", 2)
    floats = [n for n, value in inputs.items() if value.dtype.kind == "f"]
    for wrt in {(floats[0],), (floats[-1],)}:  # what is left out is data, and may be cut
        wanted = tg.value_and_grad(loss, wrt=wrt)(**inputs)
        agree(tg.compile(loss, wrt)(**inputs), wanted, wrt)
