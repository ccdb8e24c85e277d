"""The oracle is right by itself: nothing here knows of automatic differentiation."""

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_softmax import by_hand
from tinygrad_softmax.core.errors import LabelError, ShapeError
from tinygrad_softmax.datasets import case_study

PUBLISHED_LINEAR = """
1.096956 0.917265 0.851503 0.822336 0.807586 0.799448 0.794681 0.791764 0.789920 0.788726
0.787938 0.787409 0.787049 0.786803 0.786633 0.786514 0.786431 0.786373 0.786331 0.786302
"""
PUBLISHED_NETWORK = ["1.098744", "0.294946"]  # at iterations 0 and 1000


class Problem(NamedTuple):
    """A function of by_hand, and arguments for it."""

    function: object
    parameters: dict
    X: np.ndarray
    y: np.ndarray
    reg: float

    def step(self, **changed):
        return self.function(**{**self._asdict_arguments(), **changed})

    def _asdict_arguments(self):
        return {**self.parameters, "X": self.X, "y": self.y, "reg": self.reg}


@st.composite
def problems(draw, dtype=np.float64, scale=1.0):
    """Either function, on sizes that differ pairwise so that a transposition shows."""
    N, D, H, K = draw(st.permutations(range(1, 7)))[:4]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label_type = draw(st.sampled_from([np.uint8, np.int32, np.int64]))

    def array(*shape):
        return (scale * rng.standard_normal(shape)).astype(dtype)

    def biases(n):
        return array(1, n) if draw(st.booleans()) else array(n)

    X, y = array(N, D), rng.integers(K, size=N).astype(label_type)
    reg = draw(st.sampled_from([0.0, 1e-3, 0.7]))
    if draw(st.booleans()):
        return Problem(by_hand.linear, {"W": array(D, K), "b": biases(K)}, X, y, reg)
    parameters = {"W": array(D, H), "b": biases(H), "W2": array(H, K), "b2": biases(K)}
    return Problem(by_hand.two_layer, parameters, X, y, reg)


def central_difference(loss, at, h=1e-6):
    """The gradient of `loss` at the array `at`, one entry after the other."""
    gradient = np.empty_like(at)
    for i in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = (loss(up) - loss(down)) / (2 * h)
    return gradient


def loss_of_scores(scores, y):
    """Mean cross-entropy, from its definition."""
    logprobs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return -np.mean(logprobs[np.arange(len(y)), y])


@given(problems(), st.booleans())
def test_every_parameter_gradient_is_the_slope_of_the_loss(problem, stable):
    step = problem.step(stable=stable)
    for name, value in problem.parameters.items():
        slope = central_difference(
            lambda at, name=name: problem.step(**{name: at}, stable=stable).loss, value
        )
        np.testing.assert_allclose(getattr(step, f"d{name}"), slope, atol=2e-8, strict=True)


@given(problems())
def test_dscores_is_the_slope_of_the_mean_cross_entropy(problem):
    step = problem.step()
    slope = central_difference(lambda at: loss_of_scores(at, problem.y), step.scores)
    np.testing.assert_allclose(step.dscores, slope, atol=2e-8)


@given(problems())
def test_dhidden_is_the_slope_before_the_relu(problem):
    if problem.function is by_hand.linear:
        return
    W2, b2 = problem.parameters["W2"], problem.parameters["b2"]
    before = problem.X @ problem.parameters["W"] + problem.parameters["b"]
    slope = central_difference(
        lambda at: loss_of_scores(np.maximum(0, at) @ W2 + b2, problem.y), before
    )
    np.testing.assert_allclose(problem.step().dhidden, slope, atol=2e-8)


@given(problems())
def test_the_loss_is_mean_cross_entropy_plus_half_reg_times_the_squares(problem):
    step = problem.step()
    squares = sum(
        np.sum(problem.parameters[name] ** 2) for name in problem.parameters.keys() & {"W", "W2"}
    )
    expected = loss_of_scores(step.scores, problem.y) + 0.5 * problem.reg * squares
    np.testing.assert_allclose(step.loss, expected, rtol=1e-12)


@given(problems())
def test_each_row_of_dscores_sums_to_zero_and_of_probs_to_one(problem):
    step = problem.step()
    np.testing.assert_allclose(step.dscores.sum(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(step.probs.sum(axis=1), 1, rtol=1e-14)


@given(problems())
def test_the_stable_form_and_the_questions_own_lines_agree(problem):
    for stable, plain in zip(problem.step(), problem.step(stable=False), strict=True):
        np.testing.assert_allclose(stable, plain, rtol=1e-10, atol=1e-14, strict=True)


@given(problems(scale=100.0))
def test_the_stable_form_is_finite_at_scores_of_ten_thousand(problem):
    step = problem.step()
    assert all(np.isfinite(value).all() for value in step)
    reference = loss_of_scores(step.scores, problem.y)
    np.testing.assert_allclose(problem.step(reg=0.0).loss, reference, rtol=1e-12)


def test_the_questions_own_lines_overflow_where_the_stable_form_does_not():
    W, b, X, y = np.eye(2), np.zeros(2), np.array([[1000.0, 0.0]]), [0]
    assert by_hand.linear(W, b, X, y).loss == 0
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(by_hand.linear(W, b, X, y, stable=False).loss)


@given(problems(dtype=np.float32), st.booleans())
def test_float32_stays_float32(problem, stable):
    # A float64 scalar is the likeliest thing to widen the result.
    step = problem.step(reg=np.float64(problem.reg), stable=stable)
    assert {value.dtype for value in step} == {np.dtype(np.float32)}


@given(problems(), st.booleans())
def test_inputs_are_untouched_and_results_share_no_memory(problem, stable):
    arrays = [*problem.parameters.values(), problem.X, problem.y]
    for array in arrays:
        array.flags.writeable = False
    _, *results = problem.step(stable=stable)
    for i, result in enumerate(results):
        assert not any(np.shares_memory(result, other) for other in arrays + results[:i])


def test_lists_are_as_good_as_arrays():
    step = by_hand.linear([[1.0, 2.0]], [0.0, 0.0], [[3.0]], [1])
    np.testing.assert_array_equal(step.scores, [[3.0, 6.0]])


def test_a_unit_at_exactly_zero_passes_nothing_back():
    step = by_hand.two_layer(np.zeros((1, 2)), np.zeros(2), np.eye(2), np.zeros(2), [[1.0]], [0])
    np.testing.assert_array_equal(step.dhidden, 0)


@pytest.mark.parametrize("stable", [True, False])
def test_the_linear_classifier_reproduces_the_published_losses(stable):
    X, y, (W, b), _ = case_study()
    printed = []
    for i in range(200):
        step = by_hand.linear(W, b, X, y, reg=1e-3, stable=stable)
        if i % 10 == 0:
            printed.append(f"{step.loss:.6f}")
        W = W - 1.0 * step.dW
        b = b - 1.0 * step.db
    assert printed == PUBLISHED_LINEAR.split()
    predicted = np.argmax(X @ W + b, axis=1)
    assert f"{np.mean(predicted == y):.2f}" == "0.49"


def test_the_network_reproduces_the_first_published_losses():
    X, y, _, parameters = case_study()
    printed = []
    for i in range(1001):
        step = by_hand.two_layer(*parameters, X, y, reg=1e-3)
        if i % 1000 == 0:
            printed.append(f"{step.loss:.6f}")
        gradients = (step.dW, step.db, step.dW2, step.db2)
        parameters = [p - 1.0 * d for p, d in zip(parameters, gradients, strict=True)]
    assert printed == PUBLISHED_NETWORK


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 2), (1, 2), (5, 4)), "W (3, 2), b (1, 2), X (5, 4): columns of X and rows of W"),
        (((3, 2), (2, 1), (5, 3)), "b (2, 1), X (5, 3): b must be (1, 2) or (2,)"),
        (((3, 2), (), (5, 3)), "b (), X (5, 3): b must be (1, 2) or (2,)"),
        (((3,), (1, 2), (5, 3)), "W (3,), b (1, 2), X (5, 3): W and X must have two axes each"),
        (((3, 2), (1, 2), (3,)), "X (3,): W and X must have two axes each"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, message):
    W, b, X = map(np.ones, shapes)
    with pytest.raises(ShapeError, match=f"^linear got .*{re.escape(message)}"):
        by_hand.linear(W, b, X, [0] * 5)


def test_the_second_layer_is_named_by_its_own_names():
    W, b, W2, b2, X = map(np.ones, [(3, 4), (1, 4), (5, 2), (1, 2), (6, 3)])
    message = "two_layer got W2 (5, 2), b2 (1, 2), hidden (6, 4): columns of hidden and rows of W2"
    with pytest.raises(ShapeError, match=re.escape(message)):
        by_hand.two_layer(W, b, W2, b2, X, [0] * 6)


@pytest.mark.parametrize("y", [[0, 1, 2], [0, -1, 1], [0, 1], [0.0, 1.0, 1.0]], ids=str)
def test_labels_are_checked_in_both_functions(y):
    W, b, W2, X = np.ones((2, 2)), np.ones(2), np.ones((2, 2)), np.ones((3, 2))
    with pytest.raises(LabelError):
        by_hand.linear(W, b, X, y)
    with pytest.raises(LabelError):
        by_hand.two_layer(W, b, W2, b, X, y)


def test_an_empty_batch_is_refused():
    with pytest.raises(LabelError, match="empty"):
        by_hand.linear(np.ones((2, 3)), np.ones(3), np.ones((0, 2)), [])
