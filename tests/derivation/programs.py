"""Losses as people write them: what `derive` must bring to its textbook form, each on its own.

A program is a loss, the inputs to derive it at, and by what. Sizes are pairwise different.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

import tinygrad_softmax as tg

N, D, H, K = 7, 4, 6, 3


class Program(NamedTuple):
    """A loss with inputs and what to differentiate by."""

    loss: Any
    wrt: tuple[str, ...]
    inputs: dict[str, Any]


PROGRAMS: dict[str, Program] = {}


def program(*wrt, **inputs):
    """Declare a program under the name of its loss."""

    def declare(loss):
        PROGRAMS[loss.__name__] = Program(loss, wrt, inputs)
        return loss

    return declare


rng = np.random.default_rng(231)
X = rng.standard_normal((N, D))
W = rng.standard_normal((D, K))
b = rng.standard_normal((1, K))
y = rng.integers(0, K, N)
Y = np.eye(K)[y]
linear = {"W": W, "b": b, "X": X, "y": y, "reg": 1e-3}
onehot = {"W": W, "b": b, "X": X, "Y": Y}


@program("W", "b", **linear)
def question(W, b, X, y, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    return data_loss + reg_loss


@program("W", "b", **linear)
def row_maximum_subtracted(W, b, X, y, reg):
    num_examples = X.shape[0]
    scores = X @ W + b
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(shifted)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(num_examples), y])) / num_examples
    return loss + reg * np.sum(W**2)


@program("W", "b", **linear)
def with_mean(W, b, X, y, reg):
    scores = X @ W + b
    exp_scores = np.exp(scores)
    probs = exp_scores / exp_scores.sum(axis=1, keepdims=True)
    return np.mean(-np.log(probs[np.arange(len(X)), y])) + 0.5 * reg * np.sum(W * W)


@program("W", "b", **onehot)
def one_hot_labels(W, b, X, Y):
    N = X.shape[0]
    scores = X @ W + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(Y * np.log(probs)) / N


@program("W", "b", **linear)
def log_softmax_written_out(W, b, X, y, reg):
    N = X.shape[0]
    scores = X @ W + b
    logprobs = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.sum(logprobs[range(N), y]) / N + 0.5 * reg * np.sum(W * W)


@program("W", "b", **linear)
def package_cross_entropy(W, b, X, y, reg):
    scores = X @ W + b
    return tg.cross_entropy(scores, y) + 0.5 * reg * np.sum(W * W)


@program("W", "b", W=W.T, b=b.T, X=X.T, y=y)
def transposed_layout(W, b, X, y):
    N = X.shape[1]
    scores = W @ X + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    return -np.sum(np.log(probs[y, range(N)])) / N


@program("W", W=np.vstack([W, b]), X=X, y=y)
def bias_folded_in(W, X, y):
    N = X.shape[0]
    X1 = np.hstack([X, np.ones((N, 1))])
    scores = X1 @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(np.log(probs[range(N), y])) / N


@program("W", W=W, X=X, y=y, T=2.5)
def temperature(W, X, y, T):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores / T)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(np.log(probs[range(N), y])) / N


@program("W", W=W, X=X, Y=Y, eps=0.1)
def label_smoothing(W, X, Y, eps):
    N, K = Y.shape
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    targets = (1 - eps) * Y + eps / K
    return -np.sum(targets * np.log(probs)) / N


@program("W", W=W, X=X, y=y, weights=rng.uniform(0.5, 2, K))
def class_weights(W, X, y, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(weights[y] * np.log(probs[range(N), y])) / N


@program("W", W=W, X=X, y=y, weights=rng.uniform(0.5, 2, N))
def sample_weights(W, X, y, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(weights * np.log(probs[range(N), y])) / np.sum(weights)


@program("W", "b", "W2", "b2", X=X, y=y, reg=1e-3, W=rng.standard_normal((D, H)),
         b=np.zeros((1, H)), W2=rng.standard_normal((H, K)), b2=np.zeros((1, K)))  # fmt: skip
def two_layer(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    return data_loss + reg_loss


t = (rng.random(N) < 0.5).astype(float)
w = rng.standard_normal(D)


@program("w", w=w, X=X, y=t)
def binary_cross_entropy(w, X, y):
    N = X.shape[0]
    scores = X @ w
    p = 1 / (1 + np.exp(-scores))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / N


@program("w", w=w, X=X, y=t)
def binary_cross_entropy_package_sigmoid(w, X, y):
    N = X.shape[0]
    scores = X @ w
    p = tg.sigmoid(scores)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / N


@program("w", w=w, X=X, y=t)
def binary_cross_entropy_from_scores(w, X, y):
    N = X.shape[0]
    scores = X @ w
    return np.sum((1 - y) * scores + np.log(1 + np.exp(-scores))) / N


@program("w", w=w, X=X, y=rng.standard_normal(N))
def mean_squared_error(w, X, y):
    pred = X @ w
    return np.mean((pred - y) ** 2)


@program("w", w=w, X=X, y=rng.standard_normal(N), alpha=0.3)
def ridge(w, X, y, alpha):
    residual = X @ w - y
    return np.sum(residual * residual) + alpha * np.sum(w * w)


@program("W", W=W, X=X, y=y)
def multiclass_hinge(W, X, y):
    N = X.shape[0]
    scores = X @ W
    correct = scores[range(N), y].reshape(N, 1)
    margins = np.maximum(0, scores - correct + 1)
    return np.sum(margins) / N


@program("w", w=w, X=X, y=rng.integers(0, 5, N).astype(float))
def poisson(w, X, y):
    eta = X @ w
    mu = np.exp(eta)
    return np.sum(mu - y * eta)


@program("scores", scores=rng.standard_normal((N, K)))
def logsumexp(scores):
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)))


@program("scores", scores=rng.standard_normal((N, K)), G=rng.standard_normal((N, K)))
def softmax_upstream(scores, G):
    e = np.exp(scores)
    p = e / np.sum(e, axis=1, keepdims=True)
    return np.sum(G * p)


@program("x", x=rng.standard_normal((N, K)), G=rng.standard_normal((N, K)))
def tanh_by_output(x, G):
    h = np.tanh(x)
    return np.sum(G * h)


@program("x", x=rng.standard_normal((N, K)), G=rng.standard_normal((N, K)))
def sigmoid_by_output(x, G):
    p = 1 / (1 + np.exp(-x))
    return np.sum(G * p)


@program("a", a=rng.standard_normal((N, K)), b=rng.standard_normal((N, K)))
def kl_between_softmaxes(a, b):
    ea = np.exp(a)
    q = ea / np.sum(ea, axis=1, keepdims=True)
    eb = np.exp(b)
    p = eb / np.sum(eb, axis=1, keepdims=True)
    return np.sum(p * (np.log(p) - np.log(q)))


@program("x", "gamma", "beta", x=X, gamma=rng.uniform(0.5, 2, D), beta=rng.standard_normal(D),
         G=rng.standard_normal((N, D)))  # fmt: skip
def batch_norm(x, gamma, beta, G):
    mu = np.mean(x, axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = xc / std
    out = gamma * xhat + beta
    return np.sum(G * out)


@program("x", "gamma", "beta", x=X, gamma=rng.uniform(0.5, 2, D), beta=rng.standard_normal(D),
         G=rng.standard_normal((N, D)))  # fmt: skip
def layer_norm(x, gamma, beta, G):
    mu = np.mean(x, axis=1, keepdims=True)
    xc = x - mu
    var = np.mean(xc**2, axis=1, keepdims=True)
    std = np.sqrt(var + 1e-5)
    xhat = xc / std
    out = gamma * xhat + beta
    return np.sum(G * out)


@program("Q", "K", "V", Q=rng.standard_normal((5, D)), K=rng.standard_normal((6, D)),
         V=rng.standard_normal((6, 3)), G=rng.standard_normal((5, 3)))  # fmt: skip
def attention(Q, K, V, G):
    S = Q @ K.T / np.sqrt(Q.shape[1])
    E = np.exp(S)
    A = E / np.sum(E, axis=1, keepdims=True)
    return np.sum(G * (A @ V))


@program("W", "b", "W2", X=X, Y=Y, W=rng.standard_normal((D, H)), b=np.zeros(H),
         W2=rng.standard_normal((H, K)))  # fmt: skip
def two_layer_sigmoid(W, b, W2, X, Y):
    z = X @ W + b
    a = 1 / (1 + np.exp(-z))
    out = a @ W2
    return np.mean((out - Y) ** 2)


@program("x", x=rng.standard_normal(D), A=rng.standard_normal((D, D)))
def quadratic_form(x, A):
    return x @ A @ x


@cache
def derived(name, stable=False):
    """The derivation of a program; each is found once in a process."""
    return derive(name, stable)


def derive(name, stable=False):
    """The derivation of a program, found anew."""
    program = PROGRAMS[name]
    return tg.derive(program.loss, wrt=program.wrt, stable=stable, **program.inputs)
