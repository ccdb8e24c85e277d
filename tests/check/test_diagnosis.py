"""What the catalogue does not show: awkward results, several errors at once, the small helpers."""

import numpy as np
import pytest

from tests.check import draws, losses
from tinygrad_softmax.check.decimals import plain_numbers
from tinygrad_softmax.check.diagnose import concentrated
from tinygrad_softmax.check.gradients import check_gradients
from tinygrad_softmax.check.naming import by_name
from tinygrad_softmax.check.relations import close, name_constant, same_numbers_elsewhere
from tinygrad_softmax.check.stages import starts_afresh
from tinygrad_softmax.check.whole import times


def mse_report(gradients, wrt=("w", "b")):
    return check_gradients(losses.mse, gradients, wrt=wrt, **draws.regression(2))


def first(gradients, wrt=("w", "b")):
    return mse_report(gradients, wrt).findings[0]


def test_results_come_as_a_pair_with_the_loss_or_as_one_array():
    def with_the_loss(X, y, w, b):
        diff = X @ w + b - y
        return np.mean(diff**2), {"dw": 2 * X.T @ diff / len(y), "grad_b": 2 * diff.mean()}

    assert mse_report(with_the_loss).ok
    assert mse_report(with_the_loss, wrt=("w", "b")).right

    def alone(X, y, w, b):
        return 2 * X.T @ (X @ w + b - y) / len(y)

    assert mse_report(alone, wrt="w").ok


def test_what_is_returned_must_be_told_apart():
    with pytest.raises(TypeError, match="none for b"):
        by_name({"dw": 1.0}, ("w", "b"), "f")
    with pytest.raises(TypeError, match="say which gradient is whose"):
        by_name((np.ones(2), np.ones(3)), None, "f")
    assert by_name((0.5, np.ones(2)), ("w",), "f")["w"].tolist() == [1, 1]
    assert by_name({"w": 1.0, "loss": 2.0}, ("w",), "f") == {"w": 1.0}


def test_random_results_are_said_to_be_random():
    rng = np.random.default_rng(0)

    def gradients(X, y, w, b):
        return rng.standard_normal(w.shape), np.asarray(rng.standard_normal())

    assert first(gradients).cause == "random"


def test_keyword_arguments_take_every_input():
    def gradients(**inputs):
        diff = inputs["X"] @ inputs["w"] + inputs["b"] - inputs["y"]
        return 2 * inputs["X"].T @ diff / len(diff), 2 * np.mean(diff)

    assert mse_report(gradients).ok


def test_nothing_that_is_known_is_left_unexplained():
    def gradients(X, y, w, b):
        diff = X @ w + b - y
        return np.sin(X.T @ diff), 2 * np.mean(diff)

    found = first(gradients)
    assert found.cause == "unexplained"
    assert "every entry differs" in found.sentence


def test_two_terms_of_one_sum():
    def gradients(X, y, w, b, alpha):
        residual = X @ w + b - y
        return 2 * X.T @ residual / 3 + 3 * alpha * w, 2 * np.sum(residual)

    found = check_gradients(losses.ridge, gradients, wrt=("w", "b"), **draws.ridge(1)).findings[0]
    assert found.cause in {"term_scaled", "unexplained"}


def test_the_first_row_left_out():
    def gradients(X, y, w, b):
        diff = X @ w + b - y
        dw = np.zeros_like(w)
        for i in range(1, len(y)):
            dw += 2 * X[i] * diff[i] / len(y)
        return dw, 2 * np.mean(diff)

    found = first(gradients)
    assert found.cause == "term_missing"
    assert "of the first" in found.sentence


def test_labels_moved_to_other_entries():
    def gradients(X, Y, W, b):
        Z = X @ W + b
        A = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
        dZ = (A - Y[::-1]) / len(X)
        return X.T @ dZ, dZ.sum(axis=0)

    found = check_gradients(losses.onehot, gradients, wrt=("W", "b"), **draws.onehot(1)).findings
    assert found[0].stage == "dZ"
    assert found[0].cause in {"labels", "unexplained"}


def test_a_forward_value_that_is_another():
    def gradients(X, Y, W1, b1, W2, b2):
        z = X @ W1
        h = np.tanh(z)
        logits = h @ W2 + b2
        exps = np.exp(logits)
        p = exps / exps.sum(axis=1, keepdims=True)
        dlogits = (p - Y) / len(X)
        dh = dlogits @ W2.T
        dz = dh * (1 - h**2)
        return X.T @ dz, dz.sum(axis=0), h.T @ dlogits, dlogits.sum(axis=0)

    wrt = ("W1", "b1", "W2", "b2")
    report = check_gradients(losses.mlp_tanh, gradients, wrt=wrt, **draws.mlp(1))
    (found,) = report.findings
    assert found.stage == "dlogits"
    assert "`z` is not what it is in the loss" in found.sentence
    assert "`b1` is missing" in found.sentence
    assert "dz" in found.spoils


def test_the_path_through_a_value():
    def gradients(x, gamma, beta, target, eps):
        mu, var = x.mean(axis=0), x.var(axis=0)
        x_hat = (x - mu) / np.sqrt(var + eps)
        dout = (gamma * x_hat + beta - target) / len(x)
        dx_hat = dout * gamma
        dx = dx_hat / np.sqrt(var + eps)
        return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)

    wrt = ("x", "gamma", "beta")
    found = check_gradients(losses.batchnorm, gradients, wrt=wrt, **draws.norm(1)).findings[0]
    assert found.stage == "dx"
    assert found.cause in {"term_missing", "unexplained"}


def test_a_stage_may_be_named():
    def gradients(X, y, w, b):
        diff = X @ w + b - y
        slope = diff / len(y)
        return X.T @ slope, np.sum(slope)

    report = check_gradients(losses.mse, gradients, wrt=("w", "b"), stages={"slope": "diff"},
                             **draws.regression(1))  # fmt: skip
    assert [f.stage for f in report.findings] == ["slope"]
    assert report.findings[0].cause == "scaled"
    assert set(report.findings[0].spoils) == {"dw", "db"}


def test_where_a_difference_is():
    want = np.arange(20.0).reshape(5, 4) + 1
    row, column, entry = want.copy(), want.copy(), want.copy()
    row[2] += 1
    column[:, 1] += 1
    entry[[0, 2, 3], [0, 1, 2]] += 1
    assert concentrated(row, want) == "only row 2 differs"
    assert concentrated(column, want) == "only column 1 differs"
    assert "3 of 20 entries" in concentrated(entry, want)
    assert "its shape is (4,)" in concentrated(want[0], want)
    assert concentrated(want[0] * np.array([1, 1, 1, 2]), want[0]).startswith("1 of 4")


def test_small_words():
    assert plain_numbers("0.3333333333333333 * a") == "1 / 3 * a"
    assert plain_numbers("0.123456789012 * a") == "0.123457 * a"
    assert plain_numbers("2.000000000 * a") == "2 * a"
    assert [times(n) for n in ("2", "-1", "3", "N")] == [
        "twice", "minus once", "3 times", "`N` times"]  # fmt: skip
    assert name_constant([2.5 * np.pi, 1.0], [{"N": 3.0}, {"N": 5.0}]) is None
    assert name_constant([-1 / 3, -1 / 5], [{"N": 3.0}, {"N": 5.0}]) == "-1 / N"
    assert name_constant([9.0, 49.0], [{"N": 3.0}, {"N": 7.0}]) == "N**2"
    assert name_constant([6.0, 35.0], [{"N": 3.0, "K": 2.0}, {"N": 5.0, "K": 7.0}]) == "N * K"


def test_arrays_in_another_arrangement():
    a = np.arange(6.0).reshape(2, 3)
    assert same_numbers_elsewhere(a.T, a) == "transposed"
    assert same_numbers_elsewhere(a.reshape(1, 2, 3), a) == "shape"
    assert same_numbers_elsewhere(a + 1, a) is None
    assert same_numbers_elsewhere(np.ones((2, 2)), a) is None
    square = np.arange(9.0).reshape(3, 3)
    assert same_numbers_elsewhere(square.T, square) == "transposed"
    assert close(np.array([1e-17]), np.array([3e-17]), floor=1e-15)
    assert not close(np.array([np.nan]), np.array([1.0]))


def test_lines_that_start_afresh():
    assert not starts_afresh("dx", "dx = (a +")
    assert not starts_afresh("dx", "dx[y] -= 1")
    assert starts_afresh("dx", "probs[y] -= 1")
    assert starts_afresh("dx", "np.subtract(a, 1, out=a)")
    assert not starts_afresh("dx", "np.add.at(dx, y, 1)")
    assert starts_afresh("dx", "a[0] = dy")


def test_a_size_written_as_a_number_is_pointed_out():
    inputs = draws.regression(2)
    n = len(inputs["y"])

    def gradients(X, y, w, b):
        return 2 / n * X.T @ (np.ones(n) * (X @ w + b - y)), 2 * np.mean(X @ w + b - y)

    report = check_gradients(losses.mse, gradients, wrt=("w", "b"), **inputs)
    assert "runs at the sizes given only" in report.notes[0]


def test_what_is_not_finite_is_said_to_be_so():
    def gradients(X, y, w, b):
        diff = X @ w + b - y
        return X.T @ np.log(diff), 2 * np.mean(diff)

    found = first(gradients)
    assert found.cause == "unexplained"
    assert "entries are not finite" in found.sentence
