"""Layers as courses ask for them: convolutions by loops, penalties as small as theirs.

A point must show what can go wrong: it has several windows, and every term of the loss counts.
"""

import re

import numpy as np
import pytest

from tinygrad_softmax import check_gradients

RNG = np.random.default_rng(231)


def forward(x, w, b, stride, pad):
    N, _, L = x.shape
    F, _, width = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    out = np.zeros((N, F, 1 + (L + 2 * pad - width) // stride))
    for n in range(N):
        for f in range(F):
            for i in range(out.shape[2]):
                window = padded[n, :, i * stride : i * stride + width]
                out[n, f, i] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, padded, stride, pad)


def backward_by(lines):
    """Return a backward pass of which some lines are others."""
    right = {"db": "db[f] += dout[n, f].sum()", "dw": "dw[f] += window * dout[n, f, i]",
             "at": "at = slice(i * stride, i * stride + width)",
             "dx": "dpadded[n, :, at] += w[f] * dout[n, f, i]"} | lines  # fmt: skip
    source = f"""
def backward(dout, cache):
    x, w, b, padded, stride, pad = cache
    width, L = w.shape[2], x.shape[2]
    dpadded, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros_like(b)
    for n in range(len(x)):
        for f in range(len(w)):
            {right["db"]}
            for i in range(dout.shape[2]):
                {right["at"]}
                window = padded[n, :, at]
                {right["dw"]}
                {right["dx"]}
    return dpadded[:, :, pad : pad + L], dw, db
"""
    space = {"np": np}
    exec(source, space)
    return space["backward"]


def check(lines, length=7, width=3, stride=2, count=3):
    return check_gradients(
        forward, backward_by(lines), wrt=("x", "w", "b"), budget=0,
        x=RNG.standard_normal((count, 2, length)), w=RNG.standard_normal((4, 2, width)),
        b=RNG.standard_normal(4), stride=stride, pad=1,
    )  # fmt: skip


@pytest.mark.parametrize(("length", "width"), [(7, 3), (5, 3), (6, 2), (9, 4)])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_that_is_right(length, width, stride):
    report = check({}, length, width, stride)
    assert report.ok, report


@pytest.mark.parametrize(
    "lines",
    [
        {"db": "db[f] = dout[n, f].sum()"},
        {"dw": "dw[f] = window * dout[n, f, i]"},
        {"dx": "dpadded[n, :, at] = w[f] * dout[n, f, i]"},
        {"at": "at = slice(i, i + width)"},
        {"db": "db[f] += dout[n, f, 0]"},
        {"dx": "dpadded[n, :, at] += w[0] * dout[n, f, i]"},
    ],
    ids=lambda lines: next(iter(lines.values())),
)
@pytest.mark.parametrize(("stride", "count"), [(2, 2), (3, 4)])
def test_small_points_show_what_is_wrong_with_a_convolution(lines, stride, count):
    report = check(lines, width=4, stride=stride, count=count)
    assert not report.ok
    assert "though the gradient is right at other points" not in str(report)


def test_a_result_without_entries_is_refused():
    with pytest.raises(ValueError, match=r"without entries, \(3, 4, 0\)"):
        check({}, length=2, width=5, stride=1)


def in_a_loop(W, X, y, reg):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(len(y)):
        scores = X[i].dot(W)
        probs = np.exp(scores) / np.sum(np.exp(scores))
        loss -= np.log(probs[y[i]])
        probs[y[i]] -= 1
        dW += np.outer(X[i], probs)
    return loss / len(y) + reg * np.sum(W * W), dW / len(y) + reg * W


def at_once(W, X, y, reg):
    probs = np.exp(X.dot(W))
    probs /= probs.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(probs[np.arange(len(y)), y])) + reg * np.sum(W * W)
    probs[np.arange(len(y)), y] -= 1
    return loss, X.T.dot(probs) / len(y) + reg * W


@pytest.mark.parametrize("loss", [in_a_loop, at_once])
@pytest.mark.parametrize("reg", [1e-8, 5e-6, 1e-3, 0.1])
def test_a_penalty_is_seen_however_small_it_is(loss, reg):
    given = {"W": 1e-4 * RNG.standard_normal((6, 4)), "X": RNG.standard_normal((20, 6)),
             "y": RNG.integers(0, 4, 20)}  # fmt: skip
    assert not check_gradients(loss, wrt="W", budget=0, reg=reg, **given).ok


@pytest.mark.parametrize("eps", [1e-12, 1e-8, 1e-5])
def test_a_number_that_guards_is_not_made_large(eps):
    def loss(W, X, y, eps):
        probs = np.exp(X @ W)
        probs = probs / probs.sum(axis=1, keepdims=True)
        return -np.mean(np.log(np.clip(probs[np.arange(len(y)), y], eps, 1 - eps)))

    def gradient(W, X, y, eps):
        probs = np.exp(X @ W)
        probs = probs / probs.sum(axis=1, keepdims=True)
        probs[np.arange(len(y)), y] -= 1
        return {"W": X.T @ probs / len(y)}

    given = {"W": 0.1 * RNG.standard_normal((3, 4)), "X": RNG.standard_normal((20, 3)),
             "y": RNG.integers(0, 4, 20)}  # fmt: skip
    report = check_gradients(loss, gradient, eps=eps, budget=0, **given)
    assert report.ok, report


def logsumexp(x):
    powers = np.exp(x)
    total = np.sum(powers, axis=1, keepdims=True)
    return np.log(total)[:, 0], (powers, total)


@pytest.mark.parametrize("names", ["residuals, g", "res, g", "g, cache", "dout, saved"])
def test_a_backward_pass_takes_its_cache_first_or_last(names):
    cache = next(n for n in names.split(", ") if n not in ("g", "dout"))
    g = next(n for n in names.split(", ") if n != cache)
    space = {}
    exec(f"def backward({names}):\n    return ({g}[:, None] * {cache}[0] / {cache}[1],)", space)
    x = RNG.standard_normal((5, 4))
    assert check_gradients(logsumexp, space["backward"], wrt="x", x=x).ok


def normalised(x, gamma, beta, axis):
    mu, var = x.mean(axis=axis, keepdims=True), x.var(axis=axis, keepdims=True)
    std = np.sqrt(var + 1e-5)
    x_hat = (x - mu) / std
    return gamma * x_hat + beta, (x_hat, std, gamma)


def scaled_only(dout, cache):
    x_hat, std, gamma = cache
    dgamma, dbeta = np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)
    dx = dout * gamma / std
    return dx, dgamma, dbeta


@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_derived_for_a_layer_is_said_of_its_own_incoming_gradient(axis):
    report = check_gradients(
        normalised, scaled_only, wrt=("x", "gamma", "beta"), budget=0, axis=axis,
        x=RNG.standard_normal((5, 4)), gamma=RNG.standard_normal(4), beta=RNG.standard_normal(4),
    )  # fmt: skip
    text = str(report)
    assert "it is derived as" in text
    assert "array(" not in text
    derived = text.partition("it is derived as")[2].partition("\ndx:")[0]
    assert "dout" in derived
    assert not re.search(r"/ \d", derived), derived


class Network:
    """One method for the loss and the gradients, of which one forgets the hidden layer's kink."""

    def __init__(self):
        self.params = {"W1": RNG.standard_normal((4, 5)), "b1": np.zeros(5),
                       "W2": RNG.standard_normal((5, 3)), "b2": np.zeros(3)}  # fmt: skip

    def loss(self, X, y):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        hidden = np.maximum(0, X @ W1 + b1)
        scores = hidden @ W2 + b2
        probs = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        loss = -np.log(probs[np.arange(len(y)), y]).mean()
        dscores = probs.copy()
        dscores[np.arange(len(y)), y] -= 1
        dscores /= len(y)
        dhidden = dscores @ W2.T
        grads = {"W2": hidden.T @ dscores, "b2": dscores.sum(axis=0)}
        grads["W1"], grads["b1"] = X.T @ dhidden, dhidden.sum(axis=0)
        return loss, grads


def test_lines_of_the_loss_are_not_looked_at_first():
    """Where one function has both, a change of the loss is no repair."""
    model = Network()
    X, y = RNG.standard_normal((5, 4)), np.array([0, 1, 2, 2, 1])
    report = check_gradients(model.loss, params=model.params, X=X, y=y, budget=60)
    assert [(f.stage, f.cause) for f in report.findings] == [("dhidden", "mask_missing")]


def step_forward(x, h, W):
    new = np.tanh(x + h @ W)
    return new, (x, h, W, new)


@pytest.mark.parametrize("names", ["dnext_h, cache", "dh, cache", "cache, dprev", "d_new, ctx"])
def test_the_gradient_that_comes_in_is_the_argument_beside_the_cache(names):
    cache = next(n for n in names.split(", ") if n in ("cache", "ctx"))
    g = next(n for n in names.split(", ") if n != cache)
    space = {"np": np}
    exec(
        f"""
def backward({names}):
    x, h, W, new = {cache}
    da = {g} * (1 - new**2)
    return da, da @ W.T, h.T @ da
""",
        space,
    )
    given = {n: RNG.standard_normal((4, 4)) for n in ("x", "h", "W")}
    assert check_gradients(step_forward, space["backward"], wrt=tuple(given), **given).ok


def test_a_layer_with_two_outputs_is_refused():
    def forward(x, c):
        return np.tanh(x + c), x * c, (x, c)

    def backward(dh, dc, cache):
        x, c = cache
        da = dh * (1 - np.tanh(x + c) ** 2)
        return da + dc * c, da + dc * x

    x, c = RNG.standard_normal((2, 3, 4))
    with pytest.raises(TypeError, match=r"2 gradients that come in, dh, dc, but one output"):
        check_gradients(forward, backward, wrt=("x", "c"), x=x, c=c)
