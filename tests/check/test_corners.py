"""Rare mistakes, and rare ways to write a gradient."""

import numpy as np

from tests.check import draws, losses
from tinygrad_softmax.check import check_gradients
from tinygrad_softmax.check.explain import Explainer

rng = np.random.default_rng(6)
X, w, y = rng.standard_normal((6, 3)), rng.standard_normal(3), rng.standard_normal(6)


def squares(w, X, y):
    residual = X @ w - y
    return np.sum(residual**2)


def test_a_diagnosis_that_fails_leaves_the_difference(monkeypatch):
    def fail(*_, **__):
        raise KeyError("a defect of ours")

    monkeypatch.setattr(Explainer, "_causes", fail)
    (finding,) = check_gradients(squares, lambda w, X, y: 3 * w, wrt="w", w=w, X=X, y=y).findings
    assert finding.cause == "unexplained"


def test_a_second_call_of_another_shape_is_random():
    calls = []

    def growing(w, X, y):
        calls.append(1)
        return np.ones(len(calls))

    report = check_gradients(squares, growing, wrt="w", w=w, X=X, y=y)
    assert report.findings[0].cause == "random"


def test_the_last_row_left_out_is_said():
    def gradient(w, X, y):
        return 2 * X[:-1].T @ (X[:-1] @ w - y[:-1])

    (finding,) = check_gradients(squares, gradient, wrt="w", w=w, X=X, y=y).findings
    assert "the last" in finding.sentence


def test_a_sum_over_everything_may_be_unexplained():
    def loss(s, X):
        return np.sum((s * X) ** 3)

    report = check_gradients(loss, lambda s, X: np.array(np.sin(s)), wrt="s", s=np.array(0.7), X=X)
    assert report.findings[0].cause == "unexplained"

    def matrix_loss(S, X):
        return np.sum((S + X) ** 3)

    report = check_gradients(matrix_loss, lambda S, X: np.cos(S), wrt="S", S=np.ones((1, 1)), X=X)
    assert report.findings[0].cause == "unexplained"


def test_a_mistake_after_what_is_put_right_later_may_be_unexplained():
    def gradients(X, y, W1, b1, W2, b2):
        n = len(X)
        z1 = X @ W1 + b1
        a1 = np.maximum(z1, 0)
        s = a1 @ W2 + b2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        dz2 = e / e.sum(axis=1, keepdims=True)
        dz2 = dz2 - y
        dW2 = a1.T @ dz2 / n
        da1 = np.clip(dz2 @ W2.T, -0.01, 0.3)
        dz1 = da1 * (z1 > 0)
        return {
            "W2": dW2,
            "b2": dz2.sum(axis=0) / n,
            "W1": X.T @ dz1 / n,
            "b1": dz1.sum(axis=0) / n,
        }

    def loss(X, y, W1, b1, W2, b2):
        z1 = X @ W1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ W2 + b2
        logp = z2 - np.log(np.sum(np.exp(z2), axis=1, keepdims=True))
        return -np.sum(y * logp) / X.shape[0]

    hot = np.eye(4)[rng.integers(0, 4, 6)]
    given = {"X": X, "y": hot, "W1": rng.standard_normal((3, 5)), "b1": rng.standard_normal(5),
             "W2": rng.standard_normal((5, 4)), "b2": rng.standard_normal(4)}  # fmt: skip
    report = check_gradients(loss, gradients, wrt=("W1", "b1", "W2", "b2"), **given)
    assert report.findings[0].stage in ("da1", "dz1")
    assert report.findings[0].cause == "unexplained"


def test_lines_that_run_at_some_points_only_are_no_stages():
    def gradient(w, X, y):
        dresidual = 2 * (X @ w - y)
        if X.shape[0] > 5:
            dresidual = dresidual * 1.0
        grad_residual = dresidual
        return X.T @ grad_residual

    assert check_gradients(squares, gradient, wrt="w", w=w, X=X, y=y).ok


def test_what_is_given_beside_arrays_is_passed_on():
    def loss(x, power, mode="sum"):
        value = np.maximum(0, x) ** power
        return np.sum(value) if mode == "sum" else np.mean(value)

    def gradient(x, power, mode="sum"):
        found = power * np.maximum(0, x) ** (power - 1) * (x >= 0)
        return found if mode == "sum" else found / x.size

    x = np.concatenate([[0.0, 0.0], rng.standard_normal(3)])
    report = check_gradients(loss, gradient, wrt="x", x=x, power=1.0, mode="mean")
    assert report.ok
    assert "2 of 5 entries" in report.notes[0]
    many = rng.standard_normal(1_000_001)
    report = check_gradients(loss, gradient, wrt="x", x=many, power=3.0, mode="sum")
    assert report.ok
    assert "large" in report.notes[0]


def test_labels_without_a_sign_are_no_obstacle():
    given = draws.linear(0)
    given["y"] = given["y"].astype(np.uint8)

    def gradients(X, y, W, b, reg):
        p = np.exp(X @ W + b)
        p /= p.sum(axis=1, keepdims=True)
        dscores = p / len(X)
        return {"W": X.T @ dscores + reg * W, "b": dscores.sum(axis=0, keepdims=True)}

    report = check_gradients(losses.question, gradients, **given)
    assert report.findings[0].cause == "term_missing"


def test_a_division_made_later_hides_no_mistake_beside_it():
    def gradients(X, y, W, b, reg):
        p = np.exp(X @ W + b)
        p /= p.sum(axis=1, keepdims=True)
        dscores = p
        dscores[range(len(X)), y] -= 1
        dW = X.T @ dscores / len(X) + 2 * reg * W
        return {"W": dW, "b": dscores.sum(axis=0, keepdims=True) / len(X)}

    def for_weights_alone(X, y, W, b, reg):
        return {"W": gradients(X, y, W, b, reg)["W"]}

    for found, wrt in ((gradients, ("W", "b")), (for_weights_alone, "W")):
        (finding,) = check_gradients(losses.question, found, wrt=wrt, **draws.linear(0)).findings
        assert (finding.stage, finding.cause) == ("dW", "term_scaled")
        assert "`reg * W`" in finding.sentence


def test_the_commonest_mistake_in_a_library_is_named():
    """A mean over samples and outputs, and a gradient over samples alone: scikit-learn's #8349."""

    def loss(X, y, W):
        n_samples, n_outputs = y.shape
        activation = X @ W
        return np.sum((activation - y) ** 2) / (2 * n_samples * n_outputs)

    def gradient(X, y, W):
        deltas = X @ W - y
        return X.T @ deltas / X.shape[0]

    given = {"X": X, "y": rng.standard_normal((6, 2)), "W": rng.standard_normal((3, 2))}
    report = check_gradients(loss, gradient, wrt="W", stages={"deltas": "activation"}, **given)
    assert report.findings[0].cause == "scaled"
    assert "n_outputs" in str(report)


def test_the_prediction_in_place_of_the_label_is_named():
    def gradients(X, y, W, b, reg):
        p = np.exp(X @ W + b)
        p /= p.sum(axis=1, keepdims=True)
        dscores = p.copy()
        dscores[range(len(X)), p.argmax(axis=1)] -= 1
        dscores /= len(X)
        return {"W": X.T @ dscores + reg * W, "b": dscores.sum(axis=0, keepdims=True)}

    found = check_gradients(losses.question, gradients, **draws.linear(0)).findings
    assert (found[0].stage, found[0].cause) == ("dscores", "labels")
    assert "largest entry of" in found[0].sentence


def test_what_is_divided_later_is_said_to_be_right_and_why():
    def gradients(w, X, y):
        dresidual = (X @ w - y) * len(X)
        return 2 * X.T @ dresidual / len(X)

    report = check_gradients(squares, gradients, wrt="w", w=w, X=X, y=y)
    assert report.ok
    assert "times the gradient of residual, which is put right later" in report.notes[0]


def test_the_loss_may_be_the_one_that_is_wrong():
    def gradients(X, y, W, b, reg):
        p = np.exp(X @ W + b)
        p /= p.sum(axis=1, keepdims=True)
        p[range(len(X)), y] -= 1
        return {"W": X.T @ p / len(X) + 2 * reg * W, "b": p.sum(axis=0, keepdims=True) / len(X)}

    report = check_gradients(losses.question, gradients, **draws.linear(0))
    assert "the mistake is in the loss" in report.notes[-1]


def test_the_gradient_before_the_slope_for_the_one_after_it_is_named():
    def loss(W, b, X, G):
        z = X @ W + b
        h = np.tanh(z)
        return np.sum(G * h)

    def gradients(W, b, X, G):
        h = np.tanh(X @ W + b)
        dh = G
        dz = dh * (1 - h**2)
        return {"W": X.T @ dz, "b": np.sum(dh, axis=0)}

    def with_a_line(W, b, X, G):
        h = np.tanh(X @ W + b)
        dh = G * 1.0
        dz = dh * (1 - h**2)
        db = np.sum(dh, axis=0)
        return {"W": X.T @ dz, "b": db}

    given = {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal(4), "X": X,
             "G": rng.standard_normal((6, 4))}  # fmt: skip
    assert check_gradients(loss, gradients, **given).findings[0].stage == "db"
    (finding,) = check_gradients(loss, with_a_line, **given).findings
    assert finding.sentence == "`dh` stands where `dz` should"
