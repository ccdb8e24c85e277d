"""Mistakes in the linear softmax classifier's gradient: step by step, in loops, and kept ones."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)

WB = "W b"


@mistake(losses.question, draws.linear, WB, "dprobs", "local_slope", mentions=r"log|probs")
def slope_of_the_logarithm_missing(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dprobs = np.zeros_like(probs)
    dprobs[range(num_examples), y] = -1 / num_examples
    dscores = probs * (dprobs - np.sum(dprobs * probs, axis=1, keepdims=True))
    dW = np.dot(X.T, dscores)
    dW += reg * W
    db = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db}


@mistake(losses.question, draws.linear, WB, "dprobs", "sign")
def minus_of_the_logarithm_lost(X, y, W, b, reg):
    rows = range(X.shape[0])
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    total = np.sum(exp_scores, axis=1, keepdims=True)
    probs = exp_scores / total
    dcorrect_logprobs = np.ones(X.shape[0]) / X.shape[0]
    dprobs = np.zeros_like(probs)
    dprobs[rows, y] = dcorrect_logprobs / probs[rows, y]
    dexp_scores = dprobs / total - np.sum(dprobs * exp_scores, axis=1, keepdims=True) / total**2
    dscores = dexp_scores * exp_scores
    return X.T @ dscores + reg * W, dscores.sum(axis=0, keepdims=True)


@mistake(losses.question, draws.linear, WB, "dexp_scores", "term_missing", mentions=r"exp_scores")
def path_through_the_denominator_missing(X, y, W, b, reg):
    rows = range(X.shape[0])
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    total = np.sum(exp_scores, axis=1, keepdims=True)
    probs = exp_scores / total
    dprobs = np.zeros_like(probs)
    dprobs[rows, y] = -1 / (probs[rows, y] * X.shape[0])
    dexp_scores = dprobs / total
    dscores = dexp_scores * exp_scores
    return X.T @ dscores + reg * W, dscores.sum(axis=0, keepdims=True)


@mistake(losses.question, draws.linear, WB, "dscores", "local_slope", mentions=r"exp")
def slope_of_the_exponential_missing(X, y, W, b, reg):
    rows = range(X.shape[0])
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    total = np.sum(exp_scores, axis=1, keepdims=True)
    probs = exp_scores / total
    dprobs = np.zeros_like(probs)
    dprobs[rows, y] = -1 / (probs[rows, y] * X.shape[0])
    dexp_scores = dprobs / total
    dexp_scores -= np.sum(dprobs * probs, axis=1, keepdims=True) / total
    dscores = dexp_scores
    return X.T @ dscores + reg * W, dscores.sum(axis=0, keepdims=True)


@mistake(losses.log_softmax, draws.linear_flat, WB, "dlogits", "wrong_axis", "", r"axis|\b17\b")
def normalised_over_the_examples(X, y, W, b, reg):
    n = len(X)
    logits = X @ W + b
    e = np.exp(logits)
    dlogits = e / e.sum(axis=0)
    dlogits[np.arange(n), y] -= 1
    dlogits /= n
    return X.T @ dlogits + reg * W, dlogits.sum(axis=0)


@mistake(losses.one_by_one, draws.few_rows, WB, "dW", "term_scaled", "scaled", r"\b7\b|shape")
def loop_never_divided(X, y, W, b, reg):
    dW, db = np.zeros(W.shape), np.zeros(b.shape)
    for i in range(X.shape[0]):
        f = X[i].dot(W) + b
        p = np.exp(f) / np.sum(np.exp(f))
        for j in range(W.shape[1]):
            if j == y[i]:
                dW[:, j] += (p[j] - 1) * X[i]
                db[j] += p[j] - 1
            else:
                dW[:, j] += p[j] * X[i]
                db[j] += p[j]
    db /= X.shape[0]
    dW += 2 * reg * W
    return dW, db


@mistake(losses.one_by_one, draws.few_rows, WB, "dW", "unexplained", "overwritten term_missing")
def loop_keeps_only_the_last_example(X, y, W, b, reg):
    num_train = X.shape[0]
    dW, db = np.zeros(W.shape), np.zeros(b.shape)
    for i in range(num_train):
        f = X[i].dot(W) + b
        p = np.exp(f) / np.sum(np.exp(f))
        p[y[i]] -= 1
        dW = np.outer(X[i], p) / num_train
        db += p / num_train
    dW += 2 * reg * W
    return {"W": dW, "b": db}


@mistake(losses.log_softmax, draws.linear_flat, WB, "dlogits", "unexplained", "local_slope")
def scores_for_probabilities(X, y, W, b, reg):
    n = len(X)
    dlogits = X @ W + b
    dlogits[np.arange(n), y] -= 1
    dlogits /= n
    return X.T @ dlogits + reg * W, dlogits.sum(axis=0)


saved = {"W": 0.0, "b": 0.0}


@mistake(losses.question, draws.linear, WB, "dW", "accumulated", mentions=r"call|accumul")
def gradients_kept_in_the_module(X, y, W, b, reg):
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    if np.shape(saved["W"]) != W.shape:
        saved["W"], saved["b"] = np.zeros(W.shape), np.zeros(b.shape)
    saved["W"] += np.dot(X.T, dscores) + reg * W
    saved["b"] += np.sum(dscores, axis=0, keepdims=True)
    return saved
