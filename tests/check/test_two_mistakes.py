"""Two mistakes in one gradient: both are found, each from the person's own later stages."""

import numpy as np
import pytest

from tests.check import draws, losses
from tinygrad_softmax.check.gradients import check_gradients
from tinygrad_softmax.check.report import GradientMismatchError


def case_study(scale=True, mask=True, reg_first=True, keepdims=True, reg_second=True, label=1.0):
    """A gradient of the two-layer loss, right but for what is switched off."""

    def gradients(X, y, W, b, W2, b2, reg):
        num_examples = X.shape[0]
        hidden_layer = np.maximum(0, np.dot(X, W) + b)
        scores = np.dot(hidden_layer, W2) + b2
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        dscores = probs
        dscores[range(num_examples), y] -= label
        if scale:
            dscores = dscores / num_examples
        dW2 = np.dot(hidden_layer.T, dscores)
        if reg_second:
            dW2 = dW2 + reg * W2
        db2 = np.sum(dscores, axis=0, keepdims=True)
        dhidden_layer = np.dot(dscores, W2.T)
        if mask:
            dhidden_layer[hidden_layer <= 0] = 0
        dW = np.dot(X.T, dhidden_layer)
        if reg_first:
            dW = dW + reg * W
        db = np.sum(dhidden_layer, axis=0, keepdims=keepdims)
        return {"W": dW, "b": db, "W2": dW2, "b2": db2}

    return gradients


def found(**switched):
    inputs = draws.two_layer(1)
    wrt = ("W", "b", "W2", "b2")
    return check_gradients(losses.two_layer, case_study(**switched), wrt=wrt, **inputs)


def test_with_nothing_switched_off_it_is_right():
    assert found().ok


PAIRS = [
    ({"scale": False, "reg_first": False}, ("dscores", "scaled"), ("dW", "term_missing")),
    ({"scale": False, "reg_second": False}, ("dscores", "scaled"), ("dW2", "term_missing")),
    ({"label": 2.0, "reg_first": False}, ("dscores", "term_scaled"), ("dW", "term_missing")),
    ({"reg_second": False, "keepdims": False}, ("dW2", "term_missing"), ("db", "shape")),
    ({"label": -1.0, "keepdims": False}, ("dscores", "term_sign"), ("db", "shape")),
]


@pytest.mark.parametrize(("switched", "first", "second"), PAIRS)
def test_both_mistakes_are_found(switched, first, second):
    report = found(**switched)
    assert [(f.stage, f.cause) for f in report.findings] == [first, second], str(report)


def test_what_is_wrong_only_because_of_another_is_said():
    report = found(scale=False, reg_first=False)
    first, second = report.findings
    assert {"dW2", "db2", "dhidden_layer", "db"} <= set(first.spoils)
    assert not second.spoils
    with pytest.raises(GradientMismatchError, match="num_examples"):
        report.raise_if_wrong()


def test_what_is_right_is_said_too():
    report = found(reg_first=False)
    assert [f.stage for f in report.findings] == ["dW"]
    assert {"dscores", "dW2", "db2", "db"} <= set(report.right)


def test_a_division_that_comes_later_is_no_mistake():
    def gradients(X, Y, W, b):
        m = X.shape[0]
        Z = np.dot(X, W) + b
        A = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
        dZ = A + Y  # not yet divided
        return np.dot(X.T, dZ) / m, np.sum(dZ, axis=0) / m

    report = check_gradients(losses.onehot, gradients, wrt=("W", "b"), **draws.onehot(1))
    (found,) = report.findings
    assert (found.stage, found.cause) == ("dZ", "term_sign")
    assert "`m`" not in found.sentence
    assert set(found.spoils) == {"dW", "db"}


def test_nor_where_the_mistake_is_between_the_two():
    def gradients(X, y, W, b):
        m = X.shape[0]
        A = 1 / (1 + np.exp(-(np.dot(X, W) + b)))
        dA = (1 - y) / (1 - A) - y / A  # not yet divided
        dZ = dA * A
        return {"W": np.dot(X.T, dZ) / m, "b": np.sum(dZ, axis=0, keepdims=True) / m}

    inputs = draws.binary_column(1)
    report = check_gradients(losses.logistic_column, gradients, wrt=("W", "b"), **inputs)
    (found,) = report.findings
    assert (found.stage, found.cause) == ("dZ", "local_slope")
