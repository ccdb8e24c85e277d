"""Losses as people write them, plain NumPy with named intermediates."""

import numpy as np


def question(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    return data_loss + reg_loss


def shifted(X, y, W, b, reg):
    N = X.shape[0]
    scores = np.dot(X, W) + b
    scores -= np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    loss += reg * np.sum(W**2)
    return loss


def log_softmax(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    nll = -logp[np.arange(n), y]
    return nll.mean() + 0.5 * reg * (W**2).sum()


def scores_reused(X, y, W, b, reg):
    scores = X @ W + b
    scores = np.exp(scores)
    scores = scores / np.sum(scores, axis=1, keepdims=True)
    losses = -np.log(scores[np.arange(len(y)), y])
    return np.mean(losses) + reg / 2 * np.sum(np.square(W))


def one_by_one(X, y, W, b, reg):
    total = 0.0
    for i in range(X.shape[0]):
        f = np.dot(X[i], W) + b
        p = np.exp(f) / np.sum(np.exp(f))
        total += -np.log(p[y[i]])
    return total / X.shape[0] + reg * np.sum(W * W)


def onehot(X, Y, W, b):
    m = X.shape[0]
    Z = X @ W + b
    A = np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)
    return -np.sum(Y * np.log(A)) / m


def onehot_named(X, Y, W, b):
    logits = np.matmul(X, W) + b
    e = np.exp(logits)
    s = np.sum(e, axis=1, keepdims=True)
    probs = e / s
    logprobs = np.log(probs)
    return -np.sum(Y * logprobs) / Y.shape[0]


def columns(X, y, W, b):
    num_train = X.shape[1]
    scores = np.dot(W, X) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=0, keepdims=True)
    return -np.sum(np.log(probs[y, range(num_train)])) / num_train


def temperature(X, y, W, T):
    N = X.shape[0]
    scores = X @ W
    scaled_scores = scores / T
    exp_scores = np.exp(scaled_scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(np.log(probs[range(N), y])) / N


def label_smoothing(X, Y, W, eps):
    N, K = Y.shape
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    targets = (1 - eps) * Y + eps / K
    return -np.sum(targets * np.log(probs)) / N


def sample_weights(X, y, W, weights):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    losses = -np.log(probs[range(N), y])
    return np.sum(weights * losses) / np.sum(weights)


def confidence_penalty(X, y, W, lam):
    N = X.shape[0]
    scores = X @ W
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[range(N), y])) / N
    return data_loss + lam * np.sum(probs**2) / N


def two_layer(X, y, W, b, W2, b2, reg):
    num_examples = X.shape[0]
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
    return data_loss + reg_loss


def mlp_relu(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    a2 = np.exp(z2) / np.sum(np.exp(z2), axis=1, keepdims=True)
    return -np.sum(Y * np.log(a2)) / m


def mlp_tanh(X, Y, W1, b1, W2, b2):
    N = len(X)
    z = X @ W1 + b1
    h = np.tanh(z)
    logits = h @ W2 + b2
    exps = np.exp(logits)
    p = exps / exps.sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(p)) / N


def mlp_sigmoid(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    net = np.dot(X, W1) + b1
    hidden = 1 / (1 + np.exp(-net))
    out = np.dot(hidden, W2) + b2
    y_hat = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    return -(Y * np.log(y_hat)).sum() / n


def deep_relu(X, y, W1, b1, W2, b2, W3, b3):
    N = X.shape[0]
    h1 = np.maximum(0, X @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    scores = h2 @ W3 + b3
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.sum(np.log(probs[np.arange(N), y])) / N


def logistic(X, y, w, b):
    N = X.shape[0]
    z = X @ w + b
    p = 1 / (1 + np.exp(-z))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / N


def logistic_column(X, y, W, b):
    m = X.shape[0]
    Z = np.dot(X, W) + b
    A = 1 / (1 + np.exp(-Z))
    cost = -np.mean(y * np.log(A) + (1 - y) * np.log(1 - A))
    assert m == len(y)
    return cost


def logistic_signed(X, y, w, C):
    scores = X @ w
    margins = y * scores
    losses = np.log(1 + np.exp(-margins))
    return np.mean(losses) + 0.5 * C * np.sum(w * w)


def hinge(X, y, W, reg):
    num_train, num_classes = X.shape[0], W.shape[1]
    scores = np.dot(X, W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1) * (np.arange(num_classes) != y[:, None])
    return np.sum(margins) / num_train + reg * np.sum(W * W)


def hinge_bias(X, y, W, b, reg):
    N = X.shape[0]
    scores = X @ W + b
    raw = scores - scores[range(N), y][:, np.newaxis] + 1.0
    margins = np.where(raw > 0, raw, 0)
    data_loss = np.sum(margins) / N - 1
    return data_loss + 0.5 * reg * np.sum(W * W)


def squared_hinge(X, y, W, reg):
    N = X.shape[0]
    s = X @ W
    m = np.maximum(0, s - s[range(N), y][:, None] + 1) * (np.arange(W.shape[1]) != y[:, None])
    return np.sum(m**2) / N + reg * np.sum(W**2)


def binary_hinge(X, y, w, C):
    f = X @ w
    slack = np.maximum(0, 1 - y * f)
    return np.mean(slack) + C * np.sum(w**2)


def mse(X, y, w, b):
    pred = X @ w + b
    diff = pred - y
    return np.mean(diff**2)


def ridge(X, y, w, b, alpha):
    residual = X @ w + b - y
    return np.sum(residual * residual) + alpha * np.sum(w * w)


def mse_outputs(X, Y, W, b):
    Y_hat = X @ W + b
    return np.mean((Y_hat - Y) ** 2)


def half_mse(X, Y, W, b):
    out = np.dot(X, W) + b
    err = out - Y
    return 0.5 * np.sum(err**2) / X.shape[0]


def absolute(X, y, w, b):
    pred = X @ w + b
    return np.mean(np.abs(pred - y))


def batchnorm(x, gamma, beta, target, eps):
    N = x.shape[0]
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    out = gamma * x_hat + beta
    return 0.5 * np.sum((out - target) ** 2) / N


def batchnorm_steps(x, gamma, beta, target, eps):
    N, D = x.shape
    mu = 1.0 / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu**2
    var = 1.0 / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    gammax = gamma * xhat
    out = gammax + beta
    return np.sum((out - target) ** 2) / (N * D)


def layernorm(x, gamma, beta, target, eps):
    N = x.shape[0]
    mean = x.mean(axis=1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    norm = (x - mean) / std
    out = norm * gamma + beta
    return np.sum((out - target) ** 2) / (2 * N)


def poisson(X, y, w, b):
    eta = X @ w + b
    rate = np.exp(eta)
    return np.mean(rate - y * eta)


def embedding(words, y, E, W):
    n = len(words)
    h = E[words]
    scores = h @ W
    logp = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.sum(logp[np.arange(n), y]) / n


def autoencoder(X, W):
    code = np.tanh(X @ W)
    recon = code @ W.T
    return np.mean((recon - X) ** 2)


def recurrent(x, target, Wx, Wh, b):
    T, N = x.shape[0], x.shape[1]
    h = np.zeros((N, Wh.shape[0]), dtype=x.dtype)
    for t in range(T):
        h = np.tanh(x[t] @ Wx + h @ Wh + b)
    return 0.5 * np.sum((h - target) ** 2) / N
