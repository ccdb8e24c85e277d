"""scikit-learn's conventions: its base classes where it is installed, and what examples must be.

Imports scikit-learn or else `standin`. A check returns what it looked at in the form that training
needs, or says what is wrong, where, and what to do; `targets` does so for labels and weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.tape import refuse_masked

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
    "DataConversionWarning",
    "NotFittedError",
    "check_examples",
    "check_finite",
    "validate_data",
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
    DataError
        If it is a masked array.
    ValueError
        If `X` is not a matrix of numbers, is empty, has not as many columns as at ``fit``, or
        contains NaN or infinity, whose first row and column are named.
    """
    refuse_masked(X)
    X = validate_data(
        estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False
    )
    check_finite(X)
    return np.asarray(X)


def check_finite(X: NDArray[Any], first_row: int = 0) -> None:
    """Raise ValueError if `X` is not finite; its first row is counted as row `first_row`."""
    finite = np.isfinite(X)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        value = "NaN" if np.isnan(X[row, column]) else "infinity (inf)"
        raise ValueError(
            f"X contains {value}, first in row {first_row + row}, column {column}: leave such rows "
            "out, or fill the gaps first, for example with the column's mean"
        )
