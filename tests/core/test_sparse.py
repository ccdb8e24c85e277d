"""A gradient of few picked entries gives what zeros written out would give, on every way."""

import itertools
import tracemalloc

import numpy as np
import pytest

from tinygrad_softmax import Tensor, cross_entropy, detect_anomaly, grad, softmax
from tinygrad_softmax.core import sparse
from tinygrad_softmax.core.reverse import contribution
from tinygrad_softmax.core.sparse import SparseGradient

N, K = 6, 12_000
ROWS, Y = np.arange(N), np.array([5, 0, 5, K - 1, 77, 3])


@pytest.fixture
def x():
    return Tensor(np.random.default_rng(0).uniform(0.5, 2, (N, K)))


@pytest.fixture
def travels(monkeypatch):
    """Counts the rules that were run on the picked entries alone."""
    seen = []
    real = SparseGradient.through

    def through(self, *args):
        seen.append(self)
        return real(self, *args)

    monkeypatch.setattr(SparseGradient, "through", through)
    return seen


def softmax_loss(x):
    e = np.exp(x)
    return -np.sum(np.log((e / np.sum(e, axis=1, keepdims=True))[ROWS, Y]))


def with_a_column(x):
    return np.sum((x / Tensor(np.full((N, 1), 3.0)))[ROWS, Y] * np.arange(N))


def pick(x, columns=Y):
    return np.sum(x[ROWS, columns])


def twice_used(make, first, second):
    def loss(x):
        made = make(x)
        return first(made) + second(made)

    return loss


#: A loss, and how many rules at least are run on the picked entries alone.
WAYS = {
    "softmax": (softmax_loss, 2),
    "straight to the leaf": (pick, 0),
    "one op": (lambda x: pick(np.exp(x)), 1),
    "a sum's operand": (lambda x: pick(x + 1), 1),
    "a number as exponent": (lambda x: pick(x**3), 1),
    "a scalar tensor": (lambda x: pick(x / np.sum(x)), 2),
    "a row": (lambda x: pick(x * np.sum(x, axis=0)), 2),
    "a column": (lambda x: pick(x * np.max(x, axis=1, keepdims=True)), 2),
    "an op that answers with a number": (lambda x: pick(np.sign(x) + x), 1),
    "an op that moves entries": (lambda x: np.sum(np.exp(x.T.T)[ROWS, Y]), 1),
    "an op that is no ufunc": (lambda x: pick(np.maximum(1, x)), 0),
    "two ops": (lambda x: pick(np.exp(x)) + pick(np.exp(x), Y[::-1]), 2),
    "two picks of one": (twice_used(np.exp, pick, lambda e: pick(e, Y[::-1])), 0),
    "a constant on top": (twice_used(np.exp, pick, np.sum), 1),
    "a constant before": (twice_used(np.exp, np.sum, pick), 1),
    "all on top": (twice_used(np.exp, pick, lambda e: np.sum(e * e)), 0),
    "all before": (twice_used(np.exp, lambda e: np.sum(e * e), pick), 0),
    "what is nobody's own": (twice_used(np.exp, pick, lambda e: np.sum((e + 1) * e)), 0),
    "a constant that is repeated": (twice_used(lambda x: x + np.sum(x), pick, np.sum), 0),
    "a constant that stays one": (twice_used(lambda x: +np.exp(x), pick, np.sum), 2),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_gradient_is_that_of_zeros_written_out(way, x, travels, monkeypatch):
    loss, times = WAYS[way]
    loss(x).backward()
    few = x.grad
    assert len(travels) >= times
    monkeypatch.setattr(sparse, "THRESHOLD", sparse.Threshold(2**60))
    del travels[:]
    loss(x).backward()
    assert not travels
    np.testing.assert_allclose(few, x.grad, rtol=1e-12, atol=1e-300)
    assert few.flags.writeable
    assert few.flags.owndata


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (np.zeros(N, int), Y),  # 5 is there twice: it has to be added, not assigned
        (slice(0, N), 3),
        (np.arange(N) > 2, 3),
        (ROWS[:, np.newaxis], Y),
    ],
    ids=["twice", "slice", "mask", "grid"],
)
def test_an_index_of_another_kind_is_written_out(rows, columns, x, travels):
    np.sum(np.exp(x)[rows, columns]).backward()
    assert not travels
    expected = np.zeros((N, K))
    np.add.at(expected, (rows, columns), 1)
    np.testing.assert_allclose(x.grad, expected * np.exp(x.data), rtol=1e-14)


def test_many_among_few_are_written_out(travels):
    x = Tensor(np.ones((3000, 30)))
    np.sum(np.exp(x)[np.arange(3000), np.arange(3000) % 30]).backward()
    assert not travels


def test_an_intermediate_that_is_held_has_its_gradient_written_out(x):
    e = np.exp(x)
    z = np.sum(e, axis=1, keepdims=True)
    probs = e / z
    np.sum(np.log(probs[ROWS, Y])).backward()
    expected = np.zeros((N, K))
    expected[ROWS, Y] = 1 / probs.data[ROWS, Y]
    np.testing.assert_allclose(probs.grad, expected, rtol=1e-14)
    assert probs.grad is probs.grad
    np.testing.assert_allclose(e.grad, expected / z.data - 1 / z.data, rtol=1e-12)
    assert SparseGradient(np.ones(1), (ROWS[:1], Y[:1]), (1, 9), None).__array__("f4").dtype == "f4"


def test_float32_stays_and_a_wider_way_comes_back_to_it():
    x = Tensor(np.ones((N, K), np.float32))
    np.sum(np.exp(x)[ROWS, Y]).backward()
    assert x.grad.dtype == np.float32
    np.sum((x * np.full((N, K), 2.0))[ROWS, Y]).backward()
    assert x.grad.dtype == np.float32
    assert x.grad.sum() == 2 * N


def test_a_retained_graph_gives_the_same_twice_and_accumulates(x):
    loss = softmax_loss(x)
    loss.backward(retain_graph=True)
    first = x.grad.copy()
    loss.backward(accumulate=True)
    np.testing.assert_allclose(x.grad, 2 * first, rtol=1e-14)


def test_gradients_of_gradients_are_written_out(x, travels):
    curvature = grad(lambda x: np.sum(grad(lambda x: np.sum((x**3)[ROWS, Y]))(x)))
    expected = np.zeros((N, K))
    expected[ROWS, Y] = 6 * x.data[ROWS, Y]
    np.testing.assert_allclose(curvature(x.data), expected, rtol=1e-12)


def test_anomalies_are_seen_among_the_few(x):
    with detect_anomaly():
        softmax_loss(x).backward()
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        np.sum(np.sqrt(x * 0)[ROWS, Y]).backward()


def test_the_zeros_take_no_memory(x):
    loss = softmax_loss(x)
    tracemalloc.start()
    try:
        loss.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * x.data.nbytes  # written out: 2 to 3 times


def test_one_arrow_looked_at_alone_is_written_out(x):
    node = x[ROWS, Y].node
    (edge,) = node.plan.edges
    assert contribution(node, edge, np.ones(N)).sum() == N


#: Terms of a loss that use the same scores: what arrives is sparse, dense, or one number for all.
TERMS = {
    "dense": lambda s, rows, y: np.sum(s * s),
    "picked": lambda s, rows, y: -np.sum(s[rows, y] * 3.0),
    "picked elsewhere": lambda s, rows, y: np.sum(s[rows, y[::-1]] ** 2),
    "picked on top": lambda s, rows, y: np.sum(np.exp(s)[rows, y]) + np.sum(np.exp(s)),
    "constant": lambda s, rows, y: 0.5 * np.sum(s),
    "row by row": lambda s, rows, y: np.sum(np.max(s, axis=1) * 2.0),
    "cross-entropy": lambda s, rows, y: cross_entropy(s, y),
}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4)])
@pytest.mark.parametrize(
    "make", [lambda x: x, lambda x: x * 1.0, lambda x: x + np.zeros(x.shape[1])]
)
def test_sparse_and_dense_gradients_may_arrive_in_any_order(shape, make, monkeypatch):
    rng = np.random.default_rng(0)
    data, y = rng.standard_normal(shape), rng.integers(0, shape[1], shape[0])
    rows = np.arange(shape[0])

    def gradients(terms, threshold):
        monkeypatch.setattr(sparse, "THRESHOLD", threshold)
        x = Tensor(data)
        s = make(x)
        sum((TERMS[name](s, rows, y) for name in terms[1:]), TERMS[terms[0]](s, rows, y)).backward()
        assert x.grad.flags.writeable
        assert not np.shares_memory(x.grad, data)
        return x.grad, s.grad

    for terms in itertools.permutations(TERMS, 3):
        everywhere = gradients(terms, sparse.Threshold(0, 0))
        nowhere = gradients(terms, sparse.Threshold(2**60, 1))
        for few, written_out in zip(everywhere, nowhere, strict=True):
            np.testing.assert_allclose(few, written_out, rtol=1e-12, atol=1e-14, err_msg=str(terms))


def test_a_dense_gradient_between_two_sparse_ones_at_the_size_where_it_matters():
    rng = np.random.default_rng(0)
    s, y = Tensor(rng.standard_normal((256, 300))), rng.integers(0, 300, 256)
    loss = 0.1 * np.sum(s * s) + cross_entropy(s, y) + 0.1 * np.sum(np.abs(s))
    loss.backward()
    probs = softmax(s.data)
    probs[np.arange(256), y] -= 1
    expected = 0.2 * s.data + probs / 256 + 0.1 * np.sign(s.data)
    np.testing.assert_allclose(s.grad, expected, rtol=1e-12, atol=1e-15)
