"""Right gradients of the linear softmax classifier, labels as indices."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Variant, variants_into

VARIANTS: list[Variant] = []
variant = variants_into(VARIANTS)

WB = "W b"


@variant(losses.question, draws.linear, WB)
def the_questions_own(X, y, W, b, reg):
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


@variant(losses.question, draws.linear, WB)
def divided_at_the_very_end(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dW = np.dot(X.T, dscores) / num_examples
    db = np.sum(dscores, axis=0, keepdims=True) / num_examples
    dW += reg * W
    return {"W": dW, "b": db}


@variant(losses.question, draws.linear, WB)
def signs_turned_at_the_very_end(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = -probs
    dscores[range(num_examples), y] += 1
    dW = -np.dot(X.T, dscores) / num_examples + reg * W
    db = -np.mean(dscores, axis=0, keepdims=True)
    return dW, db


@variant(losses.question, draws.linear, WB)
def a_mean_where_the_division_was_left_out(X, y, W, b, reg):
    scores = X @ W + b
    dscores = np.exp(scores - scores.max(axis=1, keepdims=True))
    dscores /= dscores.sum(axis=1, keepdims=True)
    dscores[np.arange(len(X)), y] -= 1.0
    dW = np.mean(X[:, :, None] * dscores[:, None, :], axis=0) + reg * W
    db = dscores.mean(axis=0, keepdims=True)
    return dW, db


@variant(losses.question, draws.linear, WB)
def logarithm_by_its_own_slope(X, y, W, b, reg):
    num_examples = X.shape[0]
    rows = np.arange(num_examples)
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    total = np.sum(exp_scores, axis=1, keepdims=True)
    probs = exp_scores / total
    dcorrect_logprobs = np.full(num_examples, 1 / num_examples)
    dprobs = np.zeros_like(probs)
    dprobs[rows, y] = -dcorrect_logprobs / probs[rows, y]
    dexp_scores = dprobs / total
    dtotal = -np.sum(dprobs * exp_scores / total**2, axis=1, keepdims=True)
    dexp_scores += dtotal
    dscores = dexp_scores * exp_scores
    dW = np.dot(X.T, dscores) + reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@variant(losses.question, draws.linear, WB)
def quotient_rule_by_hand(X, y, W, b, reg):
    num_examples, rows = X.shape[0], np.arange(X.shape[0])
    u = np.exp(np.dot(X, W) + b)
    v = u.sum(axis=1, keepdims=True)
    top = u[rows, y][:, None]
    same = np.arange(W.shape[1]) == y[:, None]
    # The slope of u_y / v along each score, then -log's slope of it.
    dquotient = (u * same * v - top * u) / v**2
    dscores = -1 / (top / v) * dquotient / num_examples
    dW = np.dot(X.T, dscores) + reg * W
    return {"W": dW, "b": np.sum(dscores, axis=0, keepdims=True)}


@variant(losses.question, draws.linear, WB)
def jacobians_in_full(X, y, W, b, reg):
    num_examples, K = X.shape[0], W.shape[1]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dprobs = np.zeros_like(probs)
    dprobs[range(num_examples), y] = -1 / probs[range(num_examples), y] / num_examples
    dscores = np.empty_like(probs)
    for i in range(num_examples):
        p = probs[i].reshape(-1, 1)
        jacobian = np.diagflat(p) - p @ p.T
        assert jacobian.shape == (K, K)
        dscores[i] = jacobian @ dprobs[i]
    return X.T @ dscores + reg * W, dscores.sum(axis=0, keepdims=True)


@variant(losses.question, draws.linear, WB)
def jacobians_by_einsum(X, y, W, b, reg):
    N, K = X.shape[0], W.shape[1]
    probs = np.exp(X @ W + b)
    probs /= probs.sum(axis=1, keepdims=True)
    jacobians = np.einsum("nj,jk->njk", probs, np.eye(K, dtype=X.dtype))
    jacobians -= np.einsum("nj,nk->njk", probs, probs)
    dprobs = -np.eye(K, dtype=X.dtype)[y] / probs / N
    dscores = np.einsum("njk,nk->nj", jacobians, dprobs)
    dW = np.einsum("nd,nk->dk", X, dscores) + reg * W
    db = np.einsum("nk->k", dscores)[np.newaxis]
    return {"W": dW, "b": db}


@variant(losses.question, draws.linear, WB)
def bias_by_a_row_of_ones(X, y, W, b, reg):
    n = X.shape[0]
    ones = np.ones((1, n), dtype=X.dtype)
    scores = X @ W + ones.T @ b
    e = np.exp(scores)
    dscores = e / (e @ np.ones((e.shape[1], 1), dtype=X.dtype))
    dscores[np.arange(n), y] -= 1
    dscores *= 1 / n
    db = ones @ dscores
    dW = X.T @ dscores + reg * W
    return dW, db


@variant(losses.question, draws.linear, WB)
def bias_as_one_more_row_of_the_weights(X, y, W, b, reg):
    N = X.shape[0]
    X1 = np.hstack([X, np.ones((N, 1), dtype=X.dtype)])
    Wb = np.vstack([W, b])
    P = np.exp(X1 @ Wb)
    P = P / P.sum(axis=1, keepdims=True)
    P[np.arange(N), y] -= 1
    G = X1.T @ P / N
    return G[:-1] + reg * W, G[-1:]


@variant(losses.question, draws.linear, WB)
def probabilities_from_logarithms(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    shift = scores.max(axis=1, keepdims=True)
    logprobs = scores - shift - np.log(np.sum(np.exp(scores - shift), axis=1, keepdims=True))
    dscores = np.exp(logprobs)
    dscores[np.arange(num_examples), y] -= 1
    dscores = dscores / num_examples
    dW = X.T.dot(dscores) + reg * W
    return {"W": dW, "b": dscores.sum(axis=0, keepdims=True)}


@variant(losses.question, draws.linear, WB)
def label_minus_its_complement(X, y, W, b, reg):
    num_examples = X.shape[0]
    rows = range(num_examples)
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[rows, y] = 0
    dscores[rows, y] = -dscores.sum(axis=1)
    dscores /= num_examples
    return X.T @ dscores + reg * W, dscores.sum(axis=0, keepdims=True)


@variant(losses.shifted, draws.linear_flat, WB)
def shifted_scores_in_place(X, y, W, b, reg):
    N = X.shape[0]
    scores = X.dot(W) + b
    scores -= np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[np.arange(N), y])) / N + reg * np.sum(W**2)
    grads = {}
    probs[np.arange(N), y] -= 1
    grads["W"] = X.T.dot(probs) / N + 2 * reg * W
    grads["b"] = probs.sum(axis=0) / N
    return loss, grads


@variant(losses.shifted, draws.linear_flat, WB)
def a_name_that_holds_three_values(X, y, W, b, reg):
    N = X.shape[0]
    scores = X @ W + b
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    scores = scores / scores.sum(axis=1, keepdims=True)
    dscores = scores
    dscores[np.arange(N), y] -= 1
    dscores = dscores / N
    dW = X.T @ dscores
    dW = dW + 2 * reg * W
    return {"W": dW, "b": np.add.reduce(dscores)}


@variant(losses.shifted, draws.linear_flat, WB)
def path_through_the_row_maximum_written_out(X, y, W, b, reg):
    N, rows = X.shape[0], np.arange(X.shape[0])
    raw = X @ W + b
    top = raw.argmax(axis=1)
    scores = raw - raw[rows, top][:, None]
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[rows, y] -= 1
    dscores /= N
    draw = dscores.copy()
    draw[rows, top] -= dscores.sum(axis=1)  # Zero up to rounding.
    dW = X.T @ draw + reg * (W + W)
    return dW, draw.sum(axis=0)


@variant(losses.log_softmax, draws.linear_flat, WB)
def log_softmax_by_its_two_uses(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    dlogp = np.zeros_like(logp)
    dlogp[np.arange(n), y] = -1 / n
    dlogits = dlogp - np.exp(logp) * dlogp.sum(axis=1, keepdims=True)
    dW = X.T @ dlogits + reg * W
    db = dlogits.sum(axis=0)
    return dW, db


@variant(losses.log_softmax, draws.linear_flat, WB)
def labels_subtracted_by_add_at(X, y, W, b, reg):
    n = len(X)
    dlogits = np.exp(X @ W + b)
    dlogits /= dlogits.sum(axis=1, keepdims=True)
    np.add.at(dlogits, (np.arange(n), y), -1)
    dlogits /= n
    return {"b": dlogits.sum(axis=0), "W": X.T @ dlogits + reg * W}


@variant(losses.log_softmax, draws.linear_flat, WB)
def data_and_label_parts_apart(X, y, W, b, reg):
    n, K = len(X), W.shape[1]
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    expected = X.T @ p / n
    observed = np.zeros_like(W)
    for k in range(K):
        observed[:, k] = X[y == k].sum(axis=0) / n
    counts = np.bincount(y, minlength=K)
    return expected - observed + reg * W, p.mean(axis=0) - counts / n


@variant(losses.log_softmax, draws.linear_flat, WB)
def features_summed_by_label(X, y, W, b, reg):
    n = len(X)
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    dWT = p.T @ X
    np.subtract.at(dWT, y, X)
    db = p.sum(axis=0)
    np.subtract.at(db, y, 1)
    return dWT.T / n + reg * W, db / n


@variant(losses.log_softmax, draws.linear_flat, WB)
def grad_names_after_the_forward(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    grad_nll = np.full(n, 1 / n, dtype=X.dtype)
    grad_logp = np.zeros_like(logp)
    grad_logp[np.arange(n), y] -= grad_nll
    grad_logits = grad_logp + np.exp(logp) * grad_nll[:, None]
    grad_W = X.T @ grad_logits
    grad_W += reg * W
    grad_b = grad_logits.sum(axis=0)
    return grad_W, grad_b


@variant(losses.scores_reused, draws.linear_flat, WB)
def suffix_names(X, y, W, b, reg):
    scores = X @ W + b
    scores = np.exp(scores)
    scores = scores / np.sum(scores, axis=1, keepdims=True)
    scores_grad = scores.copy()
    scores_grad[np.arange(len(y)), y] -= 1
    scores_grad /= len(y)
    W_grad = X.T @ scores_grad + reg * W
    b_grad = np.sum(scores_grad, axis=0)
    return W_grad, b_grad


@variant(losses.scores_reused, draws.linear_flat, WB)
def one_name_for_each_gradient_in_turn(X, y, W, b, reg):
    n = len(y)
    raw = X @ W + b
    e = np.exp(raw)
    p = e / e.sum(axis=1, keepdims=True)
    grad = np.zeros_like(p)
    grad[np.arange(n), y] = -1 / (n * p[np.arange(n), y])
    grad = (grad - (grad * p).sum(axis=1, keepdims=True)) / e.sum(axis=1, keepdims=True)
    grad = grad * e
    return X.T @ grad + reg * W, grad.sum(axis=0)


@variant(losses.one_by_one, draws.few_rows, WB)
def two_loops(X, y, W, b, reg):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    num_train, num_classes = X.shape[0], W.shape[1]
    for i in range(num_train):
        f = X[i].dot(W) + b
        f -= np.max(f)
        sum_exp = np.sum(np.exp(f))
        for j in range(num_classes):
            p = np.exp(f[j]) / sum_exp
            dW[:, j] += (p - (j == y[i])) * X[i]
            db[j] += p - (j == y[i])
    dW /= num_train
    db /= num_train
    dW += 2 * reg * W
    return dW, db


@variant(losses.one_by_one, draws.few_rows, WB)
def outer_products_and_a_running_mean(X, y, W, b, reg):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for i, (x, label) in enumerate(zip(X, y, strict=True), start=1):
        f = x @ W + b
        df = np.exp(f) / np.exp(f).sum()
        df[label] -= 1
        dW += (np.outer(x, df) - dW) / i
        db += (df - db) / i
    return {"W": dW + 2 * reg * W, "b": db}


@variant(losses.one_by_one, draws.few_rows, WB)
def minibatches(X, y, W, b, reg):
    dW, db = 2 * reg * W, np.zeros_like(b)
    for start in range(0, len(X), 4):
        part, labels = X[start : start + 4], y[start : start + 4]
        p = np.exp(part @ W + b)
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(part)), labels] -= 1
        p /= len(X)
        dW += part.T @ p
        db += p.sum(axis=0)
    return dW, db
