"""Right gradients of softmax with one-hot labels, classes on rows, and further terms."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Variant, variants_into

VARIANTS: list[Variant] = []
variant = variants_into(VARIANTS)

WB = "W b"


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@variant(losses.onehot, draws.onehot, WB)
def andrew_style(X, Y, W, b):
    m = X.shape[0]
    Z = X @ W + b
    A = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    dZ = A - Y
    dW = 1 / m * np.dot(X.T, dZ)
    db = 1 / m * np.sum(dZ, axis=0)
    return {"W": dW, "b": db}


@variant(losses.onehot, draws.onehot, WB)
def labels_minus_probabilities_subtracted(X, Y, W, b):
    error = Y - softmax(X @ W + b)
    return -(X.T @ error) / len(X), -error.mean(axis=0)


@variant(losses.onehot, draws.onehot, WB)
def rows_of_labels_summed(X, Y, W, b):
    m = X.shape[0]
    A = softmax(X @ W + b)
    dZ = (A * Y.sum(axis=1, keepdims=True) - Y) / m
    return {"W": X.T @ dZ, "b": dZ.sum(0)}


@variant(losses.onehot, draws.onehot, WB)
def transposed_inside(X, Y, W, b):
    Xt, Yt = X.T, Y.T
    Zt = W.T @ Xt + b[:, None]
    At = np.exp(Zt)
    At /= At.sum(axis=0)
    dZt = (At - Yt) / Xt.shape[1]
    return {"W": (dZt @ Xt.T).T, "b": dZt.sum(axis=1)}


@variant(losses.onehot_named, draws.onehot, WB)
def every_step_named(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    dlogprobs = -Y / Y.shape[0]
    dprobs = dlogprobs / probs
    ds = np.sum(dprobs * -e / s**2, axis=1, keepdims=True)
    de = dprobs / s
    de += np.ones_like(e) * ds
    dlogits = de * e
    dW = np.matmul(X.T, dlogits)
    db = dlogits.sum(axis=0)
    return dW, db


@variant(losses.onehot_named, draws.onehot, WB)
def one_array_changed_all_the_way(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    d = -Y / probs
    d /= Y.shape[0]
    d -= (d * probs).sum(axis=1, keepdims=True)
    d *= probs
    return X.T @ d, d.sum(axis=0)


@variant(losses.onehot_named, draws.onehot, WB)
def harmless_alias_of_the_probabilities(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    e /= e.sum(axis=1, keepdims=True)
    dlogits = e
    dlogits -= Y
    dlogits /= len(Y)
    dW = X.T @ dlogits
    db = np.einsum("ij->j", dlogits)
    return dW, db


class Layer:
    """Keeps what its backward pass needs."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dout):
        self.dW = self.X.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class SoftmaxLoss:
    """A class with both passes; its method is the gradient."""

    def gradients(self, X, Y, W, b):
        layer = Layer(W, b)
        logits = layer.forward(X)
        dlogits = (softmax(logits) - Y) / X.shape[0]
        layer.backward(dlogits)
        return {"W": layer.dW, "b": layer.db}


variant(losses.onehot_named, draws.onehot, WB, name="layers_as_classes")(SoftmaxLoss().gradients)


@variant(losses.columns, draws.transposed, WB)
def columns_as_written(X, y, W, b):
    num_train = X.shape[1]
    scores = W.dot(X) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    dscores = probs
    dscores[y, range(num_train)] -= 1
    dscores /= num_train
    dW = dscores.dot(X.T)
    db = np.sum(dscores, axis=1, keepdims=True)
    return {"W": dW, "b": db}


@variant(losses.columns, draws.transposed, WB)
def columns_by_rows(X, y, W, b):
    n = X.shape[1]
    p = softmax((W @ X + b).T)
    p[np.arange(n), y] -= 1
    p /= n
    return p.T @ X.T, p.sum(axis=0)[:, None]


@variant(losses.columns, draws.transposed, WB)
def columns_with_a_mask_of_labels(X, y, W, b):
    scores = W.dot(X) + b
    scores = scores - scores.max(axis=0)
    P = np.exp(scores) / np.exp(scores).sum(axis=0)
    picked = np.arange(W.shape[0])[:, None] == y[None, :]
    dscores = np.where(picked, P - 1, P) / X.shape[1]
    dW = (X @ dscores.T).T
    db = dscores @ np.ones((X.shape[1], 1), dtype=X.dtype)
    return dW, db


@variant(losses.temperature, draws.tempered, "W")
def temperature_by_its_stages(X, y, W, T):
    N = X.shape[0]
    scores = X @ W
    scaled_scores = scores / T
    dscaled_scores = np.exp(scaled_scores)
    dscaled_scores /= dscaled_scores.sum(axis=1, keepdims=True)
    dscaled_scores[range(N), y] -= 1
    dscaled_scores /= N
    dscores = dscaled_scores / T
    return X.T @ dscores


@variant(losses.temperature, draws.tempered, "W")
def temperature_at_the_end(X, y, W, T):
    N = X.shape[0]
    p = softmax(X @ W / T)
    p[range(N), y] -= 1
    dW = X.T @ p
    dW /= N * T
    return {"W": dW}


@variant(losses.temperature, draws.tempered, "W")
def temperature_moved_to_the_inputs(X, y, W, T):
    X = X / T
    dscores = softmax(X @ W)
    dscores[np.arange(len(y)), y] -= 1
    return X.T @ dscores / len(y)


@variant(losses.label_smoothing, draws.smoothed, "W")
def smoothing_as_a_mixture(X, Y, W, eps):
    N, K = Y.shape
    P = softmax(X @ W)
    hard = X.T @ (P - Y)
    uniform = X.T @ (P - 1 / K)
    return ((1 - eps) * hard + eps * uniform) / N


@variant(losses.label_smoothing, draws.smoothed, "W")
def smoothing_in_place(X, Y, W, eps):
    N, K = Y.shape
    dscores = softmax(X @ W)
    dscores[Y == 1] -= 1 - eps
    dscores -= eps / K
    dscores /= N
    dW = np.zeros_like(W)
    dW += X.T @ dscores
    return {"W": dW}


@variant(losses.sample_weights, draws.weighted, "W")
def weights_on_a_diagonal(X, y, W, weights):
    dscores = softmax(X @ W)
    dscores[range(len(y)), y] -= 1
    dW = X.T @ np.diag(weights) @ dscores
    return dW / np.trace(np.diag(weights))


@variant(losses.sample_weights, draws.weighted, "W")
def weights_moved_to_the_examples(X, y, W, weights):
    p = softmax(X @ W)
    p[range(len(y)), y] -= 1
    weighted_X = X * (weights / weights.sum())[:, np.newaxis]
    return {"W": np.tensordot(weighted_X, p, axes=(0, 0))}


@variant(losses.confidence_penalty, draws.confident, "W")
def two_parts_of_the_probabilities(X, y, W, lam):
    N = X.shape[0]
    probs = softmax(X @ W)
    dprobs = 2 * lam * probs / N
    dprobs[range(N), y] -= 1 / (N * probs[range(N), y])
    dscores = probs * (dprobs - np.sum(probs * dprobs, axis=1, keepdims=True))
    return X.T @ dscores


@variant(losses.confidence_penalty, draws.confident, "W")
def two_parts_of_the_scores(X, y, W, lam):
    N = X.shape[0]
    probs = softmax(X @ W)
    squares = probs * probs
    dscores = 2 * lam * (squares - probs * squares.sum(axis=1, keepdims=True))
    dscores += probs
    dscores[range(N), y] -= 1
    dW = X.T @ dscores
    dW /= N
    return {"W": dW}
