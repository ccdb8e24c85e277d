"""What compiled steps call besides NumPy itself."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Entries of an array that is worth a piece at a time, and at most of the memory for a piece.
LARGE, PIECE = 1 << 14, 1 << 16


def add_scaled(out: Any, x: Any, scale: Any, scratch: Any) -> None:
    """Compute ``out += scale * x`` a piece at a time, so that the product stays in the cache."""
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


def inner(x: Any, y: Any) -> Any:
    """Return ``np.sum(x * y)`` of single precision, in pieces whose sums are added in double."""
    if not (x.flags.c_contiguous and y.flags.c_contiguous):
        return np.add.reduce(x * y, axis=None)
    x, y = x.reshape(-1), y.reshape(-1)
    starts = range(0, x.size, LARGE)
    total = sum(float(x[i : i + LARGE].dot(y[i : i + LARGE])) for i in starts)
    return x.dtype.type(total)
