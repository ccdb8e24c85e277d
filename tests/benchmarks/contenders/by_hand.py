"""The step by hand: the lines of CS231n as they stand, and with the row numbers made beforehand.

They are a loop, as on the page: variables live on until they are bound again, so the memory of one
step is there for the next. `probs[range(num_examples), y]` makes an array of the range, twice in
every step. Whoever wants it fast makes it once, so the stricter comparison is with that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem


def linear(W: Any, b: Any, X: Any, y: Any, rows: Any) -> Iterator[Any]:
    """Take steps of the linear classifier."""
    num_examples = X.shape[0]
    while True:
        scores = np.dot(X, W) + b
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        corect_logprobs = -np.log(probs[rows, y])
        data_loss = np.sum(corect_logprobs) / num_examples
        reg_loss = 0.5 * REG * np.sum(W * W)
        loss = data_loss + reg_loss
        dscores = probs
        dscores[rows, y] -= 1
        dscores /= num_examples
        dW = np.dot(X.T, dscores)
        db = np.sum(dscores, axis=0, keepdims=True)
        dW += REG * W
        W += -STEP_SIZE * dW
        b += -STEP_SIZE * db
        yield loss


def two_layer(W: Any, b: Any, W2: Any, b2: Any, X: Any, y: Any, rows: Any) -> Iterator[Any]:
    """Take steps of the network with a hidden layer."""
    num_examples = X.shape[0]
    while True:
        hidden_layer = np.maximum(0, np.dot(X, W) + b)
        scores = np.dot(hidden_layer, W2) + b2
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        corect_logprobs = -np.log(probs[rows, y])
        data_loss = np.sum(corect_logprobs) / num_examples
        reg_loss = 0.5 * REG * np.sum(W * W) + 0.5 * REG * np.sum(W2 * W2)
        loss = data_loss + reg_loss
        dscores = probs
        dscores[rows, y] -= 1
        dscores /= num_examples
        dW2 = np.dot(hidden_layer.T, dscores)
        db2 = np.sum(dscores, axis=0, keepdims=True)
        dhidden = np.dot(dscores, W2.T)
        dhidden[hidden_layer <= 0] = 0
        dW = np.dot(X.T, dhidden)
        db = np.sum(dhidden, axis=0, keepdims=True)
        dW2 += REG * W2
        dW += REG * W
        W += -STEP_SIZE * dW
        b += -STEP_SIZE * db
        W2 += -STEP_SIZE * dW2
        b2 += -STEP_SIZE * db2
        yield loss


def as_it_stands(problem: Problem) -> Training:
    return _train(problem, range(len(problem.X)))


def with_arange(problem: Problem) -> Training:
    return _train(problem, np.arange(len(problem.X)))


def _train(problem: Problem, rows: Any) -> Training:
    parameters, X, y = problem
    take = two_layer if "W2" in parameters else linear
    steps = take(*parameters.values(), X, y, rows)
    return Training(lambda: next(steps), lambda: parameters)
