"""Transforms: gradients, Jacobians and Hessians, however the arguments are packed."""

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_softmax as tg
from tests import problems
from tests.problems import seeds
from tinygrad_softmax import (
    BackwardError,
    DataError,
    ShapeError,
    by_hand,
    cross_entropy,
    grad,
    hessian,
    hvp,
    jacobian,
    softmax,
    value_and_grad,
    vjp,
)

float64 = st.just(np.float64)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def softmax_loss(W, b, X, y, reg=0.0):
    return cross_entropy(X @ W + b, y) + 0.5 * reg * np.sum(W * W)


# --- which arguments ------------------------------------------------------------------------------


@given(problems.linear(dtypes=float64))
def test_by_number_by_name_and_by_tuple_it_is_the_hand_written_gradient(problem):
    step = by_hand.linear(*problem)
    W, b, *data = problem
    value, dW = value_and_grad(softmax_loss)(*problem)
    np.testing.assert_allclose(value, step.loss)
    for found in (dW, grad(softmax_loss, "W")(*problem), grad(softmax_loss, -5)(*problem)):
        np.testing.assert_allclose(found, step.dW, atol=1e-12)
    for wrt in [("W", "b"), (0, 1), (0, "b")]:
        dW, db = grad(softmax_loss, wrt)(*problem)
        np.testing.assert_allclose(dW, step.dW, atol=1e-12)
        np.testing.assert_allclose(db, step.db, atol=1e-12)
    _, (db,) = value_and_grad(softmax_loss, ("b",))(W, b=b, X=data[0], y=data[1], reg=data[2])
    np.testing.assert_allclose(db, step.db, atol=1e-12)


class Layer(NamedTuple):
    W: object
    b: object


PACKED = {
    "dict": lambda W, b: {"W": W, "b": b},
    "list": lambda W, b: [W, b],
    "tuple": lambda W, b: (W, b),
    "namedtuple": Layer,
    "nested": lambda W, b: {"layers": [Layer(W, b)], "none": ()},
}


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_gradients_come_packed_as_the_parameters_were(pack):
    def loss(parameters):
        if isinstance(parameters, dict):
            parameters = parameters.get("layers", [tuple(parameters.values())])[0]
        W, b = parameters
        return np.sum(W * W) + 3 * np.sum(b)

    W, b = normal(0, 3, 2), normal(1, 2)
    found, expected = grad(loss)(pack(W, b)), pack(2 * W, np.full(2, 3.0))
    assert type(found) is type(expected)
    np.testing.assert_equal(found, expected)


def test_a_list_of_numbers_is_one_array():
    np.testing.assert_array_equal(grad(lambda x: np.sum(x * x))([1.0, 2.0]), [2, 4])


def test_results_are_plain_and_inputs_untouched():
    x = normal(0, 3)
    x.flags.writeable = False
    value, slope = value_and_grad(lambda x: np.sum(np.exp(x)))(x)
    assert type(value) is np.float64
    assert type(slope) is np.ndarray
    assert slope.flags.writeable
    assert x.tolist() == normal(0, 3).tolist()


def test_float32_stays_float32():
    assert grad(lambda x: np.sum(np.exp(x)))(np.ones(3, np.float32)).dtype == np.float32


def test_what_the_result_does_not_depend_on_has_a_gradient_of_zeros():
    value, slope = value_and_grad(lambda x: 0 * x[0, 0] + 5)(np.ones((2, 3)))
    assert value == 5
    np.testing.assert_array_equal(slope, np.zeros((2, 3)), strict=True)
    slopes = grad(lambda x, y: x * 2, ("x", "y"))(1.0, np.ones(2))
    assert [np.sum(slope) for slope in slopes] == [2, 0]
    assert jacobian(lambda x: np.ones(2))(np.ones(3)).tolist() == [[0] * 3] * 2
    assert vjp(lambda x: np.ones(2), np.ones(3))[1](np.ones(2))[0].tolist() == [0] * 3


# --- Jacobians and Hessians -----------------------------------------------------------------------


@given(seeds)
def test_the_jacobian_of_softmax_is_the_known_one(seed):
    s = normal(seed, 4)
    p = softmax(s)
    np.testing.assert_allclose(jacobian(softmax)(s), np.diag(p) - np.outer(p, p), atol=1e-14)


def test_a_jacobian_has_the_shape_of_the_output_then_of_the_input():
    X, W = normal(0, 4, 3), normal(1, 3, 2)
    dW = jacobian(lambda X, W: X @ W, "W")(X, W)
    assert dW.shape == (4, 2, 3, 2)
    np.testing.assert_allclose(dW, np.einsum("nd,kl->nkdl", X, np.eye(2)))
    both = jacobian(lambda p: p["a"] * p["b"])({"a": np.ones(3), "b": np.array(2.0)})
    assert {name: part.shape for name, part in both.items()} == {"a": (3, 3), "b": (3,)}
    assert jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)


@given(problems.linear(dtypes=float64))
def test_the_hessian_of_softmax_regression_is_symmetric_and_has_no_negative_curvature(problem):
    H = hessian(softmax_loss)(*problem)
    n = problem.W.size
    assert H.shape == problem.W.shape * 2
    H = H.reshape(n, n)
    np.testing.assert_allclose(H, H.T, atol=1e-14)
    assert np.linalg.eigvalsh(H).min() >= problem.reg - 1e-12


@given(problems.linear(dtypes=float64), seeds)
def test_the_hessian_is_the_slope_of_the_hand_written_gradient(problem, seed):
    v, h = normal(seed, *problem.W.shape), 1e-5
    up, down = (by_hand.linear(problem.W + s * h * v, *problem[1:]).dW for s in (1, -1))
    along = np.einsum("ijkl,kl->ij", hessian(softmax_loss)(*problem), v)
    np.testing.assert_allclose(along, (up - down) / (2 * h), atol=1e-8)
    product = hvp(softmax_loss, "W")(*problem, vector=v)
    np.testing.assert_allclose(product, along, atol=1e-13)


def test_the_product_with_a_hessian_goes_across_packed_parameters():
    def loss(p):
        return p["a"] * p["a"] * np.sum(p["b"])

    p, v = {"a": np.array(3.0), "b": np.ones(2)}, {"a": np.array(1.0), "b": np.array([1.0, 0.0])}
    found = hvp(loss)(p, vector=v)
    np.testing.assert_allclose(found["a"], 2 * 2 * 1 + 2 * 3 * 1)
    np.testing.assert_allclose(found["b"], [6, 6])


@given(seeds)
def test_a_vector_pulled_back_is_the_vector_times_the_jacobian(seed):
    x, v = normal(seed, 4), normal(seed + 1, 4)
    value, pull = vjp(softmax, x)
    np.testing.assert_allclose(value, softmax(x))
    for scale in (1, 2):  # it can be pulled on more than once
        np.testing.assert_allclose(pull(scale * v)[0], scale * v @ jacobian(softmax)(x), atol=1e-14)


def test_vjp_differentiates_by_every_argument_and_checks_the_shape():
    X, W = normal(0, 4, 3), normal(1, 3, 2)
    _, pull = vjp(lambda X, W: X @ W, X, W)
    dX, dW = pull(np.ones((4, 2)))
    np.testing.assert_allclose(dX, np.ones((4, 2)) @ W.T)
    np.testing.assert_allclose(dW, X.T @ np.ones((4, 2)))
    with pytest.raises(ShapeError, match=r"\(4, 2\) but the gradient .* shape \(3,\)"):
        pull(np.ones(3))


# --- mistakes -------------------------------------------------------------------------------------


def double(x):
    return 2 * x


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            BackwardError,
            lambda: grad(double)(np.ones(3)),
            r"double must return a scalar.*\(3,\).*jac",
        ),
        (TypeError, lambda: grad(double, 1)(1.0), "wrt=1 but only 1 positional"),
        (TypeError, lambda: grad(double, "z")(1.0), r"wrt='z' names no argument.*\['x'\]"),
        (DataError, lambda: grad(double)(3), r"int64: .*\.astype\(float\)"),
        (DataError, lambda: grad(double)({"a": True}), "bool"),
    ],
)
def test_mistakes_are_named(error, call, message):
    with pytest.raises(error, match=message):
        call()


# --- what a loss may not return -------------------------------------------------------------------

X = np.ones(2)
RETURNED = {
    "returned None: is `return` missing?": lambda W: None,
    "returned the constant 3.0, which does not depend on": lambda W: 3.0,
    "returned the constant 1, which": lambda W: W.ndim,
    "returned (loss, gradient): return the loss alone": lambda W: (np.sum(W), {"W": W}),
    "returned a list": lambda W: [np.sum(W)],
    "returned a str": lambda W: "0.5",
    "must return a scalar, but returned shape (2,)": lambda W: W * 2.0,
}


@pytest.mark.parametrize("words", RETURNED)
@pytest.mark.parametrize(
    "ask",
    [
        lambda loss: grad(loss)(X),
        lambda loss: value_and_grad(loss)(X),
        lambda loss: hessian(loss)(X),
        lambda loss: hvp(loss)(X, vector=X),
        lambda loss: tg.derive(loss, W=X),
        lambda loss: tg.explain(loss, W=X),
        lambda loss: tg.draw(loss, W=X),
        lambda loss: tg.compile(loss)(W=X),
    ],
    ids=["grad", "value_and_grad", "hessian", "hvp", "derive", "explain", "draw", "compile"],
)
def test_what_a_loss_may_not_return_is_said_in_the_same_words(words, ask):
    with pytest.raises(tg.BackwardError, match=re.escape(words)):
        ask(RETURNED[words])


@pytest.mark.parametrize("loss", [lambda W: None, lambda W: "0.5", lambda W: {"loss": np.sum(W)}])
def test_the_checker_says_it_too(loss):
    with pytest.raises(tg.BackwardError, match="returned"):
        tg.check_gradients(loss, lambda W: {"W": W * 0}, W=X)


@pytest.mark.parametrize("ask", [jacobian, lambda loss: lambda x: vjp(loss, x)])
def test_a_function_that_returns_no_array_has_no_jacobian(ask):
    with pytest.raises(tg.BackwardError, match="returned None"):
        ask(lambda x: None)(X)


def test_a_vector_of_another_shape_than_the_argument_is_refused():
    for vector in (np.ones((2, 3)), np.ones(2), 1.0):
        with pytest.raises(tg.ShapeError, match=r"vector of shape .* argument has shape \(3,\)"):
            hvp(lambda x: np.sum(x**3))(np.ones(3), vector=vector)


def test_the_identity_hands_back_no_array_of_the_callers():
    x = np.ones(3)
    value, pull = vjp(lambda x: x, x)
    assert not np.shares_memory(value, x)
    assert not np.shares_memory(pull(x)[0], x)


# --- transforms inside others ---------------------------------------------------------------------


def test_a_gradient_penalty_comes_back_as_plain_numbers():
    def penalty(W):
        slopes = grad(lambda X: np.sum(np.tanh(X @ W)))(np.ones((4, 2)))
        return np.sum(slopes * slopes)

    V = np.arange(6.0).reshape(2, 3) / 10
    value, gradient = value_and_grad(penalty)(V)
    assert isinstance(value, float)
    assert type(gradient) is np.ndarray
    V -= 0.1 * gradient
    step = 1e-6 * np.eye(6)[4].reshape(2, 3)
    measured = (penalty_by_hand(V + step) - penalty_by_hand(V - step)) / 2e-6
    np.testing.assert_allclose(grad(penalty)(V)[1, 1], measured, rtol=1e-6)


def penalty_by_hand(W):
    slopes = (1 - np.tanh(np.ones((4, 2)) @ W) ** 2) @ W.T
    return np.sum(slopes * slopes)


def test_an_inner_gradient_is_a_number_once_the_outer_transform_has_ended():
    assert float(grad(lambda W: grad(lambda x: W * x * x)(3.0))(2.0)) == 6
    assert (
        float(grad(lambda a: grad(lambda b: grad(lambda c: a * b * c**2)(3.0) * b)(2.0))(1.0)) == 24
    )


def test_inside_another_transform_a_plain_number_would_lose_the_gradient():
    with pytest.raises(tg.GradientLostError, match="would lose the gradient"):
        grad(lambda W: float(grad(lambda x: W * x * x)(3.0)) * W)(2.0)


def test_a_tensor_from_outside_stays_in_the_graph():
    W = tg.Tensor(2.0)
    slope = grad(lambda x: W * x * x)(3.0)
    (slope * slope).backward()
    assert float(W.grad) == 2 * 12 * 6


@pytest.mark.parametrize(("x", "p"), [(2.0, 0.0), (2.0, 1.0), (0.5, 0.0), (3.0, 2.0)])
def test_second_derivatives_of_a_power_with_an_exponent_of_zero(x, p):
    log = np.log(x)
    mixed = (1 + p * log) * x ** (p - 1)
    expected = [[p * (p - 1) * x ** (p - 2), mixed], [mixed, log**2 * x**p]]
    np.testing.assert_allclose(
        hessian(lambda v: v[0] ** v[1])(np.array([x, p])), expected, atol=1e-12
    )
    exponents = hessian(lambda p: np.sum(np.array([x, x]) ** p))(np.array([0.0, p]))
    np.testing.assert_allclose(exponents, np.diag([log**2, log**2 * x**p]), atol=1e-12)


@pytest.mark.parametrize("part", [lambda x: x[:2], lambda x: x.T, lambda x: x, np.ravel])
def test_the_value_beside_a_pull_is_the_callers_own(part):
    X = np.ones((2, 2))
    value, _ = vjp(part, X)
    X[:] = 9
    assert (value == 1).all()


def test_a_gradient_that_turns_out_constant_has_the_gradient_zero():
    def slope(x):
        return grad(lambda y: x * x + 2.0 * y)(1.0)

    assert grad(slope)(3.0) == 0


@pytest.mark.parametrize("transform", [grad, value_and_grad, hessian, tg.compile])
def test_a_loss_of_other_parameters_than_its_own_is_constant(transform):
    def loss(W):
        return np.sum(tg.Tensor(np.ones(4)) * 1.0)

    with pytest.raises(BackwardError, match=r"loss returned the constant 4\.0"):
        transform(loss)(W=np.ones(2)) if transform is tg.compile else transform(loss)([1.0])
