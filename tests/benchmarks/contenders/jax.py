"""The step by JAX: one jitted function, whose old parameters are donated to the new ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem


def compute_loss(p: Any, X: Any, y: Any) -> Any:
    hidden = jax.nn.relu(X @ p["W"] + p["b"]) if "W2" in p else X
    last = "2" if "W2" in p else ""
    scores = hidden @ p["W" + last] + p["b" + last]
    label_scores = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    data_loss = jnp.mean(jax.nn.logsumexp(scores, axis=1) - label_scores)
    return data_loss + 0.5 * REG * sum(jnp.sum(p[W] ** 2) for W in ("W", "W2") if W in p)


@partial(jax.jit, donate_argnums=0)
def update(p: Any, X: Any, y: Any) -> Any:
    loss, gradients = jax.value_and_grad(compute_loss)(p, X, y)
    return jax.tree.map(lambda w, g: w - STEP_SIZE * g, p, gradients), loss


def jitted(problem: Problem) -> Training:
    jax.config.update("jax_enable_x64", problem.X.dtype == np.float64)
    p = {name: jnp.array(array) for name, array in problem.parameters.items()}
    # Ready, or the copies are made, and NumPy's arrays freed, while a step is measured.
    X, y = jax.block_until_ready((jnp.asarray(problem.X), jnp.asarray(problem.y, jnp.int32)))

    def step() -> Any:
        nonlocal p
        p, loss = jax.block_until_ready(update(p, X, y))
        return loss

    return Training(step, lambda: {name: np.asarray(array) for name, array in p.items()})
