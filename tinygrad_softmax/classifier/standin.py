"""What the classifier needs of scikit-learn, for where scikit-learn is not installed.

Imports NumPy and the errors. The names and their behaviour are scikit-learn's, cut down to what
one estimator without nested estimators uses.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

from ..core.errors import DataError, ShapeError

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "DataConversionWarning",
    "NotFittedError",
    "validate_data",
]


class NotFittedError(ValueError, AttributeError):
    """A prediction was asked for before ``fit``."""


class ConvergenceWarning(UserWarning):
    """Training ended without having reached what it aimed at."""


class DataConversionWarning(UserWarning):
    """Data were not of the expected shape, and were converted."""


class ClassifierMixin:
    """Says of its subclasses that they are classifiers."""

    _estimator_type = "classifier"


class BaseEstimator:
    """An estimator whose settings are the arguments of its constructor.

    Examples
    --------
    >>> class Shift(BaseEstimator):
    ...     def __init__(self, by=0, axis=None):
    ...         self.by, self.axis = by, axis
    >>> Shift(by=1).set_params(axis=0).get_params()
    {'by': 1, 'axis': 0}
    >>> Shift(by=1)
    Shift(by=1)
    """

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        arguments = inspect.signature(cls).parameters.values()
        return {argument.name: argument.default for argument in arguments}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings, by name.

        Parameters
        ----------
        deep : bool
            Would include the settings of estimators inside this one; there are none.

        Returns
        -------
        dict
            One entry for each argument of the constructor, in their order.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Change settings, by name.

        Parameters
        ----------
        **params
            Arguments of the constructor.

        Returns
        -------
        BaseEstimator
            The estimator itself.

        Raises
        ------
        ValueError
            If a name is none of the constructor's; then nothing is changed.
        """
        names = list(self._defaults())
        for name in params:
            if name not in names:
                raise ValueError(f"{type(self).__name__} has no setting {name!r}; it has {names}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        # By their text, because settings may be arrays, which have no truth value when compared.
        defaults = self._defaults()
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name])
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def validate_data(
    estimator: Any, X: Any, *, reset: bool, dtype: list[Any], ensure_all_finite: bool
) -> Any:
    """Return `X` as a matrix of floats, with as many columns as the estimator was fitted to.

    Parameters
    ----------
    estimator : object
        Has, or with `reset` is given, ``n_features_in_``.
    X : array_like, shape (N, D)
        Finite or not.
    reset : bool
        Whether this is the call of ``fit``, which decides on the number of columns.
    dtype : list of dtype
        The types that are left as they are; others are converted to the first.
    ensure_all_finite : bool
        Must be False; the classifier looks for itself.

    Returns
    -------
    ndarray, shape (N, D)
        `X` itself if it is one already.

    Raises
    ------
    ShapeError
        If `X` is not a matrix, has no rows or no columns, or not as many columns as at ``fit``.
    DataError
        If it is complex.
    ValueError
        If it does not consist of numbers.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> settings = {"dtype": [np.float64], "ensure_all_finite": False}
    >>> validate_data(SimpleNamespace(), [[1, 2]], reset=True, **settings)
    array([[1., 2.]])
    """
    assert not ensure_all_finite
    X = np.asarray(X)
    if X.dtype.kind == "c":
        raise DataError("Complex data not supported: pass the real and imaginary parts as columns")
    if X.dtype not in dtype:
        X = X.astype(dtype[0])
    if X.ndim != 2:
        raise ShapeError(
            f"Expected 2D array, got {X.ndim}D array of shape {X.shape}: reshape your data, with "
            "X.reshape(-1, 1) if it is one feature, X.reshape(1, -1) if it is one example"
        )
    if 0 in X.shape:
        raise ShapeError(f"the batch is empty: X has shape {X.shape}")
    if reset:
        estimator.n_features_in_ = X.shape[1]
    elif X.shape[1] != estimator.n_features_in_:
        raise ShapeError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    return X
