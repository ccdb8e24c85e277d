"""Find the mistake: five wrong gradients, and what the checker says of each.

You will see six reports: of the gradients as they should be, and of five versions with a slip (the
last with two), in each the first wrong line and what was forgotten in it. The loss is that of the
CS231n case study's two-layer network, the gradients are written as a person would. Takes a second
or two.

    python demos/find_the_mistake.py
"""

from __future__ import annotations

import argparse

import numpy as np

import tinygrad_softmax as tg


# ruff: noqa: ANN001, ANN201 - code as people write it
def loss(W, b, W2, b2, X, y, reg):
    num_examples = X.shape[0]
    hidden = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    data_loss = -np.sum(np.log(probs[range(num_examples), y])) / num_examples
    return data_loss + 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)


def gradients(W, b, W2, b2, X, y, reg, slip=""):
    num_examples = X.shape[0]
    hidden = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    if slip != "labels":
        dscores[range(num_examples), y] -= 1
    if slip != "both":
        dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    if slip not in ("mask", "both"):
        dhidden[hidden <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=slip != "shape")
    dW2 += (2 * reg if slip == "regulariser" else reg) * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


SLIPS = {
    "labels": "the label rows are not reduced by one",
    "mask": "the mask of the rectifier is forgotten",
    "regulariser": "the regulariser's factor does not fit the loss",
    "shape": "keepdims=True is forgotten",
    "both": "two slips at once: no division by num_examples, and no mask",
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    study = tg.datasets.case_study()
    W, b, W2, b2 = study.network
    inputs = {"W": W, "b": b, "W2": W2, "b2": b2, "X": study.X, "y": study.y, "reg": 1e-3}

    print("As it should be:\n")
    print(tg.check_gradients(loss, gradients, **inputs))
    for slip, words in SLIPS.items():
        title = f"Slip: {words}"
        print(f"\n\n{title}\n{'-' * len(title)}\n")
        print(tg.check_gradients(loss, gradients, slip=slip, **inputs))


if __name__ == "__main__":
    main()
