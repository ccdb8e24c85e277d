"""Reverse-mode autodiff on NumPy that can be read, and that explains the softmax gradient."""

from importlib import import_module

from . import by_hand, datasets
from .anomaly import detect_anomaly
from .errors import (
    AnomalyError,
    BackwardError,
    DataError,
    GradientLostError,
    LabelError,
    NoRuleError,
    ShapeError,
    StaleDataError,
)
from .functional import log_softmax, logsumexp, relu, sigmoid, softmax, softplus
from .losses import cross_entropy
from .primitive import implements, primitive
from .tape import no_grad
from .tensor import Tensor
from .transforms import grad, hessian, hvp, jacobian, value_and_grad, vjp

__version__ = "0.1.0"
__all__ = [
    "AnomalyError",
    "BackwardError",
    "Compiled",
    "DataError",
    "Derivation",
    "DerivationError",
    "Drawing",
    "Explanation",
    "Finding",
    "GradientLostError",
    "GradientMismatchError",
    "LabelError",
    "NoRuleError",
    "Report",
    "SeededMistake",
    "ShapeError",
    "SoftmaxClassifier",
    "StaleDataError",
    "Tensor",
    "by_hand",
    "catch_rate",
    "check_gradients",
    "compile",
    "cross_entropy",
    "datasets",
    "derive",
    "detect_anomaly",
    "draw",
    "explain",
    "grad",
    "gradcheck",
    "hessian",
    "hvp",
    "implements",
    "jacobian",
    "log_softmax",
    "logsumexp",
    "no_grad",
    "primitive",
    "relu",
    "seed_mistakes",
    "sigmoid",
    "softmax",
    "softplus",
    "value_and_grad",
    "vjp",
]


_CHECK = {
    "Finding",
    "GradientMismatchError",
    "Report",
    "SeededMistake",
    "catch_rate",
    "check_gradients",
    "gradcheck",
    "seed_mistakes",
}


def __getattr__(name: str) -> object:
    """Load on first use what takes its time: the classifier asks for scikit-learn."""
    if name == "SoftmaxClassifier":
        from .classifier import SoftmaxClassifier

        return SoftmaxClassifier
    if name in ("derive", "Derivation", "DerivationError"):
        return getattr(import_module(f"{__name__}.symbolic"), name)
    if name in ("compile", "Compiled"):
        return getattr(import_module(f"{__name__}.compiler"), name)
    if name in _CHECK:
        return getattr(import_module(f"{__name__}.check"), name)
    if name in ("explain", "Explanation"):
        return getattr(import_module(f"{__name__}.prose"), name)
    if name in ("draw", "Drawing"):
        return getattr(import_module(f"{__name__}.drawing"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
