"""With scikit-learn the classifier is one of its estimators; without it, it behaves the same."""

import importlib
import inspect
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_softmax
from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.datasets import case_study

X, y, LINEAR, _ = case_study()
SETTINGS = {"hidden": 7, "reg": 0.5, "step_size": 0.1, "tol": 1e-3, "callback": print}

#: Skipped where pandas is not installed, or the environment does not ask for array-API inputs.
MAY_SKIP = {
    "check_array_api_input",
    "check_classifier_data_not_an_array",
    "check_sample_weights_pandas_series",
}
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


@pytest.mark.no_cover
@pytest.mark.parametrize("hidden", [None, 100])
def test_scikit_learn_finds_nothing_to_complain_of(hidden):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    results = checks.check_estimator(SoftmaxClassifier(hidden), on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert not failed
    assert skipped <= MAY_SKIP
    assert len(results) > 50


def test_it_works_inside_scikit_learn():
    base = pytest.importorskip("sklearn.base")
    selection = importlib.import_module("sklearn.model_selection")
    copy = base.clone(SoftmaxClassifier(init=LINEAR, max_iter=20))
    assert base.is_classifier(copy)
    np.testing.assert_array_equal(copy.init[0], LINEAR.W)
    folds = selection.StratifiedKFold(3, shuffle=True, random_state=0)
    search = selection.GridSearchCV(copy, {"reg": [1e-3, 1e3]}, cv=folds).fit(X, y)
    assert search.best_params_ == {"reg": 1e-3}


@pytest.fixture
def alone(monkeypatch):
    """The class as it is where scikit-learn cannot be imported."""
    for name in ["sklearn", *(name for name in sys.modules if name.startswith("sklearn."))]:
        monkeypatch.setitem(sys.modules, name, None)
    package = "tinygrad_softmax.classifier"
    monkeypatch.setattr(tinygrad_softmax, "classifier", sys.modules[package])  # put back afterwards
    for name in [name for name in sys.modules if name.startswith(package)]:
        monkeypatch.delitem(sys.modules, name)
    found = importlib.import_module(package).SoftmaxClassifier
    assert found.__mro__[2].__module__ == f"{package}.conventions"
    return found


def test_without_scikit_learn_it_learns_the_same(alone):
    settings = {"hidden": 5, "max_iter": 20, "batch_size": 90, "momentum": 0.3, "random_state": 3}
    here, there = (kind(**settings).fit(X, y) for kind in (alone, SoftmaxClassifier))
    np.testing.assert_array_equal(here.predict_proba(X), there.predict_proba(X))
    assert here.score(X, y) == there.score(X, y)
    assert here.n_features_in_ == 2
    assert here.fit(X.tolist(), y.tolist()).predict(X[:3].tolist()).shape == (3,)


@pytest.mark.parametrize("kind", ["alone", "here"])
def test_settings_go_round(kind, request):
    kind = request.getfixturevalue("alone") if kind == "alone" else SoftmaxClassifier
    arguments = inspect.signature(kind).parameters
    assert kind(**SETTINGS).get_params() == {k: v.default for k, v in arguments.items()} | SETTINGS
    assert kind().set_params(**SETTINGS).get_params() == kind(**SETTINGS).get_params()
    assert repr(kind(hidden=7, reg=0.5)) == "SoftmaxClassifier(hidden=7, reg=0.5)"
    assert repr(kind()) == "SoftmaxClassifier()"
    classifier = kind()
    with pytest.raises(ValueError, match="'depth'"):
        classifier.set_params(depth=3)
    assert classifier.set_params() is classifier


def test_without_scikit_learn_the_errors_are_the_same(alone):
    conventions = importlib.import_module(alone.__module__.replace("estimator", "conventions"))
    with pytest.raises(conventions.NotFittedError):
        alone().predict(X)
    with pytest.warns(conventions.DataConversionWarning):
        alone(max_iter=1).fit(X, y[:, None])
    with pytest.warns(conventions.ConvergenceWarning):
        alone(step_size=1.0, random_state=0).fit(100 * X, y)
    for wrong, message in [
        (X[:, 0], r"got 1D array of shape \(300,\)\. Reshape your data, with X\.reshape\(-1, 1\)"),
        (X[:0], r"0 sample\(s\) \(shape=\(0, 2\)\)"),
        (X[:, :0], r"0 feature\(s\) \(shape=\(300, 0\)\)"),
        (X * 1j, "Complex data not supported"),
        (np.where(X > 0, np.nan, X), "X contains NaN, first in row 1, column 0"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            alone().fit(wrong, y)
    with pytest.raises(ValueError, match="X has 3 features, but SoftmaxClassifier is expecting 2"):
        alone(max_iter=1).fit(X, y).predict(np.ones((1, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_without_scikit_learn_precision_is_kept(alone, dtype):
    classifier = alone(max_iter=2).fit((10 * X).astype(dtype), y)
    assert classifier.coef_.dtype == (np.float32 if dtype is np.float32 else np.float64)


def test_a_process_without_scikit_learn_trains_and_pickles():
    program = """
import sys
sys.modules["sklearn"] = None
import pickle
from tinygrad_softmax import SoftmaxClassifier, datasets
X, y, linear, _ = datasets.case_study()
model = SoftmaxClassifier(step_size=1.0, init=linear).fit(X, y)
print(f"{model.loss_curve_[190]:.6f} {pickle.loads(pickle.dumps(model)).score(X, y):.2f}")
"""
    arguments = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout == "0.786302 0.49\n"


def test_importing_the_package_does_not_import_scikit_learn():
    program = "import sys, tinygrad_softmax; sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
