"""L-BFGS finds the minimum, whatever the units of X; what did not converge is said."""

import importlib
import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classifiers import problems
from tinygrad_softmax import SoftmaxClassifier, by_hand
from tinygrad_softmax.core.errors import AnomalyError
from tinygrad_softmax.datasets import case_study

pytest.importorskip("scipy", reason="needs the extra `fast`")

X, y, LINEAR, _ = case_study()
rng = np.random.default_rng(0)


def heard(fit, *data, **settings):
    """The classifier, and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = fit(*data, **settings)
    return model, [str(warning.message) for warning in caught]


def table(name):
    return getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")(return_X_y=True)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("reg", [1.0, 1e-3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_coefficients_are_those_of_logistic_regression(name, reg, class_weight, weighted):
    """On data as they are, without scaling: there the default used to end far from the minimum."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = table(name)
    weights = np.random.default_rng(1).integers(0, 4, len(y)) + 0.5 if weighted else None
    ours = SoftmaxClassifier(reg=reg, class_weight=class_weight, tol=1e-10, max_iter=5000)
    ours.fit(X, y, weights)
    if class_weight == "balanced":
        total = len(y) if weights is None else weights.sum()
    else:
        by_class = np.array([(class_weight or {}).get(k, 1.0) for k in range(y.max() + 1)])
        total = np.sum(by_class[y] * (1 if weights is None else weights))
    theirs = linear_model.LogisticRegression(
        C=(2 if y.max() == 1 else 1) / (reg * total), solver="newton-cholesky", tol=1e-13,
        max_iter=1000, class_weight=class_weight,
    ).fit(X, y, weights)  # fmt: skip
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.* did not converge")  # separable data have no minimum
@given(problem=problems(), data=st.data())
def test_the_units_of_a_column_change_nothing(problem, data):
    classifier, X, y = problem
    classifier.set_params(hidden=None, init=None, random_state=0, reg=0.0)
    scale = 10.0 ** np.array(data.draw(st.lists(st.integers(-5, 5), min_size=8, max_size=8)))
    scale, shift = scale[: X.shape[1]], rng.standard_normal(X.shape[1])
    curve = classifier.fit(X, y).loss_curve_
    there = classifier.fit(scale * (X + shift), y)
    np.testing.assert_allclose(there.loss_curve_, curve, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("dtype", "constant"),
    [(np.float32, 0.0), (np.float32, 0.1), (np.float64, 0.1), (np.float64, 1e6)],
)
@pytest.mark.parametrize("reg", [0.0, 1e-3])
def test_a_constant_column_does_no_harm(dtype, constant, reg):
    wide = np.hstack([X, np.full((len(X), 1), constant)]).astype(dtype)
    model = SoftmaxClassifier(reg=reg, tol=1e-3).fit(wide, y)
    assert model.score(wide, y) == pytest.approx(SoftmaxClassifier(reg=reg).fit(X, y).score(X, y),
                                                 abs=0.02)  # fmt: skip


def test_the_gradient_at_the_end_is_within_tol_in_single_precision_too():
    for dtype, tol in [(np.float32, 1e-4), (np.float64, 1e-9)]:
        model = SoftmaxClassifier(tol=tol).fit(X.astype(dtype), y)
        step = by_hand.linear(*(p.astype(float) for p in model.parameters_), X, y, 1e-3)
        assert max(np.abs(step.dW).max(), np.abs(step.db).max()) < 2 * tol


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_raw_data_end_at_the_minimum_or_with_a_word(name):
    pytest.importorskip("sklearn")
    X, y = table(name)
    model, said = heard(SoftmaxClassifier(random_state=0).fit, X, y)
    assert not said
    assert model.score(X, y) > 0.95
    for settings in ({"solver": "sgd"}, {"batch_size": 32}, {"max_iter": 5, "tol": 1e-9}):
        _, said = heard(SoftmaxClassifier(random_state=0, **settings).fit, X, y)
        assert len(said) == 1
        assert "did not converge" in said[0]
        assert "raise max_iter" in said[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_iter": 3}, r"lbfgs .* after 3 .* gradient is .*tol is 0.0001; raise max_iter.* 3"),
        ({"tol": 0.0}, r"lbfgs .* no step lowers the loss, .* any further in float64"),
        ({"step_size": 1.0, "max_iter": 5}, r"sgd .* after 5 iterations .* set solver='lbfgs'"),
        ({"step_size": 1.0, "tol": 1e-9}, r"sgd .* and tol=1e-09 is not met"),
        ({"step_size": 0.01, "tol": 0.1}, r"sgd .* after 11 iterations"),
    ],
)
def test_what_did_not_converge_is_said(settings, message):
    with pytest.warns(UserWarning, match=message):
        SoftmaxClassifier(init=LINEAR, **settings).fit(X, y)


@pytest.mark.parametrize("settings", [{}, {"step_size": 1.0}, {"step_size": 1.0, "tol": 1e-4}])
def test_what_converged_is_silent(settings):
    assert not heard(SoftmaxClassifier(init=LINEAR, **settings).fit, X, y)[1]


def test_who_stops_it_is_not_warned():
    stop = SoftmaxClassifier(callback=lambda i, loss, model: i == 1).fit(X, y)
    assert stop.n_iter_ == 2


def test_the_callback_sees_where_lbfgs_is():
    seen = []

    def look(iteration, loss, model):
        step = by_hand.linear(*model.parameters_, X, y, model.reg)
        seen.append((iteration, loss - step.loss, model.n_iter_))

    model = SoftmaxClassifier(callback=look).fit(X, y)
    assert [i for i, *_ in seen] == list(range(model.n_iter_)) == [n - 1 for *_, n in seen]
    assert max(abs(difference) for _, difference, _ in seen) < 1e-12
    assert (np.diff(model.loss_curve_) < 1e-14).all()


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [({}, "lbfgs"), ({"tol": 1e-3, "engine": "eager", "max_iter": 9}, "lbfgs"),
     ({"solver": "sgd"}, "sgd"), ({"step_size": 1.0}, "sgd"), ({"momentum": 0.5}, "sgd"),
     ({"batch_size": 1000}, "sgd")],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.* did not converge")
def test_gradient_descent_is_chosen_by_its_settings(settings, chosen):
    """It is known by its first loss, that of the start: L-BFGS tells of the first step's end."""
    model = SoftmaxClassifier(init=LINEAR, reg=0.0, **settings).fit(X, y)
    start = by_hand.linear(*LINEAR, X, y, 0.0).loss
    assert (model.loss_curve_[0] == pytest.approx(start, rel=1e-12)) == (chosen == "sgd")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "lbfgs", "momentum": 0.9}, "momentum=0.9 is for solver='sgd'"),
        ({"solver": "lbfgs", "step_size": 1.0, "batch_size": 3}, "step_size=1.0, batch_size=3 is"),
        ({"solver": "sgd", "penalty": "l1"}, "penalty='l1' needs solver='lbfgs', but solver='sgd'"),
        ({"batch_size": 9, "penalty": "elasticnet"}, "but batch_size=9 asks for gradient descent"),
        ({"solver": "adam"}, "solver must be 'auto', 'lbfgs' or 'sgd', got 'adam'"),
        ({"penalty": None}, "penalty must be 'l2', 'l1' or 'elasticnet', got None"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier(**settings).fit(X, y)


@given(problem=problems(), ratio=st.sampled_from([1.0, 0.5, 0.0]))
@pytest.mark.filterwarnings("ignore:.* did not converge")
def test_with_l1_the_end_is_a_minimum(problem, ratio):
    """Where a weight is zero, its slope is less than the penalty's; elsewhere they cancel."""
    classifier, X, y = problem
    if classifier.hidden:
        classifier.set_params(hidden=None)
    classifier.set_params(init=None, penalty="elasticnet", l1_ratio=ratio, reg=0.1, tol=1e-9)
    model = classifier.set_params(max_iter=2000, random_state=0).fit(X, y)
    W, b = model.parameters_
    step = by_hand.linear(W, b, X, y, 0.1 * (1 - ratio))
    l1 = 0.1 * ratio
    assert (np.abs(step.dW[W == 0]) <= l1 + 1e-6).all()
    np.testing.assert_allclose(step.dW[W != 0], -l1 * np.sign(W[W != 0]), atol=1e-6)
    np.testing.assert_allclose(step.db, 0, atol=1e-6)
    assert model.loss_ == pytest.approx(step.loss + l1 * np.abs(W).sum(), rel=1e-12)


def test_l1_leaves_columns_out():
    noisy = np.hstack([X, rng.standard_normal((len(X), 20))])
    W, _ = SoftmaxClassifier(reg=0.05, penalty="l1").fit(noisy, y).parameters_
    assert (W[2:] == 0).mean() > 0.9
    assert (W[:2] != 0).any(axis=1).all()


@pytest.mark.parametrize("hidden", [(), 8, (8,), [9, 5], (4, 4, 4)])
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
@pytest.mark.filterwarnings("ignore:.* did not converge")
def test_any_number_of_layers(hidden, solver):
    model = SoftmaxClassifier(hidden, solver=solver, random_state=1, max_iter=100).fit(X, y)
    sizes = [2, *np.atleast_1d(np.array(hidden, int)), 3]
    shapes = [s for n, m in pairwise(sizes) for s in ((n, m), (1, m))]
    assert [p.shape for p in model.parameters_] == shapes
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    again = SoftmaxClassifier(hidden, solver=solver, random_state=1, max_iter=100).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.filterwarnings("ignore:.* did not converge")
def test_a_network_learns_the_spiral():
    assert SoftmaxClassifier((32, 16), random_state=0, max_iter=500, tol=1e-3).fit(
        X, y
    ).score(X, y) > 0.97  # fmt: skip


def test_examples_that_overflow_are_refused():
    with pytest.raises(AnomalyError, match="scale X"):
        SoftmaxClassifier().fit(1e200 * X, y)


@pytest.mark.parametrize("missing", ["scipy", "sklearn"])
def test_without_scipy_it_descends(missing):
    program = f"""
import sys
sys.modules["scipy"] = sys.modules[{missing!r}] = None
from tinygrad_softmax import SoftmaxClassifier, datasets
X, y, linear, _ = datasets.case_study()
model = SoftmaxClassifier(init=linear).fit(X, y)
print(f"{{model.loss_curve_[190]:.6f}} {{model.predict(X[:1]).shape}}")
for settings in ({{"solver": "lbfgs"}}, {{"penalty": "l1"}}):
    try:
        SoftmaxClassifier(**settings).fit(X, y)
    except (ImportError, ValueError) as error:
        print(error)
"""
    arguments = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    first, second, third = done.stdout.splitlines()
    assert first == "0.786302 (1,)"
    assert second.startswith("solver='lbfgs' needs SciPy: pip install 'tinygrad-softmax[fast]'")
    assert third == "penalty='l1' needs solver='lbfgs', but SciPy, which has it, is missing"
