"""The step by MyGrad: the loss composed of its ops, and its own fused softmax loss.

Its guard against writing to arrays in use is off, as its manual advises for speed.
"""

from __future__ import annotations

from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.losses import softmax_crossentropy

from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem


def composed(problem: Problem) -> Training:
    rows = np.arange(len(problem.X))

    def cross_entropy(scores: Any, y: np.ndarray) -> Any:
        exp_scores = mg.exp(scores)
        totals = mg.sum(exp_scores, axis=1)
        return mg.mean(mg.log(totals) - scores[rows, y])

    return _train(problem, cross_entropy)


def fused(problem: Problem) -> Training:
    return _train(problem, softmax_crossentropy)


def _train(problem: Problem, cross_entropy: Any) -> Training:
    mg.turn_memory_guarding_off()
    arrays, X, y = problem
    p = {name: mg.tensor(array, copy=False) for name, array in arrays.items()}
    weights = [p[name] for name in ("W", "W2") if name in p]

    def step() -> Any:
        hidden = X
        if "W2" in p:
            hidden = mg.maximum(0, mg.matmul(X, p["W"]) + p["b"])
        last = "2" if "W2" in p else ""
        scores = mg.matmul(hidden, p["W" + last]) + p["b" + last]
        loss = cross_entropy(scores, y) + 0.5 * REG * sum(mg.sum(W**2) for W in weights)
        loss.backward()
        for tensor in p.values():
            tensor.data -= STEP_SIZE * tensor.grad
        return loss.data

    return Training(step, lambda: {name: tensor.data for name, tensor in p.items()})
