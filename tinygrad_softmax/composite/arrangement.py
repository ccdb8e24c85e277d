"""Moving, joining, cutting and padding: every entry stays what it is.

Imports the ops. What only moves or copies entries is told to NumPy as positions, and picked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DataError, NoRuleError
from ..ops.indexing import getitem, normalize_index, scatter
from ..ops.selection import where
from ..ops.shaping import astype, concatenate, reshape, transpose
from ..primitive import implements
from ..rules import Function
from ..shapes import Axis, normalize_axis


@implements(np.ravel)
def ravel(x: Any) -> Any:
    """All entries along one axis."""
    return reshape(x, shape=(-1,))


@implements(np.squeeze)
def squeeze(x: Any, axis: Axis = None) -> Any:
    """Drop axes of size 1."""
    if axis is None:
        axis = tuple(i for i, size in enumerate(x.shape) if size == 1)
    axes = normalize_axis(axis, len(x.shape))
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(f"cannot squeeze axis {axis} of shape {x.shape}: its size is not 1")
    return reshape(x, shape=tuple(size for i, size in enumerate(x.shape) if i not in axes))


@implements(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Any:
    """Put in axes of size 1, at places counted in the result."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    places = normalize_axis(axes, len(x.shape) + len(axes))
    sizes = iter(x.shape)
    ndim = len(x.shape) + len(axes)
    return reshape(x, shape=tuple(1 if i in places else next(sizes) for i in range(ndim)))


@implements(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    axes = list(range(len(x.shape)))
    (i,), (j,) = normalize_axis(axis1, len(axes)), normalize_axis(axis2, len(axes))
    axes[i], axes[j] = j, i
    return transpose(x, tuple(axes))


@implements(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places."""
    origin = normalize_axis(source, len(x.shape))
    target = normalize_axis(destination, len(x.shape))
    axes = [i for i in range(len(x.shape)) if i not in origin]
    for place, axis in sorted(zip(target, origin, strict=True)):
        axes.insert(place, axis)
    return transpose(x, tuple(axes))


@implements(np.concatenate)
def joined(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """The arrays one after the other along `axis`; all entries in a row if None."""
    parts = [ravel(x) for x in arrays] if axis is None else list(arrays)
    (place,) = normalize_axis(axis or 0, np.ndim(parts[0]))
    return concatenate(*parts, axis=place, sizes=tuple(np.shape(x)[place] for x in parts))


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """The arrays side by side along a new axis."""
    arrays = list(arrays)
    if len({np.shape(x) for x in arrays}) > 1:
        raise ValueError(f"stack needs arrays of one shape, got {[np.shape(x) for x in arrays]}")
    return joined([np.expand_dims(x, axis) for x in arrays], axis)


@implements(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    """The arrays one below the other; 1-D arrays become rows."""
    return joined([np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x for x in arrays], 0)


@implements(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    """The arrays one beside the other."""
    parts = [np.reshape(x, (1,)) if not np.ndim(x) else x for x in arrays]
    return joined(parts, 0 if np.ndim(parts[0]) == 1 else 1)


@implements(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    """The arrays one beside the other; 1-D arrays become columns."""
    return joined([np.reshape(x, (-1, 1)) if np.ndim(x) < 2 else x for x in arrays], 1)


@implements(np.append)
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """`x`, then `values`, along `axis` (all entries in a row if None)."""
    return joined([x, values], axis)


@implements(np.array_split)
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along `axis`, with NumPy's meaning of the sections."""
    (axis,) = normalize_axis(axis, len(x.shape))
    pieces = np.array_split(np.arange(x.shape[axis]), indices_or_sections)
    before = (slice(None),) * axis
    starts = [piece[0] if len(piece) else 0 for piece in pieces]
    ends = [start + len(piece) for start, piece in zip(starts, pieces, strict=True)]
    return [x[(*before, slice(*span))] for span in zip(starts, ends, strict=True)]


@implements(np.split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along `axis`; a number of pieces must divide the size."""
    pieces = array_split(x, indices_or_sections, axis)
    if np.ndim(indices_or_sections) == 0 and len({piece.shape for piece in pieces}) > 1:
        raise ValueError(
            f"size {x.shape[axis]} does not split into {indices_or_sections} equal parts"
        )
    return pieces


@implements(np.flip)
def flip(x: Any, axis: Axis = None) -> Any:
    """Back to front along `axis`."""
    axes = normalize_axis(axis, len(x.shape))
    return x[tuple(slice(None, None, -1 if i in axes else 1) for i in range(len(x.shape)))]


def _moves(function: Function) -> Function:
    """Make a function that only moves entries differentiable: move their positions, then pick."""

    @implements(function)
    def moved(x: Any, *args: Any, **settings: Any) -> Any:
        places = np.arange(math.prod(x.shape)).reshape(x.shape)
        return getitem(ravel(x), index=function(places, *args, **settings))

    moved.__name__ = function.__name__
    moved.__doc__ = f"``np.{function.__name__}``: every entry is moved or copied, none is changed."
    return moved


roll = _moves(np.roll)
repeat = _moves(np.repeat)
tile = _moves(np.tile)
diagonal = _moves(np.diagonal)
take = _moves(np.take)
take_along_axis = _moves(np.take_along_axis)
rot90 = _moves(np.rot90)
_pad_by_copies = _moves(np.pad)


@implements(np.pad)
def pad(x: Any, pad_width: Any, mode: Any = "constant", **settings: Any) -> Any:
    """Surround with constants (0 by default), or with copies of entries."""
    if mode in ("edge", "reflect", "symmetric", "wrap") and not settings:
        return _pad_by_copies(x, pad_width, mode)
    if mode != "constant":
        raise NoRuleError(
            f"np.pad of a Tensor with mode {mode!r} {settings or ''} has no gradient rule"
        )
    frame = np.pad(np.zeros(x.shape, x.dtype), pad_width, **settings)
    widths = np.broadcast_to(np.asarray(pad_width), (len(x.shape), 2))
    inside = tuple(slice(b, b + n) for (b, _), n in zip(widths.tolist(), x.shape, strict=True))
    return scatter(x, index=inside, into=frame.shape) + frame


@implements(np.sort)
def sort(x: Any, axis: int | None = -1) -> Any:
    """Entries in rising order; equal entries keep their order."""
    if axis is None:
        x, axis = ravel(x), 0
    return take_along_axis(x, np.argsort(x, axis, kind="stable"), axis)


@implements(np.argsort)
def argsort(x: Any, axis: int | None = -1, kind: Any = None) -> Any:
    """The positions that would sort: a plain integer array."""
    return np.argsort(x.array, axis, kind)


def _triangle(x: Any, k: int) -> Any:
    """Return the mask of the lower triangle of the last two axes (of rows, if there is one)."""
    size = x.shape[-2:]
    return np.tri(size[0], size[-1], k, bool)


@implements(np.tril)
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle; zeros above it."""
    return where(_triangle(x, k), x, 0)


@implements(np.triu)
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle; zeros below it."""
    return where(_triangle(x, k - 1), 0, x)


def index(x: Any, key: Any) -> Any:
    """``x[key]`` with all that NumPy accepts as a key.

    Examples
    --------
    >>> index(np.array([[1.0, 2.0], [3.0, 4.0]]), (range(2), [1, 0])).tolist()
    [2.0, 3.0]
    """
    return getitem(x, index=normalize_index(key))


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another floating-point type.

    Raises
    ------
    DataError
        If the type is not a real floating-point one: a gradient would be lost.

    Examples
    --------
    >>> cast(np.array([1.5, 2.5]), np.float32).dtype
    dtype('float32')
    """
    if np.dtype(dtype).kind != "f":
        raise DataError(f"astype({np.dtype(dtype)}) of a Tensor would lose its gradient: use .data")
    return astype(x, dtype=np.dtype(dtype))
