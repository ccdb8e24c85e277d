"""Mistakes in two-class gradients: sigmoid cross-entropy, and hinge losses of any class count."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)

SIGMOID = r"sigmoid|\bp\b|\ba\b"
MARGIN = r"margin|mask|maximum|> 0"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@mistake(losses.logistic, draws.binary, "w b", "dz", "local_slope", "term_extra", SIGMOID)
def sigmoid_slope_once_too_often(X, y, w, b):
    N = X.shape[0]
    p = sigmoid(X @ w + b)
    dz = (p - y) * p * (1 - p) / N
    return {"w": X.T @ dz, "b": dz.sum()}


@mistake(losses.logistic, draws.binary, "w b", "dz", "scaled", mentions=r"\bn\b|\b20\b")
def logistic_not_divided(X, y, w, b):
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    dz = p - y
    dw = X.T @ dz
    db = np.sum(dz)
    return dw, db


@mistake(losses.logistic, draws.binary, "w b", "dz", "sign", mentions=r"sign|minus|negat")
def logistic_ascends(X, y, w, b):
    N = X.shape[0]
    p = sigmoid(X @ w + b)
    dz = (y - p) / N
    dw = np.dot(dz, X)
    db = np.sum(dz)
    return dw, db


@mistake(losses.logistic, draws.binary, "w b", "db", "not_summed", "shape", r"sum|broadcast")
def intercept_not_summed(X, y, w, b):
    N = X.shape[0]
    p = sigmoid(X @ w + b)
    dz = (p - y) / N
    dw = dz @ X
    db = dz
    return {"w": dw, "b": db}


@mistake(losses.logistic, draws.binary, "w b", "db", "mean_for_sum", "scaled", r"mean|\b20\b")
def intercept_averaged_twice(X, y, w, b):
    N = X.shape[0]
    p = sigmoid(X @ w + b)
    dz = (p - y) / N
    return {"w": X.T.dot(dz), "b": np.mean(dz)}


@mistake(losses.logistic, draws.binary, "w b", "dp", "term_missing", mentions=r"\bp\b|1 - y")
def only_the_positive_class(X, y, w, b):
    N = X.shape[0]
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    dp = -(y / p) / N
    dz = dp * p * (1 - p)
    dw = X.T @ dz
    db = dz.sum()
    return dw, db


@mistake(losses.logistic_column, draws.binary_column, "W b", "dA", "term_sign", mentions=r"\ba\b")
def sign_of_the_negative_class(X, y, W, b):
    m = X.shape[0]
    A = 1 / (1 + np.exp(-(np.dot(X, W) + b)))
    dA = -(np.divide(y, A) + np.divide(1 - y, 1 - A)) / m
    dZ = dA * A * (1 - A)
    dW = np.dot(X.T, dZ)
    db = np.sum(dZ, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.logistic_column, draws.binary_column, "W b", "dZ", "local_slope", "", SIGMOID)
def sigmoid_slope_missing(X, y, W, b):
    m = X.shape[0]
    A = 1 / (1 + np.exp(-(np.dot(X, W) + b)))
    dA = (-y / A + (1 - y) / (1 - A)) / m
    dZ = dA
    return {"W": np.dot(X.T, dZ), "b": np.sum(dZ, axis=0, keepdims=True)}


@mistake(losses.logistic_column, draws.binary_column, "W b", "dZ", "upstream", "local_slope", r"da")
def sigmoid_slope_without_the_incoming(X, y, W, b):
    A = sigmoid(np.dot(X, W) + b)
    dZ = A * (1 - A)
    dW = np.dot(X.T, dZ)
    db = np.sum(dZ, axis=0, keepdims=True)
    return dW, db


@mistake(losses.logistic_column, draws.binary_column, "W b", "dA", "local_slope", "", r"log|\ba\b")
def logarithms_slope_forgotten(X, y, W, b):
    m = X.shape[0]
    A = 1 / (1 + np.exp(-(np.dot(X, W) + b)))
    dA = (-y + (1 - y)) / m
    dZ = dA * A * (1 - A)
    dW = np.dot(X.T, dZ)
    db = np.sum(dZ, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(
    losses.logistic_column, draws.binary_column, "W b", "dW", "shape", mentions="shape|reshape"
)
def column_returned_flat(X, y, W, b):
    m = X.shape[0]
    A = sigmoid(np.dot(X, W) + b)
    dZ = (A - y) / m
    return {"W": np.sum(X * dZ, axis=0), "b": np.sum(dZ, axis=0, keepdims=True)}


@mistake(
    losses.logistic_column, draws.binary_column, "W b", "dZ", "unexplained", "shape not_summed"
)
def column_minus_row(X, y, W, b):
    m = X.shape[0]
    A = sigmoid(np.dot(X, W) + b)
    dZ = (A - y.ravel()) / m
    dW = np.dot(X.T, dZ).sum(axis=1, keepdims=True)
    db = np.sum(dZ).reshape(1, 1)
    return {"W": dW, "b": db}


@mistake(losses.logistic_signed, draws.signed, "w", "dmargins", "local_slope", "sign", r"margins")
def sigmoid_of_the_margin_itself(X, y, w, C):
    margins = y * (X @ w)
    dmargins = -sigmoid(margins) / len(y)
    return X.T @ (dmargins * y) + C * w


@mistake(losses.logistic_signed, draws.signed, "w", "dscores", "local_slope", "labels", r"\by\b")
def labels_lost_between_margins_and_scores(X, y, w, C):
    margins = y * (X @ w)
    dmargins = -1 / (1 + np.exp(margins)) / len(y)
    dscores = dmargins
    dw = X.T @ dscores
    dw += C * w
    return dw


@mistake(losses.hinge, draws.svm, "W", "dW", "mask", "", MARGIN)
def margins_not_masked(X, y, W, reg):
    num_train, num_classes = X.shape[0], W.shape[1]
    coefficients = np.ones((num_train, num_classes))
    coefficients[np.arange(num_train), y] = 0
    coefficients[np.arange(num_train), y] -= coefficients.sum(axis=1)
    dW = X.T.dot(coefficients) / num_train
    dW += 2 * reg * W
    return dW


@mistake(losses.hinge, draws.svm, "W", "dscores", "mask", "", MARGIN)
def margins_mask_reversed(X, y, W, reg):
    rows = np.arange(X.shape[0])
    scores = X.dot(W)
    margins = scores - scores[rows, y][:, None] + 1
    dscores = (margins < 0).astype(float)
    dscores[rows, y] = 0
    dscores[rows, y] = -dscores.sum(axis=1)
    dscores /= X.shape[0]
    return {"W": X.T.dot(dscores) + 2 * reg * W}


@mistake(losses.hinge, draws.svm, "W", "dscores", "mask", "", MARGIN)
def scores_for_margins_in_the_mask(X, y, W, reg):
    rows = np.arange(X.shape[0])
    scores = X.dot(W)
    dscores = np.where(scores > 0, 1.0, 0.0)
    dscores[rows, y] = 0
    dscores[rows, y] = -dscores.sum(axis=1)
    dscores /= X.shape[0]
    return {"W": X.T.dot(dscores) + 2 * reg * W}


@mistake(losses.hinge, draws.svm, "W", "dscores", "term_missing", "labels", r"correct|label|\by\b")
def correct_class_not_pushed_up(X, y, W, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train + reg * np.sum(W * W)

    dscores = (margins > 0) / num_train
    dW = X.T.dot(dscores) + 2 * reg * W
    return loss, dW


@mistake(
    losses.hinge, draws.svm, "W", "dscores", "term_scaled", "labels term_missing", r"correct|y"
)
def correct_class_pushed_up_once(X, y, W, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train + reg * np.sum(W * W)

    binary = margins
    binary[margins > 0] = 1
    binary[np.arange(num_train), y] = -1
    dscores = binary / num_train
    dW = X.T.dot(dscores) + 2 * reg * W
    return loss, dW


@mistake(losses.hinge, draws.svm, "W", "dscores", "term_sign", "labels", r"correct|label|\by\b")
def correct_class_pushed_down(X, y, W, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    margins = scores - scores[np.arange(num_train), y].reshape(-1, 1) + 1
    dscores = (margins > 0).astype(float)
    dscores[np.arange(num_train), y] = 0
    dscores[np.arange(num_train), y] += np.sum(dscores, axis=1)
    dscores /= num_train
    return X.T.dot(dscores) + 2 * reg * W


@mistake(losses.hinge, draws.svm, "W", "dW", "term_scaled", "scaled", r"num_train|\b16\b")
def loss_divided_but_not_its_gradient(X, y, W, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


@mistake(losses.hinge, draws.svm, "W", "dW", "mask", "term_scaled labels", r"margin|mask|\by\b")
def correct_class_outside_the_condition(X, y, W, reg):
    dW = np.zeros(W.shape)
    num_train = X.shape[0]
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            if scores[j] - scores[y[i]] + 1 > 0:
                dW[:, j] += X[i]
            dW[:, y[i]] -= X[i]
    dW /= num_train
    dW += 2 * reg * W
    return dW


@mistake(losses.hinge_bias, draws.svm_bias, "W b", "dW", "term_scaled", "", r"\breg\b")
def hinge_regulariser_doubled(X, y, W, b, reg):
    N = X.shape[0]
    scores = X @ W + b
    raw = scores - scores[range(N), y][:, np.newaxis] + 1.0
    draw = (raw > 0) / N
    dscores = draw.copy()
    dscores[range(N), y] -= draw.sum(axis=1)
    return {"W": X.T @ dscores + 2 * reg * W, "b": dscores.sum(axis=0)}


@mistake(losses.hinge_bias, draws.svm_bias, "W b", "db", "not_summed", "wrong_axis shape", r"sum")
def hinge_bias_from_the_first_example(X, y, W, b, reg):
    N = X.shape[0]
    scores = X @ W + b
    raw = scores - scores[range(N), y][:, np.newaxis] + 1.0
    dscores = (raw > 0) / N
    np.add.at(dscores, (range(N), y), -np.sum(raw > 0, axis=1) / N)
    dW = X.T @ dscores + reg * W
    db = dscores[0]
    return {"W": dW, "b": db}


@mistake(losses.squared_hinge, draws.svm, "W", "dm", "scaled", mentions=r"\b2\b|twice|half|0\.5")
def factor_two_of_the_square_missing(X, y, W, reg):
    N = X.shape[0]
    s = X @ W
    m = np.maximum(0, s - s[range(N), y][:, None] + 1)
    m[range(N), y] = 0
    dm = m / N
    ds = dm * (m > 0)
    ds[range(N), y] = -ds.sum(axis=1)
    return X.T @ ds + 2 * reg * W


@mistake(losses.squared_hinge, draws.svm, "W", "dm", "local_slope", "mask", r"\bm\b|square")
def margin_in_the_slope_of_the_square_missing(X, y, W, reg):
    N = X.shape[0]
    s = X @ W
    m = np.maximum(0, s - s[range(N), y][:, None] + 1)
    m[range(N), y] = 0
    dm = np.full(m.shape, 2.0 / N)
    ds = dm * (m > 0)
    ds[range(N), y] = -ds.sum(axis=1)
    return X.T @ ds + 2 * reg * W


@mistake(losses.binary_hinge, draws.signed, "w", "df", "mask", "", r"slack|mask|maximum")
def slack_mask_missing(X, y, w, C):
    n = len(y)
    slack = np.maximum(0, 1 - y * (X @ w))
    dslack = np.full(slack.shape, 1 / n)
    df = -y * dslack
    return X.T @ df + 2 * C * w


@mistake(losses.binary_hinge, draws.signed, "w", "dw", "term_missing", "", r"\bc\b|slack")
def last_violated_example_left_out(X, y, w, C):
    dw = 2 * C * w
    violated = y * (X @ w) < 1
    for i in np.flatnonzero(violated)[:-1]:
        dw -= y[i] * X[i] / len(y)
    return dw
