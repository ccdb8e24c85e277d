"""The CS231n case study, trained with automatic gradients and checked against the formulas by hand.

You will see the published loss column for the softmax classifier and for the two-layer network, and
beside each loss the largest difference between the automatic and the hand-written gradient, which
is rounding. The network takes 10,000 iterations, some ten seconds; ``--iterations 2000`` is
quicker. Pictures of the two are drawn by ``spiral.py``.

    python demos/case_study.py [--iterations N]
"""

from __future__ import annotations

import argparse

import numpy as np

from tinygrad_softmax import Tensor, by_hand, datasets

STEP_SIZE = 1e-0
REG = 1e-3  # regularization strength


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--iterations", type=int, default=10_000, help="of the network")
    options = parser.parse_args()
    study = datasets.case_study()
    train_linear(study)
    train_network(study, options.iterations)


def train_linear(study: datasets.CaseStudy, iterations: int = 200) -> None:
    """Train the softmax classifier; the lines between the comments are the page's own."""
    print("Softmax classifier, gradients by automatic differentiation")
    print("             loss        largest difference to the gradient by hand")
    X, y = study.X, study.y
    W, b = (Tensor(start) for start in study.linear)
    reg, num_examples = REG, X.shape[0]
    for i in range(iterations):
        # evaluate class scores, [N x K]
        scores = np.dot(X, W) + b
        # compute the class probabilities
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)  # [N x K]
        # compute the loss: average cross-entropy loss and regularization
        corect_logprobs = -np.log(probs[range(num_examples), y])
        data_loss = np.sum(corect_logprobs) / num_examples
        reg_loss = 0.5 * reg * np.sum(W * W)
        loss = data_loss + reg_loss

        loss.backward()  # in place of the page's five hand-written lines
        if i % 10 == 0:
            hand = by_hand.linear(W.data, b.data, X, y, reg)
            report(i, loss, {"dscores": scores, "dW": W, "db": b}, hand)

        # perform a parameter update
        W.data += -STEP_SIZE * W.grad
        b.data += -STEP_SIZE * b.grad
    scores = X @ W.data + b.data
    print(f"training accuracy: {np.mean(np.argmax(scores, axis=1) == y):.2f}\n")


def train_network(study: datasets.CaseStudy, iterations: int) -> None:
    """Train the two-layer network, likewise."""
    print("Two-layer network, gradients by automatic differentiation")
    print("             loss        largest difference to the gradient by hand")
    X, y = study.X, study.y
    W, b, W2, b2 = (Tensor(start) for start in study.network)
    reg, num_examples = REG, X.shape[0]
    for i in range(iterations):
        # evaluate class scores with a 2-layer Neural Network
        hidden_layer = np.maximum(0, np.dot(X, W) + b)  # note, ReLU activation
        scores = np.dot(hidden_layer, W2) + b2
        # compute the class probabilities
        exp_scores = np.exp(scores)
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        # compute the loss: average cross-entropy loss and regularization
        corect_logprobs = -np.log(probs[range(num_examples), y])
        data_loss = np.sum(corect_logprobs) / num_examples
        reg_loss = 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)
        loss = data_loss + reg_loss

        loss.backward()
        if i % 1000 == 0:
            hand = by_hand.two_layer(W.data, b.data, W2.data, b2.data, X, y, reg)
            report(i, loss, {"dscores": scores, "dW": W, "db": b, "dW2": W2, "db2": b2}, hand)

        for parameter in (W, b, W2, b2):
            parameter.data += -STEP_SIZE * parameter.grad
    hidden = np.maximum(0, X @ W.data + b.data)
    scores = hidden @ W2.data + b2.data
    print(f"training accuracy: {np.mean(np.argmax(scores, axis=1) == y):.2f}")


def report(i: int, loss: Tensor, automatic: dict[str, Tensor], hand: object) -> None:
    """Print one line: the loss, and how far the automatic gradients are from those by hand."""
    worst = max(np.max(np.abs(t.grad - getattr(hand, name))) for name, t in automatic.items())
    print(f"iteration {i}: loss {loss:f}   {worst:.1e}")


if __name__ == "__main__":
    main()
