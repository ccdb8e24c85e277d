"""The step by HIPS autograd, as in its own neural-net example: log-probabilities by `logsumexp`."""

from __future__ import annotations

from typing import Any

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem


def composed(problem: Problem) -> Training:
    parameters, X, y = problem
    rows = np.arange(len(X))

    def compute_loss(p: Any) -> Any:
        hidden = np.maximum(0, np.dot(X, p["W"]) + p["b"]) if "W2" in p else X
        last = "2" if "W2" in p else ""
        scores = np.dot(hidden, p["W" + last]) + p["b" + last]
        data_loss = np.mean(logsumexp(scores, axis=1) - scores[rows, y])
        return data_loss + 0.5 * REG * sum(np.sum(p[W] ** 2) for W in ("W", "W2") if W in p)

    compute = value_and_grad(compute_loss)

    def step() -> Any:
        loss, gradients = compute(parameters)
        for name in parameters:
            parameters[name] -= STEP_SIZE * gradients[name]
        return loss

    return Training(step, lambda: parameters)
