"""What a classifier cannot learn from, it refuses, saying where and what to do."""

import numpy as np
import pytest

from tinygrad_softmax import SoftmaxClassifier, Tensor
from tinygrad_softmax.core.errors import (
    AnomalyError,
    DataError,
    GradientLostError,
    LabelError,
    ShapeError,
)
from tinygrad_softmax.datasets import case_study

X, y, *_ = case_study()
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


def spoiled(array, at, value):
    array = np.array(array, float)
    array[at] = value
    return array


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (spoiled(X, (7, 1), np.nan), "NaN, first in row 7, column 1: leave such rows out"),
        (spoiled(X, (7, 1), -np.inf), r"infinity \(inf\), first in row 7, column 1"),
        (spoiled(spoiled(X, 9, np.inf), (8, 0), np.nan), "NaN, first in row 8, column 0"),
        (X[:, 0], r"Expected 2D array, got 1D array(.|\n)*reshape\(-1, 1\)"),
        (X[0, 0], "Expected 2D array"),
        (X[:, :, None], "2"),
        (X[:0], r"\(0, 2\)"),
        (X[:, :0], r"\(300, 0\)"),
        (X * 1j, "Complex data not supported"),
        ([["a", "b"]] * 300, "could not convert string to float"),
    ],
)
def test_examples_that_are_no_finite_matrix(examples, message):
    with pytest.raises((ValueError, TypeError), match=message):
        SoftmaxClassifier().fit(examples, y)


MASKED = np.ma.masked_array(X, X > 0.5)


@pytest.mark.parametrize(
    "use",
    [lambda fit: fit(MASKED, y), lambda fit: fit(X, np.ma.masked_array(y, y == 1)),
     lambda fit: fit(X, y, sample_weight=np.ma.masked_array(np.ones(300), y == 1)),
     lambda fit: fit(X, y).predict(MASKED),
     lambda fit: fit(X, y).score(X, np.ma.masked_array(y, y == 1))],
)  # fmt: skip
def test_masks_are_not_dropped(use):
    with pytest.raises(DataError, match="would lose its mask"):
        use(SoftmaxClassifier(max_iter=1).fit)


def test_a_tensor_of_examples_is_told_to_leave_the_tape():
    with pytest.raises(GradientLostError, match=r"t\.data"):
        SoftmaxClassifier().fit(Tensor(X), y)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (y[:-2], "298 labels for 300 examples: row 298 has no label"),
        ([*y, 1], "301 labels for 300 examples: row 300 has no example"),
        (np.eye(3)[y], r"1d array.*\(300, 3\).*argmax"),
        (None, r"1d array.*\(\)"),
        (y + 0.5, "continuous: y is 0.5 in row 0; classes are whole numbers"),
        (spoiled(y, 11, np.nan), "y is nan in row 11"),
        (spoiled(y, 11, np.inf), "y is inf in row 11"),
        (np.where(np.arange(300) == 4, None, y), "missing: y is None in row 4; leave"),
        (np.where(np.arange(300) == 4, np.nan, y.astype(object)), "missing: y is nan in row 4"),
        (np.where(y == 0, "a", y.astype(object)), r"cannot be sorted.*y\.astype\(str\)"),
        (np.zeros(300, int), "all of one class, .*0.*: a classifier needs at least two"),
    ],
)
def test_labels_that_are_no_classes(labels, message):
    with pytest.raises(LabelError, match=message):
        SoftmaxClassifier().fit(X, labels)


def test_scoring_checks_the_labels_too():
    with pytest.raises(LabelError, match="299 labels for 300 examples"):
        SoftmaxClassifier(max_iter=1).fit(X, y).score(X, y[1:])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(299), r"\(299,\) where \(300,\), one per example"),
        (np.ones((300, 1)), r"\(300, 1\)"),
        (spoiled(np.ones(300), 5, -0.5), r"-0\.5 in row 5; a weight says how often"),
        (spoiled(np.ones(300), 5, np.nan), "nan in row 5"),
        (np.zeros(300), "every sample_weight is zero"),
        (y == 1, "the examples that count are all of one class"),
    ],
)
def test_weights_that_do_not_weigh(weights, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier().fit(X, y, weights)


@pytest.mark.parametrize(
    ("setting", "values", "wanted"),
    [
        (
            "hidden",
            [0, -1, 2.5, "many", True, (3, 0), [True]],
            "None, an integer of at least 1, or a",
        ),
        ("reg", [-1e-9, np.nan, np.inf, None], "a number of at least 0"),
        ("step_size", [0, -1.0, np.nan, "big", None], "'auto' or a number above 0"),
        ("momentum", [-0.1, 1, np.nan], "a number of at least 0 and below 1"),
        ("max_iter", [0, -5, 10.0], "an integer of at least 1"),
        ("tol", [-1e-4, "low"], "None or a number of at least 0"),
        ("batch_size", [0, 0.5], "None or an integer of at least 1"),
        ("verbose", [-1, "yes"], "'auto', a bool or an integer of at least 0"),
        ("callback", [3], "None or a function"),
        ("l1_ratio", [-0.1, 1.1, True], "a number from 0 to 1"),
        ("validation_fraction", [0, 1.0], "a number above 0 and below 1"),
        ("warm_start", [1, "yes"], "True or False"),
        ("engine", [None, "fast"], "'compiled' or 'eager'"),
    ],
)
def test_settings_out_of_range_are_named(setting, values, wanted):
    for value in values:
        with pytest.raises(ValueError, match=f"^{setting} must be {wanted}.*, got ") as caught:
            SoftmaxClassifier(**{setting: value}).fit(X, y)
        assert str(caught.value).endswith(f"got {value!r}")


@pytest.mark.parametrize(
    ("hidden", "init", "message"),
    [
        (
            None,
            [np.ones((2, 2)), np.ones(3)],
            r"\(2, 2\), \(3,\).*2, 3 it needs \(2, 3\), \(1, 3\)",
        ),
        (None, [np.ones((2, 3))], r"it needs \(2, 3\), \(1, 3\)"),
        (4, [np.ones((2, 3)), np.ones(3)], r"sizes 2, 4, 3 it needs \(2, 4\), \(1, 4\), \(4, 3\)"),
    ],
)
def test_a_start_of_other_sizes(hidden, init, message):
    with pytest.raises(ShapeError, match=message):
        SoftmaxClassifier(hidden, init=init).fit(X, y)


@pytest.mark.parametrize(
    "init", [[np.ones((2, 3)), [0, np.nan, 0]], [np.full((2, 3), np.inf), np.ones(3)]]
)
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_a_start_that_is_not_finite(init, solver):
    with pytest.raises(
        ValueError, match=r"init\[[01]\] is (nan|inf) at \(0, [01]\): it must be finite"
    ):
        SoftmaxClassifier(init=init, solver=solver).fit(X, y)


def test_a_label_that_wraps_around_is_warned_of():
    wrapped = (y.astype(np.uint8) - np.uint8(1)).astype(np.uint8)
    with pytest.warns(UserWarning, match=r"labels are 0 to 1 and 255, the largest uint8: 0 - 1"):
        SoftmaxClassifier().fit(X, wrapped)
    for fine in (y.astype(np.uint8), np.where(y, 255, 0).astype(np.uint8), wrapped.astype(int)):
        SoftmaxClassifier().fit(X, fine)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({3: 1.0}, "class_weight has a weight for 3, which is none of the classes 0, 1, 2"),
        ({0: -1.0}, "class_weight must have weights of at least 0"),
        ({0: 0, 1: 0, 2: 0}, "not all 0"),
        ({0: np.nan}, "at least 0"),
        ("even", "class_weight must be None, 'balanced' or a dict"),
    ],
)
def test_weights_of_no_class(weights, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier(class_weight=weights).fit(X, y)


def test_predicting_other_columns_than_fitted():
    classifier = SoftmaxClassifier(max_iter=1).fit(X, y)
    with pytest.raises(
        ValueError, match="X has 1 features, but SoftmaxClassifier is expecting 2 features"
    ):
        classifier.predict(X[:, :1])
    with pytest.raises(ValueError, match="NaN, first in row 0, column 0"):
        classifier.predict_proba([[np.nan, 1.0]])


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_predicting_before_fitting(method):
    with pytest.raises(ValueError, match=r"not fitted yet: call fit\(X, y\) first") as caught:
        getattr(SoftmaxClassifier(), method)(X)
    assert type(caught.value).__name__ == "NotFittedError"


@pytest.mark.parametrize("hidden", [None, 3])
@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({"step_size": 1.0}, 1e200),  # the loss overflows after a step
        ({"step_size": 1e307, "max_iter": 1}, 1e10),  # the last step overflows
        ({}, 1e307),  # the first loss overflows
    ],
)
def test_overflow_is_an_error_with_advice(hidden, settings, scale):
    start = [np.eye(2, 3), np.zeros(3)]
    start = start if hidden is None else [np.eye(2, 3), np.zeros(3), np.eye(3), np.zeros(3)]
    classifier = SoftmaxClassifier(hidden, init=start, **settings)
    with pytest.raises(
        AnomalyError, match=r"overflowed in training: scale X, for example"
    ) as caught:
        classifier.fit(scale * X, y)
    assert ("smaller steps than step_size=" in str(caught.value)) == bool(settings)


def test_running_out_of_smaller_steps_is_overflow_too():
    with pytest.raises(AnomalyError, match="scale X"):
        SoftmaxClassifier(init=[np.zeros((2, 3)), np.zeros(3)]).fit(1e200 * X, y)


def test_a_loss_worse_than_guessing_is_a_warning_with_advice():
    message = r"after 200 iterations the loss, .*, is worse than .* \(1\..*\): scale X, or set step"
    with pytest.warns(UserWarning, match=message):
        SoftmaxClassifier(step_size=1.0, random_state=0).fit(100 * X, y)
    noise = np.random.RandomState(0).permutation(y)
    with pytest.warns(UserWarning, match="worse than .*: scale X, or train longer"):
        SoftmaxClassifier(batch_size=2, max_iter=2, random_state=0).fit(100 * X, noise)
