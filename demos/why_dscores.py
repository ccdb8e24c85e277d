"""Why is dscores the probabilities minus one at the label, dW this product, db a sum?

You will see, for the case study's own loss, the backward pass in words, arrow by arrow, and then
the derivation of the hand-written lines, step by step. Takes about a second.

    python demos/why_dscores.py
    python demos/why_dscores.py --stable      # in the form that no score can overflow
    python demos/why_dscores.py --markdown    # the page "Why these lines?" of the manual
"""

from __future__ import annotations

import argparse
import inspect
import re

import numpy as np

import tinygrad_softmax as tg

INTRODUCTION = """\
# Why these lines?

This page is printed by `python demos/why_dscores.py --markdown`, word for word. Nothing in it was
written for this loss: [explain](reference.md) and [derive](reference.md) say the same of yours.

The loss is the case study's own:
"""


def loss(W, b, X, y, reg):  # noqa: ANN001, ANN201 - the case study's own lines
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    return data_loss + reg_loss


def demoted(page: str) -> str:
    """Put the headings of a page one level lower."""
    return re.sub(r"^#", "##", page, flags=re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--markdown", action="store_true", help="print a page of the manual")
    parser.add_argument("--stable", action="store_true", help="a form that no score can overflow")
    options = parser.parse_args()

    study = tg.datasets.case_study()
    W, b = study.linear
    inputs = {"W": W, "b": b, "X": study.X, "y": study.y, "reg": 1e-3}
    explanation = tg.explain(loss, wrt=("W", "b"), **inputs)
    derivation = tg.derive(loss, wrt=("W", "b"), stable=options.stable, **inputs)
    if options.markdown:
        source = re.sub("  # noqa.*", "", inspect.getsource(loss))
        print(f"{INTRODUCTION}\n```python\n{source}```\n")
        print(demoted(explanation.markdown))
        print(demoted(derivation.markdown).rstrip())
        return
    print(explanation)
    print()
    print(derivation)
    hand = tg.by_hand.linear(**inputs)
    found = derivation(**inputs)
    worst = max(np.abs(found["W"] - hand.dW).max(), np.abs(found["b"] - hand.db).max())
    print(f"largest difference to the formulas by hand: {worst:.0e}")


if __name__ == "__main__":
    main()
