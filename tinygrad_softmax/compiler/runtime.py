"""What compiled steps call besides NumPy itself.

Imports nothing of the package.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Entries of an array that is worth a piece at a time, and at most of the memory for a piece.
LARGE, PIECE = 1 << 14, 1 << 16


def add_scaled(out: Any, x: Any, scale: Any, scratch: Any) -> None:
    """Compute ``out += scale * x`` a piece at a time, so that the product stays in the cache.

    Parameters
    ----------
    out : ndarray
        Changed in place.
    x : ndarray
        Of the same shape.
    scale : float
        What `x` is multiplied by.
    scratch : ndarray
        A vector of memory for pieces of the product.

    Examples
    --------
    >>> out = np.array([1.0, 2.0, 3.0])
    >>> add_scaled(out, np.ones(3), 0.5, np.empty(2))
    >>> out
    array([1.5, 2.5, 3.5])
    """
    row = out[0].size
    if row > scratch.size:
        for part, values in zip(out, x, strict=True):
            add_scaled(part, values, scale, scratch)
        return
    n = scratch.size // row
    for start in range(0, len(out), n):
        values = x[start : start + n]
        piece = scratch[: values.size].reshape(values.shape)
        np.multiply(values, scale, out=piece)
        part = out[start : start + n]
        np.add(part, piece, out=part)
