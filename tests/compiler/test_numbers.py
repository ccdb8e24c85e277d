"""The numbers of a compiled step are those of the tape: precision, range, signs and types."""

import math
import warnings

import numpy as np
import pytest

import tinygrad_softmax as tg

rng = np.random.default_rng(0)
X, W = rng.standard_normal((200, 4)), rng.standard_normal((4, 3))
y = rng.integers(0, 3, 200)


def same(loss, *calls, wrt=None, rtol=1e-9):
    """Assert that a compiled loss agrees with the tape at each of some calls."""
    step = tg.compile(loss, wrt)
    automatic = tg.value_and_grad(loss, wrt=step.wrt)
    for inputs in calls:
        value, found = step(**inputs)
        wanted = automatic(**inputs)
        np.testing.assert_allclose(value, wanted[0], rtol=rtol)
        for name, want in zip(step.wrt, wanted[1], strict=True):
            got = np.asarray(found[name])
            assert got.dtype == np.asarray(want).dtype
            np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * np.abs(want).max())
    return step


@pytest.mark.parametrize("mean", [0, 1000, 30000])
def test_a_variance_in_single_precision_far_from_zero(mean):
    def loss(V, A):
        return np.sum(np.var(A @ V, axis=0))

    A = (rng.standard_normal((400, 3)) + mean).astype(np.float32)
    V = np.eye(3, dtype=np.float32)
    exact = tg.grad(loss)(V.astype(np.longdouble).astype(float), A.astype(float))
    taped, (compiled, *_) = tg.grad(loss)(V, A), tg.compile(loss)(V=V, A=A)[1].values()
    error, least = (np.abs(g - exact).max() / np.abs(exact).max() for g in (compiled, taped))
    assert error < 3 * least + 1e-6


SATURATED = {
    "sigmoid": (lambda z: np.sum(1 / (1 + np.exp(-z))), -1000.0, 0.0, 0.0),
    "softplus": (lambda z: np.sum(np.log(1 + np.exp(z))), 1000.0, 1000.0, 1.0),
    "a logarithm of a sigmoid": (
        lambda z: np.sum(np.log(1 / (1 + np.exp(-z)))), np.float32(-300), -300.0, 1.0,
    ),
    "binary cross-entropy": (
        lambda z: -np.sum(np.log(1 - 1 / (1 + np.exp(-z)))), 800.0, 800.0, 1.0,
    ),
    "log-sum-exp": (lambda z: np.sum(np.log(np.exp(z) + np.exp(0 * z))), 2000.0, 2000.0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SATURATED)
def test_scores_beyond_the_range_of_exp(name):
    loss, z, value, slope = SATURATED[name]
    step = tg.compile(loss)
    kind = np.float32 if isinstance(z, np.float32) else float
    for at in (0.5, z, 0.5):  # it does not matter which is first
        found = step(z=np.array([at], kind))
        if at == z:
            np.testing.assert_allclose(found[0], value, rtol=1e-6, atol=1e-30)
            np.testing.assert_allclose(found[1]["z"], [slope], rtol=1e-6, atol=1e-30)
        else:
            np.testing.assert_allclose(found[0], loss(np.array([at])), rtol=1e-6)


def test_what_no_form_makes_finite_warns_as_numpy_does():
    step = tg.compile(lambda w: np.sum(0 * (1 / w)))
    step(w=np.ones(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value, _ = step(w=np.zeros(2))
    assert np.isnan(value)
    assert any("divide by zero" in str(one.message) for one in caught)


def test_signs_that_change_between_calls():
    p = np.array([1.5, 0.5, 0.7])
    same(lambda w, x: np.sum(np.sqrt(w * x)), {"w": p, "x": p}, {"w": -p, "x": -p}, wrt="w")
    same(lambda w, x: np.sum(np.abs(x) ** 1.5 * w), {"w": p, "x": p}, {"w": p, "x": -p}, wrt="w")


def test_numbers_that_are_python_s():
    loss = tg.compile(lambda W, reg: np.sum(W * W) / reg, "W")
    assert math.isfinite(loss(W=W, reg=2.0)[0])
    with np.errstate(divide="ignore"):
        assert loss(W=W, reg=0.0)[0] == np.inf
    powers = [{"W": W, "reg": reg} for reg in (1.0, 0.0, 4.0)]
    same(lambda W, reg: np.sum(W * W) * reg**0.5, *powers, wrt="W")
    squared = tg.compile(lambda W, reg: np.sum(W * W) * reg**2, "W")
    squared(W=W, reg=1.0)
    with pytest.raises(OverflowError):
        squared(W=W, reg=1e200)
    inverse = tg.compile(lambda W, reg: np.sum(W * W) * (1 / reg), "W")
    inverse(W=W, reg=1.0)
    with pytest.raises(ZeroDivisionError):
        inverse(W=W, reg=0.0)


@pytest.mark.parametrize("s", [0.4, np.float64(0.4), np.array(0.4), np.float32(0.4)])
def test_parameters_without_axes(s):
    same(lambda s: -(s * (s > 0.1)), {"s": s})
    same(lambda s, x: np.sum((s * x) ** 2) / s, {"s": s, "x": np.arange(3.0)}, wrt="s", rtol=1e-6)


def test_types_are_those_of_the_tape():
    W32, X32 = W.astype(np.float32), X.astype(np.float32)
    for loss in (
        lambda W, X: np.minimum(np.sum(W), np.sum(X[0] * X[0])),
        lambda W, X: np.sum(X @ W) * np.float64(0.5),
        lambda W, X: np.sum(X @ W / np.sqrt(X.shape[1])),
        lambda W, X: np.sum(W) + np.mean(np.eye(3)),
        lambda W, X: np.sum((X @ W).astype(np.float32)),
    ):
        same(loss, {"W": W32, "X": X32}, {"W": W32, "X": X}, {"W": W, "X": X32}, rtol=1e-4)
    whole = np.full(3, 60_000, np.int32)
    same(lambda w, X: np.sum(w * X**2), {"w": np.ones(3), "X": whole})


def test_sizes_that_settle_the_course():
    def loss(W, X):
        scores = X @ W / max(len(X), 100)
        scores = np.abs(scores) if W.shape[1] == 2 else scores**2
        return np.sum(scores) * (2 if len(X) % 2 else 1)

    sizes = [(10, 3), (10, 2), (11, 3), (150, 3), (151, 2)]
    step = same(loss, *({"W": W[:, :k], "X": X[:n]} for n, k in sizes))
    assert step.maxsize >= len(sizes)


def test_numbers_made_of_labels_are_not_kept():
    def loss(W, X, y):
        return np.sum(X @ W) * np.asarray(y).max()

    step = tg.compile(loss)
    with pytest.warns(RuntimeWarning, match="differs"):
        step(W=W, X=X, y=y)
    assert step(W=W, X=X, y=y % 2)[0] == loss(W, X, y % 2)


def test_masks_that_switch_on_later():
    Y = np.zeros((200, 3))
    on = {"W": W, "X": X, "Y": (np.arange(600) % 7 == 0).reshape(200, 3).astype(float)}

    def loss(W, X, Y):
        return np.sum(np.log(np.sum(np.exp(np.where(Y > 0.5, X @ W, 0)), axis=1)))

    same(loss, {"W": W, "X": X, "Y": Y}, on)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda s: s.T.copy().T, lambda s: s[::-1]])
@pytest.mark.parametrize("first", [True, False])
def test_memory_layouts_that_change_between_calls(layout, first):
    def loss(s, y):
        return np.mean(np.log(np.sum(np.exp(s), axis=1)) - s[np.arange(len(s)), y])

    s = rng.standard_normal((200, 3))
    calls = [{"s": layout(s), "y": y}, {"s": s, "y": y}]
    same(loss, *(calls if first else calls[::-1]))
    same(lambda W, X: np.sum((X @ W).ravel() ** 2), {"W": W, "X": layout(X)})
    same(lambda W, X: np.mean(np.tanh(X @ W).reshape(-1, 2)), {"W": W, "X": layout(X)})


def test_labels_through_an_expression():
    z, t = rng.standard_normal((4, 6, 3)), rng.integers(0, 3, (4, 6))
    same(lambda z, t: tg.cross_entropy(z.reshape(-1, 3), t.reshape(-1)), {"z": z, "t": t})
    ignored = np.where(np.arange(200) % 9 == 0, -1, y)
    same(
        lambda W, X, y: np.sum(
            (y >= 0) * tg.log_softmax(X @ W)[range(200), np.where(y >= 0, y, 0)]
        ),
        {"W": W, "X": X, "y": ignored},
    )
    p = np.abs(z) + 0.1
    same(
        lambda p, t: -np.mean(np.log(p[np.arange(4)[:, None], np.arange(6)[None], t])),
        {"p": p, "t": t},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # -1 is left to the tape
        same(lambda s, y: np.sum(s[np.arange(200), y]), {"s": X, "y": ignored}, {"s": X, "y": y})


def test_attention():
    def loss(q, k, v):
        scores = q @ np.swapaxes(k, 1, 2) / np.sqrt(q.shape[-1])
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        return np.sum((e / np.sum(e, axis=-1, keepdims=True) @ v) ** 2)

    q, k, v = (rng.standard_normal((2, 70, 4)) for _ in range(3))
    same(loss, {"q": q, "k": k, "v": v}, wrt=("q", "k", "v"))
    single = {"q": np.float32(q), "k": np.float32(k), "v": np.float32(v)}
    same(loss, single, wrt=("q", "k", "v"), rtol=1e-4)


def test_a_loop_over_examples_is_left_to_the_tape():
    def loss(w, X):
        return sum((np.tanh(x @ w) for x in X), start=0.0)

    step = tg.compile(loss)
    with pytest.warns(RuntimeWarning, match="a loop over the examples"):
        value, _ = step(w=W[:, 0], X=np.repeat(X, 10, axis=0))
    assert value == pytest.approx(10 * loss(W[:, 0], X))


def test_a_method_of_a_plain_array():
    def loss(W, X):
        return np.sum(X.dot(W) ** 2)

    same(loss, {"W": W, "X": X})
    np.testing.assert_allclose(tg.grad(loss)(W, X), 2 * X.T @ X @ W)


def test_large_inputs_in_blocks_of_rows():
    def loss(W, X, y):
        return tg.cross_entropy(X @ W, y)

    n = 200_000
    large = {"W": W, "X": rng.standard_normal((n, 4)).repeat(5, axis=1)[:, ::5],
             "y": rng.integers(0, 3, n)}  # fmt: skip
    step = same(loss, large)
    assert "for block, part in blocks" in step.source
