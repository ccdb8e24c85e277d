"""Find the mistake: five wrong gradients, and how each of them is repaired.

You will see six reports: of the gradients as they should be, and of five versions with a slip (the
last with two). Each shows the line to change, before and after, and what was wrong with it. The
loss is that of the CS231n case study's two-layer network, the gradients are written as a person
would. Takes some seconds.

    python demos/find_the_mistake.py
"""

from __future__ import annotations

import argparse

import numpy as np

import tinygrad_softmax as tg


# ruff: noqa: ANN001, ANN201 - code as people write it
def forward(W, b, W2, b2, X):
    hidden = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return hidden, probs


def loss(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    _, probs = forward(W, b, W2, b2, X)
    data_loss = -np.sum(np.log(probs[range(num_examples), y])) / num_examples
    return data_loss + 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)


def as_it_should_be(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden, probs = forward(W, b, W2, b2, X)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


def labels_forgotten(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden, probs = forward(W, b, W2, b2, X)
    dscores = probs
    dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


def mask_forgotten(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden, probs = forward(W, b, W2, b2, X)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


def penalty_doubled(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden, probs = forward(W, b, W2, b2, X)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += 2 * reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


def axis_dropped(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden, probs = forward(W, b, W2, b2, X)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


def two_at_once(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden, probs = forward(W, b, W2, b2, X)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


SLIPS = {
    labels_forgotten: "1 is not subtracted at the labels",
    mask_forgotten: "the mask of the rectifier is forgotten",
    penalty_doubled: "the regulariser's factor does not fit the loss",
    axis_dropped: "keepdims=True is forgotten",
    two_at_once: "two slips at once: no division by num_examples, and no mask",
}


def main() -> None:
    """Check the gradients, right and wrong."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    study = tg.datasets.case_study()
    W, b, W2, b2 = study.network
    inputs = {"W": W, "b": b, "W2": W2, "b2": b2, "X": study.X, "y": study.y, "reg": 1e-3}

    print("As it should be:\n")
    print(tg.check_gradients(loss, as_it_should_be, **inputs))
    for gradients, words in SLIPS.items():
        title = f"Slip: {words}"
        print(f"\n\n{title}\n{'-' * len(title)}\n")
        print(tg.check_gradients(loss, gradients, budget=60.0, **inputs))


if __name__ == "__main__":
    main()
