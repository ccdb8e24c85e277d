"""Class labels, looked at before they are used as an index.

NumPy answers almost any index with *something*: ``-1`` picks the last class, booleans
act as a mask, a column of labels broadcasts to N x N. Each of these mistakes becomes an error
that names it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import LabelError

__all__ = ["check_labels"]


def check_labels(y: ArrayLike, n_examples: int, n_classes: int) -> NDArray[np.integer[Any]]:
    """Return the labels as an integer array that is safe to index with, or say what is wrong.

    Parameters
    ----------
    y : array_like of int, shape (N,)
        One class per example, each in ``0 .. K-1``, of any integer type.
    n_examples : int
        N, the number of rows that the labels belong to.
    n_classes : int
        K, the number of scores in each row.

    Returns
    -------
    ndarray of int, shape (N,)
        The labels with the type they came in; `y` itself if it is already an array.

    Raises
    ------
    LabelError
        If the batch is empty, or the labels are not integers, not one per row, or not all
        in range. For labels out of range the message names the first such row.

    Examples
    --------
    >>> check_labels([0, 2, 1], n_examples=3, n_classes=3)
    array([0, 2, 1])
    >>> check_labels([0, 7, 1], n_examples=3, n_classes=3)
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.LabelError: label 7 in row 1 is not one of the 3 classes 0..2
    """
    if n_examples == 0:
        raise LabelError("the batch is empty: a mean loss needs at least one example")
    labels = _as_array(y)
    _check_shape(labels, n_examples, n_classes)
    _check_type(labels)
    wrong = (labels < 0) | (labels >= n_classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise LabelError(_out_of_range(int(labels[row]), row, n_classes))
    return labels


def _as_array(y: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(y)
    except ValueError as error:
        raise LabelError(f"the labels do not form an array: {error}") from error


def _check_shape(labels: NDArray[Any], n_examples: int, n_classes: int) -> None:
    shape = labels.shape
    # A column is told from one-hot rows first: with one class they have the same shape, and
    # a column is by far the commoner slip.
    if labels.ndim == 2 and shape[1] == 1:
        raise LabelError(
            f"the labels have shape {shape}, a column, which would broadcast against "
            f"range({n_examples}) to {shape[0]} x {n_examples} entries: pass y.ravel() or y[:, 0]"
        )
    if labels.ndim == 2 and shape[1] == n_classes:
        raise LabelError(
            f"the labels have shape {shape}, which looks one-hot, where one integer per "
            "example is expected: pass np.argmax(y, axis=1)"
        )
    if labels.ndim != 1:
        raise LabelError(
            f"the labels have shape {shape} where ({n_examples},), "
            "one integer per example, is expected"
        )
    if len(labels) != n_examples:
        raise LabelError(f"there are {len(labels)} labels for {n_examples} examples")


def _check_type(labels: NDArray[Any]) -> None:
    if labels.dtype.kind in "iu":
        return
    if labels.dtype.kind == "b":
        raise LabelError(
            "the labels are bool, which NumPy would read as a mask: pass y.astype(int)"
        )
    if labels.dtype.kind == "f":
        raise LabelError(
            f"the labels are {labels.dtype}, and an index is an integer: pass y.astype(int)"
        )
    raise LabelError(
        f"the labels are {labels.dtype} where integers 0..K-1 are expected: "
        "number the classes with np.unique(y, return_inverse=True)[1]"
    )


def _out_of_range(label: int, row: int, n_classes: int) -> str:
    message = f"label {label} in row {row} is not one of the {n_classes} classes 0..{n_classes - 1}"
    if label < 0:
        message += " (NumPy would silently count from the last class)"
    elif label == n_classes:
        message += "; if the classes are numbered from 1, pass y - 1"
    return message
