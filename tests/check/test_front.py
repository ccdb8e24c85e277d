"""The ways to hand a gradient over, and what is said beside the verdict."""

import numpy as np
import pytest

import tinygrad_softmax as tg
from tinygrad_softmax.check.gradients import check_gradients
from tinygrad_softmax.check.report import GradientMismatchError

rng = np.random.default_rng(5)
N, D, K = 8, 5, 3
X, y = rng.standard_normal((N, D)), rng.integers(0, K, N)
W, b = rng.standard_normal((D, K)), rng.standard_normal((1, K))
linear = {"W": W, "b": b, "X": X, "y": y, "reg": 0.1}


def loss(W, b, X, y, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[range(num_examples), y])) / num_examples
    return data_loss + 0.5 * reg * np.sum(W * W)


def right(W, b, X, y, reg):
    hand = tg.by_hand.linear(W, b, X, y, reg)
    return {"W": hand.dW, "b": hand.db}


def without_regulariser(W, b, X, y, reg):
    del reg
    hand = tg.by_hand.linear(W, b, X, y, 0.0)
    return {"W": hand.dW, "b": hand.db}


def softmax_loss(W, b, X, y, reg, factor=1.0):
    num_examples = X.shape[0]
    scores = X.dot(W) + b
    probs = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(num_examples), y])) / num_examples
    loss += 0.5 * reg * np.sum(W * W)
    dscores = probs.copy()
    dscores[np.arange(num_examples), y] -= 1
    dscores /= num_examples
    dW = X.T.dot(dscores) + factor * reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return loss, {"W": dW, "b": db}


def test_a_right_gradient_is_right():
    report = check_gradients(loss, right, **linear)
    assert report.ok
    report.raise_if_wrong()
    assert str(report).startswith("The gradients are right")
    assert "#1a7f37" in report._repr_html_()


def test_a_wrong_one_is_named_in_every_form():
    report = check_gradients(loss, without_regulariser, **linear)
    (finding,) = report.findings
    assert (finding.stage, finding.cause) == ("dW", "term_missing")
    assert "reg * W" in str(report)
    assert "&#x27;" in report._repr_html_() or "reg * W" in report._repr_html_()
    with pytest.raises(GradientMismatchError, match="reg"):
        report.raise_if_wrong()


@pytest.mark.parametrize(
    "form",
    [
        lambda g: (g["W"], g["b"]),
        lambda g: [g["W"], g["b"]],
        lambda g: {"dW": g["W"], "db": g["b"]},
        lambda g: {"grad_W": g["W"], "grad_b": g["b"], "other": 0},
        lambda g: (0.5, g),
        lambda g: (0.5, (g["W"], g["b"])),
    ],
)
def test_gradients_are_returned_in_many_forms(form):
    report = check_gradients(loss, lambda **kw: form(right(**kw)), wrt=("W", "b"), **linear)
    assert report.ok
    assert not check_gradients(
        loss, lambda **kw: form(without_regulariser(**kw)), wrt=("W", "b"), **linear
    ).ok


def test_a_single_array_is_that_of_wrt():
    assert check_gradients(loss, lambda **kw: right(**kw)["W"], wrt="W", **linear).ok


def test_what_is_unclear_is_asked_for():
    with pytest.raises(TypeError, match=r"wrt=\('W', 'b'\)"):
        check_gradients(loss, lambda **kw: tuple(right(**kw).values()), **linear)
    with pytest.raises(TypeError, match="none for b"):
        check_gradients(loss, lambda **kw: {"W": right(**kw)["W"]}, wrt=("W", "b"), **linear)
    with pytest.raises(TypeError, match="wrt names V, but the inputs are W, b"):
        check_gradients(loss, lambda **kw: {"V": right(**kw)["W"]}, **linear)
    with pytest.raises(tg.BackwardError, match="does not depend on"):
        check_gradients(lambda W: 1.0 + 0 * np.sum(0 * W.shape[0]), lambda W: W, wrt="W", W=W)


# --- loss and gradients in one function; methods ---


def test_loss_and_gradients_from_one_function_are_checked_against_each_other():
    assert check_gradients(softmax_loss, wrt=("W", "b"), **linear).ok
    report = check_gradients(softmax_loss, wrt=("W", "b"), factor=2.0, **linear)
    assert [f.cause for f in report.findings] == ["term_scaled"]
    assert "dscores" in report.right


def test_a_loop_that_branches_is_checked_by_numerical_derivatives():
    def svm_loss_naive(W, X, y, reg):
        dW = np.zeros(W.shape)
        loss = 0.0
        for i in range(X.shape[0]):
            scores = X[i].dot(W)
            for j in range(W.shape[1]):
                margin = scores[j] - scores[y[i]] + 1
                if j != y[i] and margin > 0:
                    loss += margin
                    dW[:, j] += X[i]
                    dW[:, y[i]] -= X[i]
        return loss / X.shape[0] + reg * np.sum(W * W), dW / X.shape[0] + 2 * reg * W

    given = {"W": W, "X": X, "y": y, "reg": 0.1}
    report = check_gradients(svm_loss_naive, wrt="W", **given)
    assert report.ok
    assert "numerical derivatives" in report.notes[0]

    def ascending(**kw):
        value, dW = svm_loss_naive(**kw)
        return value, -dW

    report = check_gradients(ascending, wrt="W", **given)
    assert [f.cause for f in report.findings] == ["sign"]


class Model:
    """Keeps its parameters where CS231n's assignments do."""

    def __init__(self, factor=1.0):
        self.params = {"W": W.copy(), "b": b.copy()}
        self.reg, self.factor = 0.1, factor

    def loss(self, X, y):
        return softmax_loss(self.params["W"], self.params["b"], X, y, self.reg, self.factor)

    def value(self, X, y):
        return loss(self.params["W"], self.params["b"], X, y, self.reg)

    def gradients(self, X, y):
        return self.loss(X, y)[1]


def test_methods_find_their_parameters():
    model = Model()
    assert check_gradients(model.loss, params=model.params, X=X, y=y).ok
    assert check_gradients(model.value, model.gradients, params=model.params, X=X, y=y).ok
    assert np.array_equal(model.params["W"], W)
    wrong = Model(factor=2.0)
    report = check_gradients(wrong.value, wrong.gradients, params=wrong.params, X=X, y=y)
    assert [(f.stage, f.cause) for f in report.findings] == [("dW", "term_scaled")]


# --- names, randomness, side effects ---


def test_stages_can_be_named():
    def gradients(W, b, X, y, reg):
        delta = tg.by_hand.linear(W, b, X, y, reg).dscores * 2
        return {"W": X.T @ delta + reg * W, "b": delta.sum(axis=0, keepdims=True)}

    report = check_gradients(loss, gradients, stages={"delta": "scores"}, **linear)
    assert (report.findings[0].stage, report.findings[0].cause) == ("delta", "scaled")
    assert report.findings[0].spoils
    with pytest.raises(ValueError, match=r"stages=\{'delta': 'logits'\}"):
        check_gradients(loss, gradients, stages={"delta": "logits"}, **linear)


def test_randomness_is_noticed_and_tamed_by_a_seed():
    def dropped(w, x):
        return np.sum(w * x * (np.random.rand(50) < 0.5))

    def gradient(w, x):
        return x * (np.random.rand(50) < 0.5)

    given = {"w": np.ones(50), "x": np.arange(1.0, 51.0)}
    report = check_gradients(dropped, gradient, wrt="w", **given)
    assert [f.cause for f in report.findings] == ["random"]
    assert "seed=" in str(report)
    state = np.random.get_state()[1].copy()
    assert check_gradients(dropped, gradient, wrt="w", seed=3, **given).ok
    assert np.array_equal(np.random.get_state()[1], state)


def test_gradients_that_pile_up_are_noticed():
    kept = {"W": np.zeros_like(W), "b": np.zeros_like(b)}

    def piling(W, b, X, y, reg):
        for name, value in right(W, b, X, y, reg).items():
            kept[name] += value
        return kept

    report = check_gradients(loss, piling, **linear)
    assert [f.cause for f in report.findings] == ["accumulated"]


def test_inputs_that_are_changed_in_place_are_told_and_spared():
    def careless(W, b, X, y, reg):
        found = right(W, b, X, y, reg)
        X -= X.mean(axis=0)
        return found

    before = X.copy()
    report = check_gradients(loss, careless, **linear)
    assert report.ok
    assert "changes X in place" in report.notes[0]
    assert np.array_equal(X, before)
    model = Model()

    def stepping(X, y):
        value, found = Model.loss(model, X, y)
        model.params["W"] -= 0.1 * found["W"]
        return value, found

    report = check_gradients(stepping, params=model.params, X=X, y=y)
    assert "changes W in place" in report.notes[0]


# --- kinks, sizes, precision ---


def test_a_kink_at_the_inputs_is_no_mistake():
    def ramp(x, G):
        return np.sum(np.maximum(0, x) * G)

    def other_convention(x, G):
        return (x >= 0) * G

    given = {"x": np.array([0.0, 0.0, 1.0, -1.0]), "G": np.arange(1.0, 5.0)}
    report = check_gradients(ramp, other_convention, wrt="x", **given)
    assert report.ok
    assert "2 of 4 entries of dx differ at the inputs given" in report.notes[0]


def test_what_is_wrong_only_at_the_inputs_given_is_found():
    def loss(x):
        return np.sum(x**2)

    def sometimes(x):
        return 2 * x * (1 + (np.abs(x - 0.123456) < 1e-3))

    report = check_gradients(loss, sometimes, wrt="x", x=np.array([0.123456, 1.0]))
    assert [f.cause for f in report.findings] == ["unexplained"]
    assert "1 of 2 entries differ at the inputs given" in str(report)


def test_a_gradient_for_one_size_is_checked_at_that_size():
    def fixed(W, b, X, y, reg):
        found = right(W, b, X, y, reg)
        return {"W": found["W"].reshape(5, 3), "b": found["b"]}

    report = check_gradients(loss, fixed, **linear)
    assert report.ok
    assert "runs at the sizes given only" in report.notes[0]


def test_a_gradient_in_single_precision_is_right():
    def single(W, b, X, y, reg):
        W, b, X = (a.astype(np.float32) for a in (W, b, X))
        return right(W, b, X, y, np.float32(reg))

    assert check_gradients(loss, single, **linear).ok
    narrow = {n: v.astype(np.float32) if n in "WbX" else v for n, v in linear.items()}
    assert check_gradients(loss, right, **narrow).ok


def test_large_inputs_are_sampled():
    large = {"W": rng.standard_normal((3073, 10)), "b": np.zeros((1, 10)), "reg": 0.1,
             "X": rng.standard_normal((1000, 3073)), "y": rng.integers(0, 10, 1000)}  # fmt: skip
    shapes = []

    def noting(W, b, X, y, reg):
        shapes.append(X.shape)
        return without_regulariser(W, b, X, y, reg)

    report = check_gradients(loss, noting, wrt=("W", "b"), **large)
    assert report.findings[0].cause == "term_missing"
    assert "large" in report.notes[0]
    assert max(shapes) < (100, 100)
    assert check_gradients(loss, right, **large).ok

    def value_dependent(w):
        return np.sum(w) if w[0] > 0 else -np.sum(w)

    assert check_gradients(
        value_dependent, lambda w: np.ones(w.shape), wrt="w", w=np.ones(1_000_001)
    ).ok


# --- losses that cannot be derived ---


def test_a_function_without_a_rule_falls_back_on_numerical_derivatives():
    def loss(w, X):
        return float(np.sum(np.sinc(X @ w)))  # leaves the tape

    def wrong(w, X):
        return 2.0 * X.T @ slope(X @ w)

    def transposed(W, X):
        return (X.T @ slope(X @ W)).T

    def slope(z):
        z = np.where(z == 0, 1e-20, z)
        return (np.pi * z * np.cos(np.pi * z) - np.sin(np.pi * z)) / (np.pi * z**2)

    w = rng.standard_normal(D)
    report = check_gradients(loss, lambda w, X: X.T @ slope(X @ w), wrt="w", w=w, X=X)
    assert report.ok
    assert report.right == ("dw",)
    assert "numerical derivatives" in report.notes[0]
    report = check_gradients(loss, wrong, wrt="w", w=w, X=X)
    assert report.findings[0].cause == "scaled"
    assert "2 times" in str(report)

    def loss_of_matrix(W, X):
        return float(np.sum(np.sinc(X @ W)))

    report = check_gradients(loss_of_matrix, transposed, wrt="W", W=W, X=X)
    assert report.findings[0].cause == "transposed"
    report = check_gradients(loss_of_matrix, lambda W, X: np.cos(W), wrt="W", W=W, X=X)
    assert report.findings[0].cause == "unexplained"


def test_along_directions_where_there_are_many_entries():
    def loss(w):
        return float(np.sum(w**3))

    w = rng.standard_normal(500)
    assert check_gradients(loss, lambda w: 3 * w**2, wrt="w", w=w).ok
    report = check_gradients(loss, lambda w: 3.01 * w**2, wrt="w", w=w)
    assert "random directions" in str(report)
    assert not check_gradients(loss, lambda w: w[:, None], wrt="w", w=w).ok


def test_kinks_are_left_out_of_numerical_comparisons():
    def loss(w):
        return float(np.sum(np.maximum(w, 0)))

    w = np.array([0.0, 1.0, -1.0, 2.0])
    report = check_gradients(loss, lambda w: (w >= 0) * 1.0, wrt="w", w=w)
    assert report.ok
    assert any("at a kink" in note for note in report.notes)
    assert (
        check_gradients(loss, lambda w: (w >= 0) * -1.0, wrt="w", w=w).findings[0].cause == "sign"
    )


def test_automatic_gradients_serve_where_no_formula_can(monkeypatch):
    def refuse(*_, **__):
        raise tg.DerivationError("no formula")

    monkeypatch.setattr("tinygrad_softmax.check.gradients.Formulas", refuse)
    report = check_gradients(loss, right, **linear)
    assert report.ok
    assert "automatic gradients" in report.notes[0]
    assert "DerivationError: no formula" in report.notes[1]
    tripled = check_gradients(loss, lambda **kw: 3 * right(**kw)["b"], wrt="b", **linear)
    assert tripled.findings[0].cause == "scaled"
    column = check_gradients(loss, lambda **kw: right(**kw)["b"][0], wrt="b", **linear)
    assert column.findings[0].cause == "shape"
