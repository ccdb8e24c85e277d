"""Right gradients of two-class, hinge, regression and other losses."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Variant, variants_into

VARIANTS: list[Variant] = []
variant = variants_into(VARIANTS)


def stable_sigmoid(z):
    out = np.empty_like(z)
    positive = z >= 0
    out[positive] = 1 / (1 + np.exp(-z[positive]))
    e = np.exp(z[~positive])
    out[~positive] = e / (1 + e)
    return out


@variant(losses.logistic, draws.binary, "w b")
def logistic_with_a_stable_sigmoid(X, y, w, b):
    dz = (stable_sigmoid(X @ w + b) - y) / len(y)
    return X.T @ dz, dz.sum()


@variant(losses.logistic, draws.binary, "w b")
def logistic_through_the_probability(X, y, w, b):
    N = X.shape[0]
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    dp = (p - y) / (p * (1 - p)) / N
    dz = dp * p * (1 - p)
    dw = dz @ X
    db = np.sum(dz)
    return {"w": dw, "b": db}


@variant(losses.logistic, draws.binary, "w b")
def logistic_by_the_two_classes(X, y, w, b):
    z = X @ w + b
    up = -1 / (1 + np.exp(z[y == 1]))
    down = 1 / (1 + np.exp(-z[y == 0]))
    dw = X[y == 1].T @ up + X[y == 0].T @ down
    return dw / len(y), (up.sum() + down.sum()) / len(y)


@variant(losses.logistic, draws.binary, "w b")
def logistic_by_logaddexp(X, y, w, b):
    z = X @ w + b
    dz = np.exp(-np.logaddexp(0, -z)) - y
    return {"w": (X * dz[:, None]).mean(axis=0), "b": dz.mean()}


@variant(losses.logistic_column, draws.binary_column, "W b")
def column_with_both_terms(X, y, W, b):
    m = X.shape[0]
    Z = np.dot(X, W) + b
    A = 1 / (1 + np.exp(-Z))
    dA = -(np.divide(y, A) - np.divide(1 - y, 1 - A))
    dZ = dA * A * (1 - A)
    dW = 1 / m * np.dot(X.T, dZ)
    db = 1 / m * np.sum(dZ, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@variant(losses.logistic_column, draws.binary_column, "W b")
def column_reshaped(X, y, W, b):
    error = (stable_sigmoid((X @ W).ravel() + b.item()) - y.ravel()) / y.size
    return (X.T @ error).reshape(W.shape), error.sum().reshape(1, 1)


@variant(losses.logistic_signed, draws.signed, "w")
def signed_labels_by_products(X, y, w, C):
    yX = y[:, None] * X
    dw = -yX.T @ stable_sigmoid(-(yX @ w)) / len(y)
    dw += C * w
    return dw


@variant(losses.logistic_signed, draws.signed, "w")
def signed_labels_as_zero_and_one(X, y, w, C):
    target = (y + 1) / 2
    scores = X @ w
    dscores = (1 / (1 + np.exp(-scores)) - target) / len(y)
    return {"w": X.T @ dscores + C * w}


@variant(losses.hinge, draws.svm, "W")
def hinge_by_two_loops(X, y, W, reg):
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss = loss / num_train + reg * np.sum(W * W)
    dW /= num_train
    dW += 2 * reg * W
    return loss, dW


@variant(losses.hinge, draws.svm, "W")
def hinge_by_a_binary_matrix(X, y, W, reg):
    num_train = X.shape[0]
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[np.arange(num_train), y][:, np.newaxis] + 1)
    margins[np.arange(num_train), y] = 0
    loss = np.sum(margins) / num_train + reg * np.sum(W * W)
    binary = margins
    binary[margins > 0] = 1
    row_sum = np.sum(binary, axis=1)
    binary[np.arange(num_train), y] = -row_sum.T
    dW = np.dot(X.T, binary) / num_train + 2 * reg * W
    return loss, dW


@variant(losses.hinge, draws.svm, "W")
def hinge_by_boolean_masks_of_the_classes(X, y, W, reg):
    scores = X @ W
    violated = scores - scores[np.arange(len(y)), y][:, None] + 1 > 0
    violated[np.arange(len(y)), y] = False
    counts = violated.sum(axis=1)
    dW = np.empty_like(W)
    for k in range(W.shape[1]):
        own = y == k
        dW[:, k] = X[violated[:, k]].sum(axis=0) - counts[own] @ X[own]
    return {"W": dW / len(y) + 2 * reg * W}


@variant(losses.hinge_bias, draws.svm_bias, "W b")
def hinge_with_the_label_among_the_margins(X, y, W, b, reg):
    N = X.shape[0]
    scores = X @ W + b
    raw = scores - scores[range(N), y][:, np.newaxis] + 1.0
    draw = np.where(raw > 0, 1 / N, 0).astype(X.dtype)
    dscores = draw.copy()
    np.subtract.at(dscores, (range(N), y), draw.sum(axis=1))
    return X.T @ dscores + reg * W, dscores.sum(axis=0)


@variant(losses.squared_hinge, draws.svm, "W")
def squared_hinge_where_the_margin_is_its_own_mask(X, y, W, reg):
    N = X.shape[0]
    s = X @ W
    m = np.maximum(0, s - s[range(N), y][:, None] + 1)
    m[range(N), y] = 0
    dm = 2 * m / N
    ds = dm - np.eye(W.shape[1], dtype=X.dtype)[y] * dm.sum(axis=1, keepdims=True)
    return X.T @ ds + 2 * reg * W


@variant(losses.binary_hinge, draws.signed, "w")
def binary_hinge_over_the_violators(X, y, w, C):
    violators = np.flatnonzero(y * (X @ w) < 1)
    return 2 * C * w - (y[violators, None] * X[violators]).sum(axis=0) / len(y)


@variant(losses.mse, draws.regression, "w b")
def mean_squared_error_by_normal_equations(X, y, w, b):
    n = len(y)
    dw = 2 / n * (X.T @ X @ w + X.sum(axis=0) * b - X.T @ y)
    db = 2 * (X.mean(axis=0) @ w + b - y.mean())
    return dw, db


@variant(losses.mse, draws.regression, "w b")
def doubled_by_adding(X, y, w, b):
    diff = X @ w + b - y
    ddiff = diff + diff
    ddiff /= diff.size
    return {"b": np.sum(ddiff), "w": np.inner(X.T, ddiff)}


@variant(losses.ridge, draws.ridge, "w b")
def ridge_by_stacked_rows(X, y, w, b, alpha):
    root = np.sqrt(alpha) * np.eye(w.size, dtype=X.dtype)
    stacked = np.vstack([X, root])
    residual = np.concatenate([X @ w + b - y, root @ w])
    return 2 * stacked.T @ residual, 2 * residual[: len(y)].sum()


@variant(losses.ridge, draws.ridge, "w b")
def ridge_with_the_two_taken_out(X, y, w, b, alpha):
    residual = X @ w + b - y
    dw = X.T @ residual
    dw += alpha * w
    dw *= 2
    db = residual.sum()
    db *= 2
    return dw, db


@variant(losses.mse_outputs, draws.outputs, "W b")
def outputs_one_at_a_time(X, Y, W, b):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for k in range(Y.shape[1]):
        error = X @ W[:, k] + b[0, k] - Y[:, k]
        dW[:, k] = 2 * X.T @ error / Y.size
        db[0, k] = 2 * error.sum() / Y.size
    return dW, db


@variant(losses.half_mse, draws.outputs, "W b")
def outputs_by_kronecker_products(X, Y, W, b):
    err = (X @ W + b - Y) / len(X)
    design = np.kron(X, np.eye(W.shape[1], dtype=X.dtype))
    dW = (design.T @ err.ravel()).reshape(W.shape)
    return {"W": dW, "b": err.sum(axis=0, keepdims=True)}


@variant(losses.absolute, draws.regression, "w b")
def absolute_errors_by_quotient(X, y, w, b):
    pred = X @ w + b
    dpred = (pred - y) / np.abs(pred - y) / len(y)
    return X.T @ dpred, dpred.sum()


@variant(losses.absolute, draws.regression, "w b")
def absolute_errors_by_counting(X, y, w, b):
    above = X @ w + b > y
    dw = (X[above].sum(axis=0) - X[~above].sum(axis=0)) / len(y)
    return dw, (above.sum() - (~above).sum()) / len(y)


@variant(losses.poisson, draws.counts, "w b")
def poisson_by_its_moments(X, y, w, b):
    rate = np.exp(X @ w + b)
    return X.T @ rate / len(y) - X.T @ y / len(y), rate.mean() - y.mean()


@variant(losses.poisson, draws.counts, "w b")
def poisson_through_the_rate(X, y, w, b):
    eta = X @ w + b
    rate = np.exp(eta)
    drate = np.full(rate.shape, 1 / len(y), dtype=X.dtype)
    deta = -y / len(y)
    deta += drate * rate
    return {"w": X.T @ deta, "b": deta.sum()}


@variant(losses.embedding, draws.words, "E W")
def embedding_rows_added_at(words, y, E, W):
    n = len(words)
    h = E[words]
    dscores = np.exp(h @ W)
    dscores /= dscores.sum(axis=1, keepdims=True)
    dscores[np.arange(n), y] -= 1
    dscores /= n
    dE = np.zeros_like(E)
    np.add.at(dE, words, dscores @ W.T)
    return dE, h.T @ dscores


@variant(losses.embedding, draws.words, "E W")
def embedding_as_a_one_hot_product(words, y, E, W):
    picks = np.eye(E.shape[0], dtype=E.dtype)[words]
    scores = picks @ E @ W
    dscores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    dscores = (dscores - np.eye(W.shape[1], dtype=E.dtype)[y]) / len(words)
    both = picks.T @ dscores
    return {"E": both @ W.T, "W": E.T @ both}


@variant(losses.autoencoder, draws.tied, "W")
def tied_weights_used_twice(X, W):
    code = np.tanh(X @ W)
    recon = code @ W.T
    drecon = 2 * (recon - X) / X.size
    dW = drecon.T @ code
    dcode = drecon @ W
    dW += X.T @ (dcode * (1 - code**2))
    return dW


@variant(losses.recurrent, draws.series, "Wx Wh b")
def time_backwards(x, target, Wx, Wh, b):
    T, N = x.shape[:2]
    hs = [np.zeros((N, Wh.shape[0]), dtype=x.dtype)]
    for t in range(T):
        hs.append(np.tanh(x[t] @ Wx + hs[-1] @ Wh + b))
    dh = (hs[-1] - target) / N
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    for t in reversed(range(T)):
        dpre = dh * (1 - hs[t + 1] ** 2)
        dWx += x[t].T @ dpre
        dWh += hs[t].T @ dpre
        db += dpre.sum(axis=0)
        dh = dpre @ Wh.T
    return dWx, dWh, db


@variant(losses.recurrent, draws.series, "b")
def time_forwards(x, target, Wx, Wh, b):
    N, H = target.shape
    h = np.zeros((N, H), dtype=x.dtype)
    slope = np.zeros((N, H, H), dtype=x.dtype)  # Of each state along each bias.
    for step in x:
        h = np.tanh(step @ Wx + h @ Wh + b)
        slope = np.einsum("njb,jk->nkb", slope, Wh) + np.eye(H, dtype=x.dtype)
        slope *= (1 - h**2)[:, :, None]
    return np.einsum("nk,nkb->b", h - target, slope) / N
