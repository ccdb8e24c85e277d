"""An array as a page can show it: in full if it is small, else as its range and a heat map.

Imports NumPy alone. It is made once, so a parameter that is updated later does not change a
picture.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Up to so many entries, in so many columns, are shown in full.
ENTRIES, COLUMNS = 60, 10
#: A heat map has at most so many rows and columns of cells.
TALL, WIDE = 40, 48


class Summary(NamedTuple):
    """What is shown of an array."""

    text: str  # what it is, in words
    table: tuple[tuple[str, ...], ...]  # its entries, if it is small
    heat: tuple[tuple[int | None, ...], ...]  # -100 .. 100 by the largest; None is no number
    note: str  # what a cell of the heat map is


def summarised(value: Any) -> Summary:
    """Return what is shown of an array.

    Examples
    --------
    >>> summarised(np.array([1.0, -2.5])).table
    (('1', '-2.5'),)
    >>> summarised(np.zeros((300, 2))).text
    '300 × 2 numbers, all 0'
    """
    array = np.asarray(value)
    array = array.astype(int) if array.dtype.kind == "b" else array
    flat = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    text = _text(array)
    if array.size <= ENTRIES and flat.shape[1] <= COLUMNS:
        rows = tuple(tuple(map(number, row)) for row in flat)
        return Summary(text, rows, (), _stacked(array))
    cells, note = _cells(flat.astype(float))
    return Summary(text, (), cells, " ".join(filter(None, (note, _stacked(array)))))


def number(value: Any) -> str:
    """Return a number in four digits.

    Examples
    --------
    >>> number(0.33333333), number(7)
    ('0.3333', '7')
    """
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def _text(array: Any) -> str:
    if not array.ndim:
        return number(array[()])
    sizes = " × ".join(map(str, array.shape))
    what = f"{sizes} number" + "s" * (array.size != 1)
    finite = array[np.isfinite(array)]
    if not array.size:
        return f"{what}: there are none"
    if not finite.size:
        return f"{what}, none of them finite"
    low, high = finite.min(), finite.max()
    lost = array.size - finite.size
    odd = f"; {lost} not finite" if lost else ""
    if low == high:
        return f"{what}, {'all' if array.size > 1 else 'it is'} {number(low)}{odd}"
    return f"{what} from {number(low)} to {number(high)}{odd}"


def _stacked(array: Any) -> str:
    if array.ndim < 3:
        return ""
    return "The first axes are shown one below the other."


def _cells(flat: Any) -> tuple[tuple[tuple[int | None, ...], ...], str]:
    """Average an array over blocks, so that it has no more cells than a person can see."""
    rows, columns = flat.shape
    down, across = -(-rows // TALL) or 1, -(-columns // WIDE) or 1
    starts = [np.arange(0, n, step) for n, step in ((rows, down), (columns, across))]
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(flat), starts[0], 0), starts[1], 1)
    with np.errstate(all="ignore"):
        means = np.add.reduceat(np.add.reduceat(flat, starts[0], 0), starts[1], 1) / counts
        largest = np.max(np.abs(means), where=np.isfinite(means), initial=0.0) or 1.0
        shares = 100 * (means / largest)
    cells = tuple(tuple(round(float(share)) if np.isfinite(share) else None for share in row)
                  for row in shares)  # fmt: skip
    block = [f"{down} rows"] * (down > 1) + [f"{across} columns"] * (across > 1)
    note = f"Each cell is the mean of {' and '.join(block)}." if block else ""
    return cells, note
