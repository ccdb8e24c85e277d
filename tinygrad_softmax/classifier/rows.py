"""Examples with their labels and weights, in memory or in a memory-mapped file, block by block.

Imports `checks`. One pass looks at everything (`look`) and is summed up (`survey`); `prepare` makes
of what was passed what training takes. A block of a file is a view of it, whose pages are given
back when it has been used, so that one block is resident however long the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks import (
    check_classes,
    check_finite,
    check_labels,
    check_weights,
    class_factors,
    class_numbers,
    is_mapped,
    is_sparse,
    sorted_classes,
)

__all__ = ["Look", "Rows", "Survey", "blocks_of", "look", "prepare", "survey", "training_dtype"]

#: How many bytes of examples a block has, in the precision that is trained in.
BLOCK_BYTES = 2**22


class Moments(NamedTuple):
    """Weights, means, and the scatter about them: of each column, or each pair of columns."""

    n: float
    mean: NDArray[Any]
    scatter: NDArray[Any]

    def scaled(self, factor: float) -> Moments:
        """Return them for weights that are multiplied."""
        return Moments(factor * self.n, self.mean, factor * self.scatter)

    def __add__(self, other: Moments) -> Moments:  # type: ignore[override] # is no longer tuple
        """Return those of the rows of both (Chan et al., 1979)."""
        n = max(self.n + other.n, np.finfo(float).tiny)
        with np.errstate(over="ignore", invalid="ignore"):  # the solver looks, and raises
            apart = other.mean - self.mean
            between = np.outer(apart, apart) if self.scatter.ndim == 2 else apart**2
            mean = self.mean + apart * (other.n / n)
            scatter = self.scatter + other.scatter + between * (self.n * other.n / n)
        return Moments(n, mean, scatter)


class Look(NamedTuple):
    """What is found in some of the rows; weights are relative to the largest among them."""

    classes: NDArray[Any]
    class_weights: NDArray[Any]
    largest: float
    moments: Moments


class Survey(NamedTuple):
    """What all passes over the data need to know of all of it."""

    dtype: Any
    classes: NDArray[Any]
    factors: NDArray[Any] | None
    """By which a weight is multiplied, for each class; None if no example has a weight."""
    total: float
    """Sum of the weights, after that."""
    mean: NDArray[Any]
    covariance: NDArray[Any]
    """Of all pairs of columns, or only the variance of each."""
    complaint: str
    """What to say of a label that is no class."""


class Rows:
    """Examples as training takes them: floats or a file of numbers, numbers of classes, weights."""

    def __init__(self, X: Any, y: Any, weights: Any, dtype: Any) -> None:
        self.X, self.y, self.weights, self.dtype = X, y, weights, dtype

    def blocks(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield examples, labels and weights (or None) of a block of rows after the other."""
        for rows, X in blocks_of(self.X, self.dtype):
            yield X, self.y[rows], None if self.weights is None else self.weights[rows]

    def add_up(self, function: Callable[..., list[Any]], *arguments: Any) -> list[Any]:
        """Return what `function` finds of these rows."""
        return function(self, *arguments)

    def take(self, rows: Any) -> Rows:
        """Return some of the rows, by their indices, in memory."""
        X = self.X[rows] if is_sparse(self.X) else np.asarray(self.X[rows], self.dtype)
        weights = None if self.weights is None else self.weights[rows]
        return Rows(X, self.y[rows], weights, self.dtype)

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return len(self.y) if self.weights is None else float(self.weights.sum(dtype=np.float64))

    def batches(self, size: int | None, generator: Any) -> Iterator[Rows]:
        """Yield the batches of one pass: everything, or drawn without replacement."""
        counting = len(self.y) if self.weights is None else np.flatnonzero(self.weights)
        n_rows = counting if isinstance(counting, int) else len(counting)
        if size is None or size >= n_rows:
            yield self
            return
        order = generator.permutation(n_rows)
        for start in range(0, n_rows, size):
            rows = order[start : start + size]
            yield self.take(rows if isinstance(counting, int) else counting[rows])

    def split(self, fraction: float, generator: Any) -> tuple[Rows, Rows]:
        """Return rows to train on, and that fraction of each class to validate on.

        The first are all rows, those of the second with weight 0: nothing large is copied.
        """
        weights = np.ones(len(self.y), self.dtype) if self.weights is None else self.weights.copy()
        order = generator.permutation(np.flatnonzero(weights))
        kept = [order[self.y[order] == k] for k in np.unique(self.y[order])]
        sizes = [min(int(np.ceil(fraction * len(rows))), len(rows) - 1) for rows in kept]
        kept = [rows[:size] for rows, size in zip(kept, sizes, strict=True)]
        validation = np.sort(np.concatenate(kept))
        if not len(validation):
            raise ValueError(
                "early_stopping keeps back a part of each class, and there is but one example of "
                "each: pass early_stopping=False"
            )
        outside = self.take(validation)
        weights[validation] = 0
        return Rows(self.X, self.y, weights, self.dtype), outside


def training_dtype(X: Any) -> Any:
    """Return what `X` is trained in: float32 if it is that, else float64."""
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def blocks_of(X: Any, dtype: Any) -> Iterator[tuple[slice, Any]]:
    """Yield the rows of each block, and the block in the precision of the training."""
    width = X.nnz / X.shape[0] + 1 if is_sparse(X) else X.shape[1]
    n_rows = max(1, int(BLOCK_BYTES / (dtype.itemsize * width)))
    for start in range(0, X.shape[0], n_rows):
        rows = slice(start, start + n_rows)
        yield rows, X[rows] if is_sparse(X) else np.asarray(X[rows], dtype)
        if is_mapped(X):
            _release(X[rows])


def look(X: Any, y: Any, weights: Any, dtype: Any, pairs: bool = False, first_row: int = 0) -> Look:
    """Check examples, labels and weights, and return what is found in them."""
    check_labels(y, first_row)
    if weights is not None:
        check_weights(weights, first_row)
    largest = 1.0 if weights is None else float(weights.max(initial=0))
    relative = np.ones(len(y)) if weights is None else weights / (largest or 1)
    counts = relative > 0
    classes = sorted_classes(y[counts])
    numbers = class_numbers(y[counts], classes, first_row, "is none")
    sums = np.bincount(numbers, relative[counts], len(classes))
    size = (X.shape[1],) * (1 + pairs)
    moments = Moments(0.0, np.zeros(X.shape[1]), np.zeros(size))
    for rows, block in blocks_of(X, dtype):
        check_finite(block, first_row + rows.start)
        moments += _block_moments(block, relative[rows].astype(dtype), pairs)
    return Look(classes, sums, largest, moments)


def _block_moments(X: Any, weights: NDArray[Any], pairs: bool) -> Moments:
    n = max(float(weights.sum()), np.finfo(float).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = X.T @ weights / n
        if is_sparse(X):
            scatter = np.maximum(X.multiply(X).T @ weights - n * mean**2, 0)
        else:
            centred = X - mean
            scatter = (weights * centred.T) @ centred if pairs else weights @ np.square(centred)
    return Moments(n, *(np.asarray(found, np.float64) for found in (mean, scatter)))


def survey(
    looks: Sequence[Look], dtype: Any, class_weight: Any, weighted: bool, given: Any = None
) -> Survey:
    """Return what several looks have found together; the classes may be given."""
    largest = max(part.largest for part in looks)
    if not largest:
        raise ValueError("every sample_weight is zero: at least one must be positive")
    complaint = "was not there in the first pass over the data: it must not change during fit"
    classes = given
    if given is None:
        classes = sorted_classes(np.concatenate([p.classes for p in looks if len(p.classes)]))
        check_classes(classes)
    else:
        complaint = (
            f"is none of the classes that the first call of partial_fit was given, "
            f"{', '.join(map(repr, classes.tolist()))}: name all classes there, or start anew "
            "with fit (or warm_start=True)"
        )
    sums, scales = np.zeros(len(classes)), [part.largest / largest for part in looks]
    for part, scale in zip(looks, scales, strict=True):
        known = np.isin(part.classes, classes)  # `prepare` says which row has another
        numbers = np.searchsorted(classes, part.classes[known])
        sums[numbers] += scale * part.class_weights[known]
    total, factors = float(sums.sum()), None
    if weighted or class_weight is not None:
        factors = class_factors(class_weight, classes, sums)
        factors = factors / factors.max()
        total = float(factors @ sums)
        if not total and sums.any():
            raise ValueError("class_weight is 0 for every example: one must be positive")
        factors = factors / largest
    moments = [part.moments.scaled(s) for part, s in zip(looks, scales, strict=True)]
    n, mean, scatter = reduce(Moments.__add__, moments)
    return Survey(dtype, classes, factors, total, mean, scatter / n, complaint)


def prepare(X: Any, y: Any, weights: Any, found: Survey, first_row: int = 0) -> Rows:
    """Return rows as training takes them."""
    if weights is not None and not weights.all():  # a label without weight may be anything
        y = np.where(weights > 0, y, found.classes[0])
    numbers = class_numbers(y, found.classes, first_row, found.complaint)
    if found.factors is not None:
        ones = np.float64(1) if weights is None else weights
        weights = (ones * found.factors[numbers]).astype(found.dtype)
    return Rows(X, numbers, weights, found.dtype)


def _release(rows: Any) -> None:
    """Release the memory that holds these rows of a file, if it need not keep changes to them."""
    buffer: Any = rows
    while isinstance(buffer, np.ndarray):
        buffer = buffer.base
    # Mode "c" keeps changes in memory alone. Windows cannot be advised.
    if rows.mode == "c" or not hasattr(buffer, "madvise"):
        return
    import mmap

    low, high = np.lib.array_utils.byte_bounds(rows)
    start = low - np.frombuffer(buffer, np.uint8).ctypes.data
    start, end = start - start % mmap.PAGESIZE, start + high - low
    buffer.madvise(mmap.MADV_DONTNEED, start, end - start)
