"""Where a compiled step might be silently wrong, or break where the tape does not: it does not."""

import gc
import linecache

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.compiler.test_promises import loss, problem
from tinygrad_softmax import DataError
from tinygrad_softmax.compiler import step as steps


@pytest.fixture
def step():
    return tg.compile(loss, ("W", "b"))


def test_a_tensor_that_wants_a_gradient_is_refused(step):
    """It would be lost, inside another gradient above all."""
    inputs = problem()
    with pytest.raises(tg.GradientLostError, match=r"pass W\.data"):
        step(**{**inputs, "W": tg.Tensor(inputs["W"])})
    outer = tg.value_and_grad(lambda W, rest: step(W=W, **rest)[0] + np.sum(W * W))
    rest = {name: value for name, value in inputs.items() if name != "W"}
    with pytest.raises(tg.GradientLostError):
        outer(inputs["W"], rest)


@pytest.mark.parametrize("weights", [np.ones(4) / 4, np.ones(4)])
def test_weights_that_once_summed_to_one(weights):
    step = tg.compile(lambda x, w: np.sum(w * x**2) / np.sum(w))
    for w in (weights, 3 * weights, weights):
        value, found = step(x=np.full(4, 2.0), w=w)
        assert value == pytest.approx(4.0)
        np.testing.assert_allclose(found["x"], 4 * w / np.sum(w))


@pytest.mark.no_cover
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("data", [1e-6, 1.0, 255.0, 1e5])
@pytest.mark.parametrize("near", [0.0, 0.9, 0.99, -0.9, -1.01])
def test_sums_near_the_end_of_the_range(dtype, data, near):
    """The sum of exponentials counts, and what is made of it: data divided by it."""
    rng, end = np.random.default_rng(0), np.log(np.finfo(dtype).max)

    def loss(W, b, X, y):
        return tg.cross_entropy(X @ W + b, y)

    step = tg.compile(loss, ("W", "b"))
    X = (data * rng.standard_normal((600, 2))).astype(dtype)
    inputs = {"W": (rng.standard_normal((2, 64)) / data).astype(dtype), "X": X,
              "b": np.full(64, near * end, dtype), "y": rng.integers(0, 64, 600)}  # fmt: skip
    value, found = step(**inputs)
    wanted = tg.value_and_grad(loss, wrt=("W", "b"))(**inputs)
    rtol = 1e-3 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(value, wanted[0], rtol=rtol)
    for got, want in zip(found.values(), wanted[1], strict=True):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * np.abs(want).max())


def test_a_gradient_is_no_view_of_an_input():
    step = tg.compile(lambda B, A: np.sum(np.einsum("ij->ji", A) * B))
    A = np.arange(4.0).reshape(2, 2)
    _, found = step(B=np.ones((2, 2)), A=A)
    found["B"][...] = 0
    np.testing.assert_array_equal(A, np.arange(4.0).reshape(2, 2))


def test_the_type_may_settle_the_formula():
    step = tg.compile(lambda w: np.sum(w) * (2.0 if w.dtype == np.float32 else 1.0))
    for dtype, wanted in ((np.float64, 3.0), (np.float32, 6.0), (np.float64, 3.0)):
        assert step(w=np.ones(3, dtype))[0] == wanted


@pytest.mark.parametrize("loss", [lambda x, s: np.sum(np.maximum(x, s) * 2.0),
                                  lambda x, s: np.sum(np.minimum(x, s) * 2.0),
                                  lambda x, s: np.sum(np.maximum(s, x) * 2.0)])  # fmt: skip
def test_ties_go_where_the_tape_sends_them(loss):
    inputs = {"x": np.zeros(3), "s": np.zeros(3)}
    (wanted,) = tg.value_and_grad(loss, wrt=("x",))(**inputs)[1]
    np.testing.assert_array_equal(tg.compile(loss, "x")(**inputs)[1]["x"], wanted)


def test_small_integers_wrap_as_they_do():
    def loss(W, X):
        return np.sum((X + X) @ W)

    inputs = {"W": np.ones((1, 1)), "X": np.full((2, 1), -100, np.int8)}
    assert tg.compile(loss)(**inputs)[0] == loss(**inputs) == 112


def test_mapped_files_are_arrays(step, tmp_path):
    inputs = problem()
    np.save(tmp_path / "X.npy", inputs["X"])
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert step(**{**inputs, "X": mapped})[0] == step(**inputs)[0]


@pytest.mark.filterwarnings("ignore:.*X is a MaskedArray:RuntimeWarning")
def test_masked_arrays_are_refused(step):
    inputs = problem()
    inputs["X"] = np.ma.masked_array(inputs["X"])
    with pytest.raises(DataError, match="would lose its mask"):
        step(**inputs)


def test_labels_of_fewer_examples_than_before():
    step = tg.compile(lambda W, X, y: np.mean(np.exp(X @ W)[np.arange(len(y)), y]))
    inputs = {name: problem()[name] for name in "WXy"}
    step(**inputs)
    fewer = {**inputs, "y": inputs["y"][:10]}
    value, _ = step(**fewer)
    scores = np.exp(fewer["X"] @ fewer["W"])
    assert value == pytest.approx(np.mean(scores[np.arange(10), fewer["y"]]))


def test_parameters_of_any_kind():
    def loss(W, *rest, **data):
        return np.sum((data["X"] @ W) ** 2)

    inputs = problem()
    step = tg.compile(loss, "W")
    assert step(W=inputs["W"], X=inputs["X"])[0] == loss(inputs["W"], X=inputs["X"])
    named = tg.compile(lambda self, x: np.sum(self * x), "self")
    assert named(self=np.ones(2), x=np.ones(2))[0] == 2


def test_an_input_called_as_something_in_the_code():
    step = tg.compile(lambda w, n: np.sum(w * n))
    value, found = step(w=np.ones(2), n=np.full(2, 3.0))  # that it is not compiled is an error
    assert value == 6
    assert found["w"].tolist() == [3, 3]
    assert "def step(w, n_2):" in step.source


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        tg.compile(loss, maxsize=0)
    with pytest.raises(TypeError, match="has no parameters"):
        tg.compile(lambda: 0.0)


def test_a_random_number_with_a_rare_effect():
    rng = np.random.default_rng(0)
    step = tg.compile(lambda w: np.sum(w) * (1.0 if rng.random() > 0.01 else 2.0))
    with pytest.warns(RuntimeWarning, match="draws random numbers"):
        step(w=np.ones(2))


def test_settings_in_a_dict_or_a_list():
    settings, sizes = {"reg": 0.1}, [2.0]
    step = tg.compile(lambda w: settings["reg"] * np.sum(w * w) + sizes[0])
    assert step(w=np.ones(2))[0] == pytest.approx(2.2)
    settings["reg"], sizes[0] = 5.0, 1.0
    assert step(w=np.ones(2))[0] == pytest.approx(11.0)
    sizes.clear()
    with pytest.raises(IndexError):
        step(w=np.ones(2))


def test_sources_go_with_their_programs():
    step = tg.compile(lambda w: np.sum(w * w), maxsize=2)
    before = len(linecache.cache)
    for n in range(2, 30):
        step(w=np.ones(n))
    gc.collect()
    assert len(linecache.cache) < before + 10


def test_numbers_that_belong_to_their_sizes():
    """Draws of other sizes cannot be run, so the formula is used at these sizes only."""
    step = tg.compile(lambda A, y: np.sum(np.exp(A)[y[:, 0], y[:, 1]]))
    y = np.array([[3, 3], [0, 1], [2, 2]])
    for n, k in ((5, 4), (6, 5), (5, 4)):
        A = np.arange(n * k, dtype=float).reshape(n, k) / 10
        value, found = step(A=A, y=y)
        assert value == pytest.approx(np.sum(np.exp(A)[y[:, 0], y[:, 1]]))
        np.testing.assert_allclose(found["A"][3, 3], np.exp(A[3, 3]))


def test_labels_that_are_worked_out():
    step = tg.compile(lambda w, y: np.sum(w[y - 100] ** 2))
    assert step(w=np.arange(3.0), y=np.array([100, 101, 102]))[0] == 5
    assert step(w=np.arange(3.0), y=np.array([102, 102, 99]))[0] == 12
    with pytest.raises(IndexError):
        step(w=np.arange(3.0), y=np.array([100, 101, 103]))


def test_other_threads_that_draw_do_not_matter(monkeypatch):
    """One change of a generator may be somebody else's, one at every attempt is the loss's own."""
    states = iter(["a", "b", "c", "c"])
    monkeypatch.setattr(steps, "draws", lambda: next(states))
    step = tg.compile(lambda w: np.sum(w * w))
    assert step(w=np.ones(2))[0] == 2
    assert next(states, None) is None


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_refused(step):
    inputs = problem()
    inputs["X"] = np.asmatrix(inputs["X"])
    with pytest.raises(DataError, match="operators of its own"):
        step(**inputs)


def test_a_masked_class_costs_nothing_in_a_compiled_step_either():
    s, targets = np.array([[1.0, 2.0, -np.inf], [0.0, 1.0, 2.0]]), np.eye(3)[[0, 1]]
    step = tg.compile(tg.cross_entropy, wrt=("scores",))
    step(scores=np.ones((2, 3)), targets=targets)
    loss, found = step(scores=s, targets=targets)
    t = tg.Tensor(s)
    expected = tg.cross_entropy(t, targets)
    expected.backward()
    assert loss == expected.item()
    np.testing.assert_array_equal(found["scores"], t.grad)
