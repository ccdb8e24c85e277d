"""Dask arrays: what is asked of a block is found out where the block lives.

Imports `mapped`, the errors, and Dask only once an input is one of its arrays. Which threads,
processes or machines do the work is up to Dask: local threads, or the cluster that a
``dask.distributed.Client`` has connected. Only the tasks' results travel.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from .mapped import add_parts
from .targets import check_weight_shape, one_per_example

__all__ = ["DaskBlocks", "is_dask", "map_rows"]

#: How many results a task of the tree adds up.
BRANCHES = 8


def is_dask(X: Any) -> bool:
    """Whether `X` is a Dask array; then, and only then, Dask has been imported.

    Raises
    ------
    TypeError
        If it is another of Dask's collections.

    Examples
    --------
    >>> is_dask(np.zeros((3, 2)))
    False
    """
    if "dask" not in sys.modules or not hasattr(type(X), "__dask_graph__"):
        return False
    if not isinstance(X, import_module("dask.array").Array):
        raise TypeError(
            f"X is a {type(X).__module__}.{type(X).__qualname__}, not a Dask array: pass "
            "X.to_dask_array(lengths=True) of a data frame, dask.array.from_delayed(...) of others"
        )
    return True


class DaskBlocks:
    """The rows of a Dask array, with their labels and weights, in its chunks.

    Parameters
    ----------
    X : dask.array.Array, shape (N, D)
        In chunks of rows. Chunks of columns are joined, and unknown sizes looked up.
    y, weights : array_like, shape (N,), or None
        Dask arrays, brought into the chunks of `X`, or arrays in memory, which are sent anew with
        each step.

    Raises
    ------
    LabelError, ValueError
        If labels or weights are not one per row.
    ShapeError
        If there are no rows.
    """

    def __init__(self, X: Any, y: Any, weights: Any) -> None:
        X = whole_rows(_known(X))
        if not len(X):
            raise ShapeError(f"X has no rows: its shape is {X.shape}")
        y = one_per_example(_as_dask(y), len(X))
        self.arrays = [X, y.rechunk((X.chunks[0],))]
        if weights is not None:
            weights = _as_dask(weights)
            check_weight_shape(weights, len(X))
            self.arrays.append(weights.rechunk((X.chunks[0],)))
        self.n_rows = len(X)
        self.starts = np.cumsum([0, *X.chunks[0][:-1]])

    def gather(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``function(first_row, X, y, weights, *arguments)`` of each block, in order."""
        return import_module("dask").compute(*self._tasks(function, arguments))

    def add_up(self, function: Callable[..., list[Any]], *arguments: Any) -> list[Any]:
        """Return the sum of what `function` finds, lists of numbers and arrays, added in a tree."""
        dask = import_module("dask")
        parts, add = self._tasks(function, arguments), dask.delayed(add_parts, pure=False)
        while len(parts) > 1:
            parts = [add(parts[i : i + BRANCHES]) for i in range(0, len(parts), BRANCHES)]
        (total,) = dask.compute(parts[0])
        return list(total)

    def _tasks(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> list[Any]:
        da, delayed = import_module("dask.array"), import_module("dask").delayed
        starts = da.from_array(self.starts, chunks=1)
        # Blockwise, so that Dask makes a block and asks it in one task, which keeps nothing, unless
        # labels are made from it too. The arguments are a task of their own: they reach each worker
        # once, not once with each block. Without the second axis Dask would keep the tasks apart.
        found = da.blockwise(
            _ask, "ij", starts, "i", *chain(*zip(self.arrays, ("ij", "i", "i"), strict=False)),
            function=function, arguments=delayed(arguments, traverse=False, pure=False),
            align_arrays=False, concatenate=True, dtype=object, meta=np.empty((0, 0), object),
        )  # fmt: skip
        return list(found.to_delayed().ravel())


def _ask(start: Any, X: Any, y: Any, weights: Any = None, *, function: Any, arguments: Any) -> Any:
    return function(int(start[0]), X, y, weights, *arguments)


def _as_dask(values: Any) -> Any:
    """Return labels or weights as a Dask array of known size."""
    if is_dask(values):
        return _known(values)
    return import_module("dask.array").asarray(np.asarray(values))


def _known(array: Any) -> Any:
    """Return the array with the sizes of its chunks, which a mask, for one, leaves unknown."""
    if np.isnan(array.shape).any():
        return array.copy().compute_chunk_sizes()
    return array


def whole_rows(X: Any) -> Any:
    """Return the array with all columns of a row in one chunk; fewer rows, if it got too large."""
    if X.numblocks[1] == 1:
        return X
    X = X.rechunk({1: -1})
    # A comparison with NaN, an unknown size, is false.
    too_large = max(X.chunks[0]) * X.shape[1] * X.itemsize > _chunk_bytes()
    return X.rechunk({0: "auto"}) if too_large else X


def _chunk_bytes() -> int:
    dask = import_module("dask")
    return int(import_module("dask.utils").parse_bytes(dask.config.get("array.chunk-size")))


def map_rows(function: Callable[..., Any], X: Any, like: Any, arguments: Any) -> Any:
    """Return a Dask array of what `function` makes of each block of rows, when it is computed.

    Parameters
    ----------
    function : callable
        Called as ``function(block, first_row=..., **arguments)``.
    X : dask.array.Array, shape (N, D)
        In any chunks.
    like : ndarray
        What it could return, of any number of rows.
    arguments : dict
        Sent along.

    Returns
    -------
    dask.array.Array
        Of N rows, in chunks of rows.
    """
    X = whole_rows(X)
    return X.map_blocks(
        _ask_rows,
        function=function,
        arguments=arguments,
        meta=like[:0],
        drop_axis=[1] if like.ndim == 1 else [],
        chunks=(X.chunks[0], *((size,) for size in like.shape[1:])),
    )


def _ask_rows(X: Any, function: Any, arguments: Any, block_info: Any) -> Any:
    ((first_row, _), _) = block_info[0]["array-location"]
    return function(X, first_row=first_row, **arguments)
