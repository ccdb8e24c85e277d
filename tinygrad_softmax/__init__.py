"""Reverse-mode autodiff on NumPy that can be read, and that explains the softmax gradient."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import by_hand, datasets
from .core.errors import (
    AnomalyError,
    BackwardError,
    DataError,
    GradientLostError,
    LabelError,
    NoRuleError,
    ShapeError,
    StaleDataError,
)
from .core.op import implements, primitive
from .core.tape import no_grad
from .core.tensor import Tensor
from .core.transforms import grad, hessian, hvp, jacobian, value_and_grad, vjp
from .debug import detect_anomaly
from .ops.softmax import (
    cross_entropy,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)

if TYPE_CHECKING:  # loaded on first use by `__getattr__`
    from .checker import (
        Finding,
        GradientMismatchError,
        Report,
        SeededMistake,
        Summary,
        catch_rate,
        check_gradients,
        gradcheck,
        seed_mistakes,
        summarise,
    )
    from .classifier import SoftmaxClassifier
    from .compiler import Compiled, compile  # noqa: A004 - read as tg.compile, like torch.compile
    from .derivation import Derivation, DerivationError, derive
    from .drawing import Drawing, Explorable, draw
    from .explanation import Explanation, explain

__version__ = "0.2.0"
__all__ = [
    "AnomalyError",
    "BackwardError",
    "Compiled",
    "DataError",
    "Derivation",
    "DerivationError",
    "Drawing",
    "Explanation",
    "Explorable",
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
    "Summary",
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
    "summarise",
    "value_and_grad",
    "vjp",
]


#: Loaded on first use, for they take their time: name -> module.
_LATER = {
    "Compiled": "compiler", "compile": "compiler",
    "Derivation": "derivation", "DerivationError": "derivation", "derive": "derivation",
    "Drawing": "drawing", "Explorable": "drawing", "draw": "drawing",
    "Explanation": "explanation", "explain": "explanation",
    "Finding": "checker", "GradientMismatchError": "checker", "Report": "checker",
    "SeededMistake": "checker", "catch_rate": "checker", "check_gradients": "checker",
    "gradcheck": "checker", "seed_mistakes": "checker", "Summary": "checker",
    "summarise": "checker",
    "SoftmaxClassifier": "classifier",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load on first use what takes its time: the classifier asks for scikit-learn."""
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    advice = ": write Tensor(data)" if name in ("tensor", "array", "Variable", "Parameter") else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{advice}")


def __dir__() -> list[str]:
    """Offer the public names, and no internals."""
    return sorted([*__all__, "__doc__", "__name__", "__file__", "__path__", "__version__"])
