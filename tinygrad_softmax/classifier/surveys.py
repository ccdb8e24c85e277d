"""What one pass over blocks of rows finds out, and each block as training takes it.

Imports `conventions`, `targets` and the errors. What ``fit`` checks of data in memory is checked
block by block; what all blocks must know of each other comes back: classes, and the largest weight.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import LabelError, ShapeError
from .conventions import check_finite
from .targets import check_classes, check_weights, largest_weight, number_classes, sort_labels

__all__ = ["Blocks", "Survey", "prepare", "survey"]


class Blocks(Protocol):
    """Examples, labels and weights in blocks of rows, wherever they are."""

    def gather(self, function: Any, *arguments: Any) -> Any:
        """Return ``function(first_row, X, y, weights, *arguments)`` of each block, in order."""

    def add_up(self, function: Any, *arguments: Any) -> Any:
        """Return the sum of these, each a list of numbers and arrays."""


class Survey(NamedTuple):
    """What one pass over the data finds out, for all later ones."""

    dtype: Any
    """Of the training: float32 or float64."""
    n_features: int
    classes: NDArray[Any]
    largest: float
    """Weight of an example."""
    total: float
    """Sum of the weights, the largest scaled to 1."""


def survey(blocks: Blocks, dtype: Any, n_features: int) -> Survey:
    """Look at every block once: whether it is finite, and which classes and weights it has.

    Parameters
    ----------
    blocks : Blocks
        The data.
    dtype : dtype
        Of the examples as they are stored.
    n_features : int
        D.

    Returns
    -------
    Survey

    Raises
    ------
    ValueError
        If examples, labels (`LabelError`) or weights are not as ``fit`` wants them; the row named
        is the first such one.
    """
    start = Survey(np.float32 if dtype == np.float32 else np.float64, n_features, np.empty(0), 1, 0)
    found = list(blocks.gather(_look, start))
    for part in found:
        if isinstance(part, ValueError):  # of several the first, whichever was met first
            raise part
    classes, largest, total = zip(*found, strict=True)
    most = largest_weight(largest)
    every = np.concatenate([some for some in classes if len(some)])
    return start._replace(classes=number_classes(every)[0], largest=most, total=sum(total) / most)


def _look(first_row: int, X: Any, y: Any, weights: Any, start: Survey) -> Any:
    """Return the classes of a block, its largest weight and their sum; or what is wrong with it."""
    y = np.asarray(y)
    try:
        check_finite(_as_matrix(X, start), first_row)
        check_classes(y, first_row)
        if weights is None:
            return sort_labels(y)[0], 1.0, float(len(y))
        weights = np.asarray(weights, np.float64)
        check_weights(weights, first_row)
        return sort_labels(y[weights > 0])[0], weights.max(initial=0.0), weights.sum()
    except ValueError as error:
        return error


def _as_matrix(X: Any, found: Survey) -> NDArray[Any]:
    matrix: NDArray[Any] = np.asarray(X, found.dtype)
    if matrix.ndim != 2 or matrix.shape[1] != found.n_features:
        raise ShapeError(
            f"a block of X has shape {matrix.shape} where (rows, {found.n_features}) was announced"
        )
    return matrix


def prepare(X: Any, y: Any, weights: Any, found: Survey) -> tuple[Any, Any, Any]:
    """Return a block as training takes it: floats, class numbers, scaled weights; none of weight 0.

    Raises
    ------
    LabelError
        If a label was not there when `survey` looked.

    Examples
    --------
    >>> found = Survey(np.float64, 1, np.array(["cat", "dog"]), 4.0, 1.5)
    >>> prepare([[1], [2]], np.array(["dog", "cat"]), np.array([2.0, 0.0]), found)
    (array([[1.]]), array([1]), array([0.5]))
    """
    X, y = np.asarray(X), np.asarray(y)
    if weights is not None:
        weights = np.asarray(weights, np.float64)
        counts = weights > 0
        if not counts.all():
            X, y, weights = X[counts], y[counts], weights[counts]
        weights = (weights / found.largest).astype(found.dtype)
    return _as_matrix(X, found), _class_numbers(y, found.classes), weights


def _class_numbers(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    if y.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes))):
        labels, wrong = y, (y < 0) | (y >= len(classes))  # numbered already: no need to look up
    else:
        labels = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        wrong = classes[labels] != y
    if wrong.any():
        raise LabelError(
            f"the label {y[wrong][0]!r} was not there in the first pass over the data: it must not "
            "change during fit"
        )
    return labels
