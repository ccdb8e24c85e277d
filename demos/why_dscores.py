"""Why is dscores the probabilities minus one at the label? The machine derives it, step by step.

Prints, for the question's own loss, every law that was applied on the way from the raw backward
pass to the hand-written lines, with the largest numerical difference that it made (rounding), and
then the derived function. Takes under a second.

    python demos/why_dscores.py
"""

from __future__ import annotations

import textwrap

import numpy as np

import tinygrad_softmax as tg


def loss(W, b, X, y, reg):  # noqa: ANN001, ANN201 - the question's own lines
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    return data_loss + reg_loss


def main() -> None:
    study = tg.datasets.case_study()
    W, b = study.linear
    derivation = tg.derive(loss, wrt=("W", "b"), W=W, b=b, X=study.X, y=study.y, reg=1e-3)
    print("The laws that turn the raw backward pass into the hand-written lines:\n")
    for number, step in enumerate(derivation.steps, 1):
        print(f"{number:2d}. {step.law.replace('_', ' ')} (difference {step.difference:.0e})")
        print(textwrap.fill(step.sentence, 90, initial_indent="    ", subsequent_indent="    "))
        for mark, text in (("from", step.before), ("  to", step.after)):
            print(textwrap.fill(text, 90, initial_indent=f"    {mark} ", subsequent_indent=" " * 9))
        print()
    print("The derived function, checked against automatic differentiation:\n")
    print(derivation.source)
    hand = tg.by_hand.linear(W, b, study.X, study.y, 1e-3)
    found = derivation(W=W, b=b, X=study.X, y=study.y, reg=1e-3)
    worst = max(np.abs(found["W"] - hand.dW).max(), np.abs(found["b"] - hand.db).max())
    print(f"\nlargest difference to the formulas by hand: {worst:.0e}")


if __name__ == "__main__":
    main()
