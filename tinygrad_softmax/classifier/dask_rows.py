"""Dask arrays: what is asked of a chunk of rows is computed where the chunk lives.

Imports `rows`, and Dask only once an input is one of its arrays. Which threads, processes or
machines do the work is up to Dask: local threads, or the cluster that a
``dask.distributed.Client`` has connected. Only results travel.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np

from ..core.errors import LabelError, ShapeError
from .checks import as_labels, as_weights, check_matrix
from .conventions import check_columns
from .rows import Look, Survey, look, prepare

__all__ = ["DaskRows", "announce", "is_dask", "map_rows"]

#: How many results a task of the tree adds up.
BRANCHES = 8


def is_dask(X: Any) -> bool:
    """Whether `X` is a Dask array; TypeError if it is another of Dask's collections."""
    if "dask" not in sys.modules or not hasattr(type(X), "__dask_graph__"):
        return False
    if not isinstance(X, import_module("dask.array").Array):
        raise TypeError(
            f"X is a {type(X).__module__}.{type(X).__qualname__}, not a Dask array: pass "
            "X.to_dask_array(lengths=True) of a data frame, dask.array.from_delayed(...) of others"
        )
    return True


def announce(estimator: Any, X: Any, *, reset: bool) -> None:
    """Check the kind of a Dask array, its columns and its chunks, without making any."""
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: pass the real and imaginary parts as columns")
    check_matrix(X)
    if np.isnan(X.shape[1]) or X.numblocks[1] > 1:
        raise ShapeError(
            f"X is a Dask array in chunks of columns, {X.chunks[1]}: a chunk must have whole rows; "
            + (
                "pass X.compute_chunk_sizes()"
                if np.isnan(X.shape[1])
                else "pass X.rechunk({1: -1})"
            )
        )
    check_columns(estimator, np.empty((1, X.shape[1])), X.shape[1], reset=reset)


class DaskRows:
    """The rows of a Dask array, with their labels and weights, in its chunks."""

    def __init__(self, X: Any, y: Any, weights: Any) -> None:
        y = as_labels(_as_dask("y", y), _known("X", X).shape[0])
        self.arrays = [X, y.rechunk((X.chunks[0],))]
        if weights is not None:
            weights = as_weights(_as_dask("sample_weight", weights), X.shape[0])
            self.arrays.append(weights.rechunk((X.chunks[0],)))
        self.starts = np.cumsum([0, *X.chunks[0][:-1]])
        self.survey: Survey | None = None

    def look(self, dtype: Any, pairs: bool) -> list[Look]:
        """Return what is found in each chunk; raise what is wrong, of several the first."""
        looks = self.gather(_look, self.arrays[0].shape[1], dtype, pairs)
        for part in looks:
            if isinstance(part, Exception):
                raise part
        return looks

    def gather(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Return ``function(first_row, X, y, weights, *arguments)`` of each chunk, in order."""
        return list(import_module("dask").compute(*self.tasks(function, *arguments)))

    def batches(self, _size: Any, _generator: Any) -> Iterator[DaskRows]:
        """Yield the only batch there is: all rows."""
        yield self

    def add_up(self, function: Callable[..., list[Any]], *arguments: Any) -> list[Any]:
        """Return the sum of what `function` finds of the rows of each chunk, added in a tree."""
        dask = import_module("dask")
        add = dask.delayed(_add, pure=False)
        parts = self.tasks(_ask_rows, self.survey, function, arguments)
        while len(parts) > 1:
            parts = [add(parts[i : i + BRANCHES]) for i in range(0, len(parts), BRANCHES)]
        (total,) = dask.compute(parts[0])
        return list(total)

    def tasks(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Return what `gather` computes, not yet computed."""
        da, delayed = import_module("dask.array"), import_module("dask").delayed
        starts = da.from_array(self.starts, chunks=1)
        # Blockwise, so that Dask makes a chunk and asks it in one task, which keeps nothing, unless
        # labels are made from it too. The arguments are a task of their own: they reach each worker
        # once, not once with each chunk. Without the second axis Dask would keep the tasks apart.
        found = da.blockwise(
            _ask, "ij", starts, "i", *chain(*zip(self.arrays, ("ij", "i", "i"), strict=False)),
            function=function, arguments=delayed(arguments, traverse=False, pure=False),
            align_arrays=False, concatenate=True, dtype=object, meta=np.empty((0, 0), object),
        )  # fmt: skip
        return list(found.to_delayed().ravel())


def _ask(start: Any, X: Any, y: Any, weights: Any = None, *, function: Any, arguments: Any) -> Any:
    weights = None if weights is None else np.asarray(weights, np.float64)
    return function(int(start[0]), X, np.asarray(y), weights, *arguments)


def _look(
    first_row: int, X: Any, y: Any, weights: Any, n_features: int, dtype: Any, pairs: bool
) -> Look | ValueError:
    try:
        if X.shape != (len(y), n_features):
            raise ShapeError(
                f"a chunk of X has shape {X.shape} where ({len(y)}, {n_features}) was announced"
            )
        return look(np.asarray(X), y, weights, dtype, pairs, first_row)
    except ValueError as error:
        return error


def _ask_rows(
    first_row: int, X: Any, y: Any, weights: Any, found: Survey, function: Any, arguments: Any
) -> list[Any]:
    rows = prepare(np.asarray(X), y, weights, found, first_row)
    return list(function(rows, *arguments))


def _add(parts: list[list[Any]]) -> list[Any]:
    return [sum(entries[1:], entries[0]) for entries in zip(*parts, strict=True)]


def _as_dask(name: str, values: Any) -> Any:
    """Return labels or weights as a Dask array of known size."""
    if is_dask(values):
        return _known(name, values)
    return import_module("dask.array").asarray(np.asarray(values))


def _known(name: str, array: Any) -> Any:
    """Return the array, unless the sizes of its chunks are unknown."""
    if np.isnan(array.shape).any():
        raise (LabelError if name == "y" else ShapeError)(
            f"{name} is a Dask array in chunks of unknown size, as a mask leaves them: pass "
            f"{name}.compute_chunk_sizes()"
        )
    return array


def map_rows(function: Callable[..., Any], X: Any, like: Any, *arguments: Any) -> Any:
    """Return a Dask array of ``function(chunk, *arguments, first_row)``; `like` has its shape."""
    return X.map_blocks(
        _map_chunk, function=function, like=like[:0], arguments=arguments, meta=like[:0],
        drop_axis=[1] if like.ndim == 1 else [],
        chunks=(X.chunks[0], *((size,) for size in like.shape[1:])),
    )  # fmt: skip


def _map_chunk(X: Any, function: Any, like: Any, arguments: Any, block_info: Any) -> Any:
    ((first_row, _), _) = block_info[0]["array-location"]
    return function(np.asarray(X), *arguments, first_row) if len(X) else like
