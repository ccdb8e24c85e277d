"""Reverse-mode autodiff on NumPy that can be read, and that explains the softmax gradient."""

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
    "DataError",
    "GradientLostError",
    "LabelError",
    "NoRuleError",
    "ShapeError",
    "SoftmaxClassifier",
    "StaleDataError",
    "Tensor",
    "by_hand",
    "cross_entropy",
    "datasets",
    "detect_anomaly",
    "grad",
    "hessian",
    "hvp",
    "implements",
    "jacobian",
    "log_softmax",
    "logsumexp",
    "no_grad",
    "primitive",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "value_and_grad",
    "vjp",
]


def __getattr__(name: str) -> object:
    """Load the classifier on first use: it asks for scikit-learn, which takes a second."""
    if name == "SoftmaxClassifier":
        from .classifier import SoftmaxClassifier

        return SoftmaxClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
