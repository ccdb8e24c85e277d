"""Losses as people write them, each with a right gradient by hand and inputs: what is checked.

`changed` makes another version of a function by replacing one of its lines; its source is to be had
as if it stood in a file.
"""

import inspect
import itertools
import linecache
import sys
import textwrap
from typing import Any, NamedTuple

import numpy as np


class Subject(NamedTuple):
    """A loss, a right gradient of it that returns a dict, and inputs."""

    loss: Any
    gradients: Any
    inputs: dict[str, Any]


SUBJECTS: dict[str, Subject] = {}
rng = np.random.default_rng(231)
_count = itertools.count()


def subject(loss, **inputs):
    """A decorator that keeps a right gradient under the name of its loss."""

    def declare(gradients):
        SUBJECTS[loss.__name__] = Subject(loss, gradients, inputs)
        return gradients

    return declare


def function_of(source, space, name="gradients"):
    """The function of a source text, which tracebacks and `inspect` can show."""
    file = f"<subject {next(_count)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space = {**space}
    exec(compile(source, file, "exec"), space)
    return space[name]


def source_of(function):
    """The source of a function, without decorators, under the name `gradients`."""
    text = textwrap.dedent(inspect.getsource(function))
    text = text[text.index("def ") :]
    return text.replace(f"def {function.__name__}(", "def gradients(", 1)


def changed(function, old, new):
    """A function with other text for a part of its source, which occurs once; and its source."""
    source = source_of(function)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {source}"
    source = source.replace(old, new)
    return function_of(source, function.__globals__), source


def variables(function, inputs):
    """The arrays that the variables of a function hold when it returns."""
    kept = {}

    def profile(frame, event, arg):
        if event == "return" and frame.f_code is function.__code__:
            kept.update(frame.f_locals)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        function(**{n: v.copy() if isinstance(v, np.ndarray) else v for n, v in inputs.items()})
    finally:
        sys.setprofile(before)
    return {n: np.asarray(v) for n, v in kept.items() if isinstance(v, np.ndarray | float)}


def equal(a, b):
    """Whether two dicts of gradients are equal but for rounding."""
    return all(np.shape(a[n]) == np.shape(b[n]) and np.allclose(a[n], b[n], 1e-7, 1e-10)
               for n in (*a, *b))  # fmt: skip


def normal(*shape):
    return rng.standard_normal(shape)


def softmax(W, b, X, y, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    return data_loss + reg_loss


linear = {"X": normal(8, 5), "y": np.array([0, 2, 1, 1, 0, 2, 2, 0]), "reg": 0.1}
linear |= {"W": normal(5, 3), "b": normal(1, 3)}


@subject(softmax, **linear)
def softmax_gradients(W, b, X, y, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)
    dW += reg * W
    return {"W": dW, "b": db}


def by_steps(W, b, X, Y):
    logits = X @ W + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    logprobs = np.log(probs)
    return -np.sum(Y * logprobs) / Y.shape[0]


@subject(by_steps, W=normal(5, 4), b=normal(4), X=normal(7, 5), Y=np.eye(4)[rng.integers(0, 4, 7)])
def by_steps_gradients(W, b, X, Y):
    logits = X @ W + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    dlogprobs = -Y / Y.shape[0]
    dprobs = dlogprobs / probs
    ds = -np.sum(dprobs * e, axis=1, keepdims=True) / s**2
    de = dprobs / s + ds
    dlogits = de * e
    return {"W": X.T @ dlogits, "b": np.sum(dlogits, axis=0)}


def columns(W, b, X, y, T):
    num_train = X.shape[1]
    scores = (np.dot(W, X) + b) / T
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    return -np.sum(np.log(probs[y, range(num_train)])) / num_train


@subject(columns, W=normal(4, 5), b=normal(4, 1), X=normal(5, 9), y=rng.integers(0, 4, 9), T=2.5)
def columns_gradients(W, b, X, y, T):
    num_train = X.shape[1]
    scores = (np.dot(W, X) + b) / T
    exp_scores = np.exp(scores)
    dscores = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    dscores[y, range(num_train)] -= 1
    dscores /= num_train * T
    dW = np.dot(dscores, X.T)
    db = np.sum(dscores, axis=1, keepdims=True)
    return {"W": dW, "b": db}


def weighted(W, X, y, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    losses = -np.log(probs[range(N), y])
    return np.sum(weights * losses) / np.sum(weights)


@subject(weighted, W=normal(5, 3), X=normal(8, 5), y=linear["y"], weights=rng.uniform(0.4, 2.2, 8))
def weighted_gradients(W, X, y, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[range(N), y] -= 1
    dscores *= weights[:, None]
    dscores /= np.sum(weights)
    return {"W": X.T @ dscores}


def two_layer(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = np.sum(-np.log(probs[range(num_examples), y])) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    return data_loss + reg_loss


hidden = {"W": normal(5, 7), "b": normal(1, 7), "W2": normal(7, 3), "b2": normal(1, 3)}


@subject(two_layer, **linear | hidden)
def two_layer_gradients(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


def mlp(W1, b1, W2, b2, X, Y):
    N = len(X)
    z = X @ W1 + b1
    h = np.tanh(z)
    logits = h @ W2 + b2
    p = 1 / (1 + np.exp(-logits))
    return 0.5 * np.sum((p - Y) ** 2) / N


@subject(mlp, W1=normal(4, 6), b1=normal(6), W2=normal(6, 3), b2=normal(3), X=normal(7, 4),
         Y=normal(7, 3))  # fmt: skip
def mlp_gradients(W1, b1, W2, b2, X, Y):
    N = len(X)
    z = X @ W1 + b1
    h = np.tanh(z)
    logits = h @ W2 + b2
    p = 1 / (1 + np.exp(-logits))
    dp = (p - Y) / N
    dlogits = dp * p * (1 - p)
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(axis=0)
    dh = dlogits @ W2.T
    dz = dh * (1 - h**2)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def logistic(w, b, X, y):
    N = X.shape[0]
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / N


@subject(logistic, w=normal(4), b=np.array(0.4), X=normal(8, 4), y=(np.arange(8) % 3 > 0) * 1.0)
def logistic_gradients(w, b, X, y):
    N = X.shape[0]
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    dp = (-y / p + (1 - y) / (1 - p)) / N
    dz = dp * p * (1 - p)
    dw = X.T @ dz
    db = np.sum(dz)
    return {"w": dw, "b": db}


def hinge(W, X, y, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[np.arange(num_train), y].reshape(-1, 1) + 1)
    data_loss = np.sum(margins) / num_train - 1
    return data_loss + reg * np.sum(W * W)


@subject(hinge, W=normal(5, 3), X=normal(8, 5), y=linear["y"], reg=0.2)
def hinge_gradients(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_train = X.shape[0]
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    dW /= num_train
    dW += 2 * reg * W
    return {"W": dW}


def hinge_squared(W, X, y):
    m = np.maximum(0, 1 - y * (X @ W))
    return np.sum(m**2) / X.shape[0]


@subject(hinge_squared, W=normal(4), X=normal(9, 4), y=np.resize([-1.0, 1.0, 1.0], 9))
def hinge_squared_gradients(W, X, y):
    m = np.maximum(0, 1 - y * (X @ W))
    dm = 2 * m / X.shape[0]
    dscores = -dm * y * (m > 0)
    dW = X.T @ dscores
    return {"W": dW}


def ridge(w, b, X, y, alpha):
    residual = X @ w + b - y
    return np.sum(residual**2) / len(y) + alpha * np.sum(w**2)


@subject(ridge, w=normal(4), b=np.array(0.8), X=normal(9, 4), y=normal(9), alpha=0.3)
def ridge_gradients(w, b, X, y, alpha):
    residual = X @ w + b - y
    dresidual = 2 * residual / len(y)
    dw = X.T @ dresidual + 2 * alpha * w
    db = np.sum(dresidual)
    return {"w": dw, "b": db}


def poisson(w, b, X, y):
    eta = X @ w + b
    rate = np.exp(eta)
    return np.mean(rate - y * eta)


@subject(poisson, w=0.5 * normal(4), b=np.array(0.2), X=normal(9, 4), y=np.arange(9.0) % 4)
def poisson_gradients(w, b, X, y):
    eta = X @ w + b
    rate = np.exp(eta)
    deta = (rate - y) / len(y)
    return {"w": X.T @ deta, "b": deta.sum()}


def absolute(w, X, y):
    pred = X @ w
    return np.mean(np.abs(pred - y))


@subject(absolute, w=normal(4), X=normal(9, 4), y=normal(9))
def absolute_gradients(w, X, y):
    pred = X @ w
    dpred = np.sign(pred - y) / len(y)
    return {"w": X.T @ dpred}


def batch_norm(x, gamma, beta, target, eps):
    N = x.shape[0]
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    out = gamma * x_hat + beta
    return 0.5 * np.sum((out - target) ** 2) / N


norm = {"x": 1.5 * normal(8, 5) + 0.5, "gamma": rng.uniform(0.5, 2, 5), "beta": normal(5),
        "target": normal(8, 5), "eps": 1e-3}  # fmt: skip


@subject(batch_norm, **norm)
def batch_norm_gradients(x, gamma, beta, target, eps):
    N = x.shape[0]
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mu) * inv_std
    dout = (gamma * x_hat + beta - target) / N
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * x_hat, axis=0)
    dx_hat = dout * gamma
    dvar = np.sum(dx_hat * (x - mu), axis=0) * -0.5 * inv_std**3
    dmu = -np.sum(dx_hat, axis=0) * inv_std
    dx = dx_hat * inv_std + dvar * 2 * (x - mu) / N + dmu / N
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


def layer_norm(x, gamma, beta, target, eps):
    mean = x.mean(axis=1, keepdims=True)
    std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + eps)
    out = (x - mean) / std * gamma + beta
    return np.sum((out - target) ** 2) / 2


@subject(layer_norm, **norm)
def layer_norm_gradients(x, gamma, beta, target, eps):
    mean = x.mean(axis=1, keepdims=True)
    std = np.sqrt(((x - mean) ** 2).mean(axis=1, keepdims=True) + eps)
    xn = (x - mean) / std
    dout = xn * gamma + beta - target
    dxn = dout * gamma
    first = dxn.mean(axis=1, keepdims=True)
    second = xn * np.mean(dxn * xn, axis=1, keepdims=True)
    dx = (dxn - first - second) / std
    dgamma = (dout * xn).sum(axis=0)
    return {"x": dx, "gamma": dgamma, "beta": dout.sum(axis=0)}


def embedding(E, W, words, y):
    n = len(words)
    h = E[words]
    scores = h @ W
    logp = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.sum(logp[np.arange(n), y]) / n


@subject(embedding, E=normal(6, 4), W=normal(4, 3), words=rng.integers(0, 6, 10),
         y=rng.integers(0, 3, 10))  # fmt: skip
def embedding_gradients(E, W, words, y):
    n = len(words)
    h = E[words]
    scores = h @ W
    dscores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    dscores[np.arange(n), y] -= 1
    dscores /= n
    dW = h.T @ dscores
    dh = dscores @ W.T
    dE = np.zeros_like(E)
    np.add.at(dE, words, dh)
    return {"E": dE, "W": dW}


def recurrent(Wx, Wh, b, x, target):
    h = np.zeros((x.shape[1], Wh.shape[0]))
    for t in range(x.shape[0]):
        h = np.tanh(x[t] @ Wx + h @ Wh + b)
    return 0.5 * np.sum((h - target) ** 2)


@subject(recurrent, Wx=0.5 * normal(4, 5), Wh=0.5 * normal(5, 5), b=normal(5), x=normal(3, 6, 4),
         target=normal(6, 5))  # fmt: skip
def recurrent_gradients(Wx, Wh, b, x, target):
    T = x.shape[0]
    hs = [np.zeros((x.shape[1], Wh.shape[0]))]
    for t in range(T):
        hs.append(np.tanh(x[t] @ Wx + hs[-1] @ Wh + b))
    dh = hs[-1] - target
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    for t in reversed(range(T)):
        da = dh * (1 - hs[t + 1] ** 2)
        dWx += x[t].T @ da
        dWh += hs[t].T @ da
        db += da.sum(axis=0)
        dh = da @ Wh.T
    return {"Wx": dWx, "Wh": dWh, "b": db}


def autoencoder(W, X):
    code = np.tanh(X @ W)
    recon = code @ W.T
    return np.mean((recon - X) ** 2)


@subject(autoencoder, W=0.5 * normal(5, 3), X=normal(7, 5))
def autoencoder_gradients(W, X):
    code = np.tanh(X @ W)
    recon = code @ W.T
    drecon = 2 * (recon - X) / X.size
    dcode = drecon @ W
    dW = drecon.T @ code
    dW += X.T @ (dcode * (1 - code**2))
    return {"W": dW}
