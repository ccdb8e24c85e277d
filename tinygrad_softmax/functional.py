"""Softmax and its relatives, stable at any score and composed from the vocabulary.

Imports the ops. Nothing here has a gradient rule, so each of these can be derived and explained.
Called with arrays they return arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .ops.exponential import exp, log, logaddexp
from .ops.reduction import sum
from .ops.selection import larger, stop_gradient
from .shapes import Axis
from .tape import Value

__all__ = ["log_softmax", "logsumexp", "relu", "sigmoid", "softmax", "softplus"]


def _shift(x: Any, axis: Axis) -> Any:
    """Return the maximum over `axis` as a constant, 0 where it is infinite.

    Subtracting it changes neither a softmax nor its gradient (shift invariance), so no gradient
    needs to flow through it.
    """
    top = np.max(stop_gradient(x), axis=axis, keepdims=True)
    if isinstance(top, Value):  # traced: a formula is about finite scores
        return top
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
    >>> excess = logsumexp(np.array([1e4, 1e4])) - 1e4  # log(2), though exp(1e4) overflows
    >>> round(float(excess), 6)
    0.693147
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
