"""scikit-learn's base classes and warnings, and the little that is needed where it is missing.

Imports scikit-learn, if it is installed.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self

from ..core.errors import ShapeError

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "DataConversionWarning",
    "NotFittedError",
    "check_columns",
]


class NotFittedError(ValueError, AttributeError):
    """A prediction was asked for before ``fit``."""


class ConvergenceWarning(UserWarning):
    """Training ended before it converged."""


class DataConversionWarning(UserWarning):
    """Data were not of the expected shape, and were converted."""


class ClassifierMixin:
    """Marks an estimator as a classifier."""

    def __sklearn_tags__(self) -> Any:
        raise AttributeError("scikit-learn is not installed")


class BaseEstimator:
    """An estimator whose settings are the arguments of its constructor."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings, by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change settings, by name; ValueError, and no change, if one is unknown."""
        if unknown := params.keys() - (names := self.get_params()).keys():
            raise ValueError(
                f"{type(self).__name__} has no setting {min(unknown)!r}; it has {', '.join(names)}"
            )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        # Compared as text: settings may be arrays, whose comparison has no truth value.
        defaults = {n: repr(p.default) for n, p in inspect.signature(type(self)).parameters.items()}
        shown = {name: repr(value) for name, value in self.get_params().items()}
        changed = [f"{n}={value}" for n, value in shown.items() if value != defaults[n]]
        return f"{type(self).__name__}({', '.join(changed)})"


def check_columns(estimator: Any, X: Any, n_features: int, *, reset: bool) -> None:
    """Set ``n_features_in_`` (and ``feature_names_in_``), or compare with it."""
    if not reset and n_features != estimator.n_features_in_:
        raise ShapeError(
            f"X has {n_features} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    if _validate_data is None:
        estimator.n_features_in_ = n_features
    else:
        _validate_data(estimator, X, reset=reset, skip_check_array=True)


_validate_data: Any = None
if not TYPE_CHECKING:  # scikit-learn has no types
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
        from sklearn.utils.validation import validate_data as _validate_data
    except ImportError:
        pass
