"""Numerical gradients are honest about their error, and what is held against them is judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import raises
from tests.strategies import seeds
from tinygrad_softmax import Tensor, softmax
from tinygrad_softmax.checker.numeric import agrees, directional, numerical_gradient
from tinygrad_softmax.checker.slopes import TRUST
from tinygrad_softmax.core.errors import ShapeError

# --- measuring ------------------------------------------------------------------------------------

POINTS = [1e-8, -3.0, 0.0, 0.01, 7.0, 1e4]
#: function of an entry, its slope, where
SMOOTH = {
    "sin": (np.sin, np.cos, POINTS),
    "cube": (lambda x: x**3, lambda x: 3 * x**2, POINTS),
    "log": (np.log, lambda x: 1 / x, [1e-8, 0.3, 1e4]),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), [1e-8, 0.3, 1e4]),
    "steep": (lambda x: np.exp(1000 * x), lambda x: 1000 * np.exp(1000 * x), [0.1]),
    "peak": (lambda x: 1 / (1 + 1e6 * x * x), lambda x: -2e6 * x / (1 + 1e6 * x * x) ** 2,
             [0.0, 1e-3, -0.01]),
    "tiny": (lambda x: 1e-12 * x**3, lambda x: 3e-12 * x**2, [1.0, -2.0]),
    "huge": (lambda x: 1e12 * x**3, lambda x: 3e12 * x**2, [1.0, -2.0]),
    "tiny on top": (lambda x: 1 + 1e-12 * x**3, lambda x: 3e-12 * x**2, [1.0, -2.0]),
    "cancelling": (lambda x: (1e8 + x) - 1e8, np.ones_like, [1.0, 2.0]),
    "constant": (lambda x: 0 * x + 5, np.zeros_like, POINTS),
    "straight": (lambda x: 3 * x, lambda x: 0 * x + 3, POINTS),
    # not analytic in complex numbers
    "bent twice": (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x), [0.0, 1.0, -3.0]),
    "conjugate": (lambda x: x * np.conj(x), lambda x: 2 * x, [0.5, 3.0]),
    "steps": (np.floor, np.zeros_like, [1.3, 15000.4]),
    "single": (lambda x: np.asarray(x, np.float32) ** 2, lambda x: 2 * x, [1.0, 2.0]),
    "single inside": (
        lambda x: (x.astype(np.float32) ** 2).astype(float), lambda x: 2 * x, [1.0, 2.0]
    ),
}  # fmt: skip


#: How large the relative error may be, where values say little.
USEFUL = {"single": 1e-3, "single inside": 1e-3, "tiny on top": 0.1, "cancelling": 1e-5}


@pytest.mark.parametrize("method", ["auto", "central"])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_error_is_not_larger_than_it_says(name, method):
    function, slope, points = SMOOTH[name]
    for x in map(np.array, points):
        found = numerical_gradient(function, x, method=method)
        assert not found.kinks
        assert abs(found.value - slope(x)) <= TRUST * found.error
        useful = max(USEFUL.get(name, 1e-6) * abs(slope(x)), 1e-6 * abs(function(x)), 1e-7)
        assert found.error <= useful


def test_entries_of_any_size_are_measured_side_by_side():
    x = np.array([[1e-8, -2.0, 0.0], [1e4, 0.5, 1e-3]])
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    found = numerical_gradient(lambda x: np.sum(weights * np.sin(x)), x)
    assert all(part.shape == x.shape for part in found)
    np.testing.assert_allclose(found.value, weights * np.cos(x), rtol=1e-9)


def test_the_complex_step_is_exact_where_it_exists():
    x = np.array([0.3, 1.7])
    found = numerical_gradient(lambda x: 1 + 1e-12 * np.sum(np.exp(x)), x, method="complex")
    np.testing.assert_allclose(found.value, 1e-12 * np.exp(x), rtol=1e-14)
    assert (found.error < 1e-14).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.abs(x)),
        lambda x: np.sum(x * np.conj(x)),
        lambda x: np.sum(x.astype(float)),
        lambda x: float(x[0]),
        lambda x: np.array(x, dtype=float).sum(),
        lambda x: np.sum(x > 0) * 1.0,
    ],
    ids=["abs", "conjugate", "astype", "float", "array", "comparison"],
)
def test_a_function_that_is_not_analytic_is_noticed(function):
    with raises(ValueError, "complex step", "method='auto'"):
        numerical_gradient(function, [1.0, 2.0], method="complex")
    central = numerical_gradient(function, [1.0, 2.0], method="central")
    auto = numerical_gradient(function, [1.0, 2.0])
    for one, other in zip(auto, central, strict=True):
        np.testing.assert_array_equal(one, other)


KINKS = {
    "relu": (lambda x: np.sum(np.maximum(x, 0)), [0.0, 0.01, 5.0], [0]),
    "abs": (lambda x: np.sum(np.abs(x - 1)), [1.0, 3.0, 1.001], [0]),
    "max": (np.max, [2.0, 2.0, 1.0], [0, 1]),
    "a slight kink": (lambda x: np.sum(x * x + 1e-5 * np.abs(x - 1)), [1.0, 2.0], [0]),
    "jump": (lambda x: np.sum(np.sign(x)), [0.0, 1.0], [0]),
    "cusp": (lambda x: np.sum(np.sqrt(np.abs(x))), [0.0, 1.0], [0]),
    "edge": (lambda x: np.sum(np.sqrt(x)), [0.0, 1.0], [0]),
    "not a number": (lambda x: np.sum(x) * np.nan, [0.0, 1.0], [0, 1]),
    "too close to tell": (lambda x: np.sum(np.maximum(x, 0)), [1e-12, 1e5], [0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_reported_and_nothing_else_is(name):
    function, x, where = KINKS[name]
    found = numerical_gradient(function, x)
    assert np.flatnonzero(found.kinks).tolist() == where


def test_a_kink_beside_the_point_is_no_kink():
    found = numerical_gradient(lambda x: np.maximum(x, 0), 1e-12)
    assert not found.kinks
    np.testing.assert_allclose(found.value, 1, rtol=1e-6)


def test_no_entries_have_no_slopes():
    found = numerical_gradient(lambda x: np.sum(x) + 1.0, np.zeros((0, 3)))
    assert found.value.shape == (0, 3)
    assert not agrees(np.zeros((0, 3)), found)  # it has compared nothing


def test_the_function_may_spoil_its_argument_and_need_not_know_tensors():
    W = Tensor(np.array([1.0, 2.0]))

    def function(x):
        x *= 2
        return np.sum(W * x)

    x = np.array([1.0, 5.0])
    np.testing.assert_allclose(numerical_gradient(function, x).value, [2, 4])
    assert x.tolist() == [1, 5]


def test_what_cannot_be_measured_is_refused():
    with raises(ValueError, "scalar", "(2,)"):
        numerical_gradient(np.square, [1.0, 2.0])
    with raises(ValueError, "method='best'"):
        numerical_gradient(np.sum, [1.0], method="best")


# --- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_a_slightly_wrong_gradient_does_not_agree_whatever_its_size(scale):
    x = np.array([0.5, -1.0, 2.0])
    found = numerical_gradient(lambda x: scale * np.sum(np.exp(x)), x)
    right = scale * np.exp(x)
    verdict = agrees(right, found)
    assert verdict
    assert (verdict.compared, verdict.kinks) == (3, 0)
    wrong = right * [1, 1.001, 1]
    assert agrees(wrong, found).wrong.tolist() == [False, True, False]
    assert agrees(wrong, found, rtol=1e-2)
    assert not agrees(0 * right, found)
    assert agrees(right.astype(np.float32), found)
    assert not agrees((right * 1.001).astype(np.float32), found)
    assert not agrees(right * [1, np.nan, 1], found)


def test_a_zero_gradient_agrees_with_zero_only():
    found = numerical_gradient(lambda x: np.sum(softmax(x)), [0.1, 2.0, -1.0])
    assert agrees(np.zeros(3), found)
    assert not agrees([0, 1e-9, 0], found)
    assert agrees(np.zeros(2, int), numerical_gradient(lambda x: 5.0, [1.0, 2.0]))


def test_kinks_are_left_out_and_counted():
    found = numerical_gradient(lambda x: np.sum(np.abs(x)), [0.0, 1.0])
    verdict = agrees([np.nan, 1.0], found)
    assert verdict
    assert (verdict.compared, verdict.kinks) == (1, 1)
    assert verdict.excess[0] == 0
    assert not agrees([0.0, 1.1], found)


def test_nothing_compared_does_not_agree():
    assert not agrees([0.0], numerical_gradient(lambda x: np.sum(np.abs(x)), [0.0]))


def test_a_gradient_of_another_shape_is_refused():
    with raises(ShapeError, "(2, 1)", "(1, 2)"):
        agrees([[1.0], [1.0]], numerical_gradient(np.sum, [[1.0, 1.0]]))


# --- large arrays ---------------------------------------------------------------------------------


@given(seeds, st.sampled_from([1e-12, 1.0, 1e12]))
def test_the_remainder_falls_quadratically_for_the_right_gradient_only(seed, scale):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(50, 40))

    def function(x):
        return scale * np.sum(np.exp(x))

    right = directional(function, x, scale * np.exp(x), rng)
    assert right.right
    assert right.difference < 1e-7
    np.testing.assert_allclose(right.powers, 2, atol=0.2)
    wrong = directional(function, x, scale * 1.001 * np.exp(x), rng, directions=4)
    assert not wrong.right
    assert len(wrong.powers) == 4
    # A direction may happen to be almost level: little of it can be wrong.
    assert abs(np.median(wrong.powers) - 1) < 0.3
    np.testing.assert_allclose(wrong.claimed / wrong.measured, 1.001, rtol=1e-4)
    assert 0.9e-3 < wrong.difference < 1.2e-3


def test_of_a_straight_line_nothing_remains():
    x = np.linspace(-1, 1, 1000)
    verdict = directional(lambda x: 3 * np.sum(x), x, np.full(1000, 3.0), np.random.default_rng(0))
    assert verdict.right
    assert np.isinf(verdict.powers).all()


def test_directions_that_meet_a_kink_are_left_out():
    x = np.zeros(1000)
    rng = np.random.default_rng(0)
    verdict = directional(lambda x: np.sum(np.maximum(x, 0) ** 1), x, x, rng)
    assert not verdict.right
    assert (len(verdict.powers), verdict.kinks) == (0, 3)
