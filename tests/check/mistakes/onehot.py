"""Mistakes in softmax gradients with one-hot labels, classes on rows, and further terms."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)

WB = "W b"


@mistake(losses.onehot, draws.onehot, WB, "dZ", "sign", mentions=r"sign|minus|negat")
def labels_minus_probabilities(X, Y, W, b):
    m = X.shape[0]
    Z = X @ W + b
    A = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    dZ = (Y - A) / m
    dW = X.T @ dZ
    db = np.sum(dZ, axis=0)
    return {"W": dW, "b": db}


@mistake(losses.onehot, draws.onehot, WB, "dW", "scaled", mentions=r"\bm\b|\b19\b")
def divided_again_in_the_weights(X, Y, W, b):
    m = X.shape[0]
    Z = X @ W + b
    A = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    dZ = (A - Y) / m
    dW = 1 / m * X.T @ dZ
    db = np.sum(dZ, axis=0)
    return dW, db


@mistake(losses.onehot, draws.onehot, WB, "dZ", "scaled", "wrong_axis", r"\b76\b|\b4\b|size")
def mean_over_all_entries(X, Y, W, b):
    Z = X @ W + b
    A = np.exp(Z - Z.max(axis=1, keepdims=True))
    A /= A.sum(axis=1, keepdims=True)
    dZ = (A - Y) / Y.size
    return {"W": np.dot(X.T, dZ), "b": dZ.sum(axis=0)}


@mistake(losses.onehot_named, draws.onehot, WB, "grad_logits", "diagonal", "local_slope")
def softmax_treated_like_a_sigmoid(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    probs = e / np.sum(e, axis=1, keepdims=True)
    grad_probs = -Y / probs / Y.shape[0]
    grad_logits = grad_probs * (probs * (1 - probs))
    grad_W = np.matmul(X.T, grad_logits)
    grad_b = grad_logits.sum(0)
    return {"W": grad_W, "b": grad_b}


@mistake(losses.onehot_named, draws.onehot, WB, "dlogits", "local_slope", "term_missing diagonal")
def softmax_skipped_in_the_backward_pass(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    probs = e / np.sum(e, axis=1, keepdims=True)
    dprobs = -(Y / probs) / Y.shape[0]
    dlogits = dprobs
    return {"W": X.T @ dlogits, "b": dlogits.sum(axis=0)}


@mistake(losses.onehot_named, draws.onehot, WB, "ds", "wrong_axis", "scaled", r"axis")
def denominator_gradient_shared_by_all_rows(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    dlogprobs = -Y / Y.shape[0]
    dprobs = dlogprobs / probs
    ds = np.sum(-dprobs * e / s**2, axis=0, keepdims=True)
    de = dprobs / s + ds
    dlogits = de * e
    return X.T @ dlogits, dlogits.sum(axis=0)


@mistake(losses.onehot_named, draws.onehot, WB, "ds", "local_slope", mentions=r"\bs\b")
def square_of_the_denominator_missing(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    dprobs = -Y / probs / Y.shape[0]
    ds = np.sum(-dprobs * e / s, axis=1, keepdims=True)
    de = dprobs / s
    de += ds
    dlogits = de * np.exp(logits)
    return X.T @ dlogits, dlogits.sum(axis=0)


@mistake(losses.onehot_named, draws.onehot, WB, "ds", "sign")
def sign_of_the_denominator(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    dlogprobs = -Y / Y.shape[0]
    dprobs = dlogprobs * (1 / probs)
    ds = np.sum(dprobs * e * s**-2.0, axis=1, keepdims=True)
    de = dprobs / s + ds
    dlogits = de * e
    dW = X.T @ dlogits
    db = dlogits.sum(axis=0)
    return dW, db


@mistake(losses.onehot_named, draws.onehot, WB, "dlogits", "upstream", "local_slope term_missing")
def slope_of_the_exponential_alone(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    dprobs = -Y / probs / Y.shape[0]
    ds = -np.sum(dprobs * e, axis=1, keepdims=True) / s**2
    de = dprobs / s + ds
    assert de.shape == e.shape
    dlogits = np.exp(logits)
    return X.T @ dlogits, dlogits.sum(axis=0)


@mistake(losses.columns, draws.transposed, WB, "dscores", "scaled", mentions=r"num_train|\b21\b")
def columns_divided_by_the_number_of_features(X, y, W, b):
    num_train = X.shape[1]
    scores = W.dot(X) + b
    exp_scores = np.exp(scores)
    dscores = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    dscores[y, range(num_train)] -= 1
    dscores /= X.shape[0]
    dW = dscores.dot(X.T)
    db = np.sum(dscores, axis=1, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.columns, draws.transposed, WB, "dW", "transposed", "shape", r"transpos|\.t\b")
def columns_with_the_rows_formula(X, y, W, b):
    num_train = X.shape[1]
    scores = W.dot(X) + b
    exp_scores = np.exp(scores)
    dscores = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    dscores[y, range(num_train)] -= 1
    dscores /= num_train
    dW = X.dot(dscores.T)
    db = np.sum(dscores, axis=1, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.columns, draws.transposed, WB, "db", "wrong_axis", "shape", r"axis")
def columns_bias_summed_over_the_classes(X, y, W, b):
    num_train = X.shape[1]
    scores = W.dot(X) + b
    exp_scores = np.exp(scores)
    dscores = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    dscores[y, range(num_train)] -= 1
    dscores /= num_train
    dW = dscores.dot(X.T)
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.columns, draws.transposed, WB, "dscores", "wrong_axis", "", r"axis")
def columns_normalised_along_the_rows(X, y, W, b):
    num_train = X.shape[1]
    scores = W.dot(X) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[y, range(num_train)] -= 1
    dscores /= num_train
    return {"W": dscores @ X.T, "b": dscores.sum(axis=1, keepdims=True)}


@mistake(losses.columns, draws.transposed, WB, "db", "shape", mentions=r"keepdims|shape|\(5, 1\)")
def columns_bias_flat(X, y, W, b):
    num_train = X.shape[1]
    scores = W.dot(X) + b
    P = np.exp(scores) / np.exp(scores).sum(axis=0)
    P[y, np.arange(num_train)] -= 1
    return P @ X.T / num_train, P.sum(axis=1) / num_train


@mistake(
    losses.temperature, draws.tempered, "W", "dscores", "scaled", "", r"\bt\b|2\.5|temperature"
)
def temperature_missing(X, y, W, T):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores / T)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(N), y] -= 1
    dscores /= N
    return X.T @ dscores


@mistake(losses.temperature, draws.tempered, "W", "dscores", "scaled", "", r"\bt\b|2\.5|6\.25")
def temperature_multiplied(X, y, W, T):
    N = X.shape[0]
    scores = X @ W
    scaled_scores = scores / T
    exp_scores = np.exp(scaled_scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscaled_scores = probs
    dscaled_scores[range(N), y] -= 1
    dscaled_scores /= N
    dscores = dscaled_scores * T
    return X.T @ dscores


@mistake(losses.temperature, draws.tempered, "W", "dscaled_scores", "local_slope", "unexplained")
def temperature_forgotten_in_the_probabilities(X, y, W, T):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscaled_scores = probs
    dscaled_scores[range(N), y] -= 1
    dscaled_scores /= N
    dscores = dscaled_scores / T
    return {"W": X.T @ dscores}


@mistake(losses.label_smoothing, draws.smoothed, "W", "dscores", "term_missing", "labels", r"eps")
def smoothing_of_the_wrong_classes_missing(X, Y, W, eps):
    N = Y.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = (probs - (1 - eps) * Y) / N
    return {"W": X.T @ dscores}


@mistake(losses.label_smoothing, draws.smoothed, "W", "dscores", "term_scaled", "labels", r"eps")
def smoothing_of_the_label_missing(X, Y, W, eps):
    N, K = Y.shape
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    targets = Y + eps / K
    dscores = (probs - targets) / N
    dW = X.T @ dscores
    return {"W": dW}


@mistake(
    losses.sample_weights, draws.weighted, "W", "dscores", "scaled", mentions=r"weights|\b14\b"
)
def weighted_divided_by_the_count(X, y, W, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(N), y] -= 1
    dscores *= weights[:, None]
    dscores /= N
    return X.T @ dscores


@mistake(losses.sample_weights, draws.weighted, "W", "dscores", "term_scaled", "labels", r"weights")
def weights_at_the_labels_only(X, y, W, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(N), y] -= weights
    dscores /= np.sum(weights)
    dW = X.T @ dscores
    return {"W": dW}


@mistake(
    losses.sample_weights, draws.weighted, "W", "dscores", "upstream", "local_slope", r"weights"
)
def weights_forgotten_after_the_losses(X, y, W, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dlosses = weights / weights.sum()
    assert dlosses.shape == (N,)
    dscores = probs
    dscores[range(N), y] -= 1
    return X.T @ dscores


@mistake(
    losses.confidence_penalty,
    draws.confident,
    "W",
    "dscores",
    "overwritten",
    "term_scaled",
    r"probs",
)
def probabilities_overwritten_by_an_alias(X, y, W, lam):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    ddata = probs
    ddata[range(N), y] -= 1
    ddata /= N
    penalty = 2 * lam * probs / N
    dscores = ddata + probs * (penalty - np.sum(penalty * probs, axis=1, keepdims=True))
    return X.T @ dscores


@mistake(losses.confidence_penalty, draws.confident, "W", "dscores", "term_missing", "", r"lam")
def penalty_missing(X, y, W, lam):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(N), y] -= 1
    dscores /= N
    return {"W": X.T @ dscores}
