"""Right hand-written gradients in unusual styles, by model family."""

from tests.check.variants import hidden, norms, onehot, others, softmax

VARIANTS = [
    entry for family in (softmax, onehot, hidden, others, norms) for entry in family.VARIANTS
]
