"""scikit-learn's conventions: its base classes where it is installed, and what an estimator checks.

Imports the errors, and scikit-learn or else `standin`. Every check returns what it looked at in the
form that training needs, or says what is wrong, where, and what to do.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import LabelError

if TYPE_CHECKING:  # scikit-learn has no types; the stand-in has
    from .standin import (
        BaseEstimator,
        ClassifierMixin,
        ConvergenceWarning,
        DataConversionWarning,
        NotFittedError,
        validate_data,
    )
else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
        from sklearn.utils.validation import validate_data
    except ImportError:
        from .standin import (
            BaseEstimator,
            ClassifierMixin,
            ConvergenceWarning,
            DataConversionWarning,
            NotFittedError,
            validate_data,
        )

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "ConvergenceWarning",
    "NotFittedError",
    "check_examples",
    "check_sample_weight",
    "check_targets",
    "number_classes",
]


def check_examples(estimator: Any, X: Any, *, reset: bool) -> NDArray[Any]:
    """Return `X` as a finite matrix of float32 (if it is that) or float64.

    Parameters
    ----------
    estimator : object
        Has, or with `reset` is given, ``n_features_in_`` (and ``feature_names_in_``).
    X : array_like, shape (N, D)
        One example per row.
    reset : bool
        Whether this is the call of ``fit``.

    Returns
    -------
    ndarray of floats, shape (N, D)
        `X` itself if it is one already.

    Raises
    ------
    ValueError
        If `X` is not a matrix of numbers, is empty, has not as many columns as at ``fit``, or
        contains NaN or infinity, whose first row and column are named.
    """
    X = validate_data(
        estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False
    )
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0].tolist()
        value = "NaN" if np.isnan(X[row, column]) else "infinity (inf)"
        raise ValueError(
            f"X contains {value}, first in row {row}, column {column}: leave such rows out, or "
            "fill the gaps first, for example with the column's mean"
        )
    return np.asarray(X)


def check_targets(y: ArrayLike, n_examples: int) -> NDArray[Any]:
    """Return `y` as an array of one class per example; classes can be anything that sorts.

    Parameters
    ----------
    y : array_like, shape (N,)
        Numbers, strings, ... A column is accepted with a warning.
    n_examples : int
        N, the number of rows that the labels belong to.

    Returns
    -------
    ndarray, shape (N,)
        In the type they came in.

    Raises
    ------
    LabelError
        If there is not one label per example, or one is a fraction, missing or infinite; the
        first such row is named.

    Examples
    --------
    >>> check_targets([1.0, 0.5], 2)
    Traceback (most recent call last):
        ...
    tinygrad_softmax.errors.LabelError: Unknown label type: continuous: y is 0.5 in row 1...
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected: "
            f"its shape is {y.shape}; pass y.ravel()",
            DataConversionWarning,
            stacklevel=3,
        )
        y = y.ravel()
    if y.ndim != 1:
        raise LabelError(
            f"y should be a 1d array, one class per row of X, got an array of shape {y.shape} "
            "instead; from one-hot rows np.argmax(y, axis=1) makes one"
        )
    if len(y) != n_examples:
        row, lacks = min(len(y), n_examples), "label" if len(y) < n_examples else "example"
        raise LabelError(
            f"there are {len(y)} labels for {n_examples} examples: row {row} has no {lacks}"
        )
    _check_classes(y)
    return y


def _check_classes(y: NDArray[Any]) -> None:
    """Raise if a label is no class: a fraction, or missing."""
    if y.dtype.kind == "f":
        wrong = ~np.isfinite(y) | (y != np.floor(y))
        kind, advice = "continuous", "classes are whole numbers, strings, ...: convert or bin it"
    elif y.dtype.kind == "O":
        wrong = np.array([label is None or _is_nan(label) for label in y], bool)
        kind, advice = "missing", "leave such rows out"
    else:
        return
    if wrong.any():
        row = int(wrong.argmax())
        raise LabelError(f"Unknown label type: {kind}: y is {y[row]} in row {row}; {advice}")


def _is_nan(label: Any) -> bool:
    return isinstance(label, float | np.floating) and bool(np.isnan(label))


def number_classes(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the classes in order, and for each label the number of its class.

    Raises
    ------
    LabelError
        If there is but one class, or labels of different types that have no order.

    Examples
    --------
    >>> number_classes(np.array(["dog", "cat", "dog"]))
    (array(['cat', 'dog'], dtype='<U3'), array([1, 0, 1]))
    """
    try:
        classes, labels = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise LabelError(f"the labels cannot be sorted: {error}; pass y.astype(str)") from None
    if len(classes) < 2:
        raise LabelError(
            f"the examples that count are all of one class, {classes[0]!r}: "
            "a classifier needs at least two"
        )
    return classes, labels


def check_sample_weight(weights: Any, n_examples: int) -> NDArray[Any] | None:
    """Return the weights of the examples, the largest scaled to 1.

    Parameters
    ----------
    weights : array_like, shape (N,), or None
        Not negative; only their ratios matter.
    n_examples : int
        N.

    Returns
    -------
    ndarray of float64, shape (N,), or None
        None for None.

    Raises
    ------
    ValueError
        If there is not one weight per example, one is negative or not finite (the first such row
        is named), or all are zero.
    """
    if weights is None:
        return None
    weights = np.asarray(weights, np.float64)
    if weights.shape != (n_examples,):
        raise ValueError(
            f"sample_weight has shape {weights.shape} where ({n_examples},), one per example, "
            "is expected"
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"Negative values in data passed to sample_weight, or not finite ones: {weights[row]} "
            f"in row {row}; a weight says how often an example counts"
        )
    if not weights.any():
        raise ValueError("every sample_weight is zero: at least one must be positive")
    return np.asarray(weights / weights.max())
