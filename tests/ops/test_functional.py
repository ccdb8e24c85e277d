"""Softmax and its relatives: their formulas, their stability, and what their gradients must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import seeds
from tinygrad_softmax import (
    Tensor,
    cross_entropy,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)

SHAPES_AND_AXES = [((4,), -1), ((4, 3), 1), ((4, 3), 0), ((2, 4, 3), 1), ((2, 4, 3), -1)]
over_axes = pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
FORMULAS = {
    softmax: lambda x, axis: np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True),
    log_softmax: lambda x, axis: x - np.log(np.exp(x).sum(axis=axis, keepdims=True)),
    logsumexp: lambda x, axis: np.log(np.exp(x).sum(axis=axis)),
}
ELEMENTWISE = {
    relu: lambda x: np.where(x > 0, x, 0),
    sigmoid: lambda x: 1 / (1 + np.exp(-x)),
    softplus: lambda x: np.log1p(np.exp(x)),
}
SLOPES = {
    relu: lambda x: 1.0 * (x > 0),
    sigmoid: lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    softplus: lambda x: 1 / (1 + np.exp(-x)),
}
by_name = {"ids": lambda value: getattr(value, "__name__", None)}
over_functions = pytest.mark.parametrize("function", FORMULAS, **by_name)
over_elementwise = pytest.mark.parametrize("function", ELEMENTWISE, **by_name)


def normal(seed, shape, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=shape)


def gradient(function, x, seed=0):
    """The gradient at x of the function's entries, weighed by random numbers."""
    x = Tensor(x)
    out = function(x)
    out.backward(normal(seed, out.shape))
    return x.grad


# --- over an axis ---------------------------------------------------------------------------------


@over_functions
@over_axes
@given(seed=seeds)
def test_the_value_is_the_formulas(function, shape, axis, seed):
    x = normal(seed, shape)
    expected = FORMULAS[function](x, axis)
    for value in (function(x, axis=axis), function(Tensor(x), axis=axis).data):
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14, strict=True)


@over_functions
@given(seed=seeds)
def test_the_value_is_scipys(function, seed):
    special = pytest.importorskip("scipy.special")
    x = normal(seed, (4, 3), scale=1e3)
    theirs = getattr(special, function.__name__)(x, axis=1)
    np.testing.assert_allclose(function(x, axis=1), theirs, rtol=1e-12, atol=1e-300)


@over_axes
@given(seed=seeds)
def test_the_gradient_of_logsumexp_is_softmax(shape, axis, seed):
    x = Tensor(normal(seed, shape))
    np.sum(logsumexp(x, axis=axis)).backward()
    np.testing.assert_allclose(x.grad, softmax(x.data, axis), rtol=1e-12)


@pytest.mark.parametrize("function", [softmax, log_softmax], **by_name)
@over_axes
@given(seed=seeds, scale=st.sampled_from([1.0, 1e4]))
def test_shift_invariance_makes_the_gradient_sum_to_zero(function, shape, axis, seed, scale):
    g = gradient(lambda x: function(x, axis), normal(seed, shape, scale), seed)
    np.testing.assert_allclose(g.sum(axis=axis), 0, atol=1e-13)


@over_functions
@given(seed=seeds)
def test_scores_of_ten_thousand_are_no_trouble(function, seed):
    x = normal(seed, (4, 3), scale=1e4)
    assert np.isfinite(function(x, axis=1)).all()
    assert np.isfinite(gradient(lambda x: function(x, axis=1), x)).all()
    lifted = function(x + 1e4, axis=1)
    expected = function(x, axis=1) + (1e4 if function is logsumexp else 0)
    np.testing.assert_allclose(lifted, expected, rtol=1e-9, atol=1e-9)


def test_a_score_of_minus_infinity_is_an_impossible_class():
    x = np.array([[0.0, -np.inf, 0.0], [-np.inf, 5.0, -np.inf]])
    np.testing.assert_array_equal(softmax(x), [[0.5, 0, 0.5], [0, 1, 0]])
    np.testing.assert_allclose(logsumexp(x, axis=1), [np.log(2), 5])
    np.testing.assert_array_equal(log_softmax(x)[1], [-np.inf, 0, -np.inf])
    scores = Tensor(x)
    cross_entropy(scores, [2, 1]).backward()
    np.testing.assert_allclose(scores.grad, [[0.25, 0, -0.25], [0, 0, 0]], atol=1e-16)
    np.testing.assert_array_equal(gradient(softmax, x)[:, [1]], [[0], [0]])


@pytest.mark.filterwarnings("ignore:divide by zero encountered in log")
def test_a_sum_of_nothing_has_the_logarithm_minus_infinity():
    assert logsumexp(np.array([-np.inf, -np.inf])) == -np.inf


def test_axes_can_be_several_or_all():
    x = normal(0, (2, 4, 3))
    everything = np.log(np.exp(x).sum())
    assert logsumexp(x).shape == ()
    np.testing.assert_allclose(logsumexp(x), everything)
    np.testing.assert_allclose(logsumexp(x, (0, 2)), np.log(np.exp(x).sum((0, 2))))
    assert logsumexp(x, axis=1, keepdims=True).shape == (2, 1, 3)
    np.testing.assert_allclose(softmax(x, axis=(0, 2)).sum((0, 2)), 1)
    np.testing.assert_allclose(np.exp(log_softmax(x, axis=None)).sum(), 1)


# --- entry by entry -------------------------------------------------------------------------------


@over_elementwise
@given(seed=seeds)
def test_elementwise_values_and_slopes_are_the_formulas(function, seed):
    x = Tensor(normal(seed, (4, 3), scale=5.0))
    y = function(x)
    np.testing.assert_allclose(y.data, ELEMENTWISE[function](x.data), rtol=1e-12)
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad, SLOPES[function](x.data), rtol=1e-12)


@over_elementwise
def test_elementwise_tails_are_exact_with_finite_gradients(function):
    x = np.array([-1e4, -40.0, 0.0, 40.0, 1e4])
    expected = {
        relu: [0, 0, 0, 40, 1e4],
        sigmoid: [0, np.exp(-40), 0.5, 1, 1],
        softplus: [0, np.exp(-40), np.log(2), 40, 1e4],
    }
    np.testing.assert_allclose(function(x), expected[function], rtol=1e-12)
    assert np.isfinite(gradient(function, x)).all()


def test_relu_passes_nothing_at_its_kink():
    assert gradient(relu, np.array([0.0]))[0] == 0


# --- types ----------------------------------------------------------------------------------------

CALLS = [
    softmax,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softplus,
    lambda x: cross_entropy(x, [0, 1]),
]


@pytest.mark.parametrize("function", CALLS, **by_name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_give_arrays_and_the_type_is_kept(function, dtype):
    x = normal(0, (2, 3)).astype(dtype)
    plain, tracked = function(x), function(Tensor(x))
    assert isinstance(plain, np.ndarray | np.floating)
    assert isinstance(tracked, Tensor)
    assert plain.dtype == tracked.dtype == gradient(function, x).dtype == dtype
