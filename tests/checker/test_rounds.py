"""Loops over examples and classes: in which rounds a line, or a 1, is meant."""

import numpy as np
import pytest

from tests.checker.subjects import function_of
from tinygrad_softmax.checker import check_gradients

rng = np.random.default_rng(0)
DATA = {"W": rng.normal(size=(3, 4)), "X": rng.normal(size=(9, 3)), "y": rng.integers(0, 4, 9)}
AMPLE = 600.0

SOFTMAX = """
def loss(W, X, y):
    total = 0.0
    for i in range(len(X)):
        scores = X[i] @ W
        total += np.log(np.sum(np.exp(scores))) - scores[y[i]]
    return total / len(X)

def gradients(W, X, y):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        scores = X[i] @ W
        p = np.exp(scores) / np.sum(np.exp(scores))
        for c in range(W.shape[1]):
BODY
    return dW / len(X)
"""
HINGE = """
def loss(W, X, y):
    total = 0.0
    for i in range(len(X)):
        scores = X[i] @ W
        for c in range(W.shape[1]):
            if c == y[i]:
                continue
            margin = scores[c] - scores[y[i]] + 1
            if margin > 0:
                total += margin
    return total / len(X)

def gradients(W, X, y):
    dW = np.zeros_like(W)
    for i in range(len(X)):
        scores = X[i] @ W
        for c in range(W.shape[1]):
            if c == y[i]:
                continue
            margin = scores[c] - scores[y[i]] + 1
BODY
    return dW / len(X)
"""
BY_ENTRIES = "for d in range(len(W)):\n    dW[d, c] += (p[c] - 1) * X[i, d]"
CASES = [
    (SOFTMAX, "dW[:, c] += (p[c] - 1) * X[i]", "(p[c] - (c == y[i])) * X[i]"),
    (SOFTMAX, "dW[:, c] += X[i] * (p[c] - 1.0)", "X[i] * (p[c] - (c == y[i]))"),
    (SOFTMAX, "dW[:, c] += p[c] * X[i]\ndW[:, c] -= X[i]", "if c == y[i]:\n    dW[:, c] -= X[i]"),
    (SOFTMAX, "d = p[c]\ndW[:, c] += d * X[i]", "d = p[c] - (c == y[i])"),
    (SOFTMAX, BY_ENTRIES, "(p[c] - (c == y[i])) * X[i, d]"),  # over 200 rounds
    (HINGE, "dW[:, c] += X[i]\ndW[:, y[i]] -= X[i]", "if margin <= 0:\n    continue"),
    (HINGE, "dW[:, c] += X[i]\nif margin > 0:\n    dW[:, y[i]] -= X[i]",
     "if margin > 0:\n    dW[:, c] += X[i]"),
    (HINGE, "if margin > 0:\n    dW[:, c] += X[i]\ndW[:, y[i]] -= X[i]",
     "if margin > 0:\n    dW[:, c] += X[i]\n    dW[:, y[i]] -= X[i]"),
]  # fmt: skip


@pytest.mark.no_cover
@pytest.mark.parametrize(("program", "body", "after"), CASES)
def test_what_is_meant_in_some_rounds_only(program, body, after):
    lines = "\n".join(" " * 12 + line for line in body.splitlines())
    source = program.replace("BODY", lines)
    loss, gradients = (function_of(source, {"np": np}, n) for n in ("loss", "gradients"))
    (finding,) = check_gradients(loss, gradients, budget=AMPLE, **DATA).findings
    assert after in finding.after


@pytest.mark.no_cover
def test_a_repeated_index_beside_a_slice():
    """``dW[:, y] -= X.T`` takes one example of each class alone."""

    def loss(W, X, y):
        scores = X @ W
        return np.sum(np.log(np.sum(np.exp(scores), axis=1)) - scores[np.arange(len(X)), y])

    def gradients(W, X, y):
        probs = np.exp(X @ W)
        probs /= np.sum(probs, axis=1, keepdims=True)
        dW = X.T @ probs
        dW[:, y] -= X.T
        return dW

    (finding,) = check_gradients(loss, gradients, budget=AMPLE, **DATA).findings
    assert finding.after == "np.subtract.at(dW, np.s_[:, y], X.T)"
