"""Cross-entropy: the softmax classifier's loss, with its labels looked at before they are used.

Imports `functional`. Composed from the vocabulary, so that it can be derived and explained.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .composite.arrangement import index
from .composite.reductions import mean
from .errors import LabelError, ShapeError, describe
from .functional import log_softmax
from .labels import check_labels
from .ops.arithmetic import negative
from .ops.reduction import sum
from .shapes import normalize_axis
from .tape import Value

__all__ = ["cross_entropy"]


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
    if 0 in rows:
        raise LabelError("the batch is empty: a mean loss needs at least one example")
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
