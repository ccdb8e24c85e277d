"""Whose a gradient is, what is compared at all, and a loss that is returned as a float."""

import numpy as np
import pytest

from tinygrad_softmax import DataError
from tinygrad_softmax.checker import check_gradients

rng = np.random.default_rng(0)
R = rng.standard_normal


def two(W, w, X):
    return np.mean((X @ W + X @ w) ** 2)


def one_of_two(W, w, X):
    return {"W": 2 * X.T @ (X @ W + X @ w) / (W.shape[1] * len(X))}


@pytest.mark.parametrize("wrt", ["w", ("W", "w"), ("w", "W")])
def test_names_that_differ_by_case_are_two_parameters(wrt):
    with pytest.raises(TypeError, match="returned gradients for W, but none for w"):
        check_gradients(two, one_of_two, wrt=wrt, W=R((3, 2)), w=R((3, 2)), X=R((5, 3)))


def penalised(W, X, reg):
    return np.sum((X @ W) ** 2) + reg * np.sum(W * W)


def without_penalty(W, X, reg):
    return 2 * X.T @ (X @ W)


@pytest.mark.parametrize("reg", [0, 0.0])
def test_a_weight_of_0_is_said_to_hide_what_it_multiplies(reg):
    report = check_gradients(penalised, without_penalty, wrt="W", W=R((3, 2)), X=R((5, 3)), reg=reg)
    assert report.ok
    assert any("reg is 0" in note for note in report.notes)


@pytest.mark.parametrize("value", [0, 0.0, False])
def test_a_switch_or_an_index_that_is_0_is_no_weight(value):
    def loss(W, X, which):
        return np.sum((X @ W)[:, int(which)] ** 2)

    def gradients(W, X, which):
        dW = np.zeros_like(W)
        dW[:, int(which)] = 2 * X.T @ (X @ W)[:, int(which)]
        return dW

    report = check_gradients(loss, gradients, wrt="W", W=R((3, 2)), X=R((5, 3)), which=value)
    assert (report.ok, report.notes) == (True, ())


@pytest.mark.parametrize("given", [np.array([1, 2, 3]), 3])
def test_a_parameter_of_integers_is_named(given):
    with pytest.raises(DataError, match="w holds integers, which cannot be nudged"):
        check_gradients(lambda w: np.sum(w**2), lambda w: 2 * w, w=given)


def test_shapes_are_those_of_the_inputs_given():
    report = check_gradients(lambda b: np.sum(b) ** 2, lambda b: 2 * np.sum(b) * np.ones((1, 3)),
                             b=np.ones(3))  # fmt: skip
    assert "(1, 3), not (3,)" in report.findings[0].sentence


def in_float(W, X):
    return float(np.mean((X @ W) ** 2))


def both_in_float(W, X):
    return float(np.mean((X @ W) ** 2)), 2 * X.T @ (X @ W)


def undivided(W, X):
    return 2 * X.T @ (X @ W)


@pytest.mark.no_cover
@pytest.mark.parametrize("pair", [(in_float, undivided), (both_in_float,)])
def test_a_loss_that_is_returned_as_a_float_is_differentiated(pair):
    report = check_gradients(*pair, wrt="W", budget=600.0, W=R((3, 2)), X=R((5, 3)))
    assert [f.repaired for f in report.findings] == [True]


async def later(W, X):
    return 2 * X.T @ (X @ W)


def one_by_one(W, X):
    yield 2 * X.T @ (X @ W)


@pytest.mark.parametrize(("gradients", "words"), [
    (later, "later returned a coroutine"),
    (one_by_one, "one_by_one returned a generator"),
    (lambda W, X: "2 X' X W", "returned a str"),
    (lambda W, X: (2 * X.T @ (X @ W)).astype(object), "dtype object .*astype"),
])  # fmt: skip
def test_what_is_no_array_of_numbers_is_named(gradients, words):
    with pytest.raises(TypeError, match=words):
        check_gradients(in_float, gradients, wrt="W", W=R((3, 2)), X=R((5, 3)))
