"""A verdict holds for inputs of the kind given, and not for the numbers that happened to be there.

Each right gradient rests on what its inputs are (symmetric, one-hot, ordered); each wrong one is
right at the inputs given, by an accident of them (ones, an identity, a single example).
"""

import numpy as np
import pytest

from tinygrad_softmax.checker import check_gradients

rng = np.random.default_rng(0)
R, U = rng.standard_normal, rng.random
X, T, labels = R((7, 4)), R((7, 3)), rng.integers(0, 3, 7)
signs = np.where(U(7) < 0.5, -1.0, 1.0)
half = R((5, 5))
symmetric, definite = (half + half.T) / 2, half @ half.T / 5 + np.eye(5)
rotation, factor = np.linalg.qr(half)[0], np.tril(half) + 3 * np.eye(5)
rows = np.array([3, 5, 2])[:, None]
prefix = np.arange(5) < rows
graph = np.triu(U((6, 6)) < 0.5, 1)
graph = graph | graph.T
unit = X / np.linalg.norm(X, axis=1, keepdims=True)


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def entropy(s, Y):
    return -np.sum(Y * np.log(softmax(s)))


def picked(s, t):
    return -np.sum(np.log(softmax(s)[np.arange(len(t)), t]))


def added_at(shape, places, values):
    out = np.zeros(shape)
    np.add.at(out, places, values)
    return out


def put_at(shape, places, values):
    out = np.zeros(shape)
    out[places] = values
    return out


def cumulative(x, m):  # right for prefixes only
    out = np.zeros_like(x)
    for i, row in enumerate(m):
        last = int(row.sum())
        out[i, :last] = 2 * np.cumsum(np.cumsum(x[i])[:last][::-1])[::-1]
    return out


def single(W, X, T):
    return np.sum((X.astype(np.float32) @ W.astype(np.float32) - T) ** 2)


RIGHT = {
    "symmetric": (lambda x, A: x @ A @ x / 2, lambda x, A: A @ x, {"x": R(5), "A": symmetric}),
    "kernel": (
        lambda x, A: np.sum((A @ x - 1) ** 2),
        lambda x, A: 2 * A @ (A @ x - 1),
        {"x": R(5), "A": definite},
    ),
    "cholesky": (
        lambda x, A: np.sum(np.linalg.solve(np.linalg.cholesky(A), x) ** 2) / 2,
        lambda x, A: np.linalg.solve(A, x),
        {"x": R(5), "A": definite},
    ),
    "precision": (
        lambda P: np.trace(P) - np.linalg.slogdet(P)[1],
        lambda P: np.eye(len(P)) - np.linalg.inv(P),
        {"P": definite},
    ),
    "rotation": (
        lambda x, Q: np.sum((Q @ x - 1) ** 2),
        lambda x, Q: 2 * (x - Q.T @ np.ones(len(x))),
        {"x": R(5), "Q": rotation},
    ),
    "triangular": (
        lambda m, L: np.sum(np.linalg.solve(L, m) ** 2) / 2,
        lambda m, L: np.linalg.solve(L.T, np.linalg.solve(L, m)),
        {"m": R(5), "L": factor},
    ),
    "unit rows": (
        lambda w, V: np.sum((w[:, None] * V) ** 2),
        lambda w, V: 2 * w,
        {"w": R(7), "V": unit},
    ),
    "graph": (
        lambda f, A: np.sum(A * (f[:, None] - f) ** 2) / 2,
        lambda f, A: 2 * (A.sum(1) * f - A @ f),
        {"f": R(6), "A": graph},
    ),
    "Laplacian": (
        lambda x, L: x @ L @ x - np.sum(L @ x),
        lambda x, L: 2 * L @ x,
        {"x": R(6), "L": np.diag(graph.sum(1)) - graph.astype(float)},
    ),
    "joint distribution": (
        lambda s, P: -np.sum(P * np.log(np.exp(s) / np.sum(np.exp(s)))),
        lambda s, P: np.exp(s) / np.sum(np.exp(s)) - P,
        {"s": R((3, 4)), "P": rng.dirichlet(np.ones(12)).reshape(3, 4)},
    ),
    "centred columns": (
        lambda w, X: np.sum(X @ w + w[0] ** 2),
        lambda w, X: 2 * len(X) * w[0] * np.eye(len(w))[0],
        {"w": R(4), "X": X - X.mean(0)},
    ),
    "parents in a tree": (
        lambda x, i: np.sum((x[1:] - x[i[1:]]) ** 2) * (i[1:] < np.arange(1, len(i))).all(),
        lambda x, i: (
            added_at(x.shape, slice(1, None), 2 * (x[1:] - x[i[1:]]))
            + added_at(x.shape, i[1:], -2 * (x[1:] - x[i[1:]]))
        ),
        {"x": R(6), "i": np.array([0, 0, 1, 1, 3, 2])},
    ),
    "distributions": (
        entropy,
        lambda s, Y: softmax(s) - Y,
        {"s": T, "Y": rng.dirichlet(np.ones(3), 7)},
    ),
    "one-hot": (entropy, lambda s, Y: softmax(s) - Y, {"s": T, "Y": np.eye(3)[labels]}),
    "one-hot of integers": (
        entropy,
        lambda s, Y: softmax(s) - Y,
        {"s": T, "Y": np.eye(3, dtype=int)[labels]},
    ),
    "one-hot of booleans": (
        entropy,
        lambda s, Y: softmax(s) - Y,
        {"s": T, "Y": np.eye(3, dtype=bool)[labels]},
    ),
    "labels from 1": (
        lambda s, t: picked(s, t - 1),
        lambda s, t: softmax(s) - np.eye(s.shape[1])[t - 1],
        {"s": T, "t": labels + 1},
    ),
    "signs": (
        lambda w, X, t: np.sum((1 - t * (X @ w)) ** 2),
        lambda w, X, t: 2 * X.T @ (X @ w - t),
        {"w": R(4), "X": X, "t": signs},
    ),
    "mask": (
        lambda w, m: np.sum((m * w) ** 2),
        lambda w, m: 2 * m * w,
        {"w": R(7), "m": (signs > 0) * 1.0},
    ),
    "prefixes": (
        lambda x, m: np.sum((np.cumsum(x, 1) * m) ** 2),
        cumulative,
        {"x": R((3, 5)), "m": prefix * 1.0},
    ),
    "-inf where masked": (
        lambda s, M: -np.sum(np.log(softmax(s + M)[:, 0])),
        lambda s, M: softmax(s + M) - np.eye(s.shape[1])[0],
        {"s": R((3, 5)), "M": np.where(prefix, 0, -np.inf)},
    ),
    "-1e9 where masked": (
        lambda s, M: -np.sum(np.log(softmax(s + M)[:, 0])),
        lambda s, M: softmax(s + M) - np.eye(s.shape[1])[0],
        {"s": R((3, 5)), "M": np.where(prefix, 0, -1e9)},
    ),
    "places that differ": (
        lambda x, i: np.sum(x[i] ** 3),
        lambda x, i: put_at(x.shape, i, 3 * x[i] ** 2),
        {"x": R(6), "i": np.array([4, 0, 2])},
    ),
    "a permutation": (
        lambda x, p: np.sum(x[p] * np.arange(len(p))),
        lambda x, p: np.argsort(p).astype(float),
        {"x": R(6), "p": rng.permutation(6)},
    ),
    "increasing": (
        lambda v, t: np.sum(np.abs(np.diff(t)) * v[1:]),
        lambda v, t: np.concatenate([[0], np.diff(t)]),
        {"v": R(6), "t": np.linspace(0, 1, 6)},
    ),
    "single precision inside": (
        single,
        lambda W, X, T: 2 * X.T @ (X @ W - T),
        {"W": R((4, 3)), "X": X, "T": T},
    ),
    "a kink at the point": (
        lambda w: np.sum(np.abs(w)),
        lambda w: w / (np.abs(w) + 1e-8),
        {"w": np.zeros(4)},
    ),
    "shares": (
        lambda p: np.sum(np.arctanh(p)),
        lambda p: 1 / (1 - p**2),
        {"p": rng.uniform(-0.9, 0.9, (3, 4))},
    ),
}

WRONG = {
    "one example": (
        lambda W, X: np.mean((X @ W) ** 2),
        lambda W, X: 2 * X.T @ (X @ W) / W.shape[1],
        {"W": R((4, 3)), "X": R((1, 4))},
    ),
    "as many examples as classes": (
        lambda W, X: np.sum((X @ W) ** 2) / len(X),
        lambda W, X: 2 * X.T @ (X @ W) / W.shape[1],
        {"W": R((3, 3)), "X": R((3, 3))},
    ),
    "two classes": (
        lambda s, t: np.sum((softmax(s) - t) ** 2),
        lambda s, t: 4 * softmax(s) * (1 - softmax(s)) * (softmax(s) - t),
        {"s": R((5, 2)), "t": rng.dirichlet(np.ones(2), 5)},
    ),
    "a temperature of 1": (
        lambda s, Y, T: entropy(s / T, Y),
        lambda s, Y, T: softmax(s / T) - Y,
        {"s": R((7, 3)), "Y": np.eye(3)[labels], "T": 1.0},
    ),
    "an exponent of 2": (
        lambda x, k: np.sum(x**k),
        lambda x, k: 2 * x ** (k - 1),
        {"x": R(4), "k": 2},
    ),
    "weights of 1": (
        lambda w, a: np.sum(a * w**2),
        lambda w, a: 2 * w,
        {"w": R(4), "a": np.ones(4)},
    ),
    "all positive": (
        lambda W, X: np.sum(np.maximum(0, X @ W)),
        lambda W, X: X.T @ np.ones((len(X), W.shape[1])),
        {"W": U((4, 3)), "X": U((5, 4))},
    ),
    "an identity": (
        lambda V, x: np.sum(np.tanh(V @ np.tanh(V @ x))),
        lambda V, x: (
            np.outer(1 - np.tanh(V @ np.tanh(V @ x)) ** 2, np.tanh(V @ x))
            + np.outer(
                (V @ (1 - np.tanh(V @ np.tanh(V @ x)) ** 2)) * (1 - np.tanh(V @ x) ** 2),
                x,
            )
        ),
        {"V": np.eye(4), "x": R(4)},
    ),
    "all of a mask": (
        lambda w, m: np.sum(m * w**2),
        lambda w, m: 2 * w,
        {"w": R(5), "m": np.ones(5, bool)},
    ),
    "a parameter of zeros": (
        lambda b, c: np.sum((b + c) ** 2),
        lambda b, c: 2 * c,
        {"b": np.zeros(4), "c": R(4)},
    ),
    "a square matrix": (
        lambda W, X: np.sum((X @ W) ** 2),
        lambda W, X: (2 * X.T @ (X @ W)).T,
        {"W": np.eye(3), "X": rotation[:3, :3]},
    ),
    "symmetric weights": (
        lambda x, A: x @ A @ x / 2,
        lambda x, A: A @ x,
        {"x": R(4), "A": R((4, 4))},
    ),
    "places in order": (
        lambda E, i: np.sum(E[i] ** 2),
        lambda E, i: put_at(E.shape, i, 2 * E[i]),
        {"E": R((6, 3)), "i": np.array([4, 0, 2, 0])},
    ),
    "one entry by a thousandth": (
        lambda W, X: np.sum((X @ W) ** 2),
        lambda W, X: 2 * X.T @ (X @ W) + added_at(W.shape, (0, 0), 1e-3),
        {"W": R((20, 15)), "X": R((30, 20))},
    ),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_no_right_gradient_is_called_wrong(kind):
    loss, gradients, inputs = RIGHT[kind]
    report = check_gradients(loss, gradients, wrt=next(iter(inputs)), **inputs)
    assert report.ok, str(report)


@pytest.mark.parametrize("kind", WRONG)
def test_no_accident_of_the_inputs_hides_a_mistake(kind):
    loss, gradients, inputs = WRONG[kind]
    report = check_gradients(loss, gradients, wrt=next(iter(inputs)), **inputs)
    assert not report.ok


def test_a_number_that_only_the_gradient_reads_stays_as_it_is():
    report = check_gradients(
        lambda w, x, clip: np.sum((w * x) ** 2),
        lambda w, x, clip: np.clip(2 * w * x**2, -clip, clip),
        wrt="w",
        w=R(4),
        x=R(4),
        clip=50.0,
    )
    assert report.ok, str(report)


def test_a_random_loss_is_refused_without_a_seed():
    def noisy(w):
        return np.sum(w**2) + np.random.normal()

    with pytest.raises(Exception, match="pass seed="):
        check_gradients(noisy, lambda w: 2 * w, w=R(3))
    assert check_gradients(noisy, lambda w: 2 * w, seed=0, w=R(3))
