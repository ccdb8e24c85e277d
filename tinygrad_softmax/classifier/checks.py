"""What examples, labels and weights must be, and what is said if they are not.

Imports `conventions` and the errors. Checks of values also take a part of the rows, counted from
`first_row`, so that the row named is the user's.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import LabelError, ShapeError
from ..core.tape import refuse_masked
from .conventions import DataConversionWarning, check_columns

__all__ = [
    "as_labels",
    "as_weights",
    "check_classes",
    "check_examples",
    "check_finite",
    "check_labels",
    "check_weights",
    "class_factors",
    "class_numbers",
    "is_mapped",
    "is_sparse",
    "sorted_classes",
]


def is_sparse(X: Any) -> bool:
    """Whether `X` is one of SciPy's sparse arrays or matrices; imports nothing."""
    return "scipy.sparse" in sys.modules and bool(sys.modules["scipy.sparse"].issparse(X))


def is_mapped(X: Any) -> bool:
    """Whether `X` is a memory-mapped file, from ``np.memmap`` or ``np.load``."""
    return isinstance(X, np.memmap)


def check_examples(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Return `X` as a matrix of floats, a CSR matrix if it is sparse; a mapped file as it is."""
    refuse_masked(X)
    given, X = X, X.tocsr() if is_sparse(X) else X if is_mapped(X) else np.asarray(X)
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: pass the real and imaginary parts as columns")
    if not is_mapped(X) and X.dtype not in (np.float64, np.float32):
        X = X.astype(np.float64)
    check_matrix(X)
    check_columns(estimator, given, X.shape[1], reset=reset)
    return X


def check_matrix(X: Any) -> None:
    """Raise ShapeError if an array, of whatever kind, is no matrix, or an empty one."""
    if X.ndim != 2:
        raise ShapeError(
            f"Expected 2D array, got {X.ndim}D array of shape {X.shape}. Reshape your data, with "
            "X.reshape(-1, 1) if it is one feature, X.reshape(1, -1) if it is one example"
        )
    for size, what in zip(X.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise ShapeError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required."
            )


def check_finite(X: Any, first_row: int = 0) -> None:
    """Raise ValueError if `X`, dense or CSR, is not finite."""
    finite = np.isfinite(X.data if is_sparse(X) else X)
    if finite.all():
        return
    if is_sparse(X):
        place = int(finite.argmin())
        row, column = int(np.searchsorted(X.indptr, place, "right")) - 1, int(X.indices[place])
    else:
        row, column = np.argwhere(~finite)[0].tolist()
    value = "NaN" if np.isnan(X[row, column]) else "infinity (inf)"
    raise ValueError(
        f"X contains {value}, first in row {first_row + row}, column {column}: leave such rows "
        "out, or fill the gaps first, for example with the column's mean"
    )


def as_labels(y: Any, n_examples: int) -> Any:
    """Return `y`, an array of whatever kind, as one label per row; a column with a warning."""
    if y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected: "
            f"its shape is {y.shape}; pass y.ravel()",
            DataConversionWarning,
            stacklevel=4,
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
    return y


def check_labels(y: NDArray[Any], first_row: int = 0) -> None:
    """Raise LabelError if a label is no class: a fraction, or missing."""
    if y.dtype.kind == "f":
        wrong = ~np.isfinite(y) | (y != np.floor(y))
        kind, advice = "continuous", "classes are whole numbers, strings, ...: convert or bin it"
    elif y.dtype.kind == "O":  # NaN is what differs from itself
        wrong = np.array([label is None or bool(label != label) for label in y], bool)
        kind, advice = "missing", "leave such rows out"
    else:
        return
    if wrong.any():
        row = int(wrong.argmax())
        raise LabelError(
            f"Unknown label type: {kind}: y is {y[row]} in row {first_row + row}; {advice}"
        )


def sorted_classes(y: NDArray[Any]) -> NDArray[Any]:
    """Return the labels that occur, sorted."""
    try:
        return np.unique(y)
    except TypeError as error:
        raise LabelError(f"the labels cannot be sorted: {error}; pass y.astype(str)") from None


def check_classes(classes: NDArray[Any]) -> None:
    """Raise LabelError if there is but one class; warn if one looks like a wrapped -1."""
    if len(classes) < 2:
        raise LabelError(
            f"the examples that count are all of one class, {classes.tolist()[0]!r}: "
            "a classifier needs at least two"
        )
    if classes.dtype.kind == "u" and len(classes) > 2:
        most = np.iinfo(classes.dtype).max
        if classes[-1] == most and np.array_equal(classes[:-1], np.arange(len(classes) - 1)):
            warnings.warn(
                f"the labels are 0 to {classes[-2]} and {most}, the largest {classes.dtype}: 0 - 1 "
                f"wraps to it; if you subtracted 1, do it after y.astype(int)",
                UserWarning,
                stacklevel=5,
            )


def class_numbers(y: NDArray[Any], classes: NDArray[Any], first_row: int, advice: str) -> Any:
    """Return for each label the number of its class; LabelError, ending in `advice`, if none."""
    if y.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes))):
        numbers, wrong = y, (y < 0) | (y >= len(classes))  # they are numbers of classes already
    else:
        numbers = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        wrong = classes[numbers] != y
    if wrong.any():
        row = int(wrong.argmax())
        raise LabelError(f"the label {y[row]!r} in row {first_row + row} {advice}")
    return numbers


def as_weights(weights: Any, n_examples: int) -> Any:
    """Return `weights`, an array of whatever kind; raise ValueError if not one per example."""
    refuse_masked(weights)
    if weights.shape != (n_examples,):
        raise ValueError(
            f"sample_weight has shape {weights.shape} where ({n_examples},), one per example, "
            "is expected"
        )
    return weights


def check_weights(weights: NDArray[Any], first_row: int = 0) -> None:
    """Raise ValueError if a weight is negative or not finite."""
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"Negative values in data passed to sample_weight, or not finite ones: {weights[row]} "
            f"in row {first_row + row}; a weight says how often an example counts"
        )


def class_factors(setting: Any, classes: NDArray[Any], sums: NDArray[Any]) -> NDArray[Any]:
    """Return the factor of each class that `class_weight` asks for; `sums` are of the weights."""
    if setting is None:
        return np.ones(len(classes))
    if not isinstance(setting, Mapping):  # "balanced"
        return np.asarray(sums.sum() / (len(classes) * sums))
    names = classes.tolist()
    if unknown := [name for name in setting if name not in names]:
        raise ValueError(
            f"class_weight has a weight for {unknown[0]!r}, which is none of the classes "
            f"{', '.join(map(repr, names))}"
        )
    factors = np.array([setting.get(name, 1.0) for name in names], np.float64)
    if not (np.isfinite(factors) & (factors >= 0)).all() or not factors.any():
        raise ValueError(
            f"class_weight must have weights of at least 0, not all 0, got {dict(setting)!r}"
        )
    return factors
