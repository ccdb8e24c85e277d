"""The step by PyTensor: a compiled function without inputs, which updates its shared variables.

Compiled with its default linker, Numba as of version 3, and with the one that writes C. Installed
by pip it finds no BLAS of its own and takes NumPy's, which it says at length.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.tensor.special import log_softmax

from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem

warnings.filterwarnings("ignore", "PyTensor could not link to a BLAS")
logging.getLogger("pytensor.tensor.blas").setLevel(logging.ERROR)


def default(problem: Problem) -> Training:
    return _train(problem, None)


def in_c(problem: Problem) -> Training:
    return _train(problem, pytensor.compile.mode.Mode(linker="cvm", optimizer="fast_run"))


def _train(problem: Problem, mode: Any) -> Training:
    # Without this a product with a Python number makes float32 float64.
    pytensor.config.floatX = str(problem.X.dtype)
    p = {
        k: pytensor.shared(array, borrow=True, shape=array.shape)
        for k, array in problem.parameters.items()
    }
    X, y = (pytensor.shared(data, borrow=True, shape=data.shape) for data in problem[1:])
    rows = np.arange(len(problem.X))

    hidden = pt.maximum(0, X @ p["W"] + p["b"]) if "W2" in p else X
    last = "2" if "W2" in p else ""
    scores = hidden @ p["W" + last] + p["b" + last]
    data_loss = -pt.mean(log_softmax(scores, axis=1)[rows, y])
    loss = data_loss + 0.5 * REG * sum(pt.sum(p[W] ** 2) for W in ("W", "W2") if W in p)
    gradients = pytensor.grad(loss, list(p.values()))
    updates = [(w, w - STEP_SIZE * g) for w, g in zip(p.values(), gradients, strict=True)]
    step = pytensor.function([], loss, updates=updates, mode=mode)
    return Training(step, lambda: {name: w.get_value() for name, w in p.items()})
