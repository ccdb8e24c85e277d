"""What ``fit`` was handed, ready to be trained on: arrays in memory, or blocks that stay outside.

Imports the engines, `blockwise` with where blocks can be, and the checks. Both kinds answer the
same three questions: which objective, in which batches, and what the loss of everything is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ..core.errors import ShapeError
from .blockwise import BlockwiseLoss
from .conventions import check_examples, validate_data
from .dask_blocks import DaskBlocks, is_dask
from .engines import ENGINES
from .mapped import MappedBlocks, is_mapped
from .surveys import prepare, survey
from .targets import (
    check_sample_weight,
    check_targets,
    check_weight_shape,
    number_classes,
    one_per_example,
)
from .training import batches, mean_loss

__all__ = ["Examples", "announce", "open_blocks", "open_examples"]


class Examples(Protocol):
    """Examples with their labels and weights, none of weight 0."""

    classes: Any
    dtype: Any
    n_features: int

    def objective(self, engine: str) -> Any:
        """Return the objective that takes what `batches` yields, and the regularisation."""

    def batches(self, generator: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the data of each step of one pass."""

    def loss(self, objective: Any, parameters: Any, reg: float) -> Any:
        """Return the loss over all examples."""


class Whole:
    """Examples in memory; the arguments are those of ``fit``."""

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
        X = check_examples(estimator, X, reset=True)
        y = check_targets(y, len(X))
        weights = check_sample_weight(sample_weight, len(X))
        if weights is not None:
            counts = weights > 0
            X, y, weights = X[counts], y[counts], weights[counts].astype(X.dtype)
        self.classes, labels = number_classes(y)
        self.dtype, self.n_features, self.size = X.dtype, X.shape[1], estimator.batch_size
        self.data = X, labels, weights

    def objective(self, engine: str) -> Any:
        """Return the loss of a batch."""
        return ENGINES[engine]()

    def batches(self, generator: Any) -> Iterator[tuple[Any, ...]]:
        """Yield examples, labels and weights, drawn or all of them."""
        X, y, weights = self.data
        for rows in batches(len(X), self.size, generator):
            yield X[rows], y[rows], None if weights is None else weights[rows]

    def loss(self, objective: Any, parameters: Any, reg: float) -> Any:
        """Return the loss over all examples, not compiled for the one time."""
        return mean_loss(parameters, *self.data, reg)


class Outside:
    """Examples in blocks, each step over all of them."""

    def __init__(self, blocks: Any, dtype: Any, n_features: int) -> None:
        self.blocks = blocks
        self.found = survey(blocks, dtype, n_features)
        self.classes, self.dtype, self.n_features = self.found.classes, self.found.dtype, n_features

    def objective(self, engine: str) -> Any:
        """Return the loss of all blocks."""
        return BlockwiseLoss(self.blocks, self.found, engine)

    def batches(self, generator: Any) -> Iterator[tuple[Any, ...]]:
        """Yield once: the objective has the data."""
        yield ()

    def loss(self, objective: Any, parameters: Any, reg: float) -> Any:
        """Return the loss over all blocks, which the first step need not find again."""
        return objective(parameters, reg)


class Drawn(Outside):
    """Examples in a memory-mapped file, of which each step reads a batch."""

    def __init__(self, blocks: MappedBlocks, dtype: Any, n_features: int, size: int) -> None:
        super().__init__(blocks, dtype, n_features)
        self.size = size
        weights = blocks.weights
        self.rows = np.arange(len(blocks.X)) if weights is None else np.flatnonzero(weights)

    def objective(self, engine: str) -> Any:
        """Return the loss of a batch."""
        return ENGINES[engine]()

    def batches(self, generator: Any) -> Iterator[tuple[Any, ...]]:
        """Yield examples, labels and weights, drawn as if they were in memory."""
        for rows in batches(len(self.rows), self.size, generator):
            X, y, drawn = self.blocks.take(self.rows[rows])
            yield prepare(X, y, drawn, self.found)

    def loss(self, objective: Any, parameters: Any, reg: float) -> Any:
        """Return the loss over all blocks."""
        return super().objective("compiled")(parameters, reg)


def open_examples(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Examples:
    """Return the examples that ``fit`` was handed, checked; the arguments are its own.

    Raises
    ------
    ValueError
        If they are not as ``fit`` wants them, or batches are to be drawn from a Dask array.
    """
    if not (is_dask(X) or is_mapped(X)):
        return Whole(estimator, X, y, sample_weight)
    announce(estimator, X, reset=True)
    blocks, n_rows = open_blocks(X, y, sample_weight)
    size = estimator.batch_size
    if size is None or size >= n_rows:
        return Outside(blocks, X.dtype, X.shape[1])
    if isinstance(blocks, MappedBlocks):
        return Drawn(blocks, X.dtype, X.shape[1], size)
    raise ValueError(
        f"batch_size={size} draws rows from everywhere, and each step would have to make every "
        "block of the Dask array for them: leave batch_size=None, so that a step uses all rows, "
        "or train on a part that fits in memory, X[:n].compute()"
    )


def announce(estimator: Any, X: Any, *, reset: bool) -> None:
    """Check the kind of `X` and its number of columns, without looking at its rows.

    Parameters
    ----------
    estimator : object
        As for `check_examples`.
    X : dask.array.Array or memmap
        The examples.
    reset : bool
        Whether this is the call of ``fit``.

    Raises
    ------
    ValueError
        As `check_examples` does.
    """
    if np.isnan(X.shape[1:]).any():
        raise ShapeError(
            f"the number of columns of X is unknown, its shape is {X.shape}: pass "
            "X.compute_chunk_sizes()"
        )
    row = np.zeros((1, *X.shape[1:]), X.dtype)
    validate_data(
        estimator, row, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False
    )


def open_blocks(X: Any, y: Any, weights: Any) -> tuple[Any, int]:
    """Return the blocks of a Dask array or a mapped file, and how many rows they have.

    Raises
    ------
    LabelError, ValueError
        If labels or weights are not one per row.
    """
    if is_dask(X):
        blocks = DaskBlocks(X, y, weights)
        return blocks, blocks.n_rows
    y = one_per_example(np.asarray(y), len(X))
    if weights is not None:
        weights = np.asarray(weights)
        check_weight_shape(weights, len(X))
    return MappedBlocks(X, y, weights), len(X)
