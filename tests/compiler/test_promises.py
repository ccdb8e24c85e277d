"""A compiled step keeps its promises: results of one's own, threads, bad labels, large scores."""

import copy
import gc
import pickle
import threading
import tracemalloc
import warnings

import numpy as np
import pytest

import tinygrad_softmax as tg


def loss(W, b, X, y, reg=1e-3):
    scores = X @ W + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return np.mean(-np.log(probs[range(len(X)), y])) + 0.5 * reg * np.sum(W * W)


def problem(n=50, d=4, k=3, dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    return {"W": rng.standard_normal((d, k)).astype(dtype), "b": np.zeros((1, k), dtype),
            "X": rng.standard_normal((n, d)).astype(dtype), "y": rng.integers(0, k, n),
            "reg": 1e-3}  # fmt: skip


@pytest.fixture
def step():
    return tg.compile(loss, ("W", "b"))


def test_what_is_handed_out_is_never_overwritten(step):
    first, second = problem(seed=0), problem(seed=1)
    _, kept = step(**first)
    copies = {name: g.copy() for name, g in kept.items()}
    _, others = step(**second)
    for name, g in kept.items():
        np.testing.assert_array_equal(g, copies[name])
        assert not np.shares_memory(g, others[name])
        assert all(not np.shares_memory(g, v) for v in second.values() if np.ndim(v))
        np.add(g, 1, out=g)  # and the step does not look at it again
    again = step(**first)[1]
    for name in kept:
        np.testing.assert_array_equal(again[name], copies[name])


@pytest.mark.parametrize("shape", [(50, 4, 3), (2000, 40, 10)])
def test_threads_have_workspaces_of_their_own(step, shape):
    problems = [problem(*shape, seed=seed) for seed in range(4)]
    wanted = [tg.value_and_grad(loss, wrt=("W", "b"))(**p)[1][0] for p in problems]
    failures = []

    def work(i):
        for _ in range(30):
            _, found = step(**problems[i])
            if not np.allclose(found["W"], wanted[i], rtol=1e-9):
                failures.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_any_size(step, dtype):
    inputs = problem(dtype=dtype)
    inputs["W"] *= dtype(1e4)
    value, found = step(**inputs)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in found.values())
    stable = tg.value_and_grad(
        lambda W, b, X, y, reg: tg.cross_entropy(X @ W + b, y) + 0.5 * reg * np.sum(W * W),
        wrt=("W", "b"),
    )(**inputs)
    np.testing.assert_allclose(value, stable[0], rtol=1e-5)
    for got, want in zip(found.values(), stable[1], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def test_scores_so_low_that_every_exponential_vanishes(step):
    inputs = problem()
    inputs["b"] = np.full((1, 3), -2000.0)
    shifted = {**inputs, "b": np.zeros((1, 3))}
    assert step(**inputs)[0] == pytest.approx(step(**shifted)[0])


def test_not_a_number_stays_one(step):
    inputs = problem()
    inputs["X"][3, 1] = np.nan
    value, found = step(**inputs)
    assert np.isnan(value)
    assert np.isnan(found["W"]).all()


def test_labels_are_looked_at_in_every_call(step):
    inputs = problem()
    step(**inputs)
    with pytest.raises(IndexError, match="out of bounds"):
        step(**{**inputs, "y": np.where(np.arange(50) == 7, 3, inputs["y"])})
    wrapped = {**inputs, "y": inputs["y"] - 3}  # NumPy counts them from the end, and so does it
    assert step(**wrapped)[0] == pytest.approx(step(**inputs)[0])


def test_cross_entropy_refuses_labels_as_ever():
    step = tg.compile(lambda W, X, y: tg.cross_entropy(X @ W, y))
    inputs = {k: v for k, v in problem().items() if k in "WXy"}
    step(**inputs)
    with pytest.raises(tg.LabelError, match="-1"):
        step(**{**inputs, "y": np.full(50, -1)})


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("k", [3, 100])
@pytest.mark.parametrize("n", [200, 300])  # so that places do not fit into a byte, or rows do not
def test_labels_of_any_integer_type(step, kind, k, n):
    inputs = problem(n=n, k=k)
    assert step(**{**inputs, "y": inputs["y"].astype(kind)})[0] == step(**inputs)[0]


def test_tensors_lists_defaults_and_any_order(step):
    inputs = problem()
    wanted = step(**inputs)[0]
    del inputs["reg"]
    assert step(**inputs)[0] == wanted
    mixed = {"y": inputs["y"].tolist(), "b": inputs["b"], "W": inputs["W"],
             "X": tg.Tensor(inputs["X"], requires_grad=False)}  # fmt: skip
    assert step(**mixed)[0] == wanted
    assert step(**inputs, reg=np.float32(1e-3))[0] == pytest.approx(wanted)
    assert step(**inputs, reg=np.array(1e-3))[0] == wanted


def test_strided_and_transposed_inputs(step):
    inputs = problem(n=60)
    wanted = step(**inputs)[0]
    inputs["X"] = np.asfortranarray(inputs["X"])
    inputs["W"] = np.repeat(inputs["W"], 2, axis=1)[:, ::2]
    inputs["y"] = np.repeat(inputs["y"], 3)[::3]
    assert step(**inputs)[0] == pytest.approx(wanted)


def test_wrong_arguments_are_named(step):
    inputs = problem()
    with pytest.raises(TypeError, match="missing a required argument: 'X'"):
        step(W=inputs["W"], b=inputs["b"], y=inputs["y"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'Z'"):
        step(**inputs, Z=1)
    with pytest.raises(TypeError, match="wrt='Q' is no parameter"):
        tg.compile(loss, "Q")
    with pytest.raises(tg.ShapeError):
        step(**{**inputs, "b": np.zeros((1, 7))})


def test_the_source_can_be_read(step):
    with pytest.raises(RuntimeError, match="has not been compiled yet"):
        step.source  # noqa: B018 - reading it is the test
    step(**problem())
    assert "def step(W, b, X, y, reg):" in step.source
    assert "np.exp(" in step.source
    assert repr(step) == "<compiled loss by W, b>"


def branching(w, x):
    return np.sum(w * x) if np.sum(w) > 0 else np.sum(w * w)


def test_what_cannot_be_compiled_is_differentiated_and_said_once():
    step = tg.compile(branching, "w")
    w, x = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    with pytest.warns(RuntimeWarning, match="branching is not compiled") as caught:
        value, found = step(w=w, x=x)
    assert caught[0].filename == __file__
    assert value == 11.0
    np.testing.assert_array_equal(found["w"], x)
    value, found = step(w=-w, x=x)  # silent now, and right
    np.testing.assert_array_equal(found["w"], -2 * w)
    step(w=np.ones(3), x=np.ones(3))


def test_parameters_in_containers_are_left_to_the_tape():
    step = tg.compile(lambda p, x: np.sum(p["w"] * x), "p")
    with pytest.warns(RuntimeWarning, match="p is a dict, no array or number"):
        _, found = step(p={"w": np.ones(2)}, x=np.array([2.0, 3.0]))
    np.testing.assert_array_equal(found["p"]["w"], [2, 3])


def test_no_examples_are_left_to_the_tape():
    step = tg.compile(lambda w, x: np.sum(x @ w))
    value, found = step(w=np.ones(3), x=np.ones((0, 3)))
    assert value == 0
    np.testing.assert_array_equal(found["w"], np.zeros(3))


def switched(w, x, reg):
    return np.sum((x @ w) ** 2) + (0.5 * reg * np.sum(w * w) if reg > 0 else 0.0)


def test_a_value_that_settles_the_formula_is_looked_at_in_every_call():
    step, rng = tg.compile(switched), np.random.default_rng(0)
    x, w = rng.standard_normal((5, 3)), rng.standard_normal(3)
    for reg in (0.5, 0.0, 2.0, 0.5, 0.0):
        wanted = tg.value_and_grad(switched)(w, x, reg)
        value, found = step(w=w, x=x, reg=reg)
        assert value == pytest.approx(wanted[0])
        np.testing.assert_allclose(found["w"], wanted[1])


def test_a_fact_about_values_is_looked_at_in_every_call():
    """Targets that sum to one shorten the formula; others must not be given to it."""

    def softened(W, X, Y):
        return -np.mean(np.sum(Y * tg.log_softmax(X @ W, axis=1), axis=1))

    inputs = problem()
    X, W, Y = inputs["X"], inputs["W"], np.eye(3)[inputs["y"]]
    step = tg.compile(softened)
    for targets in (Y, 2 * Y, Y):
        _, found = step(W=W, X=X, Y=targets)
        np.testing.assert_allclose(found["W"], tg.grad(softened)(W, X, targets), rtol=1e-9)


def test_sizes_of_one_and_back():
    step = tg.compile(lambda w, x: np.sum((x @ w) ** 2))
    for n in (5, 1, 4, 1):
        x, w = np.ones((n, 3)), np.arange(3.0)
        value, found = step(w=w, x=x)
        assert value == 9 * n
        np.testing.assert_array_equal(found["w"], np.full(3, 6.0 * n))


def test_the_cache_is_bounded(step):
    step.maxsize = 3
    for n in range(10, 20):
        step(**problem(n=n))
    assert len(step._local.entries) == 3
    step.clear()
    assert not step._local.entries
    assert np.isfinite(step(**problem())[0])


def test_it_can_be_copied_and_sent(step):
    inputs = problem()
    for other in (pickle.loads(pickle.dumps(step)), copy.deepcopy(step)):
        assert other(**inputs)[0] == step(**inputs)[0]


def test_a_zero_dimensional_parameter():
    step = tg.compile(lambda t, x: np.sum((t * x) ** 2))
    value, found = step(t=np.array(2.0), x=np.array([1.0, 2.0]))
    assert value == 20
    assert found["t"].shape == ()
    assert found["t"] == 20


def test_a_parameter_that_does_not_matter_has_a_gradient_of_zeros():
    step = tg.compile(lambda w, v: np.sum(w * w), ("w", "v"))
    np.testing.assert_array_equal(step(w=np.ones(2), v=np.ones(3))[1]["v"], np.zeros(3))


def test_memory_above_the_inputs_is_less_than_by_hand():
    """The workspace, which is kept, and the results: half of what by hand takes, or less."""
    inputs = problem(n=1797, d=64, k=10)
    X, y, W, b = (inputs[name] for name in ("X", "y", "W", "b"))

    def peak(function):
        tracemalloc.start()
        function()
        gc.collect()
        tracemalloc.reset_peak()  # writing the code is over, its workspace counts
        function()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    step = tg.compile(loss, ("W", "b"))
    step(**inputs)
    step.clear()  # so that the workspace is made while memory is measured, and the trace is not
    assert peak(lambda: step(**inputs)) < 0.5 * peak(lambda: _lines(W, b, X, y))


def _lines(W, b, X, y):
    """Compute the question's lines."""
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(len(X)), y] -= 1
    dscores /= len(X)
    return np.dot(X.T, dscores) + 1e-3 * W, np.sum(dscores, axis=0, keepdims=True)


def test_no_warning_escapes(step):
    inputs = problem()
    inputs["W"] *= 1e5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(**inputs)


SCALE = 2.0


def _scaled(w):
    return SCALE * w


class Settings:
    def __init__(self):
        self.reg = 1.0

    def loss(self, w, x):
        return np.sum((x @ w) ** 2) + self.reg * np.sum(w * w)


def test_variables_around_the_loss_are_looked_at_in_every_call(monkeypatch):
    """A trace holds what they were; when they change it is made anew."""
    w, x, target = np.ones(3), np.arange(6.0).reshape(2, 3), np.zeros(2)
    reg, settings = 0.5, Settings()

    def loss(w, x):
        return np.sum((x @ _scaled(w) - target) ** 2) + reg * np.sum(w * w)

    def others(w, x):
        return sum(np.sum(w * v) for v in (lambda: [settings.reg, reg])()) + np.sum(x @ w)

    def agrees():
        for function in steps:
            value, found = steps[function](w=w, x=x)
            wanted = tg.value_and_grad(function)(w, x)
            assert value == pytest.approx(wanted[0])
            np.testing.assert_allclose(found["w"], wanted[1])

    steps = {f: tg.compile(f) for f in (loss, others, settings.loss)}
    agrees()
    reg = 2.0
    agrees()
    target = np.ones(2)  # another array
    agrees()
    target[0] = 7.0  # the same array, changed in place
    agrees()
    monkeypatch.setattr("tests.compiler.test_promises.SCALE", -1.0)
    monkeypatch.setitem(_scaled.__globals__, "SCALE", -1.0)
    agrees()
    settings.reg = 3.0
    agrees()
    before = [step._latest for step in steps.values()]
    agrees()
    assert before == [step._latest for step in steps.values()]  # nothing changed, nothing is made


def test_a_loss_that_draws_is_left_to_the_tape():
    """Dropout drawn while it was traced must not be the same in every step."""
    rng = np.random.default_rng(0)
    step = tg.compile(lambda w, x: np.sum((x @ w) * (rng.random(len(x)) < 0.5)))
    with pytest.warns(RuntimeWarning, match="not compiled"):
        values = {float(step(w=np.ones(2), x=np.arange(40.0).reshape(20, 2))[0]) for _ in range(5)}
    assert len(values) == 5
