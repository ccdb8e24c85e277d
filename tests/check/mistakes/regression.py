"""Mistakes in squared-error, ridge, absolute-error, Poisson and other gradients."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)


@mistake(losses.mse, draws.regression, "w b", "ddiff", "scaled", mentions=r"\b2\b|half|0\.5|twice")
def factor_two_missing(X, y, w, b):
    pred = X @ w + b
    diff = pred - y
    ddiff = diff / len(y)
    return X.T @ ddiff, ddiff.sum()


@mistake(losses.mse, draws.regression, "w b", "dpred", "sign", mentions=r"sign|minus|negat")
def target_minus_prediction(X, y, w, b):
    n = len(y)
    pred = X @ w + b
    dpred = 2 / n * (y - pred)
    return {"w": X.T @ dpred, "b": np.sum(dpred)}


@mistake(losses.mse, draws.regression, "w b", "dw", "sign", mentions=r"sign|minus|negat")
def minus_for_weights_but_not_for_the_bias(X, y, w, b):
    residual = y - (X @ w + b)
    dw = 2 * np.mean(residual[:, None] * X, axis=0)
    db = -2 * np.mean(residual)
    return {"w": dw, "b": db}


@mistake(losses.mse, draws.regression, "w b", "dpred", "term_missing", "", r"\by\b|pred")
def target_missing(X, y, w, b):
    n = len(y)
    pred = X @ w + b
    dpred = 2 * pred / n
    return {"w": X.T @ dpred, "b": np.sum(dpred)}


@mistake(losses.mse, draws.regression, "w b", "db", "not_summed", "shape", r"sum|broadcast")
def bias_one_per_example(X, y, w, b):
    pred = X @ w + b
    dpred = 2 * (pred - y) / y.size
    dw = np.einsum("nd,n->d", X, dpred)
    db = dpred
    return dw, db


@mistake(losses.mse, draws.regression, "w b", "dw", "scaled", mentions=r"\b25\b|len|size|shape")
def weights_summed_bias_averaged(X, y, w, b):
    error = X @ w + b - y
    dw = 2 * X.T @ error
    db = 2 * error.mean()
    return dw, db


@mistake(losses.mse, draws.regression, "w b", "dw", "mean_for_sum", "scaled", r"mean|\b25\b")
def weights_averaged_again(X, y, w, b):
    pred = X @ w + b
    dpred = 2 * (pred - y) / len(y)
    dw = np.mean(X * dpred[:, None], axis=0)
    db = np.sum(dpred)
    return dw, db


@mistake(losses.ridge, draws.ridge, "w b", "dw", "term_scaled", "", "alpha")
def ridge_penalty_halved(X, y, w, b, alpha):
    residual = X @ w + b - y
    dresidual = 2 * residual
    dw = X.T @ dresidual + alpha * w
    db = dresidual.sum()
    return {"w": dw, "b": db}


@mistake(losses.ridge, draws.ridge, "w b", "dw", "term_missing", "", r"alpha")
def ridge_penalty_missing(X, y, w, b, alpha):
    residual = X @ w + b - y
    return {"w": 2 * residual @ X, "b": 2 * residual.sum()}


@mistake(losses.ridge, draws.ridge, "w b", "dw", "term_sign", "", r"alpha")
def ridge_penalty_subtracted(X, y, w, b, alpha):
    residual = X @ w + b - y
    dw = 2 * (X.T @ residual - alpha * w)
    db = 2 * np.sum(residual)
    return dw, db


@mistake(losses.ridge, draws.ridge, "w b", "db", "term_extra", "scaled", r"alpha|\bb\b")
def ridge_penalty_on_the_intercept(X, y, w, b, alpha):
    residual = X @ w + b - y
    dw = 2 * X.T @ residual + 2 * alpha * w
    db = 2 * np.sum(residual) + 2 * alpha * b
    return dw, db


@mistake(losses.ridge, draws.ridge, "w b", "dw", "term_scaled", "", r"alpha|\b25\b")
def ridge_penalty_once_per_example(X, y, w, b, alpha):
    dw, db = np.zeros_like(w), 0.0
    for xi, yi in zip(X, y, strict=True):
        r = xi @ w + b - yi
        dw += 2 * r * xi + 2 * alpha * w
        db += 2 * r
    return dw, db


@mistake(losses.mse_outputs, draws.outputs, "W b", "dY_hat", "scaled", "", r"\b3\b|size|shape")
def divided_by_the_rows_only(X, Y, W, b):
    Y_hat = X @ W + b
    dY_hat = 2 * (Y_hat - Y) / X.shape[0]
    dW = X.T @ dY_hat
    db = dY_hat.sum(axis=0, keepdims=True)
    return dW, db


@mistake(losses.half_mse, draws.outputs, "W b", "dout", "scaled", "", r"\b2\b|twice|0\.5|half")
def two_although_halved(X, Y, W, b):
    out = X.dot(W) + b
    dout = 2 * (out - Y) / X.shape[0]
    return {"W": X.T.dot(dout), "b": dout.sum(axis=0, keepdims=True)}


@mistake(losses.half_mse, draws.outputs, "W b", "dW", "transposed", "shape", r"transpos|\.t\b")
def outputs_first(X, Y, W, b):
    err = (np.dot(X, W) + b - Y) / X.shape[0]
    dW = np.einsum("nd,nk->kd", X, err)
    db = np.einsum("nk->k", err)[None]
    return dW, db


@mistake(losses.half_mse, draws.outputs, "W b", "db", "shape", "", r"shape|keepdims|reshape")
def bias_as_a_column(X, Y, W, b):
    err = (np.dot(X, W) + b - Y) / X.shape[0]
    return {"W": X.T @ err, "b": err.sum(axis=0).reshape(-1, 1)}


@mistake(losses.absolute, draws.regression, "w b", "dpred", "local_slope", "", r"abs|sign|pred")
def residual_for_its_sign(X, y, w, b):
    pred = X @ w + b
    dpred = (pred - y) / len(y)
    return X.T @ dpred, dpred.sum()


@mistake(losses.absolute, draws.regression, "w b", "dpred", "local_slope", "mask", r"abs|sign|pred")
def only_upward_errors(X, y, w, b):
    pred = X @ w + b
    dpred = np.where(pred > y, 1.0, 0.0) / len(y)
    return {"w": X.T @ dpred, "b": dpred.sum()}


@mistake(losses.poisson, draws.counts, "w b", "deta", "local_slope", "term_scaled", r"exp|rate")
def exponential_treated_as_linear(X, y, w, b):
    n = len(y)
    deta = (1 - y) / n
    return X.T @ deta, np.sum(deta)


@mistake(losses.poisson, draws.counts, "w b", "deta", "term_missing", "", r"rate|\by\b")
def rate_without_the_counts(X, y, w, b):
    eta = X @ w + b
    rate = np.exp(eta)
    deta = rate / len(y)
    dw = X.T @ deta
    db = np.sum(deta)
    return {"w": dw, "b": db}


@mistake(losses.poisson, draws.counts, "w b", "eta_grad", "local_slope", "unexplained", r"exp|rate")
def link_forgotten(X, y, w, b):
    eta = X @ w + b
    eta_grad = (eta - y) / len(y)
    w_grad = X.T @ eta_grad
    b_grad = eta_grad.sum()
    return w_grad, b_grad


@mistake(losses.poisson, draws.counts, "w b", "deta", "term_sign", "", r"rate|\by\b")
def counts_added(X, y, w, b):
    rate = np.exp(X @ w + b)
    deta = (rate + y) / len(y)
    return {"w": deta @ X, "b": deta.sum()}


@mistake(
    losses.embedding, draws.words, "E W", "dE", "term_missing", "overwritten not_summed", "words"
)
def repeated_words_counted_once(words, y, E, W):
    n = len(words)
    h = E[words]
    dscores = np.exp(h @ W)
    dscores /= dscores.sum(axis=1, keepdims=True)
    dscores[np.arange(n), y] -= 1
    dscores /= n
    dW = h.T @ dscores
    dh = dscores @ W.T
    dE = np.zeros_like(E)
    dE[words] += dh
    return {"E": dE, "W": dW}


@mistake(losses.embedding, draws.words, "E W", "dE", "not_summed", "shape", r"words|sum|shape")
def one_row_per_word_seen(words, y, E, W):
    n = len(words)
    h = E[words]
    dscores = np.exp(h @ W)
    dscores /= dscores.sum(axis=1, keepdims=True)
    dscores[np.arange(n), y] -= 1
    dscores /= n
    dW = h.T @ dscores
    dE = dscores @ W.T
    return dE, dW


@mistake(losses.autoencoder, draws.tied, "W", "dW", "term_missing", "", r"\bw\b|use|decod|recon")
def tied_weights_used_once(X, W):
    code = np.tanh(X @ W)
    recon = code @ W.T
    drecon = 2 * (recon - X) / X.size
    dcode = drecon @ W
    dW = X.T @ (dcode * (1 - code**2))
    return {"W": dW}


@mistake(losses.recurrent, draws.series, "Wx Wh b", "dWx", "term_missing", "overwritten", r"wx|use")
def input_weights_of_the_first_step_only(x, target, Wx, Wh, b):
    T, N = x.shape[:2]
    hs = [np.zeros((N, Wh.shape[0]), dtype=x.dtype)]
    for t in range(T):
        hs.append(np.tanh(x[t] @ Wx + hs[-1] @ Wh + b))
    delta = (hs[-1] - target) / N
    dWh, db = np.zeros_like(Wh), np.zeros_like(b)
    for t in reversed(range(T)):
        da = delta * (1 - hs[t + 1] ** 2)
        dWx = x[t].T @ da
        dWh += hs[t].T @ da
        db += da.sum(axis=0)
        delta = da @ Wh.T
    return dWx, dWh, db
