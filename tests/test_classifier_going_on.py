"""Training goes on: from the last fit, part by part, or until unseen examples are done with."""

import copy
import pickle

import numpy as np
import pytest

from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.core.errors import LabelError
from tinygrad_softmax.datasets import case_study, spiral

X, y, LINEAR, _ = case_study()
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here
HALVES = [slice(0, None, 2), slice(1, None, 2)]


@pytest.mark.parametrize("settings", [{}, {"batch_size": 40}, {"momentum": 0.5}, {"hidden": 4}])
def test_partial_fit_is_a_pass_of_gradient_descent(settings):
    settings = {"random_state": 3, "step_size": 0.5, "hidden": None} | settings
    whole = SoftmaxClassifier(max_iter=7, **settings).fit(X, y)
    parts = SoftmaxClassifier(**settings)
    for _ in range(7):
        parts.partial_fit(X, y, classes=[2, 0, 1])
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-10)
    assert parts.n_iter_ == 7


def test_parts_need_not_have_every_class():
    order = np.argsort(y, kind="stable")
    model = SoftmaxClassifier(random_state=0, step_size=0.1)
    for _ in range(60):
        for part in np.array_split(order, 3):
            model.partial_fit(X[part], np.array(list("cab"))[y[part]], classes=["a", "b", "c"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.score(X, np.array(list("cab"))[y]) > 0.4


def test_partial_fit_goes_on_after_fit_and_pickling():
    fitted = SoftmaxClassifier(random_state=0).fit(X, y)
    before = fitted.loss_
    copied = pickle.loads(pickle.dumps(copy.deepcopy(fitted).partial_fit(X, y)))
    for _ in range(3):
        np.testing.assert_array_equal(
            fitted.partial_fit(X, y).parameters_[0], copied.parameters_[0]
        )
        copied.partial_fit(X, y)
    assert fitted.loss_ <= before + 1e-12
    assert fitted.fit(X[:, :1], y).parameters_[0].shape == (1, 3)
    assert fitted.partial_fit(X[:, :1], y).parameters_[0].shape == (1, 3)


@pytest.mark.parametrize(
    ("settings", "labels", "classes", "message"),
    [
        ({}, y, None, "classes must be passed on the first call to partial_fit"),
        ({}, y, [0, 1], r"the label .*2.* in row 200 is none of the classes .* 0, 1: name all"),
        ({}, y.astype(int) - 1, [0, 1, 2], r"the label .*-1.* in row 0 is none of the classes"),
        ({"solver": "lbfgs"}, y, [0, 1, 2], "partial_fit takes steps of solver='sgd'.*warm_start"),
        ({"penalty": "l1"}, y, [0, 1, 2], "penalty='l2'"),
        ({"early_stopping": True}, y, [0, 1, 2], "without early_stopping"),
        ({"class_weight": "balanced"}, y, [0, 1, 2], "needs all examples at once"),
    ],
)
def test_what_cannot_be_trained_in_parts(settings, labels, classes, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier(**settings).partial_fit(X, labels, classes=classes)


def test_later_parts_must_fit_the_first():
    model = SoftmaxClassifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] is not the same as"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="X has 1 features"):
        model.partial_fit(X[:, :1], y)
    with pytest.raises(LabelError, match="is none of the classes"):
        model.partial_fit(X, y + 1)
    model.partial_fit(X, y + 1, sample_weight=y < 2)  # what does not count may be anything


@pytest.mark.parametrize("settings", [{"hidden": 5}, {"step_size": 1.0},
                                      {"hidden": 5, "momentum": 0.5}])  # fmt: skip
def test_warm_start_goes_on_where_the_last_fit_ended(settings):
    model = SoftmaxClassifier(random_state=0, warm_start=True, max_iter=15, **settings)
    first = model.fit(X, y).loss_curve_
    second = model.fit(X, y).loss_curve_
    assert second[0] < first[0]
    assert second[-1] < first[-1]
    anew = SoftmaxClassifier(random_state=0, max_iter=15, **settings).fit(X, y)
    assert anew.loss_curve_ == first


def test_a_warm_start_at_the_minimum_is_over_at_once():
    model = SoftmaxClassifier(warm_start=True).fit(X, y)
    coefficients, loss = model.coef_.copy(), model.loss_
    assert model.fit(X, y).n_iter_ == 1
    np.testing.assert_allclose(model.coef_, coefficients, atol=1e-12)
    assert model.loss_ == pytest.approx(loss, rel=1e-12)


def test_a_warm_start_needs_the_same_classes():
    model = SoftmaxClassifier(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"classes of the last fit, \[0, 1, 2\], .* \[1, 2, 3\]"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match=r"sizes 1, 3 it needs \(1, 3\)"):
        model.fit(X[:, :1], y)


@pytest.mark.parametrize("settings", [{"solver": "sgd", "momentum": 0.9}, {"tol": 0.0},
                                      {"batch_size": 30, "step_size": 1.0}])  # fmt: skip
def test_early_stopping_returns_to_the_best(settings):
    """Examples with noise in the labels, and a network that could learn them by heart."""
    X, y = spiral(30, random_state=1)
    rng = np.random.default_rng(0)
    y = np.where(rng.uniform(size=len(y)) < 0.3, rng.integers(0, 3, len(y)), y)
    model = SoftmaxClassifier(
        50, reg=0, early_stopping=True, validation_fraction=0.3, n_iter_no_change=15,
        max_iter=2000, random_state=0, **settings,
    ).fit(X, y)  # fmt: skip
    curve = model.validation_curve_
    assert len(curve) == model.n_iter_ < 2000
    assert np.argmin(curve) == len(curve) - 1 - 15
    probabilities = model.predict_proba(X)[np.arange(len(y)), y]
    assert len(curve) == len(model.loss_curve_)
    assert np.isfinite(np.log(probabilities)).all()


def test_what_is_kept_back_is_a_part_of_each_class_and_not_trained_on():
    labels = np.repeat([0, 1, 2], [150, 100, 50])
    X = np.random.default_rng(0).standard_normal((300, 2))
    seen = []
    model = SoftmaxClassifier(
        early_stopping=True, validation_fraction=0.2, random_state=0, step_size=1e-300, reg=0,
        max_iter=1, callback=lambda i, loss, model: seen.append(model._kept.rows),
    ).fit(X, labels)  # fmt: skip
    assert np.bincount(seen[0].y).tolist() == [30, 20, 10]
    kept = (X[:, None] == seen[0].X[None]).all(axis=2).any(axis=1)
    scores = X @ model.parameters_[0] + model.parameters_[1]
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(300), labels]
    assert model.loss_ == pytest.approx(losses[~kept].mean())
    assert model.validation_curve_ == [pytest.approx(losses[kept].mean())]


def test_a_training_that_ran_out_of_iterations_before_it_stopped_early_is_said():
    with pytest.warns(UserWarning, match="lbfgs did not converge: after 3 iterations"):
        SoftmaxClassifier(5, early_stopping=True, max_iter=3, random_state=0).fit(X, y)


def test_early_stopping_with_one_example_of_each_class():
    with pytest.raises(ValueError, match="there is but one example of each"):
        SoftmaxClassifier(early_stopping=True).fit(X[:3], [0, 1, 2])
