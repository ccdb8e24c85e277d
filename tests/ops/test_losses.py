"""Cross-entropy: every form of target, every axis, and which targets are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import seeds
from tinygrad_softmax import LabelError, ShapeError, Tensor, cross_entropy, log_softmax, softmax

SHAPES_AND_AXES = [((4,), -1), ((4, 3), 1), ((4, 3), 0), ((2, 4, 3), 1), ((2, 4, 3), -1)]


def reduced(losses, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
@given(seed=seeds, reduction=st.sampled_from(["mean", "sum", "none"]))
def test_cross_entropy_takes_labels_one_hot_rows_and_distributions(shape, axis, seed, reduction):
    rng = np.random.default_rng(seed)
    x, K = rng.normal(size=shape), shape[axis]
    rows = np.delete(shape, axis)
    y = rng.integers(K, size=rows)
    onehot = np.moveaxis(np.eye(K)[y], -1, axis)
    logprobs = x - np.log(np.exp(x).sum(axis=axis, keepdims=True))
    weights = softmax(rng.normal(size=shape), axis)
    for targets, distribution in [
        (y, onehot), (onehot, onehot), (onehot.astype(np.uint8), onehot), (weights, weights),
    ]:  # fmt: skip
        expected = reduced(-np.sum(distribution * logprobs, axis), reduction)
        scores = Tensor(x)
        loss = cross_entropy(scores, targets, axis=axis, reduction=reduction)
        np.testing.assert_allclose(loss.data, expected, rtol=1e-12)
        plain = cross_entropy(x, targets, axis=axis, reduction=reduction)
        np.testing.assert_allclose(plain, expected, rtol=1e-12)
        np.sum(loss).backward()
        n = y.size if reduction == "mean" else 1
        np.testing.assert_allclose(scores.grad, (softmax(x, axis) - distribution) / n, atol=1e-14)


@given(seed=seeds, scale=st.sampled_from([1.0, 1e4]))
def test_rows_of_dscores_sum_to_zero(seed, scale):
    scores = Tensor(scale * np.random.default_rng(seed).normal(size=(4, 3)))
    cross_entropy(scores, [0, 2, 1, 1]).backward()
    np.testing.assert_allclose(scores.grad.sum(axis=1), 0, atol=1e-15)


def test_targets_may_be_a_tensor_that_learns():
    targets = Tensor([[0.25, 0.75]])
    cross_entropy(np.array([[1.0, 2.0]]), targets).backward()
    np.testing.assert_allclose(targets.grad, -log_softmax(np.array([[1.0, 2.0]])))


@pytest.mark.parametrize(
    ("error", "targets", "options", "message"),
    [
        (LabelError, [[1, 1, 0], [0, 1, 0]], {}, r"\(2, 3\) must be one-hot.*shape \(2,\)"),
        (LabelError, [[2, -1, 0], [0, 1, 0]], {}, "must be one-hot"),
        (LabelError, Tensor([0.0, 1.0]), {}, "plain integer array, not a Tensor"),
        (LabelError, [0, 3], {}, "label 3 in row 1"),
        (ShapeError, np.ones((2, 4)) / 4, {}, r"scores \(2, 3\) and .*\(2, 4\)"),
        (ValueError, [0, 1], {"reduction": "avg"}, "'mean', 'sum' or 'none', got 'avg'"),
        (ValueError, [0, 1], {"axis": 2}, "axis 2 is out of bounds"),
    ],
)
def test_targets_that_do_not_fit_are_refused(error, targets, options, message):
    scores = Tensor(np.ones((2, 3)))
    with pytest.raises(error, match=message):
        cross_entropy(scores, targets, **options)


def test_labels_of_many_axes_are_checked_too():
    scores = np.ones((2, 3, 4))
    with pytest.raises(LabelError, match="label 3 in row 5"):
        cross_entropy(scores, [[0, 1, 2, 0], [1, 3, 0, 1]], axis=1)
    with pytest.raises(LabelError, match=r"shape \(2, 3\)"):
        cross_entropy(scores, np.zeros((2, 3), int), axis=1)


def test_a_scalar_has_no_classes():
    with pytest.raises(ShapeError, match="axis of classes"):
        cross_entropy(Tensor(1.0), 0)
