"""Independent implementations agree: JAX on drawn programs, scikit-learn on what it has fitted.

A program is written once, against a namespace ``xp`` that is NumPy or ``jax.numpy``.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import seeds
from tinygrad_softmax import cross_entropy, grad, hvp, log_softmax, value_and_grad

# Each makes a matrix of the same shape of one or two, keeping values moderate and off the kinks.
UNARY = {
    "tanh": lambda xp, x: xp.tanh(x),
    "sin": lambda xp, x: xp.sin(2 * x) - xp.cos(x),
    "bell": lambda xp, x: xp.exp(-x * x / 2),
    "root": lambda xp, x: xp.sqrt(1 + xp.square(x)),
    "log1p": lambda xp, x: xp.log1p(x * x) + xp.arctan(x),
    "squash": lambda xp, x: x / (1 + xp.abs(x)),
    "power": lambda xp, x: (1.5 + xp.tanh(x)) ** -1.3,
    "clip": lambda xp, x: xp.clip(x, -0.7031, 0.8317),
    "softmax": lambda xp, x: xp.exp(x) / xp.sum(xp.exp(x), axis=1, keepdims=True),
    "shift": lambda xp, x: x - xp.max(x, axis=1, keepdims=True),
    "standard": lambda xp, x: (x - xp.mean(x, 0)) / xp.sqrt(xp.var(x, 0) + 0.1),
    "deviation": lambda xp, x: x * xp.std(x + xp.arange(x.shape[1]) + x.T.reshape(x.shape) / 9),
    "product": lambda xp, x: xp.prod(xp.tanh(x) + 0.5, axis=0) - x,
    "cumsum": lambda xp, x: xp.cumsum(x, axis=1) / x.shape[1],
    "sort": lambda xp, x: xp.sort(x, axis=0) * xp.arange(1.0, 1 + x.shape[1]),
    "turn": lambda xp, x: xp.roll(xp.flip(x, 1), 1, axis=0),
    "repeat": lambda xp, x: x[xp.array([0, -1, 0] * len(x))[: len(x)]] * 0.7,
    "pad": lambda xp, x: xp.pad(x[1:, ::-1], ((1, 0), (0, 0))) + 0.3,
    "join": lambda xp, x: xp.concatenate([x[1:], xp.tanh(x[:1])], axis=0),
    "stack": lambda xp, x: xp.stack([x, xp.sin(x)], axis=-1).mean(axis=-1),
    "tile": lambda xp, x: xp.tile(x[:1], (len(x), 1)) - x,
    "lower": lambda xp, x: xp.tril(x) + xp.triu(x, 1) * 2,
    "gram": lambda xp, x: xp.tanh(x @ x.T) @ x / x.size,
    "logaddexp": lambda xp, x: xp.logaddexp(x, 0.3) - xp.expm1(xp.minimum(x, 0.2113)),
    "diagonal": lambda xp, x: x * xp.trace(x) / x.size + xp.diagonal(x)[0],
}
BINARY = {
    "add": lambda xp, x, y: x + 0.5 * y,
    "multiply": lambda xp, x, y: xp.tanh(x) * y,
    "divide": lambda xp, x, y: x / (1.5 + xp.sin(y)),
    "maximum": lambda xp, x, y: xp.maximum(x, y + 0.0137),
    "where": lambda xp, x, y: xp.where(x > 0.0171, x, y),
    "power": lambda xp, x, y: (1.5 + xp.sin(x)) ** xp.tanh(y),
    "einsum": lambda xp, x, y: xp.einsum("ij,kj,kl->il", x, y, xp.tanh(x)) / x.size,
    "row": lambda xp, x, y: x + xp.sum(y, axis=0) / len(y),
    "column": lambda xp, x, y: x - xp.mean(y, axis=1, keepdims=True),
    "outer": lambda xp, x, y: xp.outer(x[:, 0], y[0]) + x,
    "inner": lambda xp, x, y: xp.inner(xp.tanh(x), y) @ x / x.size,
    "tensordot": lambda xp, x, y: x * xp.tensordot(xp.tanh(x), y, axes=2) / x.size,
}


# Few, because JAX compiles every op anew for each.
shapes = st.sampled_from([(2, 3), (5, 4), (1, 3), (4, 1)])
REDUCE = {
    "weighed": lambda xp, x: xp.sum(x * xp.cos(xp.arange(x.size)).reshape(x.shape)),
    "sum": lambda xp, x: xp.sum(x),
    "mean of rows": lambda xp, x: xp.mean(xp.sum(x, axis=0)),
}


@st.composite
def programs(draw):
    """Steps (an op, and which of the values made so far it takes), and what reduces the last."""
    steps = []
    for made in range(draw(st.integers(1, 7))):
        name = draw(st.sampled_from([*UNARY, *(f"{name} of two" for name in BINARY)]))
        operand = st.integers(0, made + 1)  # the two inputs come first
        steps.append((name, draw(operand), draw(operand)))
    return steps, draw(st.sampled_from([*REDUCE]))


def run(xp, program, x, y):
    """The scalar that the program makes of two matrices."""
    steps, reduce = program
    values = [x, y]
    for name, i, j in steps:
        if name in UNARY:
            values.append(UNARY[name](xp, values[i]))
        else:
            values.append(BINARY[name.removesuffix(" of two")](xp, values[i], values[j]))
    return REDUCE[reduce](xp, values[-1])


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


@given(program=programs(), shape=shapes, seed=seeds)
def test_drawn_programs_have_the_gradients_that_jax_finds(jax, program, shape, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=shape), rng.normal(size=shape)
    ours = value_and_grad(lambda x, y: run(np, program, x, y), (0, 1))(x, y)
    theirs = jax.value_and_grad(lambda x, y: run(jax.numpy, program, x, y), (0, 1))(x, y)
    compare(ours[0], theirs[0])
    for mine, other in zip(ours[1], theirs[1], strict=True):
        compare(mine, other)


@given(program=programs(), shape=shapes, seed=seeds)
def test_drawn_programs_have_the_curvature_that_jax_finds(jax, program, shape, seed):
    rng = np.random.default_rng(seed)
    x, y, v = (rng.normal(size=shape) for _ in range(3))
    ours = hvp(lambda x: run(np, program, x, y))(x, vector=v)
    slope = jax.grad(lambda x: run(jax.numpy, program, x, y))
    compare(ours, jax.jvp(slope, (x,), (v,))[1])


def compare(ours, theirs):
    theirs = np.asarray(theirs)
    largest = max(1, np.max(np.abs(theirs)))
    assert theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * largest)


@given(seed=seeds)
def test_log_softmax_is_jaxs(jax, seed):
    x = 1e3 * np.random.default_rng(seed).normal(size=(4, 3))
    compare(log_softmax(x), jax.nn.log_softmax(x))


def test_the_gradient_vanishes_where_scikit_learn_has_finished_fitting():
    linear_model = pytest.importorskip("sklearn.linear_model")
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    X, y, C = rng.normal(size=(60, 4)), rng.integers(3, size=60), 2.0
    model = linear_model.LogisticRegression(C=C, tol=1e-12, max_iter=10_000).fit(X, y)

    def loss(W, b):
        return cross_entropy(X @ W + b, y) + 0.5 / (C * len(X)) * np.sum(W * W)

    W, b = model.coef_.T, model.intercept_
    data_loss = cross_entropy(X @ W + b, y)
    np.testing.assert_allclose(data_loss, metrics.log_loss(y, model.predict_proba(X)), rtol=1e-12)
    for slope in grad(loss, (0, 1))(W, b):
        np.testing.assert_allclose(slope, 0, atol=1e-7)
    assert np.max(np.abs(grad(loss)(np.zeros((4, 3)), np.zeros(3)))) > 1e-2
