"""Rows that stay in a memory-mapped file: looked at in blocks, one after another.

Imports NumPy alone. A block is a view of the file; when it has been used, its pages are given back,
so that what is resident stays at one block however long the file is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MappedBlocks", "add_parts", "is_mapped", "release"]

#: How many bytes of examples a block has, in the precision that is trained in.
BLOCK_BYTES = 2**23


def is_mapped(X: Any) -> bool:
    """Whether `X` is a memory-mapped matrix: from ``np.memmap``, or ``np.load`` with `mmap_mode`.

    Examples
    --------
    >>> is_mapped(np.zeros((3, 2)))
    False
    """
    return isinstance(X, np.memmap) and X.ndim == 2 and X.size > 0


def add_parts(parts: list[list[Any]]) -> list[Any]:
    """Add what several blocks have found, entry by entry.

    Examples
    --------
    >>> add_parts([[1, np.array([2.0])], [3, np.array([4.0])]])
    [4, array([6.])]
    """
    return [sum(entries[1:], entries[0]) for entries in zip(*parts, strict=True)]


class MappedBlocks:
    """The rows of a memory-mapped matrix, with their labels and weights, in blocks.

    Parameters
    ----------
    X : memmap, shape (N, D)
        Neither copied nor converted as a whole.
    y, weights : array, shape (N,), or None
        Mapped or not.
    """

    def __init__(self, X: Any, y: Any, weights: Any) -> None:
        self.X, self.y, self.weights = X, y, weights
        width = X.itemsize if X.dtype == np.float32 else 8
        self.n_rows = max(1, BLOCK_BYTES // (width * X.shape[1]))

    def take(self, rows: Any) -> tuple[Any, Any, Any]:
        """Return these rows, labels and weights (or None)."""
        return tuple(None if a is None else a[rows] for a in (self.X, self.y, self.weights))  # type: ignore[return-value] # three

    def gather(self, function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        """Yield ``function(first_row, X, y, weights, *arguments)`` of each block, in order."""
        for start in range(0, len(self.X), self.n_rows):
            block = self.take(slice(start, start + self.n_rows))
            yield function(start, *block, *arguments)
            release(block[0])

    def add_up(self, function: Callable[..., list[Any]], *arguments: Any) -> list[Any]:
        """Return the sum of what `gather` yields, lists of numbers and arrays."""
        return reduce(lambda *parts: add_parts([*parts]), self.gather(function, *arguments))


def release(rows: NDArray[Any]) -> None:
    """Let go of the memory that holds these rows of a file, if it need not keep changes to them."""
    buffer: Any = rows
    while isinstance(buffer, np.ndarray):
        buffer = buffer.base
    # Mode "c" keeps changes in memory alone. Windows cannot be advised.
    if getattr(rows, "mode", None) == "c" or not hasattr(buffer, "madvise"):
        return
    import mmap

    low, high = np.lib.array_utils.byte_bounds(rows)
    start = low - np.frombuffer(buffer, np.uint8).ctypes.data
    start, end = start - start % mmap.PAGESIZE, start + high - low
    buffer.madvise(mmap.MADV_DONTNEED, start, end - start)
