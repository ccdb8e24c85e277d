"""Automatic gradients are the hand-derived ones: the question's dscores, dW, db; the network's.

However the loss is written (see `ways_to_write_it`), the gradient must be the one that `by_hand`
writes down.
"""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import problems
from tests.problems import assert_agrees, tensors
from tests.ways_to_write_it import EVERY_WAY, STABLE, the_questions_own_lines, with_cross_entropy
from tinygrad_softmax import Tensor, by_hand

every_way = pytest.mark.parametrize("way", EVERY_WAY, ids=lambda way: way.__name__)


def check(way, problem, floor=0.0):
    """Compare `way` of writing the loss with the formulas, and return those."""
    W, b = tensors(problem.W, problem.b)
    loss, scores = way(W, b, *problem[2:])
    loss.backward()
    expected = by_hand.linear(*problem)
    # a loss near 0 is a difference of scores, which carry the rounding of their own size
    rtol, size = problems.RTOL[W.dtype], np.max(np.abs(expected.scores)) if floor else 0
    np.testing.assert_allclose(loss.data, expected.loss, rtol=rtol, atol=rtol * size + 1e-30)
    assert loss.dtype == W.dtype
    if scores is not None:
        assert_agrees(scores.grad, expected.dscores, floor)
    assert_agrees(W.grad, expected.dW, floor)
    assert_agrees(b.grad, expected.db, floor)
    return expected


# --- the linear classifier ------------------------------------------------------------------------


@every_way
@given(problem=problems.linear())
def test_automatic_gradients_are_the_formulas_however_the_loss_is_written(way, problem):
    check(way, problem, floor=1e-3)


@given(problem=problems.linear(dtypes=st.just(np.float64)))
def test_well_scaled_float64_agrees_to_twelve_digits_of_the_gradient_itself(problem):
    check(the_questions_own_lines, problem)
    check(with_cross_entropy, problem)


@every_way
@given(problem=problems.linear(K=1))
def test_with_one_class_there_is_nothing_to_learn(way, problem):
    expected = check(way, problem, floor=1e-3)
    np.testing.assert_array_equal(expected.dscores, 0)


@every_way
@given(problem=problems.linear(N=1))
def test_one_example_is_a_batch(way, problem):
    check(way, problem, floor=1e-3)


@pytest.mark.parametrize("way", STABLE, ids=lambda way: way.__name__)
@given(problem=problems.linear(scale=1e4))
def test_stable_forms_agree_at_scores_of_ten_thousand(way, problem):
    check(way, problem, floor=1.0)


@given(problem=problems.linear())
def test_every_intermediate_still_held_has_its_gradient(problem):
    W, b = tensors(problem.W, problem.b)
    scores = np.dot(problem.X, W) + b
    exp_scores = np.exp(scores)
    total = np.sum(exp_scores, axis=1, keepdims=True)
    probs = exp_scores / total
    logprobs = -np.log(probs[range(len(problem.X)), problem.y])
    loss = np.sum(logprobs) / len(problem.X)
    loss.backward()

    N, K = scores.shape
    onehot = np.eye(K, dtype=W.dtype)[problem.y]
    dprobs = -onehot / probs.data / N
    dtotal = -np.sum(dprobs * exp_scores.data, axis=1, keepdims=True) / total.data**2
    assert_agrees(logprobs.grad, np.full(N, 1 / N, W.dtype))
    assert_agrees(probs.grad, dprobs)
    assert_agrees(total.grad, dtotal)
    assert_agrees(exp_scores.grad, dprobs / total.data + dtotal, floor=1e-2)
    assert_agrees(scores.grad, (probs.data - onehot) / N, floor=1e-2)


# --- the network ----------------------------------------------------------------------------------


def network(W, b, W2, b2, X, y, reg):
    """The page's two-layer network, in its own lines."""
    before = np.dot(X, W) + b
    hidden_layer = np.maximum(0, before)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(len(X)), y])
    data_loss = np.sum(corect_logprobs) / len(X)
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    return data_loss + reg_loss, before, hidden_layer, scores


@given(problem=problems.two_layer())
def test_the_networks_gradients_are_the_formulas_at_the_kink_too(problem):
    parameters = tensors(*problem[:4])
    loss, before, hidden_layer, scores = network(*parameters, *problem[4:])
    loss.backward()
    step = by_hand.two_layer(*problem)
    assert_agrees(scores.grad, step.dscores, floor=1e-3)
    assert_agrees(hidden_layer.grad, step.dscores @ problem.W2.T, floor=1e-3)
    assert_agrees(before.grad, step.dhidden, floor=1e-3)
    for parameter, expected in zip(parameters, (step.dW, step.db, step.dW2, step.db2), strict=True):
        assert_agrees(parameter.grad, expected, floor=1e-3)


def test_a_hidden_unit_at_exactly_zero_passes_nothing_back():
    parameters = tensors(np.ones((2, 3)), np.zeros(3), np.ones((3, 2)), np.zeros(2))
    loss, before, *_ = network(*parameters, np.zeros((1, 2)), [0], reg=0.0)
    loss.backward()
    np.testing.assert_array_equal(before.data, 0)
    np.testing.assert_array_equal(before.grad, 0)


# --- the other loss of the page -------------------------------------------------------------------


def hinge_by_hand(scores, y):
    """The multiclass hinge loss and its gradient: every margin violated pulls once each way."""
    rows = np.arange(len(scores))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    dscores = (margins > 0).astype(scores.dtype)
    dscores[rows, y] = -dscores.sum(axis=1)
    return margins.sum() / len(scores), dscores / len(scores)


@example(seed=0, shape=(3, 2), whole=True)
@given(problems.seeds, problems.sizes(2), st.booleans())
def test_the_hinge_losss_gradient_is_the_hand_written_one(seed, shape, whole):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    if whole:  # margins of exactly 0 are common then
        values = np.round(values)
    y = rng.integers(shape[1], size=shape[0])
    loss, dscores = hinge_by_hand(values, y)

    s = Tensor(values)
    i = np.arange(len(y))
    vectorised = np.sum(np.maximum(0, s - s[i, y[i]][:, np.newaxis] + 1)) / len(y) - 1
    vectorised.backward()
    np.testing.assert_allclose(vectorised.data, loss, rtol=1e-12, atol=1e-12)
    assert_agrees(s.grad, dscores)

    looped = sum(np.sum(np.maximum(0, s[i] - s[i, y[i]] + 1)) - 1 for i in range(len(y))) / len(y)
    looped.backward()
    np.testing.assert_allclose(looped.data, loss, rtol=1e-12, atol=1e-12)
    assert_agrees(s.grad, dscores)
