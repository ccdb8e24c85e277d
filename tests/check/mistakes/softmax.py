"""Mistakes in the linear softmax classifier's gradient, with labels as indices."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)

WB = "W b"
SIZE = r"num_examples|\b23\b"


@mistake(losses.question, draws.linear, WB, "dscores", "scaled", mentions=SIZE)
def no_division_by_the_number_of_examples(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)
    dW += reg * W
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "db", "scaled", mentions=SIZE)
def division_at_the_end_only_for_weights(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[range(num_examples), y] -= 1
    dW = np.dot(X.T, dscores) / num_examples + reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dW", "term_scaled", "scaled", mentions=SIZE)
def divided_again_before_regularising(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples

    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)

    dW /= num_examples
    dW += reg * W
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dW", "term_scaled", mentions=r"\breg\b")
def regulariser_divided_with_the_data_term(X, y, W, b, reg):
    num_examples = X.shape[0]
    p = np.exp(np.dot(X, W) + b)
    p /= p.sum(axis=1, keepdims=True)
    p[range(num_examples), y] -= 1
    dW = (np.dot(X.T, p) + reg * W) / num_examples
    db = np.sum(p, axis=0, keepdims=True) / num_examples
    return dW, db


@mistake(losses.question, draws.linear, WB, "dscores", "term_sign", "labels")
def plus_one_at_the_label(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] += 1
    dscores /= num_examples
    return {
        "W": np.dot(X.T, dscores) + reg * W,
        "b": np.sum(dscores, axis=0, keepdims=True),
    }


@mistake(losses.log_softmax, draws.linear_flat, WB, "dlogits", "term_missing", "labels")
def minus_one_at_the_label_missing(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    e = np.exp(logits)
    dlogits = e / e.sum(axis=1, keepdims=True) / n
    dW = X.T @ dlogits + reg * W
    db = dlogits.sum(axis=0)
    return dW, db


@mistake(losses.question, draws.linear, WB, "dscores", "labels", mentions=r"\by\b|label")
def colon_for_range_at_the_label(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[:, y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores)
    dW += reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.shifted, draws.linear_flat, WB, "dscores", "labels", mentions=r"\by\b|label")
def labels_counted_from_one(X, y, W, b, reg):
    N = X.shape[0]
    scores = X.dot(W) + b
    scores -= np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    dscores = probs.copy()
    dscores[np.arange(N), y - 1] -= 1
    dscores /= N
    grads = {}
    grads["W"] = X.T.dot(dscores) + 2 * reg * W
    grads["b"] = np.sum(dscores, axis=0)
    return grads


@mistake(losses.log_softmax, draws.linear_flat, WB, "dlogits", "labels", mentions=r"\by\b|label")
def labels_of_the_wrong_rows(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    dlogits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for i in range(n):
        dlogits[i - 1, y[i]] -= 1
    dlogits /= n
    return X.T @ dlogits + reg * W, dlogits.sum(0)


@mistake(losses.question, draws.linear, WB, "dscores", "term_scaled", "labels", mentions=SIZE)
def divided_before_subtracting_one(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs / num_examples
    dscores[range(num_examples), y] -= 1
    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)
    dW += reg * W
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dW", "term_missing", mentions=r"\breg\b|regulari")
def regulariser_missing(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dW", "term_scaled", mentions=r"\breg\b|regulari")
def regulariser_twice_too_large(X, y, W, b, reg):
    N = X.shape[0]
    scores = X @ W + b
    probs = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    probs[np.arange(N), y] -= 1
    dscores = probs / N
    dW = X.T @ dscores + 2 * reg * W
    return {"W": dW, "b": dscores.sum(axis=0, keepdims=True)}


@mistake(losses.shifted, draws.linear_flat, WB, "dW", "term_scaled", mentions=r"\breg\b|regulari")
def regulariser_half_as_large(X, y, W, b, reg):
    N = X.shape[0]
    scores = X.dot(W) + b
    scores -= np.max(scores, axis=1, keepdims=True)
    dscores = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    dscores[np.arange(N), y] -= 1
    dscores = dscores / N
    dW = X.T.dot(dscores)
    db = dscores.sum(axis=0)
    dW += reg * W
    return {"W": dW, "b": db}


@mistake(losses.scores_reused, draws.linear_flat, WB, "dW", "term_sign", mentions=r"\breg\b")
def regulariser_subtracted(X, y, W, b, reg):
    scores = X @ W + b
    scores = np.exp(scores)
    scores /= np.sum(scores, axis=1, keepdims=True)
    scores[np.arange(len(y)), y] -= 1
    dscores = scores / len(y)
    dW = X.T @ dscores
    dW -= reg * W
    db = dscores.sum(axis=0)
    return [dW, db]


@mistake(losses.question, draws.linear, WB, "db", "term_extra", mentions=r"\breg\b|\bb\b")
def bias_regularised(X, y, W, b, reg):
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
    db += reg * b
    return {"W": dW, "b": db}


@mistake(losses.log_softmax, draws.linear_flat, WB, "db", "wrong_axis", "shape", r"axis")
def bias_summed_over_the_classes(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    e = np.exp(logits)
    dlogits = e / e.sum(axis=1, keepdims=True)
    dlogits[np.arange(n), y] -= 1
    dlogits /= n
    dW = X.T @ dlogits + reg * W
    db = np.sum(dlogits, axis=1)
    return dW, db


@mistake(losses.question, draws.linear, WB, "db", "shape", mentions=r"keepdims|\(1, 3\)|shape")
def keepdims_forgotten(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores) + reg * W
    db = np.sum(dscores, axis=0)
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "db", "mean_for_sum", "scaled", r"mean|\b23\b")
def bias_averaged(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores) + reg * W
    db = np.mean(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.shifted, draws.linear_flat, WB, "db", "not_summed", "shape", r"sum|axis")
def bias_takes_the_scores_gradient_as_it_is(X, y, W, b, reg):
    N = X.shape[0]
    scores = X.dot(W) + b
    scores -= np.max(scores, axis=1, keepdims=True)
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    dscores = probs
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dW = X.T.dot(dscores) + 2 * reg * W
    db = dscores
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dW", "transposed", "shape", r"transpos|\.t\b")
def weights_transposed(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(dscores.T, X) + reg * W.T
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dscores", "diagonal", "local_slope", r"diagonal|jacob")
def only_the_diagonal_of_the_softmax(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dprobs = np.zeros_like(probs)
    dprobs[range(num_examples), y] = -1 / probs[range(num_examples), y] / num_examples
    dscores = dprobs * probs * (1 - probs)
    dW = np.dot(X.T, dscores) + reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}
