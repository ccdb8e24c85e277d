"""Softmax and its relatives, and the cross-entropy: stable at any score, composed from the ops.

Nothing here has a gradient rule, so each of these can be derived and explained. Called with arrays
(or lists) they return arrays.
"""

from __future__ import annotations

from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike

from ..core.errors import LabelError, ShapeError, describe
from ..core.labels import check_labels
from ..core.shapes import Axis, normalize_axis
from ..core.tape import Value, is_symbolic, plain_array
from .choices import larger, stop_gradient, where
from .elementwise import exp, log, logaddexp, negative
from .indexing import index
from .reductions import mean
from .reductions import sum as sum_

__all__ = [
    "cross_entropy",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
]


_V = TypeVar("_V", bound=Value)


def _scores(x: Any) -> Any:
    """Return what is no Tensor as an array of floats."""
    if isinstance(x, Value):
        return x
    array = plain_array(x)
    return array if array.dtype.kind in "fc" else array.astype(float)


def _shift(x: Any, axis: Axis) -> Any:
    """Return the maximum over `axis` as a constant, 0 where it is infinite.

    Subtracting it changes neither a softmax nor its gradient (shift invariance), so no gradient
    needs to flow through it.
    """
    top = np.max(stop_gradient(x), axis=axis, keepdims=True)
    if isinstance(top, Value):  # traced: a formula is about finite scores
        return top
    return np.where(np.isfinite(top), top, 0)


@overload
def logsumexp(x: _V, axis: Axis = None, keepdims: bool = False) -> _V: ...
@overload
def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Any: ...
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials, without overflow.

    Parameters
    ----------
    x : Tensor or array_like
        Scores of any shape and size.
    axis : int or tuple of int, optional
        Axes to sum over; all if None.
    keepdims : bool
        Keep the summed axes with size 1.

    Returns
    -------
    Tensor or array
        Its gradient is ``softmax(x, axis)``. Where all scores are -inf it is -inf, and its gradient
        0.

    Examples
    --------
    >>> excess = logsumexp(np.array([1e4, 1e4])) - 1e4  # log(2), though exp(1e4) overflows
    >>> round(float(excess), 6)
    0.693147
    >>> float(logsumexp([-np.inf, -np.inf]))
    -inf
    """
    x = _scores(x)
    top = _shift(x, axis)
    total = sum_(exp(x - top), axis, keepdims=keepdims)
    empty = False if is_symbolic(total) else np.equal(total, 0)
    if np.any(empty):  # every score is -inf
        total = where(empty, -np.inf, log(where(empty, 1, total)))
    else:
        total = log(total)
    return total + (top if keepdims else np.squeeze(top, axis))


@overload
def softmax(x: _V, axis: Axis = -1) -> _V: ...
@overload
def softmax(x: ArrayLike, axis: Axis = -1) -> Any: ...
def softmax(x: Any, axis: Axis = -1) -> Any:
    """Exponentials divided by their sum: probabilities along `axis`.

    Parameters
    ----------
    x : Tensor or array_like
        Scores of any shape and size; -inf masks one.
    axis : int or tuple of int
        Axes along which the result sums to 1.

    Returns
    -------
    Tensor or array
        Of the shape of `x`. NaN (0/0, with NumPy's warning) along an axis where every score is
        -inf: there is nothing to choose from.

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4, -np.inf])).tolist()
    [0.5, 0.5, 0.0]
    """
    x = _scores(x)
    powers = exp(x - _shift(x, axis))
    return powers / sum_(powers, axis, keepdims=True)


@overload
def log_softmax(x: _V, axis: Axis = -1) -> _V: ...
@overload
def log_softmax(x: ArrayLike, axis: Axis = -1) -> Any: ...
def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Logarithm of the softmax, ``x - logsumexp(x)``: finite where the softmax underflows to 0.

    Parameters
    ----------
    x : Tensor or array_like
        Scores of any shape and size.
    axis : int or tuple of int
        Axes along which the exponentials of the result sum to 1.

    Returns
    -------
    Tensor or array
        Of the shape of `x`; -inf for a masked score, NaN where all are masked.

    Examples
    --------
    >>> log_softmax(np.array([0.0, 1e4])).tolist()
    [-10000.0, 0.0]
    """
    x = _scores(x)
    shifted = x - _shift(x, axis)
    return shifted - log(sum_(exp(shifted), axis, keepdims=True))


@overload
def relu(x: _V) -> _V: ...
@overload
def relu(x: ArrayLike) -> Any: ...
def relu(x: Any) -> Any:
    """The positive part, ``maximum(0, x)``; at exactly 0 the gradient is 0.

    Parameters
    ----------
    x : Tensor or array_like
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
    return larger(0, _scores(x))


@overload
def softplus(x: _V) -> _V: ...
@overload
def softplus(x: ArrayLike) -> Any: ...
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))`` without overflow: a smooth `relu`.

    Parameters
    ----------
    x : Tensor or array_like
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
    return logaddexp(0, _scores(x))


@overload
def sigmoid(x: _V) -> _V: ...
@overload
def sigmoid(x: ArrayLike) -> Any: ...
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))`` without overflow, exact in both tails.

    Parameters
    ----------
    x : Tensor or array_like
        Of any shape.

    Returns
    -------
    Tensor or array
        Of the shape of `x`; its gradient is ``sigmoid(x) * (1 - sigmoid(x))``.

    Examples
    --------
    >>> sigmoid([-1e4, 0.0, 1e4]).tolist()
    [0.0, 0.5, 1.0]
    """
    return exp(-softplus(-_scores(x)))


@overload
def cross_entropy(scores: _V, targets: Any, axis: int = -1, reduction: str = "mean") -> _V: ...
@overload
def cross_entropy(
    scores: ArrayLike, targets: Any, axis: int = -1, reduction: str = "mean"
) -> Any: ...
def cross_entropy(scores: Any, targets: Any, axis: int = -1, reduction: str = "mean") -> Any:
    """Mean cross-entropy: ``-log(softmax(scores))`` at the label, averaged.

    Parameters
    ----------
    scores : Tensor or array_like, shape (N, K)
        Unnormalised class scores; more axes are fine, `axis` says which one is the classes. -inf
        masks a class.
    targets : array of int, shape (N,), or array of shape (N, K)
        Class labels 0..K-1, or a distribution over the classes for each example (one-hot rows
        are one). A floating-point array is a distribution, an integer one of the shape of
        `scores` must be one-hot. A class of weight 0 costs nothing, masked or not.
    axis : int
        The axis of the classes.
    reduction : {"mean", "sum", "none"}
        What to do with the N losses. The sum over an empty batch is 0; a mean needs an example.

    Returns
    -------
    Tensor or array
        A scalar, or shape (N,) for ``reduction="none"``. With "mean" its gradient with respect
        to the scores is ``(softmax(scores) - onehot) / N``.

    Raises
    ------
    LabelError
        If labels are negative, K or more, not integers, of a wrong shape or length; the first
        offending row is named. Also for the mean over an empty batch.
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
    scores = _scores(scores)
    if isinstance(targets, Value) and not is_symbolic(targets) and targets.node is None:
        targets = targets.array
    if not isinstance(targets, Value):
        targets = plain_array(targets)
        if not targets.size and targets.shape != scores.shape:  # [] is an array of floats
            targets = targets.astype(int)
    if len(scores.shape) == 0:
        raise ShapeError("cross_entropy needs scores with an axis of classes, got a scalar")
    (axis,) = normalize_axis(axis, len(scores.shape))
    rows = scores.shape[:axis] + scores.shape[axis + 1 :]
    if 0 in rows and reduction == "mean":
        raise LabelError("the batch is empty: a mean loss needs at least one example")
    logprobs = log_softmax(scores, axis)
    if _is_distribution(targets, scores, axis):
        if not isinstance(targets, Value) and _masks(scores):
            logprobs = where(np.equal(targets, 0), 0, logprobs)  # 0 * -inf is NaN
        losses = -sum_(targets * logprobs, axis)
    else:
        _check_targets(targets, scores, rows, axis)
        losses = negative(index(logprobs, _at(targets, rows, axis)))
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum_(losses)


def _masks(scores: Any) -> bool:
    """Whether a score is -inf; a formula that is traced is about finite scores."""
    if is_symbolic(scores):
        return False
    return bool(np.isneginf(scores.array if isinstance(scores, Value) else scores).any())


def _is_distribution(targets: Any, scores: Any, axis: int) -> bool:
    """Whether targets are weights over the classes rather than class numbers."""
    if targets.shape != scores.shape:
        if targets.dtype.kind == "f" and len(targets.shape) == len(scores.shape) > 1:
            raise ShapeError(
                f"cross_entropy got {describe(scores, 'scores')} and "
                f"{describe(targets, 'targets')}: a distribution over the classes must have the "
                "shape of the scores"
            )
        return False
    if targets.dtype.kind in "iu" and not (
        np.isin(targets, (0, 1)).all() and (targets.sum(axis) == 1).all()
    ):
        rows = scores.shape[:axis] + scores.shape[axis + 1 :]
        raise LabelError(
            f"integer targets of the scores' shape {scores.shape} must be one-hot (each example a "
            f"single 1); class labels must have shape {rows}"
        )
    return True


def _check_targets(targets: Any, scores: Any, rows: tuple[int, ...], axis: int) -> None:
    """Raise unless the targets are one valid class for each example."""
    if isinstance(targets, Value):
        if targets.dtype.kind == "f":  # type: ignore[attr-defined] # every kind of value has one
            raise LabelError("class labels must be a plain integer array, not a Tensor")
        return  # traced labels: there are no values to look at
    if 0 in rows and targets.shape == rows:
        return
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
