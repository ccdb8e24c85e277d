"""The loss is a sum over rows: however they are split, the parts' gradients add up to the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classifiers import problems
from tinygrad_softmax.classifier.blockwise import BlockwiseLoss, block_gradients
from tinygrad_softmax.classifier.mapped import add_parts
from tinygrad_softmax.classifier.surveys import prepare, survey
from tinygrad_softmax.classifier.training import mean_loss
from tinygrad_softmax.core.errors import LabelError, ShapeError
from tinygrad_softmax.core.transforms import value_and_grad


class Split:
    """Rows in memory, cut at given places; some blocks may be empty."""

    def __init__(self, cuts, X, y, weights=None):
        self.parts = [slice(*ends) for ends in zip([0, *cuts], [*cuts, len(X)], strict=True)]
        self.data = X, y, weights
        self.passes = 0

    def gather(self, function, *arguments):
        self.passes += 1
        for part in self.parts:
            block = [None if a is None else a[part] for a in self.data]
            yield function(part.start, *block, *arguments)

    def add_up(self, function, *arguments):
        return add_parts(list(self.gather(function, *arguments)))


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


def whole(classifier, X, y, weights):
    return value_and_grad(mean_loss)(list(classifier.init), X, y, weights, classifier.reg)


@pytest.mark.parametrize("engine", ["compiled", "eager"])
@given(case=splits())
def test_the_gradients_of_any_split_add_up_to_the_whole_gradient(engine, case):
    classifier, split = case
    found = survey(split, split.data[0].dtype, split.data[0].shape[1])
    value, gradients = BlockwiseLoss(split, found, engine).with_gradients(
        list(classifier.init), classifier.reg
    )
    expected, by_tape = whole(classifier, *split.data)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for gradient, other in zip(gradients, by_tape, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=0, atol=1e-13)


@given(case=splits())
def test_a_block_left_out_is_noticed(case):
    """The property above can fail: without the last block that counts, the sum is another."""
    classifier, split = case
    found = survey(split, split.data[0].dtype, split.data[0].shape[1])
    while split.parts[-1].start == len(split.data[0]):
        split.parts.pop()
    split.data = split.data[0], split.data[1], None  # so that every row counts
    full = split.add_up(block_gradients, list(classifier.init), found, "eager")
    del split.parts[-1]
    if split.parts:
        less = split.add_up(block_gradients, list(classifier.init), found, "eager")
        assert less[0] < full[0]


def test_in_single_precision_parts_are_added_in_double():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((600, 4)).astype(np.float32), np.arange(600) % 3
    start = [rng.standard_normal(shape).astype(np.float32) for shape in [(4, 3), (1, 3)]]
    split = Split(list(range(10, 600, 10)), X, y)
    found = survey(split, X.dtype, 4)
    value, gradients = BlockwiseLoss(split, found, "compiled").with_gradients(start, 0.1)
    double = [p.astype(float) for p in start]
    expected, exact = value_and_grad(mean_loss)(double, X.astype(float), y, None, 0.1)
    assert value == pytest.approx(float(expected), rel=1e-6)
    for gradient, other in zip(gradients, exact, strict=True):
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, other, atol=1e-6)


def test_where_the_loss_was_found_its_gradients_are_known():
    split = Split([3], np.eye(6)[:, :2], np.arange(6) % 2)
    found = survey(split, float, 2)
    objective = BlockwiseLoss(split, found, "eager")
    here, passes = [np.ones((2, 2)), np.zeros((1, 2))], split.passes
    loss = objective(here, 0.5)
    assert objective.with_gradients([p.copy() for p in here], 0.5)[0] == loss
    assert split.passes == passes + 1
    assert objective(here, 0.25) != loss  # another regularisation is another loss
    here[0] *= 2  # in place, as a callback may
    assert objective(here, 0.5) != loss
    assert split.passes == passes + 3


@pytest.mark.parametrize(
    ("classes", "late"), [([0, 1], 2), ([0, 1], -1), ([3, 5], 4), (["a", "c"], "d")]
)
def test_a_label_that_comes_later_is_refused(classes, late):
    y = np.array(classes * 2)
    split = Split([2], np.ones((4, 1)), y)
    found = survey(split, float, 1)
    with pytest.raises(LabelError, match=rf"label .*{late}.* was not there in the first pass"):
        prepare(np.ones((1, 1)), np.array([late]), None, found)


def test_a_block_of_another_width_is_refused():
    split = Split([2], np.ones((4, 3)), np.arange(4) % 2)
    with pytest.raises(ShapeError, match=r"shape \(2, 3\) where \(rows, 2\) was announced"):
        survey(split, float, 2)
