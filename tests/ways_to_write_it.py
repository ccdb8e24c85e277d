"""The linear classifier's loss, written in the many ways that people write it.

Each takes the parameters as tensors, in plain ``import numpy as np``, and returns the loss with the
scores (None where no matrix of scores is made).
"""

import numpy as np

from tinygrad_softmax import cross_entropy, log_softmax, logsumexp, softmax


def the_questions_own_lines(W, b, X, y, reg):
    num_examples = X.shape[0]
    # fmt: off
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True) # [N x K]
    corect_logprobs = -np.log(probs[range(num_examples),y])
    data_loss = np.sum(corect_logprobs)/num_examples
    reg_loss = 0.5*reg*np.sum(W*W)
    loss = data_loss + reg_loss
    # fmt: on
    return loss, scores


def with_operators(W, b, X, y, reg):
    scores = X @ W + b
    e = np.exp(scores)
    probs = e / e.sum(axis=1, keepdims=True)
    return -np.log(probs[np.arange(len(X)), y]).mean() + reg * (W * W).sum() / 2, scores


def transposed(W, b, X, y, reg):
    scores = b + np.matmul(W.T, X.T).T
    probs = softmax(scores)
    return np.mean(-np.log(probs[range(len(X)), y])) + np.sum(2 * W * W) * (0.25 * reg), scores


def with_the_row_maximum_subtracted(W, b, X, y, reg):
    scores = np.dot(X, W) + b
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    probs = np.exp(shifted) / np.sum(np.exp(shifted), axis=1, keepdims=True)
    return np.mean(-np.log(probs[range(len(X)), y])) + 0.5 * reg * np.sum(W**2), scores


def with_one_loop(W, b, X, y, reg):
    loss = 0.0
    for i in range(len(X)):
        f = np.dot(X[i], W) + b.reshape(-1)
        f = f - np.max(f)
        p = np.exp(f) / np.sum(np.exp(f))
        loss += -np.log(p[y[i]])
    return loss / len(X) + 0.5 * reg * np.sum(W * W), None


def with_one_loop_in_place(W, b, X, y, reg):
    losses = []
    for i in range(len(X)):
        f = np.dot(X[i], W) + b.ravel()
        f -= np.max(f)
        p = np.exp(f)
        p /= np.sum(p)
        losses.append(-np.log(p[y[i]]))
    return np.mean(np.stack(losses)) + 0.5 * reg * np.sum(np.square(W)), None


def with_shifted_log_sum_exp(W, b, X, y, reg):
    scores = X @ W + b
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_sums = np.log(np.sum(np.exp(shifted), axis=1))
    losses = log_sums - shifted[range(len(X)), y]
    return np.sum(losses) / len(X) + 0.5 * reg * np.sum(W * W), scores


def with_one_hot_labels(W, b, X, y, reg):
    scores = X @ W + b
    onehot = np.eye(W.shape[1], dtype=X.dtype)[y]
    shifted = scores - scores.max(axis=1, keepdims=True)
    logprobs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.sum(onehot * logprobs) / len(X) + 0.5 * reg * np.sum(W * W), scores


def with_the_bias_folded_into_the_weights(W, b, X, y, reg):
    X1 = np.hstack([X, np.ones((len(X), 1), X.dtype)])
    scores = X1 @ np.vstack([W, b])
    losses = logsumexp(scores, axis=1) - scores[range(len(X)), y]
    return np.mean(losses) + 0.5 * reg * np.sum(W * W), scores


def with_cross_entropy(W, b, X, y, reg):
    scores = X @ W + b
    return cross_entropy(scores, y) + 0.5 * reg * np.sum(W * W), scores


def with_log_softmax(W, b, X, y, reg):
    scores = np.dot(X, W) + b
    picked = log_softmax(scores)[range(len(X)), y]
    return -np.sum(picked) / len(X) + 0.5 * reg * np.sum(W * W), scores


STABLE = [
    with_shifted_log_sum_exp,
    with_one_hot_labels,
    with_the_bias_folded_into_the_weights,
    with_cross_entropy,
    with_log_softmax,
]
EVERY_WAY = [
    the_questions_own_lines,
    with_operators,
    transposed,
    with_the_row_maximum_subtracted,
    with_one_loop,
    with_one_loop_in_place,
    *STABLE,
]
