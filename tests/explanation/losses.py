"""A few losses besides the programs of the derivation: written to, sliced, looped, masked."""

import numpy as np

from tests.derivation.programs import PROGRAMS, Program

rng = np.random.default_rng(7)
N, D, K = 7, 4, 3


def svm_written_to(W, X, y, reg):
    num_train = X.shape[0]
    scores = X @ W
    correct = scores[range(num_train), y][:, None]
    margins = np.maximum(0, scores - correct + 1)
    margins[range(num_train), y] = 0
    loss = np.sum(margins) / num_train
    loss += reg * np.sum(W * W)
    return loss


def masked_attention(Q, K, V, dO):
    T, d = Q.shape
    S = Q @ K.T / np.sqrt(d)
    S = np.where(np.tril(np.ones((T, T))) == 1, S, -np.inf)
    P = np.exp(S - S.max(axis=-1, keepdims=True))
    P = P / P.sum(axis=-1, keepdims=True)
    return np.sum(P @ V * dO)


def recurrent(U, w, X, y):
    h = np.tanh(X[:, 0] * w[0])
    for t in range(1, 3):
        h = np.tanh(X[:, t] * w[0] + h * w[1])
    return np.sum((h @ U - y) ** 2) / len(y)


def matrix_factorisation(U, V, i, j, r):
    error = np.sum(U[i] * V[j], axis=1) - r
    return np.sum(error**2)


def mixture(mu, x):
    distance = (x[:, None] - mu[None, :]) ** 2
    return -np.sum(np.log(np.sum(np.exp(-0.5 * distance), axis=1)))


def logistic(w, X, t):
    return np.mean(np.log(1 + np.exp(-t * (X @ w))))


def determinant(A, S):
    return np.sum(np.linalg.solve(A, S)) + np.linalg.slogdet(A)[1]


X = rng.standard_normal((N, D))
LOSSES = {
    "svm_written_to": Program(svm_written_to, ("W",), {
        "W": rng.standard_normal((D, K)), "X": X, "y": rng.integers(0, K, N), "reg": 0.1}),
    "masked_attention": Program(masked_attention, ("Q", "K", "V"), {
        "Q": rng.standard_normal((5, 4)), "K": rng.standard_normal((5, 4)),
        "V": rng.standard_normal((5, 3)), "dO": rng.standard_normal((5, 3))}),
    "recurrent": Program(recurrent, ("U", "w"), {
        "U": rng.standard_normal((6,)), "w": rng.standard_normal((2, 6)),
        "X": rng.standard_normal((N, 3, 6)), "y": rng.standard_normal(N)}),
    "matrix_factorisation": Program(matrix_factorisation, ("U", "V"), {
        "U": rng.standard_normal((5, 3)), "V": rng.standard_normal((6, 3)),
        "i": rng.integers(0, 5, 9), "j": rng.integers(0, 6, 9), "r": rng.standard_normal(9)}),
    "mixture": Program(mixture, ("mu",), {"mu": rng.standard_normal(3),
                                          "x": rng.standard_normal(8)}),
    "logistic": Program(logistic, ("w",), {"w": rng.standard_normal(D), "X": X,
                                           "t": np.sign(rng.standard_normal(N))}),
    "determinant": Program(determinant, ("A",), {
        "A": np.eye(3) * 3 + rng.standard_normal((3, 3)), "S": rng.standard_normal((3, 3))}),
}  # fmt: skip
EVERY = {**PROGRAMS, **LOSSES}
