"""The strategies for other people's suites draw what they promise, and the awkward cases too."""

import importlib
import sys

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from tests.problems import raises
from tinygrad_softmax import by_hand, seed_mistakes, testing
from tinygrad_softmax.core.labels import check_labels
from tinygrad_softmax.testing import (
    SoftmaxProblem,
    TwoLayerProblem,
    arrays_for,
    labels,
    scores,
    shapes,
    softmax_problems,
)

LOSS = {"X": "N D", "W": "D K", "b": "1 K", "y": "N <K", "reg": ""}
LONG = settings(max_examples=1000, derandomize=True)
SHORT = settings(max_examples=20, derandomize=True, database=None)


def occurs(strategy, condition):
    """Whether something of this kind is ever drawn."""
    find(strategy, condition, settings=LONG)


def distinct(sizes):
    return len({*sizes}) == len(sizes)


# --- shapes, labels, scores -----------------------------------------------------------------------


@given(shapes(1, 4))
def test_sizes_of_a_shape_differ(shape):
    assert 1 <= len(shape) <= 4
    assert distinct(shape)
    assert min(shape) >= 2


def test_shapes_may_have_equal_sizes_or_none_if_asked_for():
    occurs(shapes(2, 2, distinct=False), lambda shape: not distinct(shape))
    occurs(shapes(empty=True), lambda shape: 0 in shape)
    occurs(shapes(min_size=1), lambda shape: 1 in shape)
    occurs(shapes(), lambda shape: shape == ())


@given(st.data(), st.integers(0, 6), st.integers(1, 5))
def test_labels_are_labels(data, n, k):
    y = data.draw(labels(n, k, types=[np.int64, np.uint8, list]))
    assert len(y) == n
    if n:
        check_labels(y, n, k)


@pytest.mark.parametrize(
    "kind",
    [
        lambda y: {*y.tolist()} == {2},
        lambda y: {*y.tolist()} == {0, 3},
        lambda y: {*y.tolist()} == {0, 1, 2, 3},
        lambda y: y.dtype == np.uint8,
    ],
    ids=["same", "ends", "all", "uint8"],
)
def test_every_kind_of_labels_is_drawn(kind):
    occurs(labels(7, 4), kind)


@given(st.data(), shapes(empty=True), st.sampled_from([np.float32, np.float64]))
def test_scores_are_finite_and_of_the_dtype(data, shape, dtype):
    s = data.draw(scores(shape, dtype))
    assert (s.shape, s.dtype) == (shape, dtype)
    assert np.isfinite(s).all()
    assert s.flags.writeable


AWKWARD = {
    "huge": lambda s: np.sum(np.abs(s) > 1e3) > 3,
    "ties": lambda s: len({*s.ravel().tolist()}) == 3,
    "constant rows": lambda s: (np.ptp(s, axis=1) == 0).all() and np.ptp(s) > 0,
    "one above": lambda s: np.sum(s == 1e4) == 1,
}


@pytest.mark.parametrize("kind", AWKWARD)
def test_scores_are_awkward_unless_they_are_gentle(kind):
    occurs(scores((4, 3)), AWKWARD[kind])
    with pytest.raises(NoSuchExample):
        find(scores((4, 3), extreme=False), AWKWARD[kind], settings=settings(max_examples=50))


# --- problems -------------------------------------------------------------------------------------


@given(softmax_problems())
def test_a_problem_can_be_solved_by_hand(problem):
    assert isinstance(problem, SoftmaxProblem)
    found = by_hand.linear(*problem)
    (D, K), N = problem.W.shape, len(problem.X)
    assert distinct([N, D, K])
    assert np.isfinite(found.loss)
    assert problem.W.dtype == problem.b.dtype == problem.X.dtype == found.dW.dtype


@given(softmax_problems(hidden=True, dtypes=[np.float32]))
def test_a_network_can_be_solved_by_hand(problem):
    assert isinstance(problem, TwoLayerProblem)
    (D, H), K, N = problem.W.shape, problem.W2.shape[1], len(problem.X)
    assert distinct([N, D, H, K])
    assert by_hand.two_layer(*problem).dW2.dtype == np.float32


@pytest.mark.parametrize(
    "kind",
    [
        lambda p: len(p.X) == 1,
        lambda p: p.W.shape[1] == 1,
        lambda p: p.W.shape[0] == 1,
        lambda p: isinstance(p.y, list),
        lambda p: p.b.ndim == 1,
        lambda p: p.X.dtype == np.float32,
    ],
    ids=["one example", "one class", "one feature", "list", "flat b", "float32"],
)
def test_every_kind_of_problem_is_drawn(kind):
    occurs(softmax_problems(min_size=1), kind)


def test_what_is_too_small_is_refused():
    with raises(ValueError, "min_size=0 is too small"):
        draw(shapes(1, 1, min_size=0))


# What a failure shrinks to is telling.


def is_telling(problem, W):
    (D, K), N = W.shape, len(problem.X)
    assert min(N, D, K) >= 2
    assert distinct([N, D, K])
    assert len({*map(int, problem.y)}) >= 2
    assert problem.reg > 0
    assert np.any(problem.b)


def linear_loss(W, b, X, y, reg):
    scores = X @ W + b
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(len(X)), y])) + 0.5 * reg * np.sum(W * W)


@pytest.fixture(scope="module")
def mistakes():
    rng = np.random.default_rng(0)
    inputs = {"W": rng.standard_normal((3, 4)), "b": rng.standard_normal((1, 4)),
              "X": rng.standard_normal((6, 3)), "y": rng.integers(0, 4, 6), "reg": 0.1}  # fmt: skip
    return list(seed_mistakes(linear_loss, ("W", "b"), most=10, **inputs))


def test_a_wrong_gradient_shrinks_to_a_problem_that_shows_it(mistakes):
    one_of_each = {(mistake.cause, mistake.stage): mistake for mistake in mistakes}
    for mistake in [*one_of_each.values()][:6]:

        def differs(problem, function=mistake.function):
            y = np.asarray(problem.y)
            try:
                found = function(problem.W, problem.b, problem.X, y, problem.reg)
            except ValueError:  # shapes that do not go together
                return True
            right = by_hand.linear(*problem)
            return not all(
                np.shape(found[n]) == np.shape(d) and np.allclose(found[n], d, rtol=1e-2)
                for n, d in (("W", right.dW), ("b", right.db))
            )

        is_telling(shrunk := find(softmax_problems(), differs, settings=SHORT), shrunk.W)


def test_any_failure_shrinks_to_the_smallest_telling_problem():
    problem = find(softmax_problems(), lambda _: True, settings=SHORT)
    is_telling(problem, problem.W)
    assert (len(problem.X), problem.W.shape[1], problem.W.shape[0]) == (2, 3, 4)
    network = find(softmax_problems(hidden=True), lambda _: True, settings=SHORT)
    is_telling(network, network.W2)
    assert find(shapes(1, 2), lambda _: True, settings=SHORT) == (2,)
    arrays = find(arrays_for(LOSS), lambda _: True, settings=SHORT)
    assert min(*arrays["X"].shape, arrays["W"].shape[1]) >= 2
    assert len({*find(labels(2, 3), lambda _: True, settings=SHORT).tolist()}) == 2


def test_hidden_layers_meet_their_kink():
    occurs(softmax_problems(hidden=True), lambda p: ((p.X @ p.W + p.b) == 0).any())


def test_sizes_of_a_problem_are_equal_or_fixed_if_asked_for():
    occurs(softmax_problems(distinct=False), lambda p: len(p.X) == p.W.shape[0])


@given(softmax_problems(n_examples=2, n_classes=9, scale=100))
def test_fixed_sizes_stay_distinct_from_the_others(problem):
    assert len(problem.X) == 2
    assert problem.W.shape[1] == 9
    assert problem.W.shape[0] not in (2, 9)


# --- arrays for a signature -----------------------------------------------------------------------


@given(arrays_for(LOSS, np.float32))
def test_arrays_fit_together(arrays):
    N, D = arrays["X"].shape
    K = arrays["W"].shape[1]
    assert [*arrays] == [*LOSS]
    assert arrays["W"].shape == (D, K)
    assert arrays["b"].shape == (1, K)
    assert arrays["reg"].shape == ()
    assert distinct([N, D, K, 1])
    assert {a.dtype for name, a in arrays.items() if name != "y"} == {np.dtype("f4")}
    assert len({*arrays["y"].tolist()}) > 1
    check_labels(arrays["y"], N, K)


def test_names_may_stand_for_equal_sizes_if_asked_for():
    occurs(arrays_for({"a": "N D"}, distinct=False), lambda a: len({*a["a"].shape}) == 1)


def by_annotation(X: "N D", y: "N <3", reg: "" = 0.1, eps=1e-8):  # noqa: F722, F821 - they name shapes, no types
    pass


FUTURE = """from __future__ import annotations
def by_annotation(X: "N D", y: "N <3", reg: "" = 0.1, eps: float = 1e-8): pass
"""


def from_the_future():
    names = {}
    exec(FUTURE, names)
    return names["by_annotation"]


@pytest.mark.parametrize("function", [by_annotation, from_the_future()], ids=["now", "future"])
def test_a_functions_annotations_say_it_as_well(function):
    @given(arrays_for(function))
    def check(arrays):
        assert [*arrays] == ["X", "y", "reg"]
        assert arrays["y"].shape == arrays["X"].shape[:1]
        assert arrays["X"].dtype == np.float64
        assert arrays["y"].max() < 3

    check()


def draw(strategy):
    find(strategy, lambda _: True)


def test_what_has_no_shape_is_refused():
    with raises(TypeError, "W has no shape", 'W: "N D"'):
        draw(arrays_for(lambda W: W))
    with raises(ValueError, "X: 'N x D!' is no shape"):
        draw(arrays_for({"X": "N x D!"}))


@given(scores((200, 100)))
def test_large_arrays_are_drawn_as_easily_as_small_ones(s):
    # Their values come from a seed: hypothesis refuses to draw so many entries one by one.
    assert s.shape == (200, 100)


# --- the extra ------------------------------------------------------------------------------------


def test_without_hypothesis_it_says_what_to_install(monkeypatch):
    for name in [*sys.modules]:
        if name.startswith(testing.__name__):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with raises(ImportError, "hypothesis", 'pip install "tinygrad-softmax[test]"'):
        importlib.import_module(testing.__name__)
