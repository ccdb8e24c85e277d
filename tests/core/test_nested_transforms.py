"""Gradients of gradients: transforms nest as deep as one likes, and each finds its own variable."""

import numpy as np

from tinygrad_softmax import (
    Tensor,
    by_hand,
    cross_entropy,
    grad,
    hessian,
    no_grad,
    value_and_grad,
    vjp,
)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_an_inner_derivative_is_not_confused_with_the_outer_one():
    # d/dx [x * d/dy (x + y)] = 1: counting x's own slope in the inner derivative would give 2.
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0) == 1
    assert grad(lambda x: x * grad(lambda y: x * y)(3.0))(2.0) == 4
    assert grad(lambda x: x * grad(lambda y: x * y * y)(x))(2.0) == 24  # x * 2x²
    assert grad(lambda x: grad(lambda x: x * x)(x) * x)(3.0) == 12


def test_the_third_derivative_is_that_of_the_formula():
    third = grad(grad(grad(lambda x: np.sin(x) * np.exp(2 * x))))
    expected = np.exp(2 * 0.3) * (2 * np.sin(0.3) + 11 * np.cos(0.3))
    np.testing.assert_allclose(third(0.3), expected, rtol=1e-13)
    assert grad(grad(grad(lambda x: x**3)))(2.0) == 6


def test_value_and_gradient_and_vjp_nest_as_well():
    def doubled(x):
        value, slope = value_and_grad(lambda z: z**3)(x)
        _, pull = vjp(lambda z: z * z, x)
        return value * slope + pull(x)[0]

    np.testing.assert_allclose(grad(doubled)(2.0), 3 * 5 * 2.0**4 + 4 * 2.0)  # 3x⁵ + 2x²


def test_a_parameter_in_the_closure_gets_its_gradient_from_the_outer_pass():
    w = Tensor(3.0)
    slope = grad(lambda x: w * x * x)(2.0)  # 2wx, still a function of w
    assert slope.data == 12
    slope.backward()
    assert w.grad == 4
    assert value_and_grad(lambda x: w * x)(2.0)[0].requires_grad


def test_the_norm_of_a_gradient_can_be_minimised():
    def penalty(W, X, y):
        return np.sum(grad(lambda W: cross_entropy(X @ W, y))(W) ** 2)

    W, X, y = normal(0, 3, 2), normal(1, 5, 3), np.array([0, 1, 1, 0, 1])
    dW = by_hand.linear(W, np.zeros(2), X, y).dW
    H = hessian(lambda W: cross_entropy(X @ W, y))(W)
    expected = 2 * np.einsum("ij,ijkl->kl", dW, H)
    np.testing.assert_allclose(grad(penalty)(W, X, y), expected, atol=1e-13)


def test_a_gradient_that_is_asked_for_is_computed_in_no_grad_too_as_a_constant():
    w = Tensor(3.0)
    with no_grad():
        value, slope = value_and_grad(lambda x: w * x * x)(2.0)
        assert not (w * 1).requires_grad  # what was switched off is off again
    assert (value, slope) == (12, 12)
    assert not isinstance(value, Tensor)
    assert not isinstance(slope, Tensor)

    def held_fixed(x):
        with no_grad():
            slope = grad(lambda z: z * z)(x)
        return slope * x

    assert grad(held_fixed)(3.0) == 6
