"""Hand-written gradients with exactly one mistake each, by model family."""

from tests.check.mistakes import (
    binary,
    hidden,
    norms,
    onehot,
    regression,
    softmax,
    softmax_steps,
)

MISTAKES = [
    entry
    for family in (softmax, softmax_steps, onehot, hidden, binary, regression, norms)
    for entry in family.MISTAKES
]
