"""An array as a page can show it: in full if it is small, else as its range and a heat map.

It is made once, so a parameter that is updated later does not change a picture. A heat map shows
rows of the array as they are, never means of several.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Up to so many entries, in so many columns, are shown in full.
ENTRIES, COLUMNS = 60, 10
#: A heat map has at most so many rows and columns.
TALL, WIDE = 40, 48


class Labels(NamedTuple):
    """The labels by which examples are sorted."""

    name: str
    values: Any


class Summary(NamedTuple):
    """What is shown of an array."""

    text: str  # what it is, in words
    table: tuple[tuple[str, ...], ...] = ()  # its entries, if it is small
    heat: tuple[tuple[int | None, ...], ...] = ()  # in percent of the scale; None is not finite
    scale: tuple[str, ...] = ()  # what colours mean: the least, 0 and the most; or faint and full
    groups: tuple[tuple[str, int], ...] = ()  # labels, and how many of the rows have each
    note: str = ""  # which rows and columns these are


def summarised(value: Any, labels: Labels | None = None) -> Summary:
    """Return what is shown of an array; with `labels` the rows of a large one are sorted by them.

    Examples
    --------
    >>> summarised(np.array([1.0, -2.5])).table
    (('1', '-2.5'),)
    >>> summarised(np.zeros((300, 2))).text
    '300 × 2 numbers, all 0'
    """
    array = np.asarray(value)
    array = array.astype(int) if array.dtype.kind == "b" else array
    sizes = " × ".join(map(str, array.shape))
    if array.dtype.kind not in "iuf":
        return Summary(f"{sizes} values of type {array.dtype}".strip())
    finite = array[np.isfinite(array)].astype(float)
    text = f"{sizes} number{'s' * (array.size != 1)}{_range(array, finite)}"
    text = text if array.ndim else number(array[()])
    stacked = ["The first axes are shown one below the other."] * (array.ndim > 2)
    flat = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    if array.size <= ENTRIES and flat.shape[1] <= COLUMNS:
        return Summary(text, tuple(tuple(map(number, row)) for row in flat), note=" ".join(stacked))
    if not finite.size or finite.min() == finite.max():
        return Summary(text)
    flat = flat.T if array.ndim == 1 else flat
    by = labels if labels and array.ndim < 3 and len(labels.values) == len(flat) else None
    order = np.argsort(by.values, kind="stable") if by else np.arange(len(flat))
    rows, columns = order[_spread(len(flat), TALL)], _spread(flat.shape[1], WIDE)
    groups = zip(*np.unique(by.values[rows], return_counts=True), strict=True) if by else ()
    notes = [f"{len(shown)} of the {whole} {what} are shown." for shown, whole, what in
             ((rows, flat.shape[0], "rows"), (columns, flat.shape[1], "columns"))
             if len(shown) < whole]  # fmt: skip
    notes += [f"The rows are sorted by `{by.name}`."] if by else []
    return Summary(
        text, (), *_coloured(flat[np.ix_(rows, columns)].astype(float), finite),
        tuple((str(label), int(count)) for label, count in groups), " ".join(notes + stacked),
    )  # fmt: skip


def number(value: Any) -> str:
    """Return a number in four digits.

    Examples
    --------
    >>> number(0.33333333), number(7)
    ('0.3333', '7')
    """
    return format(value, ".4g") if isinstance(value, (float, np.floating)) else str(value)


def _range(array: Any, finite: Any) -> str:
    """Say between what the entries of an array are."""
    lost: int = array.size - finite.size
    if not finite.size:
        return ", none of them finite" if lost else ": there are none"
    low, high = finite.min(), finite.max()
    least, most = (number(array.dtype.type(end)) for end in (low, high))
    same = f", {'all' if array.size > 1 else 'it is'} {least}"
    span = f" from {least} to {most}" if low < high else same
    return span + f"; {lost} not finite" * bool(lost)


def _coloured(cells: Any, finite: Any) -> tuple[Any, tuple[str, ...]]:
    """Return cells in percent of a colour scale, and what its ends are.

    Numbers of both signs share a scale around 0; those of one sign have one from the least to the
    most.
    """
    low, high = float(finite.min()), float(finite.max())
    start, end = sorted((abs(low), abs(high)))
    scale: tuple[str, ...] = tuple(map(number, sorted((low, high), key=abs)))
    signs = np.ones_like(cells)
    if low < 0 < high:
        start, scale, signs = 0.0, (number(-end), "0", number(end)), np.sign(cells)
    with np.errstate(all="ignore"):
        shares = signs * (100 * ((np.abs(cells) - start) / (end - start)))
    return tuple(tuple(round(share) if np.isfinite(share) else None for share in row)
                 for row in shares.tolist()), scale  # fmt: skip


def _spread(whole: int, most: int) -> Any:
    """Return at most so many indices, evenly spread, the first and the last among them."""
    return np.linspace(0, whole - 1, min(whole, most)).round().astype(int)
