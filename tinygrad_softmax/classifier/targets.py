"""Labels and weights of the examples: what they must be, and what is said if they are not.

Imports `conventions` and the errors. The checks of values also look at a part of the rows, counted
from `first_row`; those of shapes take arrays of whatever kind.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import LabelError
from ..core.tape import refuse_masked
from .conventions import DataConversionWarning

__all__ = [
    "check_classes",
    "check_sample_weight",
    "check_targets",
    "check_weight_shape",
    "check_weights",
    "largest_weight",
    "number_classes",
    "one_per_example",
    "sort_labels",
]


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
    tinygrad_softmax.core.errors.LabelError: Unknown label type: continuous: y is 0.5 in row 1...
    """
    refuse_masked(y)
    labels: NDArray[Any] = one_per_example(np.asarray(y), n_examples)
    check_classes(labels)
    return labels


def one_per_example(y: Any, n_examples: int) -> Any:
    """Return `y`, an array of whatever kind, as one axis; raise LabelError if that cannot be."""
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


def check_classes(y: NDArray[Any], first_row: int = 0) -> None:
    """Raise LabelError if a label is no class: a fraction, or missing."""
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
        raise LabelError(
            f"Unknown label type: {kind}: y is {y[row]} in row {first_row + row}; {advice}"
        )


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
    classes, labels = sort_labels(y)
    if len(classes) < 2:
        raise LabelError(
            f"the examples that count are all of one class, {classes[0]!r}: "
            "a classifier needs at least two"
        )
    return classes, labels


def sort_labels(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return what `number_classes` does, however few classes there are."""
    try:
        return np.unique(y, return_inverse=True)
    except TypeError as error:
        raise LabelError(f"the labels cannot be sorted: {error}; pass y.astype(str)") from None


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
    refuse_masked(weights)
    weights = np.asarray(weights, np.float64)
    check_weight_shape(weights, n_examples)
    check_weights(weights)
    largest = largest_weight(weights)
    return np.asarray(weights / largest)


def check_weight_shape(weights: Any, n_examples: int) -> None:
    """Raise ValueError if `weights`, an array of whatever kind, is not one per example."""
    if weights.shape != (n_examples,):
        raise ValueError(
            f"sample_weight has shape {weights.shape} where ({n_examples},), one per example, "
            "is expected"
        )


def check_weights(weights: NDArray[Any], first_row: int = 0) -> None:
    """Raise ValueError if a weight is negative or not finite."""
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"Negative values in data passed to sample_weight, or not finite ones: {weights[row]} "
            f"in row {first_row + row}; a weight says how often an example counts"
        )


def largest_weight(weights: Any) -> float:
    """Return the largest weight; raise ValueError if it is zero."""
    largest = float(np.max(weights))
    if not largest:
        raise ValueError("every sample_weight is zero: at least one must be positive")
    return largest
