"""The step by this package: the question's forward lines, run eagerly and compiled.

Both run the same loss. It is a function, so its local variables are gone when gradients are taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_softmax
from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem


def linear(W: Any, b: Any, X: Any, y: Any, reg: float) -> Any:
    """Compute the loss of the linear classifier."""
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    return data_loss + reg_loss


def two_layer(W: Any, b: Any, W2: Any, b2: Any, X: Any, y: Any, reg: float) -> Any:
    """Compute the loss of the network with a hidden layer."""
    num_examples = X.shape[0]
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    return data_loss + reg_loss


def _loss_of(problem: Problem) -> Any:
    return two_layer if "W2" in problem.parameters else linear


def eager(problem: Problem) -> Training:
    compute_loss, (arrays, X, y) = _loss_of(problem), problem
    tensors = {name: tinygrad_softmax.Tensor(array) for name, array in arrays.items()}

    def step() -> Any:
        loss = compute_loss(**tensors, X=X, y=y, reg=REG)
        loss.backward()
        for tensor in tensors.values():
            tensor.data += -STEP_SIZE * tensor.grad
        return loss.data

    return Training(step, lambda: {name: tensor.data for name, tensor in tensors.items()})


def compiled(problem: Problem) -> Training:
    parameters, X, y = problem
    compute = tinygrad_softmax.compile(_loss_of(problem), wrt=tuple(parameters))

    def step() -> Any:
        loss, gradients = compute(**parameters, X=X, y=y, reg=REG)
        for name, gradient in gradients.items():
            np.multiply(gradient, -STEP_SIZE, out=gradient)  # which is ours to change
            parameters[name] += gradient
        return loss

    return Training(step, lambda: parameters)
