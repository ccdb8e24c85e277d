"""What a fitted classifier answers is consistent, and in the terms it was asked in."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classifiers import problems
from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.datasets import case_study

X, y, *_ = case_study()
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


@given(problems(), st.randoms(use_true_random=False))
def test_renaming_the_classes_permutes_the_columns(problem, random):
    classifier, X, y = problem
    before = copy.deepcopy(classifier).fit(X, y)
    place = list(range(len(before.classes_)))
    random.shuffle(place)  # class k becomes the letter of place[k]
    letters = np.array(list("abcdef"))[place]
    order = np.argsort(place)
    *first, W, b = classifier.init
    after = classifier.set_params(init=[*first, W[:, order], b[:, order]]).fit(X, letters[y])
    np.testing.assert_array_equal(after.classes_, np.sort(letters))
    np.testing.assert_allclose(after.predict_proba(X), before.predict_proba(X)[:, order], 1e-7)
    np.testing.assert_array_equal(after.predict(X), letters[before.predict(X)])


@given(problems())
def test_predictions_agree_with_each_other(problem):
    classifier, X, y = problem
    classifier.fit(X, y)
    probs = classifier.predict_proba(X)
    predicted = classifier.predict(X)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(classifier.predict_log_proba(X), np.log(probs), atol=1e-12)
    np.testing.assert_array_equal(predicted, classifier.classes_[probs.argmax(axis=1)])
    assert classifier.score(X, y) == np.mean(predicted == y)
    scores = classifier.decision_function(X)
    if len(classifier.classes_) == 2:
        np.testing.assert_array_equal(predicted, (scores > 0).astype(int))
        np.testing.assert_allclose(np.log(probs[:, 1] / probs[:, 0]), scores, atol=1e-12)
    else:
        np.testing.assert_array_equal(predicted, scores.argmax(axis=1))
    if classifier.hidden is None:
        linear = X @ classifier.coef_.T + classifier.intercept_
        np.testing.assert_allclose(linear.reshape(scores.shape), scores, atol=1e-12)


def test_log_probabilities_are_finite_where_probabilities_round_to_zero():
    classifier = SoftmaxClassifier(reg=0.0, max_iter=1, init=[[[-1e4, 1e4]], [0.0, 0.0]])
    classifier.fit([[-1.0], [1.0]], ["left", "right"])
    np.testing.assert_array_equal(classifier.predict_proba([[1.0]]), [[0.0, 1.0]])
    assert classifier.predict_log_proba([[1.0]])[0, 0] == pytest.approx(-2e4)


@pytest.mark.parametrize("labels", ["xyz", [-1, 3, 700], [2.0, 0.0, 1.0], [False, True, True]])
def test_labels_of_any_kind_come_back(labels):
    names = np.array(list(labels))
    predicted = SoftmaxClassifier(max_iter=20).fit(X, names[y]).predict(X)
    assert predicted.dtype == names.dtype
    assert set(predicted) <= set(names)
    as_objects = SoftmaxClassifier(max_iter=20).fit(X, names.astype(object)[y])
    assert as_objects.classes_.tolist() == sorted(set(names.tolist()))


def test_a_column_of_labels_is_flattened_with_a_warning():
    with pytest.warns(UserWarning, match=r"column-vector y .*\(300, 1\); pass y\.ravel\(\)"):
        classifier = SoftmaxClassifier(max_iter=3, random_state=0).fit(X, y[:, None])
    other = SoftmaxClassifier(max_iter=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(classifier.coef_, other.coef_)


def test_a_pickled_classifier_predicts_the_same():
    classifier = SoftmaxClassifier(hidden=3, max_iter=3).fit(X, y)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_a_network_has_no_coefficients():
    assert not hasattr(SoftmaxClassifier(3, max_iter=1).fit(X, y), "coef_")
    assert not hasattr(SoftmaxClassifier(), "intercept_")
