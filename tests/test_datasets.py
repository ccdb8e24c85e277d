"""The spiral is the page's, and asking for it leaves NumPy's global generator alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_softmax.datasets import case_study, spiral


def page_spiral(N, K):
    """The page's own lines, on the global generator as the page has it."""
    D = 2
    X = np.zeros((N * K, D))
    y = np.zeros(N * K, dtype="uint8")
    for j in range(K):
        ix = range(N * j, N * (j + 1))
        r = np.linspace(0.0, 1, N)
        t = np.linspace(j * 4, (j + 1) * 4, N) + np.random.randn(N) * 0.2
        X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
        y[ix] = j
    return X, y


@pytest.fixture
def global_generator():
    """Puts NumPy's global generator back to where it was."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


@given(n=st.integers(1, 40), k=st.integers(1, 7), seed=st.integers(0, 2**32 - 1))
def test_the_spiral_is_the_pages_to_the_last_bit(n, k, seed):
    state = np.random.get_state()
    np.random.seed(seed)
    X, y = page_spiral(n, k)
    np.random.set_state(state)
    ours, labels = spiral(n, k, random_state=seed)
    np.testing.assert_array_equal(ours, X)
    np.testing.assert_array_equal(labels, y)
    assert labels.dtype == np.uint8


def test_the_case_study_follows_the_pages_sequence_of_draws(global_generator):
    np.random.seed(0)
    X, y = page_spiral(100, 3)
    np.random.randn(18)
    W = 0.01 * np.random.randn(2, 3)
    hidden, W2 = 0.01 * np.random.randn(2, 100), 0.01 * np.random.randn(100, 3)

    study = case_study()
    for ours, theirs in [
        (study.X, X),
        (study.y, y),
        (study.linear.W, W),
        (study.linear.b, np.zeros((1, 3))),
        (study.network.W, hidden),
        (study.network.b, np.zeros((1, 100))),
        (study.network.W2, W2),
        (study.network.b2, np.zeros((1, 3))),
    ]:
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_the_case_study_can_be_trained_in_place_and_asked_for_again():
    first = case_study()
    first.linear.W[:] = 7
    assert not (case_study().linear.W == 7).any()


def test_the_global_generator_is_neither_used_nor_moved(global_generator):
    np.random.seed(5)
    before = case_study().X
    assert np.random.randn() == np.random.RandomState(5).randn()
    np.testing.assert_array_equal(case_study().X, before)


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_generator_is_drawn_from(make):
    generator = make(3)
    first, second = (spiral(5, random_state=generator)[0] for _ in range(2))
    assert (first[1:5] != second[1:5]).any()
    np.testing.assert_array_equal(first, spiral(5, random_state=make(3))[0])


def test_no_seed_draws_afresh():
    assert (spiral(5)[0] != spiral(5)[0]).any()


@given(n=st.integers(1, 40), k=st.integers(1, 7))
def test_each_arm_runs_from_the_origin_to_radius_one(n, k):
    X, y = spiral(n, k, noise=0.0, random_state=0)
    radius = np.hypot(*X.T).reshape(k, n)
    np.testing.assert_allclose(radius, np.tile(np.linspace(0, 1, n), (k, 1)), atol=1e-15)
    np.testing.assert_array_equal(np.bincount(y), np.full(k, n))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_per_class": 0}, "n_per_class is 0"),
        ({"n_classes": 0}, "n_classes is 0"),
        ({"n_classes": 257}, "n_classes is 257"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"noise": float("nan")}, "noise is nan"),
    ],
)
def test_an_impossible_spiral_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        spiral(**arguments)
