"""The loss is a sum over rows: however they are split, the parts' gradients add up to the whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classifiers import problems
from tinygrad_softmax.classifier.objective import Objective, class_scores, summed_gradients
from tinygrad_softmax.classifier.rows import Rows, look, prepare, survey
from tinygrad_softmax.core.errors import LabelError
from tinygrad_softmax.core.transforms import value_and_grad
from tinygrad_softmax.ops.softmax import cross_entropy

DOUBLE = np.dtype(np.float64)


def mean_loss(parameters, X, y, weights, reg):
    """The objective as the page writes it."""
    losses = cross_entropy(class_scores(parameters, X), y, reduction="none")
    loss = np.mean(losses) if weights is None else np.sum(weights * losses) / np.sum(weights)
    for W in parameters[::2]:
        loss = loss + 0.5 * reg * np.sum(W * W)
    return loss


class Split:
    """Rows cut at given places, some parts empty, as a Dask array has them."""

    def __init__(self, cuts, X, y, weights=None):
        self.parts = [slice(*ends) for ends in zip([0, *cuts], [*cuts, len(X)], strict=True)]
        self.X, self.y, self.weights = X, y, weights
        self.passes = 0

    def of(self, part):
        return self.X[part], self.y[part], None if self.weights is None else self.weights[part]

    def survey(self, class_weight=None, pairs=False):
        dtype = self.X.dtype
        looks = [look(*self.of(part), dtype, pairs, part.start) for part in self.parts]
        self.found = survey(looks, dtype, class_weight, self.weights is not None)
        return self.found

    def add_up(self, function, *arguments):
        self.passes += 1
        parts = [
            function(prepare(*self.of(part), self.found, part.start), *arguments)
            for part in self.parts
        ]
        return [sum(entries[1:], entries[0]) for entries in zip(*parts, strict=True)]

    def objective(self, reg, engine="eager"):
        return Objective(self, self.survey().total, reg, engine)


@st.composite
def splits(draw):
    """A problem and a split of its rows, with weights or without."""
    classifier, X, y = draw(problems())
    weights = None
    if draw(st.booleans()):
        # Whole numbers, some of them 0, and every class still there.
        weights = np.array(draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X))))
        weights[: y.max() + 1] += 1
        y = np.arange(len(X)) % (y.max() + 1)
    cuts = draw(st.lists(st.integers(0, len(X)), max_size=4).map(sorted))
    return classifier, Split(cuts, X, y, weights)


@pytest.mark.parametrize("engine", ["compiled", "eager"])
@given(case=splits())
def test_the_gradients_of_any_split_add_up_to_the_whole_gradient(engine, case):
    classifier, split = case
    value, gradients = split.objective(classifier.reg, engine).with_gradients(classifier.init)
    expected, by_tape = value_and_grad(mean_loss)(
        list(classifier.init), split.X, split.y, split.weights, classifier.reg
    )
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for gradient, other in zip(gradients, by_tape, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=0, atol=1e-13)


@given(case=splits())
def test_means_and_variances_are_those_of_the_whole(case):
    _, split = case
    weights = np.ones(len(split.X)) if split.weights is None else split.weights
    mean = np.average(split.X, axis=0, weights=weights)
    covariance = (weights * (split.X - mean).T) @ (split.X - mean) / weights.sum()
    for pairs, expected in [(False, np.diag(covariance)), (True, covariance)]:
        found = split.survey(pairs=pairs)
        np.testing.assert_allclose(found.mean, mean, atol=1e-12)
        np.testing.assert_allclose(found.covariance, expected, atol=1e-12)


@given(case=splits())
def test_a_block_left_out_is_noticed(case):
    """The property above can fail: without the last block that counts, the sum is another."""
    classifier, split = case
    split.weights = None  # so that every row counts
    split.survey()
    while split.parts[-1].start == len(split.X):
        split.parts.pop()
    full = split.add_up(summed_gradients, classifier.init, "eager")
    del split.parts[-1]
    if split.parts:
        less = split.add_up(summed_gradients, classifier.init, "eager")
        assert less[0] < full[0]


@pytest.mark.parametrize("sparse", [False, True])
def test_in_single_precision_parts_are_added_in_double(sparse):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((600, 4)).astype(np.float32), np.arange(600) % 3
    start = [rng.standard_normal(shape).astype(np.float32) for shape in [(4, 3), (1, 3)]]
    split = Split(list(range(10, 600, 10)), X, y)
    if sparse:
        split.X = pytest.importorskip("scipy.sparse").csr_array(X)
    value, gradients = split.objective(0.1, "compiled").with_gradients(start)
    double = [p.astype(float) for p in start]
    expected, exact = value_and_grad(mean_loss)(double, X.astype(float), y, None, 0.1)
    assert value == pytest.approx(float(expected), rel=1e-6)
    for gradient, other in zip(gradients, exact, strict=True):
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, other, atol=1e-6)


def test_where_the_loss_was_found_its_gradients_are_known():
    split = Split([3], np.eye(6)[:, :2], np.arange(6) % 2)
    objective = split.objective(0.5)
    here = [np.ones((2, 2)), np.zeros((1, 2))]
    loss = objective(here)
    assert objective.with_gradients([p.copy() for p in here])[0] == loss
    assert split.passes == 1
    here[0] *= 2  # in place, as a callback may
    assert objective(here) != loss
    assert split.passes == 2


@pytest.mark.parametrize(
    ("classes", "late"), [([0, 1], 2), ([0, 1], -1), ([3, 5], 4), (["a", "c"], "d")]
)
def test_a_label_that_comes_later_is_refused(classes, late):
    found = Split([2], np.ones((4, 1)), np.array(classes * 2)).survey()
    with pytest.raises(LabelError, match=rf"label .*{late}.* in row 7 was not there in the first"):
        prepare(np.ones((1, 1)), np.array([late]), None, found, 7)


@pytest.mark.parametrize("engine", ["compiled", "eager"])
@pytest.mark.parametrize("sizes", [[7, 3], [7, 5, 3], [7, 6, 5, 3], [3, 6, 5, 4, 2]])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "float32", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_tape(engine, sizes, layout, weighted):
    """At more rows than any block or test size of the compiler has."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((700, sizes[0])), rng.integers(0, sizes[-1], 700)
    weights = rng.uniform(0, 1, 700) if weighted else None
    parameters = [
        rng.standard_normal(shape) for n, m in pairwise(sizes) for shape in ((n, m), (1, m))
    ]
    expected, by_tape = value_and_grad(mean_loss)(parameters, X, y, weights, 0.0)
    given = {
        "C": lambda: X,
        "F": lambda: np.asfortranarray(X),
        "strided": lambda: np.repeat(X, 2, axis=0)[::2],
        "float32": lambda: X.astype(np.float32),
        "sparse": lambda: pytest.importorskip("scipy.sparse").csr_array(X),
    }[layout]()
    if layout == "float32":
        parameters = [p.astype(np.float32) for p in parameters]
        weights = None if weights is None else weights.astype(np.float32)
    rows = Rows(given, y, weights, given.dtype)
    value, gradients = Objective(rows, rows.total, 0.0, engine).with_gradients(parameters)
    tolerance = 2e-5 if layout == "float32" else 1e-13
    assert value == pytest.approx(float(expected), rel=tolerance)
    for gradient, other in zip(gradients, by_tape, strict=True):
        np.testing.assert_allclose(gradient, other, atol=tolerance)
