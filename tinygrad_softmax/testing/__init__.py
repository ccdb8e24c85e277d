"""Tools for test suites that use softmax classifiers: what hypothesis may draw.

Imports `matching` and, through `problems`, `signatures` and `strategies`, hypothesis, which is
needed here and nowhere else.
"""

from .matching import assert_gradients_match

try:
    from .problems import SoftmaxProblem, TwoLayerProblem, softmax_problems
    from .signatures import arrays_for
    from .strategies import labels, scores, shapes
except ImportError as error:
    raise ImportError(
        "tinygrad_softmax.testing draws inputs with hypothesis, which is not installed: "
        'pip install "tinygrad-softmax[test]"'
    ) from error

__all__ = [
    "SoftmaxProblem",
    "TwoLayerProblem",
    "arrays_for",
    "assert_gradients_match",
    "labels",
    "scores",
    "shapes",
    "softmax_problems",
]
