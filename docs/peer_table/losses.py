"""The losses that the table runs, written as people write them.

A parameter called `np` is NumPy, or a library's own namespace in its place. Imports NumPy, and
the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_softmax.datasets import case_study

PAGE = case_study()
W, b, REG = PAGE.linear.W, PAGE.linear.b, 1e-3
X, y = PAGE.X[::10], PAGE.y[::10].astype(int)
ROWS = np.arange(len(X))
INPUTS = {"W": W, "b": b, "X": X, "y": y, "reg": REG}


def own_lines(np: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    """Compute the case study's loss as the page does."""
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs) / num_examples
    return data_loss + 0.5 * REG * np.sum(W * W)


def composed(np: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    """Compute the same with what every library spells alike."""
    exp_scores = np.exp(X @ W + b)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return np.sum(-np.log(probs[ROWS, y])) / len(X) + 0.5 * REG * np.sum(W * W)


def in_place(np: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    """Compute it example by example, with scores and probabilities changed in place."""
    loss = 0.0
    for i in range(len(X)):
        scores = X[i] @ W + b[0]
        scores -= np.max(scores)
        p = np.exp(scores)
        p /= np.sum(p)
        loss += -np.log(p[y[i]])
    return loss / len(X) + 0.5 * REG * np.sum(W * W)


def by_method(np: Any, W: Any, b: Any, X: Any, y: Any) -> Any:
    """Compute it example by example, with the product that CS231n's assignments start from."""
    loss = 0.0
    for i in range(len(X)):
        scores = X[i].dot(W) + b[0]
        scores = scores - np.max(scores)
        loss = loss + np.log(np.sum(np.exp(scores))) - scores[y[i]]
    return loss / len(X) + 0.5 * REG * np.sum(W * W)


def squares(np: Any, W: Any, b: Any, X: Any) -> Any:
    """Compute what even scalars without `exp` can, and for which X and W are needed again."""
    return np.sum((X @ W + b) ** 2) + np.sum(W * W)


def softmax_loss(W: Any, b: Any, X: Any, y: Any, reg: Any) -> Any:
    """Compute the case study's loss for `derive`, `compile` and `check_gradients`."""
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return np.sum(-np.log(probs[range(num_examples), y])) / num_examples + 0.5 * reg * np.sum(W * W)


def undivided(W: Any, b: Any, X: Any, y: Any, reg: float) -> dict[str, Any]:
    """Compute its gradients by hand, with the division by the number of examples forgotten."""
    dscores = undivided_scores(np.dot(X, W) + b, y)
    dW = np.dot(X.T, dscores) + reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


def undivided_scores(scores: Any, y: Any = y) -> Any:
    """Compute the gradient of the data loss by the scores, with the same mistake."""
    exp_scores = np.exp(scores)
    dscores = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores[range(len(y)), y] -= 1
    return dscores


def data_loss(scores: Any) -> Any:
    """Compute the mean loss of an array of scores."""
    exp_scores = np.exp(scores)
    return np.mean(np.log(np.sum(exp_scores, axis=1)) - scores[ROWS, y])
