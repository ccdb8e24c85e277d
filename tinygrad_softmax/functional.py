"""Softmax and its relatives, stable at any score and composed from the vocabulary.

Imports the ops. Nothing here has a gradient rule, so each of these can be derived and explained.
Called with arrays they return arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .composite import index, mean
from .errors import LabelError, ShapeError, describe
from .labels import check_labels
from .ops.arithmetic import negative
from .ops.exponential import exp, log, logaddexp
from .ops.reduction import sum
from .ops.selection import larger, stop_gradient
from .primitive import Value
from .shapes import Axis, normalize_axis

__all__ = [
    "cross_entropy",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
]


def _shift(x: Any, axis: Axis) -> Any:
    """Return the maximum over `axis` as a constant, 0 where it is infinite.

    Subtracting it changes neither a softmax nor its gradient (shift invariance), so no gradient
    needs to flow through it.
    """
    top = np.max(stop_gradient(x), axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    x : Tensor or array
        Scores of any shape and size.
    axis : int or tuple of int, optional
        Axes to sum over; all if None.
    keepdims : bool
        Keep the summed axes with size 1.

    Returns
    -------
    Tensor or array
        Its gradient is ``softmax(x, axis)``.

    Examples
    --------
    >>> float(logsumexp(np.array([1e4, 1e4])) - 1e4)  # log(2), where exp(1e4) overflows
    0.6931471805599...
    """
    top = _shift(x, axis)
    total = log(sum(exp(x - top), axis, keepdims=keepdims))
    return total + (top if keepdims else np.squeeze(top, axis))


def softmax(x: Any, axis: Axis = -1) -> Any:
    """Exponentials divided by their sum: probabilities along `axis`.

    Parameters
    ----------
    x : Tensor or array
        Scores of any shape and size.
    axis : int or tuple of int
        Axes along which the result sums to 1.

    Returns
    -------
    Tensor or array
        Of the shape of `x`.

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4, -1e4])).tolist()
    [0.5, 0.5, 0.0]
    """
    powers = exp(x - _shift(x, axis))
    return powers / sum(powers, axis, keepdims=True)


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Logarithm of the softmax, ``x - logsumexp(x)``: finite where the softmax underflows to 0.

    Parameters
    ----------
    x : Tensor or array
        Scores of any shape and size.
    axis : int or tuple of int
        Axes along which the exponentials of the result sum to 1.

    Returns
    -------
    Tensor or array
        Of the shape of `x`.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1e4])).tolist()
    [-10000.0, 0.0]
    """
    shifted = x - _shift(x, axis)
    return shifted - log(sum(exp(shifted), axis, keepdims=True))


def cross_entropy(scores: Any, targets: Any, axis: int = -1, reduction: str = "mean") -> Any:
    """Average surprise at the targets: ``-log(softmax(scores))`` at the label.

    Parameters
    ----------
    scores : Tensor or array, shape (N, K)
        Unnormalised class scores; more axes are fine, `axis` says which one is the classes.
    targets : array of int, shape (N,), or array of shape (N, K)
        Class labels 0..K-1, or a distribution over the classes for each example (one-hot rows
        are one). A floating-point array is a distribution, an integer one of the shape of
        `scores` must be one-hot.
    axis : int
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        What to do with the N losses.

    Returns
    -------
    Tensor or array
        A scalar, or shape (N,) for ``reduction="none"``. With "mean" its gradient with respect
        to the scores is ``(softmax(scores) - onehot) / N``.

    Raises
    ------
    LabelError
        If labels are negative, K or more, not integers, of a wrong shape or length; the first
        offending row is named. Also for an empty batch.
    ShapeError
        If the targets' shape fits neither form.
    ValueError
        If `reduction` is none of the three.

    Examples
    --------
    >>> scores = np.array([[2.0, 0.0], [0.0, 0.0]])
    >>> cross_entropy(scores, np.array([0, 1]), reduction="none").round(4).tolist()
    [0.1269, 0.6931]
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if not isinstance(targets, Value):
        targets = np.asarray(targets)
    if len(np.shape(scores)) == 0:
        raise ShapeError("cross_entropy needs scores with an axis of classes, got a scalar")
    (axis,) = normalize_axis(axis, len(scores.shape))
    rows = scores.shape[:axis] + scores.shape[axis + 1 :]
    logprobs = log_softmax(scores, axis)
    if _is_distribution(targets, scores, axis):
        losses = -sum(targets * logprobs, axis)
    else:
        _check_targets(targets, scores, rows, axis)
        losses = negative(index(logprobs, _at(targets, rows, axis)))
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)


def _is_distribution(targets: Any, scores: Any, axis: int) -> bool:
    """Whether targets are weights over the classes rather than class numbers."""
    if targets.shape != scores.shape:
        if targets.dtype.kind == "f" and len(targets.shape) == len(scores.shape) > 1:
            raise ShapeError(
                f"cross_entropy got {describe(scores, 'scores')} and {describe(targets, 'targets')}: "
                "a distribution over the classes must have the shape of the scores"
            )
        return False
    if targets.dtype.kind in "iu" and not (
        np.isin(targets, (0, 1)).all() and (targets.sum(axis) == 1).all()
    ):
        raise LabelError(
            f"integer targets of the scores' shape {scores.shape} must be one-hot (each example a "
            f"single 1); class labels must have shape {scores.shape[:axis] + scores.shape[axis + 1 :]}"
        )
    return True


def _check_targets(targets: Any, scores: Any, rows: tuple[int, ...], axis: int) -> None:
    if isinstance(targets, Value):
        raise LabelError("class labels must be a plain integer array, not a Tensor")
    if len(rows) == 1 or targets.shape != rows:
        n_rows = rows[0] if len(rows) == 1 else int(np.prod(rows))
        check_labels(targets, n_rows, scores.shape[axis])
    else:
        check_labels(targets.ravel(), targets.size, scores.shape[axis])


def _at(labels: Any, rows: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """The index that picks each row's label along `axis`: ``(range(N), labels)`` for (N, K)."""
    places: list[Any] = [range(n) for n in rows]
    if len(rows) > 1:
        places = list(np.ogrid[tuple(slice(n) for n in rows)])
    return (*places[:axis], labels, *places[axis:])


def relu(x: Any) -> Any:
    """The positive part, ``maximum(0, x)``; at exactly 0 the gradient is 0.

    Parameters
    ----------
    x : Tensor or array
        Of any shape.

    Returns
    -------
    Tensor or array
        Of the shape of `x`.

    Examples
    --------
    >>> relu(np.array([-1.5, 2.0])).tolist()
    [0.0, 2.0]
    """
    return larger(0, x)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))`` without overflow: a smooth `relu`.

    Parameters
    ----------
    x : Tensor or array
        Of any shape.

    Returns
    -------
    Tensor or array
        Of the shape of `x`; its gradient is ``sigmoid(x)``.

    Examples
    --------
    >>> softplus(np.array([-1e4, 1e4])).tolist()
    [0.0, 10000.0]
    """
    return logaddexp(0, x)


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))`` without overflow, exact in both tails.

    Parameters
    ----------
    x : Tensor or array
        Of any shape.

    Returns
    -------
    Tensor or array
        Of the shape of `x`; its gradient is ``sigmoid(x) * (1 - sigmoid(x))``.

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    return exp(-softplus(-x))
